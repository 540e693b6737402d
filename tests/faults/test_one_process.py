"""Two processes do not write one output folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from hf_rnn import BiLstmForSequenceClassification
from hf_rnn.runs.lock import LOCK_FILE, FolderInUseError, run_lock
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer
from tests.faults import small
from tests.faults.conftest import Whole


def hold(folder: str, said: Connection) -> None:
    """Have the lock until killed."""
    with run_lock(folder):
        said.send("held")
        time.sleep(600)


@pytest.mark.reliability(
    section="Faults",
    fault="Two processes write one output folder; then the first is killed (SIGKILL)",
    mutation="the lock is not acquired",
)
def test_the_second_is_refused_until_the_first_is_gone(
    whole: Whole,
    tmp_path: Path,
    processes: ForkServerContext,
    caplog: pytest.LogCaptureFixture,
    outcome: Callable[[str], None],
) -> None:
    reader, writer = processes.Pipe(duplex=False)
    first = processes.Process(target=hold, args=(str(tmp_path / "run"), writer))
    first.start()
    assert reader.recv() == "held"
    try:
        with pytest.raises(FolderInUseError, match=rf"written by process {first.pid} on .*name another folder"):
            small.run(tmp_path / "run", **whole.data)
        model = BiLstmForSequenceClassification.from_pretrained(whole.folder)
        arguments = RecurrentTrainingArguments(
            output_dir=str(tmp_path / "run"), eval_strategy="no", load_best_model_at_end=False, use_cpu=True
        )
        with pytest.raises(FolderInUseError):
            RecurrentTrainer(model, arguments).train()
        assert [path.name for path in (tmp_path / "run").iterdir()] == [LOCK_FILE]
    finally:
        first.kill()
        first.join()
    with caplog.at_level(logging.WARNING):
        small.run(tmp_path / "run", **whole.data)
    assert f"Process {first.pid} on" in caplog.text and "Taking over" in caplog.text
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == whole.weights
    assert not (tmp_path / "run" / LOCK_FILE).exists()
    outcome("the second is refused, with the id and host of the first; once that is dead it takes over and says so")


def test_the_lock_is_freed_at_the_end_also_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of the run"), run_lock(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text().startswith(f"process {os.getpid()} on ")
        # A trainer inside of a run, of the same process.
        with run_lock(tmp_path):
            pass
        assert (tmp_path / LOCK_FILE).exists()
        raise RuntimeError("of the run")
    assert not list(tmp_path.iterdir())
    with run_lock(tmp_path):
        pass
