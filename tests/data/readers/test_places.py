"""Tests of hf_rnn/data/readers/places.py and of how columns.py shows a table."""

from __future__ import annotations

from datasets import Dataset

from hf_rnn.data.readers.columns import described_columns
from hf_rnn.data.readers.places import PLACE_COLUMN, data_columns, place_of_row


def test_a_row_is_called_by_its_line_where_it_is_known() -> None:
    rows = Dataset.from_dict({"text": ["a", "b"], PLACE_COLUMN: ["r.csv, line 2", "r.csv, line 5"]})
    assert place_of_row(rows, 1) == "r.csv, line 5"
    assert place_of_row(rows.select([1]), 0) == "r.csv, line 5", "it goes along with the row"
    assert place_of_row(rows.remove_columns(PLACE_COLUMN), 1) == "row 1 (from 0)"


def test_columns_are_shown_with_their_first_value() -> None:
    rows = Dataset.from_dict({"text": [None, "", "x" * 99], "n": [1, 2, 3], PLACE_COLUMN: ["a", "b", "c"]})
    assert data_columns(rows) == ["text", "n"]
    assert described_columns(rows) == f"'text' ('{'x' * 29}…), 'n' (1)"
    wide = Dataset.from_dict({f"c{number}": [number] for number in range(23)})
    assert described_columns(wide).endswith("'c19' (19) and 3 more")
