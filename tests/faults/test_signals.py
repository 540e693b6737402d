"""Ctrl-C and SIGTERM stop every trainer with a checkpoint, and what goes on from it ends as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.hyperparameter_search.run import run_search
from hf_rnn.runs.checkpoints import check_checkpoint
from hf_rnn.training.resuming.interruption import TrainingInterrupted
from tests.faults.interrupted_runs import STOPPED, Signals
from tests.faults.test_changed_runs import TASKS, few_pairs
from tests.hyperparameter_search.search_runs import prepare
from tests.tasks import small_runs


SCRIPT = Path("tests", "faults", "interrupted_runs.py")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
COMMAND_AGAIN = "Run the same command again to go on from there."

__all__ = ["few_pairs"]


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def given(name: str, folder: Path) -> dict[str, Any]:
    """The flags of a run of eight steps, of which no checkpoint is due before the signal."""
    _, write, own, _, _ = TASKS[name]
    rows = 4 if name == "text-generation" else 8
    return {**write(folder), "do_predict": False, "max_steps": 8, "per_device_train_batch_size": rows, **own}


@pytest.mark.reliability(
    section="Faults",
    fault="Ctrl-C or SIGTERM in a step, for each task; then the same run again",
    mutation="the checkpoint of a signal left out",
)
@pytest.mark.parametrize("name", TASKS)
def test_a_signal_saves_a_checkpoint_and_the_run_goes_on_bit_for_bit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: Any
) -> None:
    run, flags = TASKS[name][0], given(name, tmp_path / "data")
    number = signal.SIGINT if len(name) % 2 else signal.SIGTERM
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    run(tmp_path / "whole", **flags)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        small_runs.watch(patch, Signals(number))
        with pytest.raises(TrainingInterrupted) as raised:
            run(tmp_path / "run", **flags)
    assert raised.value.code == 128 + number
    said = f"Stopped by {number.name} after step {STOPPED}; its checkpoint is in {tmp_path / 'run'}. {COMMAND_AGAIN}"
    assert capsys.readouterr().err.splitlines()[-1] == said
    check_checkpoint(tmp_path / "run" / f"checkpoint-{STOPPED}")
    assert not (tmp_path / "run" / "results.json").exists()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    run(tmp_path / "run", **flags)
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    outcome("a checkpoint of the running step, one line, exit status 128 + signal; it goes on bit for bit")


@pytest.mark.reliability(
    section="Faults",
    fault="SIGTERM with `enable_jit_checkpoint`",
    mutation="transformers' own handler of SIGTERM left in place",
)
def test_with_a_jit_checkpoint_nothing_is_recorded_as_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Any
) -> None:
    flags = {**given("text-classification", tmp_path / "data"), "enable_jit_checkpoint": True}
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        small_runs.watch(patch, Signals(signal.SIGTERM))
        with pytest.raises(TrainingInterrupted):
            small_runs.run(tmp_path / "run", **flags)
    assert not (tmp_path / "run" / "results.json").exists()
    assert signal.getsignal(signal.SIGTERM) == before
    small_runs.run(tmp_path / "run", **flags)
    assert (tmp_path / "run" / "results.json").exists()
    outcome("stopped as without it; the run goes on")


def test_a_second_signal_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Twice(Signals):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == self.step:
                for _ in range(2):  # two that wait to be heeded would count as one
                    os.kill(os.getpid(), self.number)
                    time.sleep(0.2)
                raise AssertionError("the second signal did not end the step")

    small_runs.watch(monkeypatch, Twice(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt) as raised:
        small_runs.run(tmp_path / "run", **given("text-classification", tmp_path / "data"))
    assert not isinstance(raised.value, TrainingInterrupted)
    assert not list((tmp_path / "run").glob("checkpoint-*"))


def python(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(project)}
    return subprocess.run(
        [sys.executable, *command], env=environment, cwd=project, capture_output=True, text=True, timeout=600
    )


@pytest.mark.reliability(
    section="Faults",
    fault="SIGTERM while a program trains, with no command around the trainer and without checkpoints",
    mutation="the checkpoint of a signal left out",
)
def test_a_program_ends_without_a_traceback(project: Path, tmp_path: Path, outcome: Any) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert python(project, str(SCRIPT), "program", str(whole)).returncode == 0
    ended = python(project, str(SCRIPT), "program", str(stopped), str(int(signal.SIGTERM)))
    assert ended.returncode == 143, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1] == (
        f"Stopped by SIGTERM after step {STOPPED}; its checkpoint is in {stopped}. To go on from there, train with "
        "`resume_from_checkpoint=True`."
    )
    assert python(project, str(SCRIPT), "program", str(stopped)).returncode == 0
    assert weights(stopped) == weights(whole)
    outcome("exit status 143, one line; the program goes on bit for bit")


@pytest.mark.slow
@pytest.mark.reliability(
    section="Distributed",
    fault="Ctrl-C reaches the second of two processes; then the same command again",
    mutation="each process heeds its own signals alone",
)
def test_two_processes_stop_after_the_same_step(project: Path, tmp_path: Path, outcome: Any) -> None:
    def start(name: str, *number: str) -> subprocess.CompletedProcess[str]:
        return python(project, *TORCHRUN, str(SCRIPT), "command", str(tmp_path / name), *number)

    whole = start("whole")
    assert whole.returncode == 0, whole.stderr
    stopped = start("stopped", str(int(signal.SIGINT)))
    assert stopped.returncode != 0
    lines = [line for line in stopped.stderr.splitlines() if line.startswith("Stopped by")]
    folder = tmp_path / "stopped" / "run"
    assert lines == [f"Stopped by SIGINT after step {STOPPED}; its checkpoint is in {folder}. {COMMAND_AGAIN}"]
    check_checkpoint(folder / f"checkpoint-{STOPPED}")
    assert not (folder / "results.json").exists()
    resumed = start("stopped")
    assert resumed.returncode == 0, resumed.stderr
    assert weights(folder) == weights(tmp_path / "whole" / "run")
    # One process would have other batches.
    (folder / "results.json").unlink()
    alone = python(project, str(SCRIPT), "command", str(tmp_path / "stopped"))
    assert "`number of processes` was 2 and is 1" in alone.stderr
    outcome("one line and a checkpoint of the step; the command goes on bit for bit")


def test_a_trial_of_a_search_is_left_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import optuna

    data = small_runs.write_reviews(tmp_path / "data", test=0)
    search = prepare(tmp_path / "search", **data, n_trials=1, num_train_epochs=1)
    small_runs.watch(monkeypatch, Signals(signal.SIGINT))
    with pytest.raises(SystemExit) as raised:
        run_search(search)
    assert raised.value.code == 130
    assert "Run the same command again: the search goes on" in capsys.readouterr().err
    [name] = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'search' / 'study.db'}")
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path / 'search' / 'study.db'}")
    assert [trial.state.name for trial in study.trials] == ["RUNNING"]
