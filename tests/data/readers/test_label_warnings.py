"""Labels of the training rows that no validation row has are named, and so are numbers that are far off all others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from hf_rnn.data.readers.label_warnings import far_off
from hf_rnn.data.readers.pairs import PairDataArguments, load_pairs
from hf_rnn.data.readers.sentences import TokenDataArguments, load_token_classification
from hf_rnn.data.readers.texts import DataArguments, load_text_classification


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "No validation row has" in record.getMessage()]


def table(path: Path, labels: Sequence[str]) -> str:
    path.write_text("text,label\n" + "".join(f"a film {index},{label}\n" for index, label in enumerate(labels)))
    return str(path)


def test_missing_classes_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train = table(tmp_path / "train.csv", ["a", "b", "c", "b"])
    with caplog.at_level(logging.WARNING):
        load_text_classification(
            DataArguments(train_file=train, validation_file=table(tmp_path / "v.csv", ["b", "b"]))
        )
    assert said(caplog) == [
        "No validation row has 2 of the 3 labels: 'a', 'c'. The figures do not tell how well these are recognised; "
        "more validation rows would (--hold_out_percentage, --validation_file)."
    ]


def test_nothing_is_said_where_all_are_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train = table(tmp_path / "train.csv", ["a", "b", "b"])
    with caplog.at_level(logging.WARNING):
        load_text_classification(
            DataArguments(train_file=train, validation_file=table(tmp_path / "v.csv", ["b", "a"]))
        )
        load_text_classification(DataArguments(train_file=train))
    assert said(caplog) == []


def test_of_many_the_first_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train = table(tmp_path / "train.csv", [f"class {index:02}" for index in range(15)])
    with caplog.at_level(logging.WARNING):
        load_text_classification(
            DataArguments(train_file=train, validation_file=table(tmp_path / "v.csv", ["class 00"]))
        )
    (line,) = said(caplog)
    assert "14 of the 15 labels: 'class 01', " in line and "'class 10' and 4 more." in line


def test_of_tags_types_are_named_and_of_several_labels_their_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "train.conll").write_text("Ann B-PER\nBell I-PER\nin O\nRome B-LOC\n\nsays O\n")
    (tmp_path / "v.conll").write_text("Bob B-PER\nsays O\n")
    (tmp_path / "train.jsonl").write_text('{"text": "x", "labels": ["a", "b"]}\n{"text": "y", "labels": ["c"]}\n')
    (tmp_path / "v.jsonl").write_text('{"text": "z", "labels": ["a", "c"]}\n')
    with caplog.at_level(logging.WARNING):
        load_token_classification(
            TokenDataArguments(train_file=str(tmp_path / "train.conll"), validation_file=str(tmp_path / "v.conll"))
        )
        load_text_classification(
            DataArguments(train_file=str(tmp_path / "train.jsonl"), validation_file=str(tmp_path / "v.jsonl"))
        )
    assert ["1 of the 3 labels: 'LOC'." in line for line in said(caplog)] == [True, False]
    assert "1 of the 3 labels: label 1 " in said(caplog)[1].replace("'", "").replace(".", " ")


def test_one_label_alone_is_refused_for_texts_pairs_and_tags(tmp_path: Path) -> None:
    one = table(tmp_path / "one.csv", ["a", "a", "a"])
    with pytest.raises(ValueError, match="Column `label` of the train split holds one value only, 'a'.*add rows"):
        load_text_classification(DataArguments(train_file=one))
    several = tmp_path / "several.jsonl"
    several.write_text('{"text": "x", "labels": ["a"]}\n{"text": "y", "labels": []}\n')
    with pytest.raises(ValueError, match="Column `labels` of the train split holds one value only, 'a'"):
        load_text_classification(DataArguments(train_file=str(several)))
    outside = tmp_path / "outside.conll"
    outside.write_text("Rome O\nis O\n\nfar O\n")
    for scheme in (None, "iob2"):
        with pytest.raises(ValueError, match="holds the tag 'O' alone.*`label_column_name` or `tag_column`"):
            load_token_classification(TokenDataArguments(train_file=str(outside), tag_scheme=scheme))
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("text1,text2,label\n" + "".join(f"a {index},b {index},0\n" for index in range(8)))
    with pytest.raises(ValueError, match="Column `label` is 0 in every row of the train split; it must hold both"):
        load_pairs(PairDataArguments(train_file=str(pairs)))


@pytest.mark.parametrize(
    ("numbers", "places"),
    [
        ([*range(10), 999], [10]),
        ([-80, *range(10), 999], [0, 11]),
        # Up to 3 times the range of the others, here that from 1 to 10, above the highest of them.
        ([*range(11), 37], []),
        ([*range(11), 38], [11]),
        ([*range(10)] * 30, []),
        # Nearly all the same, or too few to tell.
        ([0] * 99 + [1], []),
        ([0, 1, 2, 3, 4, 5, 999], []),
        # Of 300 numbers 3 may be extreme at each end.
        ([*range(10)] * 30 + [999] * 3, [300, 301, 302]),
    ],
)
def test_numbers_far_off_all_others(numbers: list[float], places: list[int]) -> None:
    assert far_off(numbers) == places


def test_a_number_that_sets_the_scale_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.csv"
    scores = [i % 11 / 2 for i in range(33)]
    scores[20] = 999
    rows = [f"a first text {i},a second text {i},{score:g}\n" for i, score in enumerate(scores)]
    path.write_text("text1,text2,score\n" + "".join(rows), encoding="utf-8")
    load_pairs(PairDataArguments(train_file=str(path)))
    assert (
        "Column 'score': 999 (a.csv, line 22) is far off all other numbers, which go from 0 to 5; it sets the scale "
        "of all scores. Correct such rows, or leave them out." in caplog.messages
    )
    caplog.clear()
    rows[20] = "a first text 20,a second text 20,5\n"
    path.write_text("text1,text2,score\n" + "".join(rows), encoding="utf-8")
    load_pairs(PairDataArguments(train_file=str(path)))
    assert "far off" not in caplog.text


def test_a_number_that_a_regression_learns_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = table(tmp_path / "a.csv", [f"{i % 7 / 2:g}" for i in range(30)] + ["-500.5"])
    load_text_classification(DataArguments(train_file=path))
    assert "-500.5 (a.csv, line 32) is far off all other numbers, which go from 0 to 3; it is learnt" in caplog.text
