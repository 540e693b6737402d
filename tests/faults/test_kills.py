"""Killed at any moment and started again with the same command, a run ends with the same files."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from transformers.trainer_utils import get_last_checkpoint

from hf_rnn.checksums import DamagedFileError
from hf_rnn.runs.checkpoints import check_checkpoint
from tests.faults.runs import RUNS, train, write_data


# What a run of any kind leaves; predictions come from the weights in the first.
COMPARED = ("model.safetensors", "predictions.csv")
KILLS = 20
PHASES = ("step", "evaluation", "writing")


@dataclass
class Killed:
    """What was seen of a run that was started: what it said, and when; what it left."""

    said: list[tuple[float, str]] = field(default_factory=list)
    exitcode: int | None = None

    @property
    def phase(self) -> str:
        """What it was doing when it said something for the last time."""
        _, last = self.said[-1]
        return last.removeprefix("begin ") if last.startswith("begin ") else "between"

    def starts(self, phase: str) -> list[float]:
        return [when for when, what in self.said if what == f"begin {phase}"]

    def duration(self, phase: str) -> float:
        """The mean, seconds."""
        ends = [when for when, what in self.said if what == f"end {phase}"]
        return sum(end - start for start, end in zip(self.starts(phase), ends, strict=True)) / len(ends)


class Run:
    """A run by its name, its data, and the files that it leaves when nothing happens to it."""

    def __init__(self, name: str, folder: Path, processes: ForkServerContext) -> None:
        self.name, self.folder, self.processes = name, folder, processes
        self.flags: dict[str, Any] = write_data(name, folder / "data")
        self.whole = self.start(folder / "whole" / "run")
        assert self.whole.exitcode == 0 and min(len(self.whole.starts(phase)) for phase in PHASES) > 2
        self.files = self.left(folder / "whole" / "run")

    def start(
        self, output: Path, kill: Callable[[list[tuple[float, str]]], float | None] | None = None, **options: Any
    ) -> Killed:
        """Run it to its end, or until the moment that `kill` returns, once it does, given what has been said."""
        output.parent.mkdir(exist_ok=True, parents=True)
        reader, writer = self.processes.Pipe(duplex=False)
        process = self.processes.Process(
            target=train, args=(self.name, str(output), self.flags), kwargs={"said": writer, **options}
        )
        process.start()
        writer.close()
        seen, moment = Killed(), None
        while True:
            try:
                if reader.poll(None if moment is None else max(0.0, moment - time.monotonic())):
                    seen.said.append((time.monotonic(), reader.recv()))
            except EOFError:
                break
            if kill is not None and moment is None:
                moment = kill(seen.said)
            if moment is not None and time.monotonic() >= moment:
                process.kill()
                kill, moment = None, None
        process.join()
        seen.exitcode = process.exitcode
        return seen

    @staticmethod
    def left(output: Path) -> dict[str, bytes]:
        return {name: (output / name).read_bytes() for name in COMPARED if (output / name).exists()}


def moment_in(run: Run, kind: str, generator: random.Random) -> Callable[[list[tuple[float, str]]], float | None]:
    """Choose the moment to kill a run: anywhere in its training, or inside one of its phases."""
    if kind == "anywhere":
        delay = generator.uniform(0, run.whole.said[-1][0] - run.whole.said[0][0])
        return lambda said: said[0][0] + delay
    number = generator.randrange(len(run.whole.starts(kind)))
    delay = generator.uniform(0, run.whole.duration(kind))

    def moment(said: list[tuple[float, str]]) -> float | None:
        starts = [when for when, what in said if what == f"begin {kind}"]
        return starts[number] + delay if len(starts) > number else None

    return moment


def unfinished(output: Path) -> bool:
    """Whether the checkpoint with the highest number, which transformers would take, is not whole."""
    last = get_last_checkpoint(str(output)) if output.is_dir() else None
    try:
        return last is not None and check_checkpoint(last) is not None
    except DamagedFileError:
        return True


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, processes: ForkServerContext) -> Run:
    return Run("batches of similar length", tmp_path_factory.mktemp("run"), processes)


@pytest.mark.reliability(
    section="Faults",
    fault="A run dies (SIGKILL) at a given place inside the writing of its second checkpoint, and is started again",
    mutation="the checkpoint with the highest number resumed, whole or not",
)
@pytest.mark.parametrize("place", ["before its optimizer", "before its random state", "half its trainer state"])
def test_a_half_written_checkpoint_is_left_out(
    place: str, run: Run, tmp_path: Path, outcome: Callable[[str], None]
) -> None:
    output = tmp_path / "killed" / "run"
    assert run.start(output, die=place).exitcode == -signal.SIGKILL
    assert unfinished(output)
    assert run.start(output).exitcode == 0
    assert (output / "unfinished-checkpoint-6").is_dir()
    messages = (tmp_path / "killed" / "messages.txt").read_text()
    assert "checkpoint-6 is not whole and is left out" in messages and "Going on from" in messages
    assert run.left(output) == run.files
    outcome("resumed from the one before, bit for bit")


@pytest.mark.slow
@pytest.mark.reliability(
    section="Faults",
    fault=f"Training is killed (SIGKILL) {KILLS} times, at random moments of steps, evaluation and the writing of "
    "checkpoints, and the same command started again",
    mutation="a resumed epoch begun anew; streams resumed with a state of zeros",
)
@pytest.mark.parametrize("name", RUNS)
def test_a_killed_run_ends_with_the_same_files(
    name: str, tmp_path: Path, processes: ForkServerContext, outcome: Callable[[str], None]
) -> None:
    run, generator = Run(name, tmp_path, processes), random.Random(name)
    exact, phases, halves = 0, Counter[str](), 0
    for number in range(3 * KILLS):
        output = tmp_path / "killed" / "run"
        killed = run.start(output, moment_in(run, ("anywhere", *PHASES)[number % 4], generator))
        if killed.exitcode == -signal.SIGKILL:
            phases[killed.phase] += 1
            halves += unfinished(output)
            assert run.start(output).exitcode == 0
            exact += run.left(output) == run.files
        shutil.rmtree(tmp_path / "killed")
        if phases.total() == KILLS:
            break
    assert exact == KILLS and all(phases[phase] for phase in PHASES)
    inside = ", ".join(f"{phases[phase]} in {phase}" for phase in (*PHASES, "between"))
    outcome(
        f"{name}: {exact} of {KILLS} ended bit for bit as without the kill ({inside}; {halves} left half a checkpoint)"
    )
