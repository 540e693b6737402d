"""The folder of a run that was given none: a new one, or that of the same command if it was interrupted."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..data.readers.sources import SourceArguments
from ..runs.describe import non_default_arguments
from ..runs.folder import RESULTS_FILE
from ..training.arguments import RecurrentTrainingArguments


__all__ = ["UNNAMED", "run_folder"]


logger = logging.getLogger(__name__)

RUNS = Path("runs")
# The value of `output_dir` by which a command line that does not give it is known.
UNNAMED = "runs/DATA-TASK"
# What the folder's run is, so that the same command finds it again.
JOB_FILE = "job.json"


@contextlib.contextmanager
def run_folder(task: str, arguments: Sequence[Any]) -> Iterator[Path]:
    """The folder for a run: `runs/DATA-TASK`, or with `-2`, `-3` … behind it where that is taken.

    A folder is taken unless its run is the same job (the task, and every flag that changes a result) and has not
    ended; then it is that one, and a warning says so. A folder in which nothing was written is removed again.

    Args:
        task: The pipeline's name of it.
        arguments: The argument dataclasses of the run.

    Raises:
        ValueError: the run is of several processes, which would not choose the same folder.
    """
    training = next(group for group in arguments if isinstance(group, RecurrentTrainingArguments))
    if training.world_size > 1:
        raise ValueError("`output_dir` is not given; a run of several processes needs it.")
    job = json.dumps({"task": task, "arguments": non_default_arguments(*arguments)}, indent=2, default=str) + "\n"
    folder = _folder(_name(task, arguments), job)
    try:
        yield folder
    finally:
        if [path.name for path in folder.iterdir()] == [JOB_FILE]:
            # The run was refused before it wrote anything.
            (folder / JOB_FILE).unlink()
            folder.rmdir()


def _folder(name: str, job: str) -> Path:
    for number in itertools.count(1):
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        if _holds(folder, job):
            logger.warning("%s holds this very run, which did not end: going on there.", folder)
            return folder
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        (folder / JOB_FILE).write_text(job, encoding="utf-8")
        return folder
    raise AssertionError("unreachable: there is no last number")


def _holds(folder: Path, job: str) -> bool:
    path = folder / JOB_FILE
    ended = (folder / RESULTS_FILE).exists()
    return not ended and path.is_file() and path.read_text(encoding="utf-8") == job


def _name(task: str, arguments: Sequence[Any]) -> str:
    data = next((group for group in arguments if isinstance(group, SourceArguments)), None)
    source = "" if data is None else Path(str(data.train_file or data.dataset_name)).stem
    return "-".join(filter(None, (re.sub(r"[^\w.-]+", "-", source).strip("-."), task)))
