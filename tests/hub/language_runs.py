"""A run of a language model of characters that takes a second, on one text whose end is held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from hf_rnn.data.readers.documents import LanguageDataArguments
from hf_rnn.tasks.arguments import ModelArguments, ReportArguments, TokenizerArguments
from hf_rnn.tasks.language_modeling.task import run_language_modeling
from hf_rnn.training.arguments import LanguageTrainingArguments


GROUPS = (ModelArguments, LanguageDataArguments, TokenizerArguments, ReportArguments, LanguageTrainingArguments)
# The end, which becomes the test split, is unlike the rest.
TEXT = "Once upon a time there was a cat.\nIt sat upon a mat, and a time it was.\n" * 18 + "A mat sat upon Once.\n" * 5


def run_language(folder: Path, text: str = TEXT, **changes: Any) -> dict[str, Any]:
    """The results of a run in `folder / "run"`, on `folder / "text.txt"`; `changes` are flags."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text.txt").write_text(text, encoding="utf-8")
    flags = {
        "output_dir": str(folder / "run"),
        "train_file": str(folder / "text.txt"),
        "validation_split_percentage": 10,
        "test_split_percentage": 7,
        "tokenizer_kind": "character",
        "lowercase": False,
        "min_frequency": 1,
        "model_type": "lstm",
        "config_overrides": json.dumps({"embedding_size": 8, "hidden_size": 16}),
        "per_device_train_batch_size": 4,
        "block_size": 20,
        "num_train_epochs": 4,
        "learning_rate": 0.02,
        "do_train": True,
        "do_eval": True,
        "do_predict": True,
        "use_cpu": True,
        "disable_tqdm": True,
        **changes,
    }
    return run_language_modeling(*HfArgumentParser(GROUPS).parse_dict(flags))


__all__ = ["run_language"]
