"""Tests of hf_rnn/data/readers/sources.py; what becomes of the rows is tested through the readers of texts."""

from __future__ import annotations

from datasets import Dataset, DatasetDict
from transformers import HfArgumentParser

from hf_rnn.data.readers.sources import SourceArguments, hold_out_and_sample, read_splits


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


def test_flags():
    (arguments,) = HfArgumentParser(SourceArguments).parse_args_into_dataclasses(
        ["--train_file", "a.csv", "--test_split_percentage", "25", "--max_train_samples", "2", "--split_seed", "3"]
    )
    splits = hold_out_and_sample({"train": numbered(8)}, arguments)
    shuffled = numbered(8).shuffle(seed=3)["row"][:]
    assert splits["test"]["row"][:] == shuffled[-2:]
    kept = splits["train"]["row"][:]
    assert len(kept) == 2
    assert kept == [row for row in shuffled[:-2] if row in kept], "in the order of the rows"
