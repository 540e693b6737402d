"""Pairs of texts: columns, labels, scores and classes, and what is wrong with them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from hf_rnn.data.readers.pairs import PairDataArguments, load_pairs


LONG = ("a man plays the flute", "two dogs run in the park", "nobody sings a song", "the cat sleeps on a mat")


def write(folder: Path, name: str, rows: list[dict]) -> str:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def write_csv(folder: Path, header: list[str], rows: list[list[str]]) -> str:
    path = folder / "pairs.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def questions(*labels: object) -> list[dict]:
    return [{"question1": f"a {i}", "question2": f"b {i}", "label": label} for i, label in enumerate(labels)]


def loaded(path: str, **arguments: Any) -> Any:
    return load_pairs(PairDataArguments(train_file=path, **arguments))


def test_labels_of_usual_columns(tmp_path: Path) -> None:
    train = write(tmp_path, "train", questions(True, False, True, False))
    data = loaded(train, validation_file=train)
    assert (data.kind, data.label_names) == ("labels", None)
    assert data.splits["train"][2] == {"text": "a 2", "text_b": "b 2", "label": 1.0}
    assert data.splits["validation"]["label"][:] == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(("question1", "question2"), ("Question 1", "Question 2"), ("sentence_A", "sentence_B"), ("s1", "s2")),
        *(("text", "text_pair"), ("text_a", "text_b"), ("a", "b"), ("q1", "q2"), ("#1 String", "#2 String")),
        *(("premise", "hypothesis"), ("premissa", "hipótese"), ("query", "passage"), ("query", "document")),
        *(("prompt", "response"), ("question", "answer"), ("anchor", "positive"), ("texto1", "texto2")),
        *(("frase_a", "frase_b"), ("pergunta1", "pergunta2"), ("pergunta", "resposta"), ("consulta", "documento")),
        *(("left_title", "right_title"), ("first_sentence", "second_sentence"), ("sentence", "sentence2")),
    ],
)
def test_columns_are_found_by_name(tmp_path: Path, first: str, second: str, caplog: pytest.LogCaptureFixture) -> None:
    """Though another column has texts as well, and others come in pairs."""
    header = ["id", "source1", "source2", second, first, "remark", "label"]
    rows = [
        [
            str(i),
            "news",
            "blog",
            f"the second of {i}",
            f"the first of {i}",
            "said by somebody else, long ago",
            str(i % 2),
        ]
        for i in range(6)
    ]
    data = loaded(write_csv(tmp_path, header, rows))
    assert data.splits["train"][3] == {"text": "the first of 3", "text_b": "the second of 3", "label": 1.0}
    assert f"Pairs are read from {first!r} and {second!r}, labels from 'label'" in caplog.text
    assert "--text_column_names and --label_column_name" in caplog.text


def test_columns_are_found_by_what_they_hold(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    header = ["no", "lang", "wording", "rewording", "flag"]
    rows = [[str(i), "en", LONG[i % 4] + f" {i}", LONG[(i + 1) % 4] + f" {i}", str(i % 2)] for i in range(8)]
    data = loaded(write_csv(tmp_path, header, rows))
    assert data.splits["train"][1] == {"text": f"{LONG[1]} 1", "text_b": f"{LONG[2]} 1", "label": 1.0}
    assert "Pairs are read from 'wording' and 'rewording', labels from 'flag'" in caplog.text


def test_columns_that_cannot_be_told_are_listed_with_a_value(tmp_path: Path) -> None:
    rows = [{"red": LONG[0], "green": LONG[1], "blue": LONG[2], "label": i} for i in (0, 1)]
    path = write(tmp_path, "three", rows)
    with pytest.raises(ValueError, match=r"Give `text_column_names`.*'red' \('a man plays the flute'\), 'green'"):
        loaded(path)
    assert loaded(path, text_column_names="blue,red").splits["train"][0]["text"] == LONG[2]
    path = write(tmp_path, "marks", [{"s1": "x y", "s2": "z", "u": i % 2, "v": (i + 1) % 2} for i in range(4)])
    with pytest.raises(ValueError, match=r"Give `label_column_name`.*'u', 'v' may all be the labels.*'v' \(1\)"):
        loaded(path)


def test_scores_are_scaled_to_0_and_1(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"left": "a", "right": "b", "grade": grade} for grade in (1, 2.5, 4)]
    train = write(tmp_path, "train", rows)
    data = loaded(train)
    assert (data.kind, data.splits["train"]["label"][:]) == ("scores", [0, 0.5, 1])
    assert "scores from 1 to 4 are scaled to 0 and 1 (--score_range sets another range)" in caplog.text
    data = loaded(train, score_range="0,5")
    assert data.splits["train"]["label"][:] == pytest.approx([0.2, 0.5, 0.8])


@pytest.mark.parametrize(
    ("scores", "low", "high"),
    [
        (["1.2", "3", "4.8"], 1, 5),
        (["0", "2.2", "5"], 0, 5),
        (["-0.9", "0", "0.7"], -1, 1),
        (["3", "97", "50"], 0, 100),
        (["0,25", "0,75", "1"], 0, 1),
        (["20", "25", "30"], 20, 30),
        (["1e3", "2e3", "5e3"], 1000, 5000),
    ],
)
def test_scores_of_any_range(tmp_path: Path, scores: list[str], low: float, high: float) -> None:
    path = write_csv(tmp_path, ["s1", "s2", "score"], [["a b", "c d", score] for score in scores])
    data = loaded(path)
    expected = [(float(score.replace(",", ".")) - low) / (high - low) for score in scores]
    assert (data.kind, data.splits["train"]["label"][:]) == ("scores", pytest.approx(expected))


def test_csv_labels_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("text,text_pair,is_duplicate\nNA,007,1\nx,y,0\n", encoding="utf-8")
    rows = loaded(str(path)).splits["train"]
    assert rows[0] == {"text": "NA", "text_b": "007", "label": 1.0}


@pytest.mark.parametrize(
    ("alike", "other"),
    [
        *(("yes", "no"), ("Sim", "Não"), ("True", "False"), ("duplicate", "not_duplicate"), ("1.0", "0.0")),
        *(("paraphrase", "non-paraphrase"), ("Y", "N"), ("verdadeiro", "falso"), ("similar", "dissimilar")),
        *(("equivalent", "not_equivalent"), ("1", "-1"), ("match", "mismatch"), ("relevant", "irrelevant")),
    ],
)
def test_words_for_1_and_0(tmp_path: Path, alike: str, other: str, caplog: pytest.LogCaptureFixture) -> None:
    path = write_csv(tmp_path, ["s1", "s2", "label"], [["a", "b", alike], ["c", "d", f" {other} "], ["e", "f", alike]])
    data = loaded(path)
    assert (data.kind, data.splits["train"]["label"][:]) == ("labels", [1, 0, 1])
    if alike not in ("1", "1.0"):
        assert f"{other!r} is 0, {alike!r} is 1 (--label_kind classes" in caplog.text


def test_other_names_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "a", questions("good", "bad"))
    with pytest.raises(ValueError, match=r"holds 'good', 'bad': which of these means alike\? Write 1 .*`label_kind`"):
        loaded(path)
    data = loaded(path, label_kind="classes")
    assert (data.kind, data.label_names, data.splits["train"]["label"][:]) == ("classes", ["bad", "good"], [1, 0])


def test_classes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By name; what SNLI gives to a pair without a label is left out."""
    labels = ["neutral", "entailment", "-", "contradiction", " neutral"]
    rows = [{"gold_label": label, "sentence1": LONG[0], "sentence2": LONG[1]} for label in labels]
    data = loaded(write(tmp_path, "a", rows))
    assert (data.kind, data.label_names) == ("classes", ["contradiction", "entailment", "neutral"])
    assert data.splits["train"]["label"][:] == [2, 1, 0, 2]
    assert data.splits["train"].features["label"] == ClassLabel(names=data.label_names)
    assert "'contradiction', 'entailment', 'neutral' is a class" in caplog.text
    assert "1 of 5 train rows are left out: 1 without a label" in caplog.text
    with pytest.raises(
        ValueError, match=r"'maybe' in b.jsonl, line 1.*must be one of 'contradiction', 'entailment', 'neutral'"
    ):
        loaded(write(tmp_path, "a", rows), test_file=write(tmp_path, "b", [{**rows[0], "gold_label": "maybe"}]))


