"""A peer in a process of its own: measured, failed, too slow or missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hf_rnn.benchmark.defaults.cells import Cell
from hf_rnn.benchmark.defaults.corpora import find_corpus
from hf_rnn.benchmark.defaults.measuring import measure_peer
from hf_rnn.benchmark.defaults.peers.table import find_peer
from hf_rnn.benchmark.defaults.splitting import Part
from hf_rnn.benchmark.workers import parent


CELL = Cell(find_corpus("trec"), None)
NB_SVM = find_peer("nb-svm")
TRAIN = Part([f"{word} {row}" for row in range(10) for word in ("good", "dull")], ["yes", "no"] * 10)
# The words do not tell the last.
HELD_OUT = Part(["so good", "a dull one", "dull , dull !", "good good", "dull"], ["yes", "no", "no", "yes", "yes"])


def test_a_peer_is_measured_on_what_was_held_out(tmp_path: Path) -> None:
    record = measure_peer(NB_SVM, CELL, TRAIN, HELD_OUT, tmp_path)
    assert (record["status"], record["figure"]) == ("measured", 0.8)
    assert record["standard_error"] == pytest.approx((0.8 * 0.2 / 5) ** 0.5)
    assert record["seconds"] > 0 and record["size_bytes"] > 0 and record["options"].keys() == {"C", "beta"}


def test_a_peer_that_fails_is_recorded_with_its_reason(tmp_path: Path) -> None:
    one_class = Part(TRAIN.inputs, ["yes"] * len(TRAIN.inputs))
    record = measure_peer(NB_SVM, CELL, one_class, HELD_OUT, tmp_path)
    assert record == {
        "status": "failed",
        "reason": "nb-svm: ValueError: All rows are of the class 'yes'; NB-SVM tells two or more apart.",
    }


def test_a_peer_that_says_nothing_is_recorded_as_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "PATIENCE_SECONDS", 0)
    record = measure_peer(NB_SVM, CELL, TRAIN, HELD_OUT, tmp_path)
    assert record == {"status": "slow", "reason": "nb-svm: no answer for 0 seconds"}


def test_a_peer_that_is_not_installed_is_recorded_as_missing(tmp_path: Path) -> None:
    absent = dataclasses.replace(NB_SVM, needs=(("no_such_module", "no-such"),))
    record = measure_peer(absent, CELL, TRAIN, HELD_OUT, tmp_path)
    assert record == {
        "status": "missing",
        "reason": "not installed: no_such_module",
        "install": "pip install no-such",
    }
