"""What is made of several subsets: means, and a standard error that another subset counts in."""

from __future__ import annotations

from typing import Any

import pytest

from hf_rnn.benchmark.defaults.cells import FEW_ROWS, Cell
from hf_rnn.benchmark.defaults.corpora import find_corpus
from hf_rnn.benchmark.defaults.draws import averaged


def draw(figure: float, standard_error: float | None = 0.03, **peer: Any) -> dict[str, Any]:
    default = {"figure": figure, "standard_error": standard_error, "seconds": 10 * figure, "minutes": 0.1, "rows": {}}
    record = {"status": "measured", "figure": figure - 0.1, "standard_error": 0.02, "seconds": 1.0} | peer
    return {
        "default": default,
        "baselines": [{"name": "counting", "figure": figure - 0.2, "seconds": 0.5, "options": {"C": figure}}],
        "peers": {"other": record},
    }


def test_figures_are_means_and_another_subset_widens_the_error() -> None:
    found = averaged([draw(0.5), draw(0.6), draw(0.7)])
    assert found["default"]["figure"] == pytest.approx(0.6)
    assert found["default"]["seconds"] == pytest.approx(6.0)
    # The variance of 0.5, 0.6 and 0.7 is 0.01, of their mean a third of it.
    assert found["default"]["standard_error"] == pytest.approx((0.03**2 + 0.01 / 3) ** 0.5)
    assert found["baselines"][0]["figure"] == pytest.approx(0.4)
    assert found["peers"]["other"]["figure"] == pytest.approx(0.5)
    assert [each["default"] for each in found["draws"]] == [0.5, 0.6, 0.7]
    assert found["draws"][1] == {
        "default": 0.6,
        "baselines": {"counting": pytest.approx(0.4)},
        "peers": {"other": pytest.approx(0.5)},
    }


def test_one_subset_stays_as_it_is() -> None:
    found = averaged([draw(0.5)])
    assert found["default"] == draw(0.5)["default"] and found["peers"] == draw(0.5)["peers"]
    assert averaged([draw(0.5, None)])["default"]["standard_error"] is None


def test_a_peer_that_failed_on_a_subset_has_failed() -> None:
    failed = draw(0.5)
    failed["peers"]["other"] = {"status": "failed", "reason": "one class"}
    found = averaged([draw(0.5), failed])
    assert found["peers"]["other"] == {"status": "failed", "reason": "one class"}
    assert found["draws"][1]["peers"] == {}


def test_few_rows_are_drawn_several_times() -> None:
    trec, book = find_corpus("trec"), find_corpus("book-words")
    assert Cell(trec, FEW_ROWS).draws == 3
    assert [Cell(trec, size).draws for size in (FEW_ROWS + 1, None)] == [1, 1]
    assert Cell(book, FEW_ROWS).draws == 1