@pytest.mark.parametrize(
    ("columns", "label", "ids", "kind"),
    [
        (("premise", "hypothesis"), "label", [0, 2, -1, 2], "classes"),
        (("sentence1", "sentence2"), "label", [0, 2, 1, 2], "classes"),
        (("sentence1", "sentence2"), "score", [0, 2, 1, 2], "scores"),
        (("sentence1", "sentence2"), "label", [0, 3, 1, 2], "scores"),
    ],
)
def test_class_ids_and_small_scores(tmp_path: Path, columns: tuple, label: str, ids: list[int], kind: str) -> None:
    rows = [{columns[0]: "a b", columns[1]: "c d", label: number} for number in ids]
    path = write(tmp_path, "a", rows)
    data = loaded(path)
    assert data.kind == kind
    if kind == "classes":
        names = [str(number) for number in ids if number >= 0]
        assert [data.label_names[index] for index in data.splits["train"]["label"]] == names
        assert loaded(path, label_kind="scores").kind == "scores"


def test_two_ways_of_inference_are_classes_by_name(tmp_path: Path) -> None:
    """GLUE's rte says 0 for entailment: read as a number it would be the wrong way round."""
    features = Features(
        {
            "sentence1": Value("string"),
            "sentence2": Value("string"),
            "label": ClassLabel(names=["entailment", "not_entailment"]),
        }
    )
    Dataset.from_dict({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [0, 1]}, features).to_parquet(
        tmp_path / "train.parquet"
    )
    data = load_pairs(PairDataArguments(dataset_name=str(tmp_path)))
    assert (data.kind, data.label_names, data.splits["train"]["label"][:]) == (
        "classes",
        ["entailment", "not_entailment"],
        [0, 1],
    )
    same = Features({**features, "label": ClassLabel(names=["equivalent", "not_equivalent"])})
    Dataset.from_dict({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [0, 1]}, same).to_parquet(
        tmp_path / "train.parquet"
    )
    data = load_pairs(PairDataArguments(dataset_name=str(tmp_path)))
    assert (data.kind, data.splits["train"]["label"][:]) == ("labels", [1, 0])


