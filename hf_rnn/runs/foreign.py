"""Files that no run wrote: a command that would write others in their place refuses to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from ..checksums import CHECKSUMS_FILE
from .folder import CONFUSION_FILE, CURVES_FILE, PREDICTIONS_FILE, RESULTS_FILE, STEPS_FILE, TAGS_FILE
from .forecasts import FORECAST_FILE
from .publishable import README_FILE, WEIGHT_FILES


__all__ = [
    "JOB_FILE",
    "ForeignFileError",
    "is_json_with",
    "refuse_foreign_files",
    "refuse_foreign_folder",
    "starts_with",
]


# What a run, or the card that is written after it, leaves in its folder itself.
FILES_OF_A_RUN = (
    *(README_FILE, RESULTS_FILE, CURVES_FILE, FORECAST_FILE, CONFUSION_FILE, PREDICTIONS_FILE, TAGS_FILE, STEPS_FILE),
    *WEIGHT_FILES,
    *("config.json", "generation_config.json", "modules.json", "config_sentence_transformers.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"),
    *("vocab.txt", "vocab.json", "merges.txt", "preprocessor_config.json", "trainer_state.json", "training_args.bin"),
)
# This file says what the run of a folder that `hf-rnn train` named itself is, so that the same command finds it again.
JOB_FILE = "job.json"
NAMED = 3


class ForeignFileError(ValueError):
    """A file that no command of this package wrote would be lost; the message names it."""


def refuse_foreign_folder(output: str | Path) -> None:
    """Refuse to train into a folder with files that a run would write over and that no run of this package wrote.

    Raises:
        ForeignFileError: names the first of them.
    """
    folder = Path(output)
    found = sorted({path for pattern in FILES_OF_A_RUN for path in folder.glob(pattern) if path.is_file()})
    if found and not _holds_a_run(folder):
        raise ForeignFileError(
            f"`output_dir`={str(output)!r} holds {_listed(found)}, which no run of hf_rnn wrote and a run would write "
            "over. Name another folder, or move them away."
        )


def refuse_foreign_files(paths: Iterable[Path], argument: str, is_ours: Callable[[Path], bool]) -> None:
    """Refuse to write over files that the same command has not written before.

    Args:
        paths: The files that would be written.
        argument: The flag that names them.
        is_ours: Whether the command wrote a file that is there.

    Raises:
        ForeignFileError: names the first that it did not write.
    """
    found = [path for path in paths if path.exists() and not (path.is_file() and is_ours(path))]
    if found:
        raise ForeignFileError(
            f"`{argument}` would write over {_listed(found, whole=True)}, which no such command of hf_rnn wrote. Name "
            "another file or folder, or remove it."
        )


def starts_with(path: Path, mark: bytes, within: int = 4096) -> bool:
    """Whether `mark` is among the first bytes of a file."""
    with path.open("rb") as stream:
        return mark in stream.read(within)


def is_json_with(path: Path, *keys: str) -> bool:
    """Whether a file is a JSON object that has all of `keys`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(document, dict) and all(key in document for key in keys)


def _holds_a_run(folder: Path) -> bool:
    """Whether a run of this package wrote into `folder`: one that ended, or was interrupted wherever it was."""
    results, arguments = folder / RESULTS_FILE, folder / "training_args.bin"
    return (
        (folder / JOB_FILE).is_file()
        or any(folder.glob(f"checkpoint-*/{CHECKSUMS_FILE}"))
        or (results.is_file() and is_json_with(results, "schema_version", "task", "metrics"))
        # It is a pickle: it is looked into, never loaded. transformers writes the same file with another class in it.
        or (arguments.is_file() and b"hf_rnn" in arguments.read_bytes())
    )


def _listed(paths: list[Path], *, whole: bool = False) -> str:
    names = [str(path) if whole else path.name for path in paths]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
