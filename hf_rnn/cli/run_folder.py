"""The folder of a run that was given none: a new one, or that of the same command if it was interrupted."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data.readers.series.arguments import SeriesDataArguments
from ..data.readers.sources import SourceArguments
from ..runs.describe import changed_arguments, non_default_arguments
from ..runs.folder import RESULTS_FILE
from ..runs.foreign import JOB_FILE
from ..tasks.given import named_content
from ..training.arguments import RecurrentTrainingArguments


__all__ = ["RUNS", "UNNAMED", "run_folder", "run_name"]


logger = logging.getLogger(__name__)

RUNS = Path("runs")
# The value of `output_dir` by which a command line that does not give it is known.
UNNAMED = "runs/DATA-TASK"


@contextlib.contextmanager
def run_folder(task: str, arguments: Sequence[Any]) -> Iterator[Path]:
    """The folder for a run: `runs/DATA-TASK`, or with `-2`, `-3` … behind it where that is taken.

    A folder is taken unless its run is the same job and has not ended; then it is that one, and a warning says so. A
    job is the task, every flag that changes a result, and the content of the files and folders that flags name. A
    folder in which nothing was written is removed again.

    Args:
        task: The pipeline's name of it.
        arguments: The argument dataclasses of the run.

    Raises:
        ValueError: the run is of several processes, which would not choose the same folder.
    """
    training = next(group for group in arguments if isinstance(group, RecurrentTrainingArguments))
    if training.world_size > 1:
        raise ValueError("`output_dir` is not given; a run of several processes needs it.")
    recorded = non_default_arguments(*arguments)
    job = {"task": task, "arguments": recorded, "content": _content(arguments, recorded)}
    folder = _folder(run_name(task, arguments), json.loads(json.dumps(job)))
    try:
        yield folder
    finally:
        if [path.name for path in folder.iterdir()] == [JOB_FILE]:
            # The run was refused before it wrote anything.
            (folder / JOB_FILE).unlink()
            folder.rmdir()


def _content(arguments: Sequence[Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The content of what the flags name that a run records."""
    changed = changed_arguments(*arguments)
    return named_content({flag: value for flag, value in changed.items() if flag in recorded})


def _folder(name: str, job: Mapping[str, Any]) -> Path:
    for number in itertools.count(1):
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        if _holds(folder, job):
            logger.warning("%s holds this very run, which did not end: going on there.", folder)
            return folder
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        unfinished = folder / f"{JOB_FILE}.tmp"
        unfinished.write_text(json.dumps(job, indent=2) + "\n", encoding="utf-8")
        os.replace(unfinished, folder / JOB_FILE)
        return folder
    raise AssertionError("unreachable: there is no last number")


def _holds(folder: Path, job: Mapping[str, Any]) -> bool:
    path = folder / JOB_FILE
    if (folder / RESULTS_FILE).exists() or not path.is_file():
        return False
    begun = json.loads(path.read_text(encoding="utf-8"))
    if begun == job:
        return True
    before, now = begun.pop("content", {}), job["content"]
    if begun == {name: value for name, value in job.items() if name != "content"}:
        changed = ", ".join(f"`{flag}`" for flag in {**before, **now} if before.get(flag) != now.get(flag))
        logger.warning("%s holds a run of this command that did not end, but %s has changed since.", folder, changed)
    return False


def run_name(task: str, arguments: Sequence[Any]) -> str:
    """The name of a run that has none: DATA-TASK."""
    data = next((group for group in arguments if isinstance(group, SourceArguments | SeriesDataArguments)), None)
    pictures = next((group.image_folder for group in arguments if getattr(group, "image_folder", None)), None)
    named = pictures if data is None else data.train_file or getattr(data, "dataset_name", None)
    source = "" if named is None else Path(str(named)).stem
    return "-".join(filter(None, (re.sub(r"[^\w.-]+", "-", source).strip("-."), task)))
