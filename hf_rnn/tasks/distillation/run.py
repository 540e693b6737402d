"""The distillation of teachers into a student as one call; `hf-rnn distill` is its command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
from transformers import HfArgumentParser

from ...data.readers.sources import HOLD_OUT_PERCENTAGE
from ..registry import TASK_NAMES, find_task
from ..task import Task
from .arguments import DistillationArguments


__all__ = ["distill", "require_taught_task"]


# Where in the output folder the rows are that were given as datasets.
ROWS_FOLDER = "rows"


def require_taught_task(task: Task) -> None:
    """Raise a ValueError unless a task is one that learns from teachers."""
    taught = [name for name in TASK_NAMES if DistillationArguments in find_task(name).groups]
    if task.name not in taught:
        raise ValueError(f"`task`={task.name!r} learns from no teachers; it must be one of {', '.join(taught)}.")


def distill(
    task: str,
    train: str | datasets.Dataset,
    teachers: str | Sequence[str],
    output_dir: str | Path,
    *,
    validation: str | datasets.Dataset | None = None,
    test: str | datasets.Dataset | None = None,
    unlabelled: str | datasets.Dataset | None = None,
    weight: float = 0.5,
    temperature: float = 2.0,
    **flags: Any,
) -> dict[str, Any]:
    """Train a small network on labelled rows and on what larger models say of them, and of others without labels.

    What each teacher says is computed once and kept in `output_dir`/teachers. Several are calibrated on the validation
    split and averaged. A run that was stopped goes on. The folder ends with the model, its tokenizer and
    `results.json`, which has the figures of the student, of every teacher and of cheap baselines.

    Sources: Hinton et al. 2015 (https://arxiv.org/abs/1503.02531); for tags Wang et al. 2020
    (https://arxiv.org/abs/2004.03846); for pairs Thakur et al. 2021 (https://aclanthology.org/2021.naacl-main.28); for
    the calibration Guo et al. 2017 (https://arxiv.org/abs/1706.04599).

    Args:
        task: `"text-classification"`, `"token-classification"` or `"sentence-similarity"`.
        train: Labelled rows: a file, or a dataset with the columns that the task reads from files.
        teachers: Hub ids, folders or `bundled:NAME` of models that have the labels of the data, and of texts also
            .parquet files with the columns `text` and `teacher_logits`.
        output_dir: The folder of the run.
        validation: Rows to choose the checkpoint on and to calibrate by. Default: a tenth of `train`.
        test: Rows to measure on at the end.
        unlabelled: Rows to learn from the teachers alone.
        weight: The share of the teachers in the loss, from 0 to 1.
        temperature: What the logits of both sides are divided by before they are compared.
        flags: Further flags of `hf-rnn train TASK`, such as `num_train_epochs=5` or `model_name_or_path=...`.

    Returns:
        The document in `results.json`: the figures of the student in `metrics`, those of the teachers in `baselines`.

    Raises:
        ValueError: there is no such task or flag, or teacher, data and task do not fit together; the message names it.

    Example:
        >>> results = hf_rnn.distill(
        ...     "text-classification", "reviews.csv", ["my_bert", "my_other_bert"], "runs/small", unlabelled="more.csv"
        ... )  # doctest: +SKIP
    """
    found = find_task(task)
    require_taught_task(found)
    names = teachers if isinstance(teachers, str) else ",".join(teachers)
    if not names:
        raise ValueError(f"`teachers`={teachers!r} must name at least one model.")
    splits = {"train": train, "validation": validation, "test": test, "unlabelled": unlabelled}
    files = {
        f"{split}_file": _file(rows, split, Path(output_dir)) for split, rows in splits.items() if rows is not None
    }
    values = {
        "hold_out_percentage": HOLD_OUT_PERCENTAGE,
        "do_train": True,
        "do_eval": True,
        "do_predict": test is not None,
        **files,
        "output_dir": str(output_dir),
        "teacher_name_or_path": names,
        "distillation_weight": weight,
        "distillation_temperature": temperature,
        **flags,
    }
    return found.run(HfArgumentParser(found.groups).parse_dict(values))  # type: ignore[arg-type]


def _file(rows: str | datasets.Dataset, split: str, output: Path) -> str:
    """The file that has the rows of a split; a dataset is written into one."""
    if isinstance(rows, str):
        return rows
    if not isinstance(rows, datasets.Dataset):
        raise ValueError(f"`{split}` is a {type(rows).__name__}; it must be the path of a file or a datasets.Dataset.")
    path = output / ROWS_FOLDER / f"{split}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(str(path))
    return str(path)
