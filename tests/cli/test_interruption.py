"""Ctrl-C and SIGTERM end a training with a checkpoint, and the same command goes on to the very same weights."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from hf_rnn.runs.checkpoints import check_checkpoint
from tests.cli.processes import run_command
from tests.tasks.small_runs import SMALL, write_reviews


FLAGS = (
    "--min_frequency 1 --per_device_train_batch_size 8 --num_train_epochs 3 --learning_rate 0.01 "
    "--use_cpu --disable_tqdm true --seed 1"
)
RUN = Path("runs", "train-text-classification")
# 60 rows, of which 6 are held out: seven steps an epoch.
STEPS = 7


def words() -> list[str]:
    return ["train", "text-classification", "train.csv", *FLAGS.split(), "--config_overrides", json.dumps(SMALL)]


@pytest.fixture(scope="module")
def processes(project: Path) -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    with pytest.MonkeyPatch.context() as patch:
        # The server does not take the path of imports over before it imports.
        patch.setenv("PYTHONPATH", str(project))
        context.set_forkserver_preload(["tests.cli.processes", "hf_rnn.cli.train", "pandas", "sklearn.metrics"])
        context.Process(target=len, args=("",)).start()
    return context


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, processes: ForkServerContext) -> Path:
    """The folder of the command that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    write_reviews(folder)
    assert run_command(processes, words(), folder) == 0
    return folder


def evaluations(folder: Path) -> list[tuple[int, float]]:
    """The steps after which the run was evaluated, and the losses."""
    history = json.loads((folder / RUN / "trainer_state.json").read_text())["log_history"]
    return [(entry["step"], entry["eval_loss"]) for entry in history if "eval_loss" in entry]


@pytest.mark.parametrize(
    ("number", "step"),
    [(signal.SIGINT, STEPS + 3), (signal.SIGTERM, 2), (signal.SIGTERM, 2 * STEPS - 1), (signal.SIGINT, 3 * STEPS - 1)],
    ids=[
        "Ctrl-C in an epoch",
        "SIGTERM in the first epoch",
        "in the last step of an epoch",
        "in the last step of all",
    ],
)
def test_a_signal_saves_a_checkpoint_and_the_same_command_goes_on(
    number: int, step: int, whole: Path, tmp_path: Path, processes: ForkServerContext
) -> None:
    shutil.copy(whole / "train.csv", tmp_path)
    assert run_command(processes, words(), tmp_path, stop=(number, step)) == 128 + number
    said = (tmp_path / "said.txt").read_text()
    saved = tmp_path / RUN / f"checkpoint-{step + 1}"
    check_checkpoint(saved)
    last = said.splitlines()[-1]
    assert last == (
        f"Stopped by {signal.Signals(number).name} after step {step + 1}; its checkpoint is in {RUN}. "
        "Run the same command again to go on from there."
    )
    assert "Traceback" not in said

    assert run_command(processes, words(), tmp_path) == 0
    resumed = (tmp_path / "said.txt").read_text().removeprefix(said)
    assert f"{RUN} holds this very run, which did not end: going on there." in resumed
    assert f"Going on from {RUN / saved.name}" in resumed
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [RUN.name]
    for name in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / RUN / name).read_bytes() == (whole / RUN / name).read_bytes()
    mine, theirs = (json.loads((folder / RUN / "results.json").read_text()) for folder in (tmp_path, whole))
    assert mine["metrics"] == theirs["metrics"]
    assert mine["training"]["best_step"] == theirs["training"]["best_step"]
    # No evaluation is left out, by which the best might have been another.
    assert evaluations(tmp_path) == evaluations(whole)


def test_another_command_gets_another_folder(whole: Path, processes: ForkServerContext, tmp_path: Path) -> None:
    shutil.copy(whole / "train.csv", tmp_path)
    assert run_command(processes, words(), tmp_path, stop=(signal.SIGTERM, 2)) == 143
    assert run_command(processes, [*words(), "--num_train_epochs", "1"], tmp_path) == 0
    # The first has not ended, and is left as it is.
    assert not (tmp_path / RUN / "results.json").exists()
    assert (tmp_path / f"{RUN}-2" / "results.json").exists()
    # Nor is a run that has ended written over, by whatever command.
    assert run_command(processes, [*words(), "--num_train_epochs", "1"], tmp_path) == 0
    assert (tmp_path / f"{RUN}-3" / "results.json").exists()
