"""Tests of hf_rnn/data/readers/empty_rows.py."""

from __future__ import annotations

import pytest
from datasets import Dataset

from hf_rnn.data.readers.empty_rows import without_empty_rows
from hf_rnn.data.readers.places import PLACE_COLUMN


def rows():
    return Dataset.from_dict({"x": [0, 1, 2, 3], PLACE_COLUMN: [f"a.csv, line {i + 2}" for i in range(4)]})


def test_rows_are_dropped_and_counted_in_one_line(caplog):
    kept = without_empty_rows(rows(), "test", [None, "label", "text", "text"], "drop")
    assert kept["x"][:] == [0]
    assert [record.getMessage() for record in caplog.records] == [
        "3 of 4 test rows are left out: 1 without a label, 2 without a text (the first: a.csv, line 3). "
        "--empty_rows refuse ends with an error instead."
    ]


def test_nothing_is_said_where_nothing_lacks(caplog):
    assert without_empty_rows(rows(), "test", [None] * 4, "refuse")["x"][:] == [0, 1, 2, 3]
    assert caplog.text == ""


def test_rows_are_refused_by_the_place_of_the_first():
    with pytest.raises(ValueError, match=r"The dev split: a.csv, line 3 has no label \(2 of 4 rows .*`empty_rows`="):
        without_empty_rows(rows(), "dev", [None, "label", "text", None], "refuse")
    with pytest.raises(ValueError, match="The dev split has no row that can be read: a.csv, line 2 has no text"):
        without_empty_rows(rows(), "dev", ["text"] * 4, "drop")
