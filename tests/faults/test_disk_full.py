"""A disk that is full while a checkpoint is written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hf_rnn.training.safe_trainer import CheckpointError, SafeTrainer
from tests.faults import small
from tests.faults.conftest import Whole


FULL = Path("/dev/full")


def before_writing(patch: pytest.MonkeyPatch, act: Callable[[Path], None], step: int = 6) -> None:
    """Have `act` called, with its folder, when the checkpoint of `step` has been begun."""
    original = SafeTrainer.save_model

    def acting(self: SafeTrainer, output_dir: str | None = None, _internal_call: bool = False) -> None:
        if output_dir is not None and output_dir.endswith(f"checkpoint-{step}"):
            act(Path(output_dir))
        original(self, output_dir, _internal_call)

    patch.setattr(SafeTrainer, "save_model", acting)


def assert_stopped_then_resumed(
    output: Path, whole: Whole, fault: Callable[[Path], None], mend: Callable[[], None] = lambda: None
) -> None:
    """A run with `fault`, done to a checkpoint that is begun, stops; after `mend` it ends as if nothing had been."""
    before: dict[str, bytes] = {}
    with pytest.MonkeyPatch.context() as patch:
        before_writing(patch, fault)
        before_writing(patch, lambda folder: before.update(small.contents(output / "checkpoint-3")))
        with pytest.raises(CheckpointError) as raised:
            small.run(output, **whole.data)
    message = str(raised.value)
    assert message.startswith(f"'{output / 'checkpoint-6'}' could not be written: ")
    assert f"The last whole checkpoint is '{output / 'checkpoint-3'}'" in message and "make space" in message
    assert before and small.contents(output / "checkpoint-3") == before
    assert [path.name for path in output.iterdir() if path.is_dir()] == ["checkpoint-3"]
    mend()
    small.run(output, **whole.data)
    assert (output / "model.safetensors").read_bytes() == whole.weights


@pytest.mark.skipif(not FULL.exists(), reason=f"this system has no {FULL}, the device that is always full")
@pytest.mark.reliability(
    section="Faults",
    fault="The disk is full when a file of a checkpoint is written (one after the other is the device /dev/full)",
    mutation="the unfinished checkpoint is not removed; the error of the library is raised as it is",
)
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_the_checkpoint_before_stays(name: str, whole: Whole, tmp_path: Path, outcome: Callable[[str], None]) -> None:
    def fault(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / name).symlink_to(FULL)

    assert_stopped_then_resumed(tmp_path / "run", whole, fault)
    outcome("an error that names the last whole checkpoint; from it the run went on to the same weights")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no right to mount a file system ({error})")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.reliability(
    section="Faults",
    fault="A file system of 3 MB (tmpfs) is full when a checkpoint is written; then space is made",
    mutation="the unfinished checkpoint is not removed; the error of the library is raised as it is",
)
def test_a_small_disk(small_disk: Path, whole: Whole, outcome: Callable[[str], None]) -> None:
    filler = small_disk / "filler"

    def fault(folder: Path) -> None:
        disk = os.statvfs(small_disk)
        filler.write_bytes(bytes(disk.f_bavail * disk.f_frsize - 5000))

    assert_stopped_then_resumed(small_disk / "run", whole, fault, filler.unlink)
    outcome("an error that names the last whole checkpoint; from it the run went on to the same weights")
