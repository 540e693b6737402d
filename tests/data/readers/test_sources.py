"""Tests of hf_rnn/data/readers/sources.py; what becomes of the rows is tested through the readers of texts."""

from __future__ import annotations

import logging

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from transformers import HfArgumentParser

from hf_rnn.data.readers.hold_out import hold_out_and_sample
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


def classified(labels: list[int]) -> Dataset:
    features = Features({"row": Value("int64"), "label": ClassLabel(names=["a", "b", "c"])})
    return Dataset.from_dict({"row": list(range(len(labels))), "label": labels}, features=features)


def held(splits, **flags):
    """Split → rows, of what is held out by default."""
    arguments = SourceArguments(train_file="a.csv", **{"hold_out_percentage": 10, **flags})
    return {name: rows["row"][:] for name, rows in hold_out_and_sample(splits, arguments).items()}


@pytest.mark.parametrize("seed", range(5))
def test_the_same_share_of_each_label_is_held_out(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    # Sorted by class, as many corpora are; the last class has one row, which is needed for training.
    labels = [0] * 60 + [1] * 40 + [2]
    splits = held({"train": classified(labels)}, split_seed=seed)
    assert [sum(labels[row] == label for row in splits["validation"]) for label in range(3)] == [6, 4, 0]
    most = held({"train": classified(labels)}, split_seed=seed, hold_out_percentage=60)
    assert [sum(labels[row] == label for row in most["validation"]) for label in range(3)] == [36, 24, 0]
    assert sorted(splits["train"] + splits["validation"]) == list(range(101))
    assert splits["train"] == sorted(splits["train"])
    assert splits == held({"train": classified(labels)}, split_seed=seed)
    assert splits != held({"train": classified(labels)}, split_seed=seed + 1)
    assert "10 of 101 training rows (10 %) are held out, the same share of each label" in caplog.text


def test_pairs_count_as_two_classes_and_scores_as_none(caplog: pytest.LogCaptureFixture) -> None:
    labels = [0.0] * 20 + [1.0] * 80
    splits = held({"train": numbered(100).add_column("label", labels)})
    assert sorted(labels[row] for row in splits["validation"]) == [0.0] * 2 + [1.0] * 8
    caplog.clear()
    splits = held({"train": numbered(100).add_column("label", [row / 100 for row in range(100)])})
    assert len(splits["validation"]) == 10
    assert caplog.text.rstrip().endswith("are held out.")


@pytest.mark.parametrize(
    ("flags", "validation"),
    [
        ({"validation_split_percentage": 25}, 5),
        ({"validation_split_size": 3}, 3),
        ({"hold_out_percentage": 0}, None),
    ],
)
def test_nothing_is_held_out_by_default_where_another_flag_asks(
    flags: dict[str, float], validation: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    splits = held({"train": numbered(20)}, **flags)
    assert (len(splits["validation"]) if validation else splits.get("validation")) == validation
    given = held(
        {"train": numbered(20), "validation": numbered(2)}, **dict.fromkeys(flags, None) | {"hold_out_percentage": 10}
    )
    assert given == {"train": list(range(20)), "validation": [0, 1]}
    assert not caplog.records


def test_a_test_split_is_taken_from_what_is_left() -> None:
    splits = held({"train": numbered(100)}, test_split_percentage=10)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 81, "validation": 10, "test": 9}
    assert sorted(sum(splits.values(), [])) == list(range(100))


def test_a_share_of_too_few_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="`hold_out_percentage`=10 of 4 training rows is no row of any label"):
        held({"train": numbered(4)})
    with pytest.raises(ValueError, match="`hold_out_percentage`=100 must be from 0 to less than 100"):
        held({"train": numbered(4)}, hold_out_percentage=100)
