"""Tests of hf_rnn/data/readers/sources.py; what becomes of the rows is tested through the readers of texts."""

from __future__ import annotations

import pytest
from datasets import Dataset, DatasetDict

from hf_rnn.data.readers.sources import SourceArguments, read_splits


def numbered(count):
    return Dataset.from_dict({"row": list(range(count))})


def test_files_are_read_by_the_function_given():
    arguments = SourceArguments(train_file="a.x", test_file="c.x")
    assert read_splits(arguments, lambda path: path.upper()) == {"train": "A.X", "test": "C.X"}


def test_a_saved_dataset_dict(tmp_path, monkeypatch):
    DatasetDict(train=numbered(3), test=numbered(2)).save_to_disk(tmp_path / "saved")
    monkeypatch.setenv("SOME_FOLDER", str(tmp_path))
    splits = read_splits(SourceArguments(dataset_name="${SOME_FOLDER}/saved"), read_file=None)
    assert {split: rows["row"][:] for split, rows in splits.items()} == {"train": [0, 1, 2], "test": [0, 1]}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"hold_out_by": "label"}, "`hold_out_by`='label' must be 'text' or 'random'"),
        ({"empty_rows": "keep"}, "`empty_rows`='keep' must be 'drop' or 'refuse'"),
    ],
)
def test_choices(flags, message):
    with pytest.raises(ValueError, match=message):
        SourceArguments(train_file="a.csv", **flags)
