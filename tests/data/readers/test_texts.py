"""Tests of hf_rnn/data/readers/texts.py."""

from __future__ import annotations

import json
import logging

import pytest
from datasets import ClassLabel, Dataset, List, Value
from transformers import HfArgumentParser

from hf_rnn.data.readers.texts import DataArguments, load_text_classification, load_texts


@pytest.fixture
def write(tmp_path):
    """write(name, rows) -> path of a jsonl file."""

    def write_rows(name, rows):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return str(path)

    return write_rows


def reviews(count, start=0):
    return [{"text": f"review {i}", "label": int(i >= start + count // 2)} for i in range(start, start + count)]


def load(train_file, problem_type=None, label2id=None, **arguments):
    data_arguments = DataArguments(train_file=train_file, **arguments)
    return load_text_classification(data_arguments, problem_type=problem_type, label2id=label2id)


def test_three_files_keep_their_order(write):
    data = load(write("a", reviews(10)), validation_file=write("b", reviews(4)), test_file=write("c", reviews(6)))
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 10, "validation": 4, "test": 6}
    assert data.splits["train"].to_list() == reviews(10)
    assert data.splits["train"].features == {"text": Value("string"), "label": ClassLabel(names=["0", "1"])}
    assert data.label_names == ["0", "1"]
    assert data.problem_type == "single_label_classification"
    assert data.dataset_name.endswith("a.jsonl")


def test_command_line_flags(write):
    (arguments,) = HfArgumentParser(DataArguments).parse_args_into_dataclasses(
        ["--train_file", write("a", reviews(10)), "--validation_split_percentage", "20", "--class_names", "no, yes"]
    )
    data = load_text_classification(arguments)
    assert len(data.splits["validation"]) == 2
    assert data.label_names == ["no", "yes"]


def test_text_columns(write):
    rows = [{"title": "T", "body": "B", "label": 0}, {"title": "t", "body": "b", "label": 1}]
    path = write("a", rows)
    assert load(path, text_column_names="title").splits["train"]["text"][:] == ["T", "t"]
    both = load(path, text_column_names="title, body", text_column_delimiter=" | ")
    assert both.splits["train"]["text"][:] == ["T | B", "t | b"]
    assert both.splits["train"].column_names == ["text", "label"]
    found = load(write("b", [{"review": "R", "title": "T", "label": i} for i in range(2)]))
    assert found.splits["train"]["text"][:] == ["R", "R"]


def test_other_kinds_of_labels(write):
    multi = load(write("a", [{"text": "x", "tags": ["b", "a"]}, {"text": "y", "tags": []}]), label_column_name="tags")
    assert multi.problem_type == "multi_label_classification"
    assert multi.splits["train"].features["label"] == List(Value("float32"))
    assert multi.splits["train"]["label"][:] == [[1.0, 1.0], [0.0, 0.0]]
    scores = load(write("b", [{"text": "x", "label": 0.5}, {"text": "y", "label": 2.0}]))
    assert (scores.problem_type, scores.label_names) == ("regression", None)
    assert scores.splits["train"].features["label"] == Value("float32")


def test_labels_of_a_trained_model(write):
    data = load(write("a", [{"text": "x", "label": "good"}]), label2id={"good": 0, "bad": 1})
    assert (data.label_names, data.splits["train"]["label"][:]) == (["good", "bad"], [0])


def test_held_out_rows_are_all_of_the_rows(write):
    path = write("a", reviews(50))
    data = load(path, validation_split_percentage=20, test_split_percentage=10)
    parts = {split: rows["text"][:] for split, rows in data.splits.items()}
    assert {split: len(texts) for split, texts in parts.items()} == {"train": 35, "validation": 10, "test": 5}
    assert sorted(sum(parts.values(), [])) == sorted(row["text"] for row in reviews(50))
    data = load(path, validation_split_size=7, test_file=write("b", reviews(3)))
    assert len(data.splits["validation"]) == 7
    assert data.splits["test"]["text"][:] == ["review 0", "review 1", "review 2"]


def test_labels_are_those_of_all_training_rows(write):
    """A class whose only row is held out is still in the label set."""
    rows = [{"text": "x", "label": str(i)} for i in range(20)]
    data = load(write("a", rows), validation_split_percentage=50, hold_out_by="random")
    assert len(data.label_names) == 20


def test_samples_are_random_and_in_row_order(write):
    files = {"validation_file": write("b", reviews(40)), "test_file": write("c", reviews(40))}
    data = load(write("a", reviews(40)), max_train_samples=20, max_eval_samples=10, max_predict_samples=100, **files)
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [20, 10, 40]
    positions = [int(text.split()[1]) for text in data.splits["train"]["text"]]
    assert positions == sorted(set(positions))
    assert set(data.splits["train"]["label"]) == {0, 1}, "the rows are sorted by class: the first 20 are of one class"


def test_texts_need_no_labels_and_leave_held_out_rows_out(write):
    path = write("a", [{"text": f"t{i}"} for i in range(10)])
    assert load_texts(DataArguments(train_file=path)) == [f"t{i}" for i in range(10)]
    assert len(load_texts(DataArguments(train_file=path, validation_split_size=4))) == 6
    arguments = DataArguments(train_file=write("b", reviews(50)), hold_out_percentage=20)
    # As a training leaves them out, whose tokenizer these texts may be for.
    assert load_texts(arguments) == load_text_classification(arguments).splits["train"]["text"][:]


def test_local_dataset_folder(tmp_path, caplog):
    for split, start in (("train", 0), ("test", 10)):
        Dataset.from_list(reviews(10, start)).to_parquet(tmp_path / f"{split}-00000.parquet")
    arguments = DataArguments(dataset_name=str(tmp_path), validation_split_size=2)
    data = load_text_classification(arguments)
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 8, "validation": 2, "test": 10}
    assert data.splits["test"].to_list() == reviews(10, 10)
    assert data.dataset_name == str(tmp_path)


def test_hub_dataset(monkeypatch, caplog):
    """What `load_dataset` is asked for, and what becomes of splits that have no use here."""
    asked = []

    def load_dataset(name, config):
        asked.append((name, config))
        return {"train": Dataset.from_list(reviews(4)), "unsupervised": Dataset.from_list(reviews(4))}

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    with caplog.at_level(logging.WARNING):
        data = load_text_classification(DataArguments(dataset_name="stanfordnlp/imdb", dataset_config_name="plain"))
    assert asked == [("stanfordnlp/imdb", "plain")]
    assert list(data.splits) == ["train"]
    assert "unsupervised" in caplog.text
    monkeypatch.setattr("datasets.load_dataset", lambda name, config: {"test": Dataset.from_list(reviews(4))})
    with pytest.raises(ValueError, match="has no split named 'train'; it has test"):
        load_text_classification(DataArguments(dataset_name="x"))
    monkeypatch.setattr("datasets.load_dataset", lambda name, config: {"train": Dataset.from_list([])})
    with pytest.raises(ValueError, match="The train split of `dataset_name`='x' has no rows"):
        load_text_classification(DataArguments(dataset_name="x"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Give `dataset_name` .* or `train_file`"),
        ({"validation_file": "a.csv"}, "Give `dataset_name` .* or `train_file`"),
        ({"problem_type": "binary"}, "`problem_type`='binary' must be one of single_label_classification, "),
        ({"dataset_name": "imdb", "train_file": "a.csv"}, "`dataset_name`='imdb' and `train_file` were both given"),
        ({"dataset_name": "imdb", "test_file": "a.csv"}, "`dataset_name`='imdb' and `test_file` were both given"),
        ({"validation_split_percentage": 0}, "`validation_split_percentage`=0 must be more than 0"),
        ({"validation_split_percentage": 100}, "`validation_split_percentage`=100 must be"),
        ({"test_split_percentage": -3.0}, "`test_split_percentage`=-3.0 must be"),
        ({"validation_split_percentage": 60, "test_split_percentage": 40}, "must sum to less than 100"),
        ({"validation_split_size": 0}, "`validation_split_size`=0 must be at least 1"),
        ({"max_train_samples": 0}, "`max_train_samples`=0 must be at least 1"),
        ({"max_eval_samples": -1}, "`max_eval_samples`=-1 must be at least 1"),
        ({"max_predict_samples": 0}, "`max_predict_samples`=0 must be at least 1"),
        ({"validation_split_size": 5, "validation_split_percentage": 5}, "were both given; give one"),
        ({"label_delimiter": ""}, "`label_delimiter` must not be empty"),
    ],
)
def test_bad_arguments(arguments, message):
    if arguments and not {"dataset_name", "validation_file"} & set(arguments):
        arguments = {"train_file": "a.csv", **arguments}
    with pytest.raises(ValueError, match=message):
        DataArguments(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_column_name": "stars"}, "`label_column_name`: .*'stars' in the train split; .* 'text' .*'label'"),
        ({"text_column_names": "body"}, "`text_column_names`: .*'body' in the train split; .* 'text' .*'label'"),
        ({"text_column_names": "text,"}, "`text_column_names`='text,' must be different, non-empty names"),
        (
            {"text_column_names": "text,label", "label_column_name": "label"},
            "`label_column_name`='label' is also one of `text_column_names`",
        ),
        ({"class_names": "a,a"}, "`class_names`='a,a' must be different"),
        ({"class_names": "a,b,"}, "`class_names`='a,b,' must be different, non-empty"),
        ({"validation_split_percentage": 1}, "`validation_split_percentage`=1 of 10 rows is no row at all"),
        ({"validation_split_size": 10}, "Holding out 10 rows .* leaves none of the 10 training rows"),
        ({"validation_split_size": 9, "test_split_percentage": 10}, "Holding out 9 rows .* and 1 for test"),
    ],
)
def test_bad_requests(write, arguments, message):
    with pytest.raises(ValueError, match=message):
        load(write("a", reviews(10)), **arguments)


