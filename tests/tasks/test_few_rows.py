"""A corpus of ten rows is trained, and what its figures are worth is said."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.tasks.few_rows import say_few_rows
from tests.tasks.small_runs import run, write_rows


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "which is few" in record.getMessage()]


def test_ten_rows_are_trained_and_said_to_be_few(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [(f"a {name} film {index}", name) for index in range(5) for name in ("good", "bad")]
    path = str(write_rows(tmp_path / "rows.csv", rows))
    with caplog.at_level(logging.WARNING):
        options = {"do_eval": True, "do_predict": False, "hold_out_percentage": 20}
        results = run(tmp_path / "out", train_file=path, **options)
    accuracy = results["metrics"]["validation"]["accuracy"]
    # Of two rows: from none right to both.
    intervals = {0.0: "0.00 to 0.66", 0.5: "0.09 to 0.91", 1.0: "0.34 to 1.00"}
    (line,) = said(caplog)
    assert f"come from 2 rows, which is few: the 95 % interval of the accuracy of {accuracy:.3f} is" in line
    assert intervals[accuracy] in line


def test_several_labels_of_ten_rows_are_trained(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "rows.jsonl"
    made = [{"text": f"a film {index}", "labels": ["a", "b"] if index % 3 else ["c"]} for index in range(10)]
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    with caplog.at_level(logging.WARNING):
        options = {"do_eval": True, "do_predict": False, "hold_out_percentage": 20}
        results = run(tmp_path / "out", train_file=str(path), num_train_epochs=1, **options)
    assert 0 < results["metrics"]["validation"]["f1_micro"] <= 1
    (line,) = said(caplog)
    assert "any share of a half is" in line


def test_errors_have_no_share(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        say_few_rows({"validation": 44}, {"validation": {"mse": 0.05, "mae": 0.2}})
    (line,) = said(caplog)
    assert "come from 44 rows, which is few" in line and "interval" not in line


@pytest.mark.parametrize(
    ("rows", "metrics"),
    [({"validation": 100}, {"validation": {"accuracy": 0.5}}), ({"validation": 9}, {}), ({}, {"train": {}})],
)
def test_nothing_is_said_of_many_rows_or_none(
    caplog: pytest.LogCaptureFixture, rows: dict[str, int], metrics: dict[str, Any]
) -> None:
    with caplog.at_level(logging.WARNING):
        say_few_rows(rows, metrics)
    assert said(caplog) == []