def test_the_classes_of_a_trained_model_decide(tmp_path: Path) -> None:
    path = write(tmp_path, "a", questions("neutral", "entailment"))
    data = load_pairs(PairDataArguments(train_file=path), class_names=["entailment", "neutral", "contradiction"])
    assert (data.kind, data.splits["train"]["label"][:]) == ("classes", [1, 0])


def test_a_score_is_taken_before_a_class(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """SICK has both."""
    header = ["pair_ID", "sentence_A", "sentence_B", "entailment_judgment", "relatedness_score"]
    judged = ("NEUTRAL", "ENTAILMENT", "CONTRADICTION")
    rows = [[str(i), LONG[i], LONG[i - 1], judged[i], f"{1.5 * (i + 1)}"] for i in range(3)]
    path = write_csv(tmp_path, header, rows)
    data = loaded(path)
    assert (data.kind, data.splits["train"]["label"][:]) == ("scores", [0.125, 0.5, 0.875])
    assert "labels from 'relatedness_score'; 'entailment_judgment' is not read" in caplog.text
    data = loaded(path, label_column_name="entailment_judgment")
    assert (data.kind, data.splits["train"]["label"][:]) == ("classes", [2, 1, 0])


@pytest.mark.parametrize("labels", [None, ["1", "1", "1"], ["duplicate"] * 3, ["True"] * 3])
def test_positives_alone(tmp_path: Path, labels: list[str] | None, caplog: pytest.LogCaptureFixture) -> None:
    header = ["anchor", "positive"] + (["label"] if labels else [])
    path = write_csv(tmp_path, header, [[LONG[i], LONG[i + 1], *(labels or [])[i : i + 1]] for i in range(3)])
    data = loaded(path)
    assert (data.kind, data.splits["train"]["label"][:]) == ("positives", [1, 1, 1])
    said = "every pair is alike by column 'label'" if labels else "each row is a pair that is alike, because no column"
    assert said in caplog.text


def test_triplets_are_pairs_with_1_and_0(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [["swim", "how to swim", "how to cook", ""], ["cook", "how to cook", "how to sing", "how to fly"]]
    path = write_csv(tmp_path, ["anchor", "positive", "negative", "negative_2"], rows)
    expected = [
        *(("swim", "how to swim", 1), ("cook", "how to cook", 1), ("swim", "how to cook", 0)),
        *(("cook", "how to sing", 0), ("cook", "how to fly", 0)),
    ]
    data = loaded(path)
    found = [tuple(row.values()) for row in data.splits["train"]]
    assert (data.kind, found) == ("labels", expected)
    assert "texts that are not alike from 'negative', 'negative_2'" in caplog.text
    named = loaded(path, text_column_names="anchor,positive,negative_2")
    assert [row["text_b"] for row in named.splits["train"] if row["label"] == 0] == ["how to fly"]


def test_rows_without_a_text_or_label_are_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = questions(1, 0, None, float("nan"), 1, 0)
    rows[4]["question1"], rows[5]["question2"] = None, "  "
    path = write(tmp_path, "a", rows)
    data = loaded(path)
    assert data.splits["train"]["text"][:] == ["a 0", "a 1"]
    assert "4 of 6 train rows are left out: 2 without a label, 2 without a text" in caplog.text
    with pytest.raises(ValueError, match="a.jsonl, line 3 has no label"):
        loaded(path, empty_rows="refuse")


def test_a_pair_of_equal_texts_is_a_pair(tmp_path: Path) -> None:
    rows = [*questions(1, 0), {"question1": "same", "question2": "same", "label": 1}]
    assert len(loaded(write(tmp_path, "a", rows)).splits["train"]) == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (questions(0, 0), "Column `label` is 0 in every row of the train split"),
        (questions("no", "no"), "Column `label` is no in every row of the train split"),
        (questions(3, 3), "Column `label` is 3 in every row of the train split"),
        (questions(1, 0, "?"), r"holds numbers and also '\?'"),
        ([{"question1": "a", "label": i} for i in (0, 1)], "Give `text_column_names`"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, rows: list[dict], message: str) -> None:
    path = write_csv(tmp_path, list(rows[0]), [[str(value) for value in row.values()] for row in rows])
    with pytest.raises(ValueError, match=message):
        loaded(path)


def test_other_splits_are_held_to_the_training_rows(tmp_path: Path) -> None:
    labels, scores = (write(tmp_path, name, questions(*x)) for name, x in (("l", (0, 1)), ("s", (0, 2, 5))))
    with pytest.raises(ValueError, match=r"test split has the value 2 in s.jsonl, line 2; it must be 0 or 1"):
        loaded(labels, test_file=scores)
    wider = write(tmp_path, "w", questions(0, 7))
    with pytest.raises(ValueError, match=r"7 in w.jsonl, line 2; it must be a number from 0 to 5; `score_range`"):
        loaded(scores, test_file=wider)
    one = write(tmp_path, "one", questions(0, 0))
    with pytest.raises(ValueError, match="is 0 in every row of the test split"):
        loaded(labels, test_file=one)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text_column_names": "a"}, "`text_column_names`='a' must be two columns"),
        ({"score_range": "5"}, "`score_range`='5' must be two numbers"),
        ({"score_range": "5,0"}, "`score_range`='5,0' must be two finite numbers, the lower one first"),
        ({"score_range": "0,inf"}, "finite"),
        ({"label_kind": "numbers"}, "`label_kind`='numbers' must be one of labels, scores, classes"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairDataArguments(train_file="train.csv", **arguments)


def test_arguments_that_do_not_fit_the_rows(tmp_path: Path) -> None:
    train = write(tmp_path, "train", questions(0, 1))
    with pytest.raises(ValueError, match="`score_range`='0,5': column `label` holds labels"):
        loaded(train, score_range="0,5")
    with pytest.raises(ValueError, match="`label_column_name`='question1' is also one of `text_column_names`"):
        loaded(train, label_column_name="question1", text_column_names="question1,question2")
    with pytest.raises(ValueError, match="`text_column_names`: there is no column 'nowhere'"):
        loaded(train, text_column_names="question1,nowhere")
    with pytest.raises(ValueError, match="`label_kind`='labels', but column `label` .* '0', '2', '5'"):
        loaded(write(tmp_path, "s", questions(0, 2, 5)), label_kind="labels")
    with pytest.raises(
        ValueError, match=r"pairs.xml' is XML, which is not read. Write it as csv .* text1, text2 and label"
    ):
        loaded(str(tmp_path / "pairs.xml"))
