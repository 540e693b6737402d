"""--report_to: what is installed is reported to, what is not is named before a run begins."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from transformers import TrainingArguments
from transformers.integrations.integration_utils import get_available_reporting_integrations

from hf_rnn.runs.results import read_results
from hf_rnn.training import tracking
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.tracking import PACKAGES, name_tracked_run, require_trackers

from ..tasks.small_runs import run, write_reviews


@pytest.fixture
def only_installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the packages that seem to be installed; a test adds to them."""
    installed: set[str] = set()
    monkeypatch.setattr(tracking, "find_spec", lambda name: object() if name in installed else None)
    return installed


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_named_at_once(only_installed: set[str], name: str) -> None:
    with pytest.raises(ImportError, match=f"`report_to`='{name}' .* pip install {name}$"):
        RecurrentTrainingArguments(report_to=name, use_cpu=True)
    only_installed.add(name)
    assert RecurrentTrainingArguments(report_to=name, use_cpu=True).report_to == [name]


def test_either_package_of_tensorboard_will_do(only_installed: set[str]) -> None:
    with pytest.raises(ImportError, match="pip install tensorboard"):
        require_trackers(["tensorboard"])
    only_installed.add("tensorboardX")
    require_trackers(["tensorboard"])


def test_an_unknown_program_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match="`report_to`='tensorbord' must be one or several of none, all, .*tensorboard"
    ):
        RecurrentTrainingArguments(report_to=["tensorbord"], use_cpu=True)


def test_all_are_those_that_are_installed() -> None:
    assert RecurrentTrainingArguments(report_to="all", use_cpu=True).report_to == (
        get_available_reporting_integrations()
    )
    assert RecurrentTrainingArguments(report_to="none", use_cpu=True).report_to == []


def test_a_tracked_run_has_one_name_to_the_end() -> None:
    tracked = TrainingArguments("runs/gru", use_cpu=True)
    tracked.report_to = ["trackio"]
    name_tracked_run(tracked)
    assert tracked.run_name is not None
    assert tracked.run_name.startswith("gru 2")
    named = TrainingArguments("runs/gru", run_name="mine", use_cpu=True)
    named.report_to = ["trackio"]
    name_tracked_run(named)
    assert named.run_name == "mine"
    silent = TrainingArguments("runs/gru", report_to="none", use_cpu=True)
    name_tracked_run(silent)
    assert silent.run_name is None


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_has_the_losses_of_the_log(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    output = tmp_path / "run"
    run(output, **write_reviews(tmp_path), report_to="tensorboard", do_eval=True)
    (folder,) = (output / "runs").iterdir()
    events = EventAccumulator(str(folder))
    events.Reload()
    log = json.loads((output / "trainer_state.json").read_text())["log_history"]
    for tag, key in {"train/loss": "loss", "eval/loss": "eval_loss", "eval/accuracy": "eval_accuracy"}.items():
        reported = {event.step: event.value for event in events.Scalars(tag)}
        logged = {row["step"]: row[key] for row in log if key in row}
        assert len(logged) >= 2
        assert reported == pytest.approx(logged), tag
    # What else a run leaves is the same: the clock, the measured figures, the picture.
    assert all("minutes" in row for row in log)
    (measured,) = events.Scalars("train/validation_accuracy")
    figures = read_results(output / "results.json")["metrics"]
    assert measured.value == pytest.approx(figures["validation"]["accuracy"])
    assert (output / "learning_curves.png").is_file()
