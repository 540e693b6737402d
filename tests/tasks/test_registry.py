"""The tasks by name, and the one way in which each of them runs."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from transformers import HfArgumentParser

from hf_rnn.runs.kinds import KINDS
from hf_rnn.runs.lock import FolderInUseError
from hf_rnn.tasks import task as task_module
from hf_rnn.tasks.arguments import ReportArguments
from hf_rnn.tasks.registry import TASK_NAMES, find_task
from hf_rnn.training.arguments import RecurrentTrainingArguments


@pytest.mark.parametrize("name", TASK_NAMES)
def test_every_row_has_its_code(name: str) -> None:
    task = find_task(name)
    assert task.name == name
    assert task.kind is KINDS[name]
    assert all(find_task(alias) is task for alias in task.aliases)
    assert sum(issubclass(group, ReportArguments) for group in task.groups) == 1
    assert sum(issubclass(group, RecurrentTrainingArguments) for group in task.groups) == 1
    HfArgumentParser(task.groups)  # type: ignore[arg-type]
    # `prepare` hands the groups on in their order, all but the report's.
    given = [
        name for name, each in inspect.signature(task.load).parameters.items() if each.kind is not each.KEYWORD_ONLY
    ]
    assert len(given) == len(task.groups) - 1
    assert "checkpoint" in inspect.signature(task.load).parameters
    # Whatever has a test split that can be read alone is compared.
    assert (task.test_data is None) == (task.kind.inputs in ("prompt", "images", "series"))


def test_an_unknown_task_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="`task`='poetry' must be one of text-classification, token-classification"):
        find_task("poetry")


@pytest.mark.parametrize("name", TASK_NAMES)
def test_every_run_takes_the_lock_of_its_folder_before_it_reads(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(folder: str) -> None:
        raise FolderInUseError(folder)

    monkeypatch.setattr(task_module, "run_lock", taken)
    task = find_task(name)
    flags = {"output_dir": str(tmp_path), "do_train": True, "use_cpu": True, "train_file": "not_there.csv"}
    arguments = HfArgumentParser(task.groups).parse_dict(flags, allow_extra_keys=True)  # type: ignore[arg-type]
    with pytest.raises(FolderInUseError, match=tmp_path.name):
        task.run(arguments)
