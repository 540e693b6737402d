"""Several processes on CPUs learn what one does, however they are started; the first of them writes."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from hf_rnn.runs.writers import warn_of_missing
from tests.tasks.small_runs import flags, write_reviews
from tests.training.distributed_runs import GLOBAL_BATCH, STEPS, TASKS


TORCHRUN = ("-m", "torch.distributed.run")
ACCELERATE = ("-m", "accelerate.commands.launch", "--mixed_precision", "no", "--dynamo_backend", "no")
RUNS = Path("tests", "training", "distributed_runs.py")
# At an equal global batch the processes learn the very same; in-batch negatives are those of one process.
SAME_AS_ONE = [name for name in TASKS if name != "in_batch_negatives"]


def start(project: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(project)},
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes: subprocess.Popen[str]) -> list[str]:
    """Wait for the processes, and give what they printed on both streams."""
    said = ["".join(process.communicate(timeout=900)) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return said


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def weights(folder: Path, name: str, rank: int = 0) -> dict[str, torch.Tensor]:
    return torch.load(folder / f"{name}.rank{rank}.pt", weights_only=True)


def difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def losses(folder: Path, name: str) -> list[float]:
    """Read the loss of each step of training."""
    state = json.loads((folder / name / f"checkpoint-{STEPS}" / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


def figures(folder: Path) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads((folder / "results.json").read_text())["metrics"]
    return found


@pytest.fixture(scope="module")
def one(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all runs by one process."""
    folder = tmp_path_factory.mktemp("one")
    finish(start(project, str(RUNS), str(folder)))
    return folder


@pytest.fixture(scope="module")
def two(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same runs by two processes of one machine."""
    folder = tmp_path_factory.mktemp("two")
    finish(start(project, *TORCHRUN, "--standalone", "--nproc_per_node", "2", str(RUNS), str(folder)))
    return folder


@pytest.mark.reliability(
    section="Distributed",
    fault="Two processes by torchrun in place of one, at equal global batch",
    mutation="accelerate's own sharing of the batches of a run",
)
@pytest.mark.slow
@pytest.mark.parametrize("name", SAME_AS_ONE)
def test_two_processes_learn_what_one_does(name: str, one: Path, two: Path, outcome: Any) -> None:
    apart = [abs(a - b) for a, b in zip(losses(one, name), losses(two, name), strict=True)]
    assert len(apart) == STEPS
    assert max(apart) < 1e-5
    assert difference(weights(one, name), weights(two, name)) < 1e-4
    of_one, of_two = figures(one / name), figures(two / name)
    assert of_one.keys() == of_two.keys()
    for split in of_one:
        assert of_two[split] == pytest.approx(of_one[split], abs=1e-5), split
    outcome(f"{name}: every loss of {STEPS} steps within {max(apart):.0e}, the same metrics")


@pytest.mark.reliability(
    section="Distributed",
    fault="Weights that drift apart between two processes",
    mutation="gradients that are not exchanged",
)
@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_the_processes_end_with_the_same_weights(name: str, two: Path, outcome: Any) -> None:
    assert difference(weights(two, name), weights(two, name, rank=1)) == 0
    outcome(f"{name}: equal bit for bit")


@pytest.mark.reliability(
    section="Distributed",
    fault="Two machines: a rendezvous of two launchers on the loopback, by torchrun and by accelerate",
    mutation="gradients that are not exchanged",
)
@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_two_machines_learn_what_one_process_does(
    launcher: str, one: Path, project: Path, tmp_path: Path, outcome: Any
) -> None:
    port, machines = str(free_port()), []
    for rank in ("0", "1"):
        if launcher == "torchrun":
            options = [*TORCHRUN, "--nnodes", "2", "--node_rank", rank, "--nproc_per_node", "1"]
            options += ["--master_addr", "127.0.0.1", "--master_port", port]
        else:
            options = [*ACCELERATE, "--multi_gpu", "--num_machines", "2", "--num_processes", "2", "--same_network"]
            options += ["--machine_rank", rank, "--main_process_ip", "127.0.0.1", "--main_process_port", port]
        machines.append(start(project, *options, str(RUNS), str(tmp_path), "texts"))
    finish(*machines)
    apart = difference(weights(one, "texts"), weights(tmp_path, "texts"))
    assert apart < 1e-4
    assert difference(weights(tmp_path, "texts"), weights(tmp_path, "texts", rank=1)) == 0
    outcome(f"{launcher}: weights within {apart:.0e} of one process's, equal on both")


def command_line(values: dict[str, Any]) -> list[str]:
    """Write the flags as people write them."""
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


@pytest.mark.reliability(
    section="Distributed",
    fault="The script by `accelerate launch --multi_gpu --num_processes 2` on CPUs: who writes and prints",
    mutation="every process writes the card and prints the figures",
)
@pytest.mark.slow
def test_the_script_by_accelerate_writes_and_prints_once(project: Path, tmp_path: Path, outcome: Any) -> None:
    files, found = write_reviews(tmp_path / "data", train=83), {}
    for processes in (1, 2):
        output = tmp_path / f"of_{processes}"
        batch = {"per_device_train_batch_size": GLOBAL_BATCH // processes}
        arguments = command_line(flags(output, **files, **batch, do_eval=True))
        launch = ["--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]
        script = str(project / "scripts" / "run_text_classification.py")
        (said,) = finish(start(project, *([*ACCELERATE, *launch] if processes == 2 else []), script, *arguments))
        assert said.count("Use it: pipeline") == said.count("Model, results.json and learning curves") == 1
        found[processes] = {path.name for path in output.iterdir()}, figures(output)
    assert found[1][0] == found[2][0]
    for split in found[1][1]:
        assert found[2][1][split] == pytest.approx(found[1][1][split], abs=1e-5)
    outcome("the files and figures of one process, printed once")


@pytest.mark.reliability(
    section="Distributed",
    fault="`accelerate launch --cpu --num_processes 2`, which starts one process without a word",
    mutation="no look at the environment of the launcher",
)
@pytest.mark.slow
def test_a_launcher_that_starts_one_of_two_processes_is_told_of(project: Path, tmp_path: Path, outcome: Any) -> None:
    arguments = command_line(flags(tmp_path / "out", **write_reviews(tmp_path / "data"), max_steps=1))
    script = str(project / "scripts" / "run_text_classification.py")
    launch = ["--cpu", "--num_processes", "2", "--num_machines", "1"]
    (said,) = finish(start(project, *ACCELERATE, *launch, script, *arguments))
    assert "Several processes were asked for, and this is the only one" in said
    outcome("a warning that names what to use")


BY_ACCELERATE = {"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("world_size", "environment", "warns"),
    [
        (1, BY_ACCELERATE, True),
        (1, {}, False),
        (1, {"ACCELERATE_MIXED_PRECISION": "no"}, False),
        (1, {"MASTER_ADDR": "127.0.0.1"}, False),
        (1, {**BY_ACCELERATE, "WORLD_SIZE": "1"}, False),
        (2, BY_ACCELERATE, False),
    ],
    ids=["accelerate on CPUs", "alone", "accelerate with one", "a cluster's address", "torchrun with one", "by MPI"],
)
def test_one_process_in_place_of_several_is_told_of(
    world_size: int, environment: dict[str, str], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_missing(world_size, environment)
    assert ("Several processes were asked for" in caplog.text) == warns
