"""Pairs of texts: columns, labels and scores, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_rnn.data.readers.pairs import PairDataArguments, load_pairs


def write(folder: Path, name: str, rows: list[dict]) -> str:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def questions(*labels: object) -> list[dict]:
    return [{"question1": f"a {i}", "question2": f"b {i}", "label": label} for i, label in enumerate(labels)]


def test_labels_of_usual_columns(tmp_path: Path) -> None:
    train = write(tmp_path, "train", questions(True, False, True, False))
    data = load_pairs(PairDataArguments(train_file=train, validation_file=train))
    assert data.kind == "labels"
    assert data.splits["train"][2] == {"text": "a 2", "text_b": "b 2", "label": 1.0}
    assert data.splits["validation"]["label"][:] == [1, 0, 1, 0]


def test_scores_are_scaled_to_0_and_1(tmp_path: Path) -> None:
    rows = [{"left": "", "right": "b", "grade": grade} for grade in (1, 2.5, 4)]
    arguments = {"text_column_names": "left,right", "label_column_name": "grade"}
    train = write(tmp_path, "train", rows)
    data = load_pairs(PairDataArguments(train_file=train, **arguments))
    assert (data.kind, data.splits["train"]["label"][:]) == ("scores", [0, 0.5, 1])
    data = load_pairs(PairDataArguments(train_file=train, score_range="0,5", **arguments))
    assert data.splits["train"]["label"][:] == pytest.approx([0.2, 0.5, 0.8])


def test_csv_labels_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("text,text_pair,is_duplicate\nNA,007,1\nx,y,0\n", encoding="utf-8")
    rows = load_pairs(PairDataArguments(train_file=str(path))).splits["train"]
    assert rows[0] == {"text": "NA", "text_b": "007", "label": 1.0}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (questions(1, 0, None), "the value None in row 2"),
        (questions("yes", "no"), "the value 'yes' in row 0"),
        (questions(1, 0, float("nan")), "the value nan in row 2"),
        (questions(1, 1), "Column `label` is 1 in every row of the train split"),
        (questions(3, 3), "Column `label` is 3 in every row of the train split"),
        ([{"question1": "a", "question2": None, "label": 1}], "has no text \\(null\\) in .*line 1"),
        ([{"question1": "a", "label": 1}], "Give `text_column_names`: the train split has no usual pair of columns"),
        (
            [{"question1": "a", "question2": "b"}],
            "Give `label_column_name`: the train split has no usual label",
        ),
        (
            [{"question1": "a", "question2": "b", "label": 1, "score": 0.5}],
            "more than one usual label column \\(label, score\\)",
        ),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, rows: list[dict], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_pairs(PairDataArguments(train_file=write(tmp_path, "train", rows)))


def test_other_splits_are_held_to_the_training_rows(tmp_path: Path) -> None:
    labels, scores = (write(tmp_path, name, questions(*x)) for name, x in (("l", (0, 1)), ("s", (0, 2, 5))))
    with pytest.raises(ValueError, match=r"test split has the value 2 in row 1 \(from 0\); it must be 0 or 1"):
        load_pairs(PairDataArguments(train_file=labels, test_file=scores))
    wider = write(tmp_path, "w", questions(0, 7))
    with pytest.raises(ValueError, match=r"value 7 in row 1 \(from 0\); it must be from 0 to 5; `score_range`"):
        load_pairs(PairDataArguments(train_file=scores, test_file=wider))
    one = write(tmp_path, "one", questions(0, 0))
    with pytest.raises(ValueError, match="is 0 in every row of the test split"):
        load_pairs(PairDataArguments(train_file=labels, test_file=one))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text_column_names": "a"}, "`text_column_names`='a' must be two columns"),
        ({"text_column_names": "a,b,c"}, "must be two columns"),
        ({"score_range": "5"}, "`score_range`='5' must be two numbers"),
        ({"score_range": "5,0"}, "`score_range`='5,0' must be two finite numbers, the lower one first"),
        ({"score_range": "0,inf"}, "finite"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairDataArguments(train_file="train.csv", **arguments)


def test_arguments_that_do_not_fit_the_rows(tmp_path: Path) -> None:
    train = write(tmp_path, "train", questions(0, 1))
    with pytest.raises(ValueError, match="`score_range`='0,5': column `label` holds labels"):
        load_pairs(PairDataArguments(train_file=train, score_range="0,5"))
    with pytest.raises(ValueError, match="`label_column_name`='question1' is also one of `text_column_names`"):
        load_pairs(PairDataArguments(train_file=train, label_column_name="question1"))
    with pytest.raises(ValueError, match="`text_column_names`: there is no column 'nowhere'"):
        load_pairs(PairDataArguments(train_file=train, text_column_names="question1,nowhere"))
