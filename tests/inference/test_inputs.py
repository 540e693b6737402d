"""Tests of hf_rnn/inference/inputs.py; most of it is tested through test_files.py."""

from __future__ import annotations

import pytest

from hf_rnn.inference.inputs import find_columns


def test_only_a_model_of_pairs_takes_two_columns_of_texts_for_pairs() -> None:
    rows = [{"one": f"some words {i}", "two": f"other words {i}"} for i in range(4)]
    assert find_columns(rows, ("pair",)).names == ("one", "two")
    with pytest.raises(ValueError, match="Give `text_column_name`"):
        find_columns(rows, ("text", "pair"))
    named = [{"question1": row["one"], "question2": row["two"]} for row in rows]
    assert find_columns(named, ("text", "pair")).names == ("question1", "question2")
