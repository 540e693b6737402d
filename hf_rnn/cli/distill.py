"""Train a small network on the outputs of larger models: the line of `hf-rnn train`, with teachers."""

from __future__ import annotations

from typing import Any

from ..tasks.distillation.arguments import DistillationArguments
from ..tasks.distillation.run import require_taught_task
from .train import run_line
from .train_line import TrainLine


__all__ = ["SUMMARY", "main"]


SUMMARY = "train a small network on the outputs of larger models"
USAGE = """usage: hf-rnn distill TASK DATA [VALIDATION [TEST]] --teacher_name_or_path A[,B ...] [--flag value ...]
       hf-rnn distill RECIPE [--flag value ...]

  hf-rnn distill text-classification reviews.csv --teacher_name_or_path my_bert --unlabelled_file more.csv
  hf-rnn distill token-classification train.conll dev.conll --teacher_name_or_path tagger_1,tagger_2,tagger_3

TASK is text-classification, token-classification or sentence-similarity. The
teachers are folders, Hub ids or bundled:NAME of models with the labels of the
data, and for texts .parquet files with the columns text and teacher_logits.
Several are calibrated on the validation rows and averaged. Their outputs are kept
in OUTPUT_DIR/teachers, so that they are computed once. The end of the run says what
the student, each teacher and the mean of the teachers reach.

The flags of a task: hf-rnn distill TASK --help"""


def main(arguments: list[str]) -> None:
    """`hf-rnn distill TASK DATA… --teacher_name_or_path A,B [--flag value …]`, or with a recipe.

    Raises:
        ValueError, FileNotFoundError: as `hf-rnn train`; or there is no teacher.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return
    line = TrainLine.of(arguments)
    require_taught_task(line.task)
    run_line(line, "distill", _require_teachers)


def _require_teachers(groups: tuple[Any, ...]) -> None:
    distillation = next(group for group in groups if isinstance(group, DistillationArguments))
    if not distillation.teaches:
        raise ValueError(
            "`teacher_name_or_path` is not given; it must name the models to learn from, such as "
            "--teacher_name_or_path my_bert,bundled:bilstm-imdb. Without teachers: hf-rnn train"
        )
