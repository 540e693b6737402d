"""The files of a training folder that may go to a Hub: a list of what may, so that nothing else ever does."""

from __future__ import annotations

import shutil
from pathlib import Path

from .folder import RESULTS_FILE


__all__ = [
    "README_FILE",
    "MODEL_FILES",
    "PUBLISHED_FILES",
    "REPORT_FILES",
    "TOKENIZER_FILES",
    "WEIGHT_FILES",
    "copy_files",
]


README_FILE = "README.md"
WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "chat_template.jinja",
    # What a model of images has in place of a tokenizer.
    "preprocessor_config.json",
)
# These patterns include the code that a model brings along and what sentence-transformers reads.
MODEL_FILES = ("config.json", "generation_config.json", "modules.json", "config_sentence_transformers.json", "*.py")
REPORT_FILES = (README_FILE, RESULTS_FILE, "*.png")
# A folder holds more, which stays: optimizer.pt, scheduler.pt and rng_state.pth, training_args.bin (a pickle, which
# holds the Hub token), the weights that an average is made of, and predictions, which repeat texts of the data.
PUBLISHED_FILES = (*WEIGHT_FILES, *TOKENIZER_FILES, *MODEL_FILES, *REPORT_FILES)


def copy_files(source: str | Path, target: str | Path, patterns: tuple[str, ...] = PUBLISHED_FILES) -> list[Path]:
    """Copy the files of the folder `source` itself, not of folders in it, that `patterns` name; the copies, sorted."""
    Path(target).mkdir(parents=True, exist_ok=True)
    found = {path for pattern in patterns for path in Path(source).glob(pattern) if path.is_file()}
    return [Path(shutil.copyfile(path, Path(target) / path.name)) for path in sorted(found)]