def test_a_split_given_and_held_out(write):
    a, b = write("a", reviews(10)), write("b", reviews(10))
    with pytest.raises(ValueError, match="A validation split was given and another is to be held out"):
        load(a, validation_file=b, validation_split_size=2)
    with pytest.raises(ValueError, match="A test split was given"):
        load(a, test_file=b, test_split_percentage=20)


def test_columns_of_every_split_are_checked(write):
    a, b = write("a", reviews(10)), write("b", [{"sentence": "x", "label": 0}])
    with pytest.raises(ValueError, match="no column 'text' in the validation split; its columns are 'sentence'"):
        load(a, validation_file=b)
    c = write("c", [{"text": "x"}])
    with pytest.raises(ValueError, match="no column 'label' in the test split; its columns are 'text'"):
        load(a, test_file=c)


def test_of_two_usual_columns_the_more_usual_one_is_read_and_the_other_is_named(write, caplog):
    rows = [{"title": f"t {i}", "body": f"b {i}", "stars": 1, "category": "ab"[i % 2]} for i in range(4)]
    data = load(write("a", rows))
    assert data.splits["train"]["text"][:] == ["b 0", "b 1", "b 2", "b 3"]
    assert data.label_names == ["a", "b"]
    assert "Texts are read from 'body', labels from 'category' (--text_column_names and --label" in caplog.text
    assert "not read, though they have usual names: 'title'" in caplog.text


