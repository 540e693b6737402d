"""Workers: asked in turn, and whatever goes wrong with one is told and stops none of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.benchmark.speed.lineup import Lineup
from hf_rnn.benchmark.speed.peers.table import PeerSpec
from hf_rnn.benchmark.workers import parent
from hf_rnn.benchmark.workers.parent import environment
from tests.benchmark.speed.fake_peers import fake


def line_of(folder: Path, mode: str, *peers: PeerSpec, **changes: bool) -> Lineup:
    return Lineup(peers, mode, folder, batch_size=4, threads=1, **changes)


def test_epochs_are_timed_one_by_one(sample_folder: Path) -> None:
    with line_of(sample_folder, "train", fake("slow", milliseconds=60), fake("quick", milliseconds=5)) as line:
        rounds = [line.ask(do="epoch") for _ in range(2)]
        assert [list(answers) for answers in rounds] == [["slow", "quick"]] * 2
        for answers in rounds:
            assert 0.06 <= answers["slow"]["seconds"] < 0.6
            assert 0.005 <= answers["quick"]["seconds"] < 0.06, "the clock stands while the others are asked"
        assert 5 < line.end()["slow"]["peak_memory_mb"] < 500


def test_what_a_peer_says_is_none_of_its_epoch_is_not_counted(sample_folder: Path) -> None:
    with line_of(sample_folder, "train", fake("slow", milliseconds=20, around=300)) as line:
        seconds = [line.ask(do="epoch")["slow"]["seconds"] for _ in range(3)]
    assert 0.02 <= min(seconds) and max(seconds) < 0.3


def test_a_failing_worker_is_told_and_left_out(sample_folder: Path) -> None:
    with line_of(sample_folder, "train", fake("bad", fails="train"), fake("dead", fails="die"), fake("good")) as line:
        assert set(line.ask(do="epoch")) == {"bad", "dead", "good"}
        assert set(line.ask(do="epoch")) == {"good"}
        assert set(line.ask(do="epoch")) == {"good"}
    assert line.failures["bad"] == "ArithmeticError: train went wrong"
    assert line.failures["dead"].startswith("ended with code 7") and "last words" in line.failures["dead"]


def test_a_peer_that_cannot_be_imported_is_told(sample_folder: Path) -> None:
    with line_of(sample_folder, "train", fake("absent", "NoSuchPeer")) as line:
        assert line.ready == {}
    assert "NoSuchPeer" in line.failures["absent"]


def test_a_peer_that_hangs_is_told(sample_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with line_of(sample_folder, "train", fake("hung", milliseconds=60_000)) as line:
        monkeypatch.setattr(parent, "PATIENCE_SECONDS", 0.2)
        assert line.ask(do="epoch") == {}
    assert line.failures["hung"] == "no answer for 0.2 seconds"


def test_nothing_is_left_running(sample_folder: Path) -> None:
    with line_of(sample_folder, "train", fake("slow", milliseconds=60_000)) as line:
        process = line._workers["slow"]._process
        assert process.poll() is None
    assert process.poll() is not None


def test_others_do_not_pay_for_our_imports(sample_folder: Path) -> None:
    peers = (fake("theirs", "ImportingPeer"), fake("ours", "ImportingPeer", ours=True))
    with line_of(sample_folder, "prepare", *peers) as line:
        assert line.failures["theirs"].endswith("imported: []")
        assert "transformers" in line.failures["ours"]


def test_the_start_is_timed_until_ready(sample_folder: Path, tmp_path: Path) -> None:
    for path in sample_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    with line_of(tmp_path, "prepare", fake("one", logit=2.5)) as line:
        assert line.ready["one"]["size_bytes"] == 1000
    with line_of(tmp_path, "answer", fake("one", logit=2.5), together=False) as line:
        assert line.ready["one"]["first_answer"] == 2.5
        assert 0.02 < line.ready["one"]["start_seconds"] < 20
        assert line.ask(do="pass")["one"]["texts"] == 12
        assert len(line.ask(do="batch", size=2, tokens=16, count=5)["one"]["milliseconds"]) == 5


def test_threads_are_given_to_every_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert {environment(2)[name] for name in parent.THREAD_VARIABLES} == {"2"}
    assert not environment(None).keys() & set(parent.THREAD_VARIABLES), "each library is to choose by itself"


@pytest.mark.parametrize("threads", [None, 1])
def test_tensorflow_is_never_held_to_one_operation_at_a_time(
    threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It then sleeps for seconds in the epoch after a wait, which is none of Keras' speed.
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "1")
    assert "TF_NUM_INTEROP_THREADS" not in environment(threads)
