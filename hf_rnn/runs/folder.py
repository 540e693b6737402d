"""The files that a training run leaves in its output folder, and whether it can go on there."""

from __future__ import annotations

import logging
from pathlib import Path

from transformers import TrainingArguments

from .checkpoints import check_checkpoint, last_whole_checkpoint


__all__ = [
    "CONFUSION_FILE",
    "CURVES_FILE",
    "PREDICTIONS_FILE",
    "RESULTS_FILE",
    "STEPS_FILE",
    "TAGS_FILE",
    "checkpoint_to_resume",
]


logger = logging.getLogger(__name__)

RESULTS_FILE = "results.json"
CURVES_FILE = "learning_curves.png"
PREDICTIONS_FILE = "predictions.csv"
TAGS_FILE = "predictions.conll"
STEPS_FILE = "predictions.jsonl"
CONFUSION_FILE = "confusion.json"


def checkpoint_to_resume(arguments: TrainingArguments) -> str | None:
    """The checkpoint to go on from: that named by `resume_from_checkpoint`, else the last whole one of a run that did
    not end.

    `resume_from_checkpoint` may also be "true" (there must be one) or "false" (start afresh).

    Raises:
        ValueError: the output folder holds a run that ended, which would be lost, or there is no such checkpoint.
        DamagedFileError: the checkpoint that is named is not whole.
    """
    named = arguments.resume_from_checkpoint
    choice = (named or "").lower()
    if named and choice not in ("true", "false"):
        if not Path(named).is_dir():
            raise ValueError(f"`resume_from_checkpoint`={named!r} is no folder.")
        check_checkpoint(named)
        return named
    output = Path(arguments.output_dir or ".")
    if (output / RESULTS_FILE).exists():
        raise ValueError(
            f"`output_dir`={str(output)!r} holds a run that has ended ({RESULTS_FILE}); "
            "name another folder or remove it."
        )
    if not arguments.do_train or choice == "false":
        return None
    last = last_whole_checkpoint(output)
    if last is None and choice == "true":
        raise ValueError(
            f"`resume_from_checkpoint`={named!r}, but `output_dir`={str(output)!r} holds no whole checkpoint."
        )
    if last is not None:
        logger.warning("Going on from %s. To start afresh, name another `output_dir`.", last)
    return last