def test_columns_called_text_and_label_are_not_spoken_of(write, caplog):
    load(write("a", reviews(4)))
    load(write("b", [{"t": f"x y {i}", "l": i} for i in range(2)]), text_column_names="t", label_column_name="l")
    assert caplog.text == ""


def test_what_no_column_looks_like_is_asked_for_with_a_value_of_each(write):
    with pytest.raises(ValueError, match=r"Give `text_column_names`: in the train .* columns are 'n' \(0\), 'label'"):
        load(write("a", [{"n": i, "label": i} for i in range(2)]))
    with pytest.raises(ValueError, match=r"Give `label_column_name`: .* no column looks like the labels, .* \('x'\)"):
        load(write("b", [{"text": "x"}] * 2))
    rows = [{"text": f"x {i}", "p": "ab"[i % 2], "q": "cd"[i % 2]} for i in range(8)]
    with pytest.raises(
        ValueError, match="Give `label_column_name`: in the train split 'p', 'q' may all be the labels"
    ):
        load(write("c", rows))


def test_rows_without_a_text_or_a_label_are_dropped_and_counted(write, caplog):
    rows = [*reviews(4), {"text": None, "label": 1}, {"text": "x", "label": None}, {"text": " \n", "label": 0}]
    data = load(write("a", rows))
    assert data.splits["train"].to_list() == reviews(4)
    assert "3 of 7 train rows are left out: 2 without a text, 1 without a label (the first: " in caplog.text
    assert "--empty_rows refuse" in caplog.text
    with pytest.raises(ValueError, match=r"The train split: .* has no text \(3 of 7 rows lack something\)"):
        load(write("a", rows), empty_rows="refuse")
    with pytest.raises(ValueError, match="The train split has no row that can be read"):
        load(write("b", [{"text": "", "label": 1}] * 2))


def test_a_text_that_is_none_is_named(tmp_path):
    rows = Dataset.from_list([{"text": 7, "label": i} for i in range(2)])
    rows.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"Give `text_column_names`: .* its columns are 'text' \(7\), 'label'"):
        load(str(tmp_path / "a.parquet"))
    with pytest.raises(ValueError, match=r"Column `text` of the train split has 7, which is no text, in "):
        load(str(tmp_path / "a.parquet"), text_column_names="text")


