"""Whether a run can go on in its output folder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.checksums import write_checksums
from hf_rnn.runs.folder import RESULTS_FILE, checkpoint_to_resume
from hf_rnn.training.arguments import RecurrentTrainingArguments


def arguments(output: Path, **values: Any) -> RecurrentTrainingArguments:
    return RecurrentTrainingArguments(output_dir=str(output), use_cpu=True, **{"do_train": True, **values})


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The folder of a run that did not end."""
    for step in (5, 40, 9):
        checkpoint = tmp_path / "stopped" / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "trainer_state.json").write_text("{}")
        write_checksums(checkpoint)
    return tmp_path / "stopped"


@pytest.fixture
def ended(stopped: Path) -> Path:
    (stopped / RESULTS_FILE).write_text("{}")
    return stopped


def test_nothing_to_resume(tmp_path: Path) -> None:
    assert checkpoint_to_resume(arguments(tmp_path / "absent")) is None
    assert checkpoint_to_resume(arguments(tmp_path)) is None


def test_a_stopped_run_goes_on_from_its_last_checkpoint(stopped: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert checkpoint_to_resume(arguments(stopped)) == str(stopped / "checkpoint-40")
    assert "Going on from" in caplog.text


def test_without_training_nothing_is_resumed(stopped: Path) -> None:
    assert checkpoint_to_resume(arguments(stopped, do_train=False)) is None


@pytest.mark.parametrize("value", ["false", "False"])
def test_resuming_may_be_refused(stopped: Path, value: str) -> None:
    assert checkpoint_to_resume(arguments(stopped, resume_from_checkpoint=value)) is None


@pytest.mark.parametrize("value", ["true", "True"])
def test_resuming_may_be_demanded(stopped: Path, tmp_path: Path, value: str) -> None:
    assert checkpoint_to_resume(arguments(stopped, resume_from_checkpoint=value)) == str(stopped / "checkpoint-40")
    with pytest.raises(ValueError, match=f"`resume_from_checkpoint`='{value}'.*holds no whole checkpoint"):
        checkpoint_to_resume(arguments(tmp_path / "absent", resume_from_checkpoint=value))


def test_a_checkpoint_that_is_named(ended: Path) -> None:
    named = str(ended / "checkpoint-9")
    assert checkpoint_to_resume(arguments(ended, resume_from_checkpoint=named)) == named
    with pytest.raises(ValueError, match="`resume_from_checkpoint`='absent' is no folder"):
        checkpoint_to_resume(arguments(ended, resume_from_checkpoint="absent"))


@pytest.mark.parametrize("values", [{}, {"do_train": False}, {"resume_from_checkpoint": "false"}])
def test_a_run_that_ended_is_not_overwritten(ended: Path, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"`output_dir`=.*holds a run that has ended \(results.json\)"):
        checkpoint_to_resume(arguments(ended, **values))