def test_several_text_columns_are_joined_without_those_that_are_empty(write):
    rows = [{"a": "A", "b": None, "label": 0}, {"a": "A", "b": "B", "label": 1}, {"a": "", "b": "B", "label": 1}]
    data = load(write("a", rows), text_column_names="a,b", text_column_delimiter=" | ")
    assert data.splits["train"]["text"][:] == ["A", "A | B", "B"]


def test_one_column_a_label(write, caplog):
    rows = [{"text": f"x {i}", "toxic": i % 2, "threat": int(i == 3), "insult": int(i > 1)} for i in range(4)]
    expected = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]]
    found = load(write("a", rows))
    assert (found.problem_type, found.label_names) == ("multi_label_classification", ["toxic", "threat", "insult"])
    assert found.splits["train"]["label"][:] == expected
    assert "labels from 'toxic', 'threat', 'insult', of a label or a number each" in caplog.text
    named = load(write("a", rows), label_column_name="insult,toxic")
    assert named.label_names == ["insult", "toxic"]
    assert named.splits["train"]["label"][:] == [[row[2], row[0]] for row in expected]
    with pytest.raises(ValueError, match=r"`label_column_name`: there is no column 'obscene'"):
        load(write("a", rows), label_column_name="toxic,obscene")
    with pytest.raises(
        ValueError, match=r"has the value \['2', '0', '0'\] in .*; it must be 3 values, 0 or 1 for each"
    ):
        load(write("b", [*rows, {**rows[0], "toxic": 2}]), label_column_name="toxic,threat,insult")
    exclusive = write("c", [{"text": "x", "good": int(i == 0), "bad": int(i > 0)} for i in range(3)])
    classes = load(exclusive, label_column_name="good,bad", problem_type="single_label_classification")
    assert [classes.label_names[label] for label in classes.splits["train"]["label"]] == ["good", "bad", "bad"]


def test_a_test_file_without_labels(write, caplog):
    unlabelled = write("b", [{"text": "x"}, {"text": "y"}])
    data = load_text_classification(
        DataArguments(train_file=write("a", reviews(4)), test_file=unlabelled), needs_test_labels=False
    )
    assert data.splits["test"].to_list() == [{"text": "x"}, {"text": "y"}]
    assert data.splits["train"].to_list() == reviews(4)
    assert "The test split has no labels" in caplog.text
    alone = DataArguments(test_file=unlabelled)
    data = load_text_classification(alone, label2id={"n": 0, "p": 1}, needs_training=False, needs_test_labels=False)
    assert (data.label_names, data.splits["test"]["text"][:]) == (["n", "p"], ["x", "y"])
    with pytest.raises(ValueError, match="Give `dataset_name` .* or `train_file`"):
        load_text_classification(alone)
    with pytest.raises(ValueError, match="Give `label_column_name`"):
        load_text_classification(alone, needs_training=False)


def test_a_model_s_map_is_kept_where_it_has_the_labels_and_gives_way_where_it_has_not(write):
    path = write("a", [{"text": "x", "label": name} for name in ("bad", "good")])
    kept = load_text_classification(
        DataArguments(train_file=path), label2id={"good": 0, "bad": 1, "fair": 2}, keep_labels=False
    )
    assert kept.label_names == ["good", "bad", "fair"]
    own = load_text_classification(DataArguments(train_file=path), label2id={"good": 0, "x": 1}, keep_labels=False)
    assert own.label_names == ["bad", "good"]
    with pytest.raises(ValueError, match="value 'bad' in .* one of 'good', 'x', the labels that are learnt"):
        load(path, label2id={"good": 0, "x": 1})


def test_unseen_label_in_the_test_file(write):
    with pytest.raises(
        ValueError, match=r"`label` of the test split has the value 5 in b.jsonl, line 2.*one of '0', '1', .*: '5' × 1"
    ):
        load(write("a", reviews(4)), test_file=write("b", [*reviews(1), {"text": "x", "label": 5}]))


@pytest.mark.corpus
def test_imdb(corpora):
    data = load(
        "${HF_RNN_CORPORA}/imdb/train.parquet",
        test_file="${HF_RNN_CORPORA}/imdb/test.parquet",
        validation_split_size=5000,
        hold_out_by="random",
        class_names="negative,positive",
    )
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 20_000,
        "validation": 5_000,
        "test": 25_000,
    }
    expected = Dataset.from_parquet(str(corpora / "imdb" / "train.parquet")).shuffle(seed=42)["text"][-5000:]
    assert data.splits["validation"]["text"][:] == expected
