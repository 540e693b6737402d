"""Tests of hf_rnn/data/readers/sentences.py."""

from __future__ import annotations

import json
import logging

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from transformers import HfArgumentParser

from hf_rnn.data.readers.sentences import TokenDataArguments, load_sentences, load_token_classification


ROWS = [
    {"tokens": ["EU", "rejects", "German", "call"], "ner_tags": ["B-ORG", "O", "B-MISC", "O"]},
    {"tokens": [], "ner_tags": []},
    {"tokens": ["Peter", "Blackburn"], "ner_tags": ["B-PER", "I-PER"]},
]
LABEL_NAMES = ["O", "B-MISC", "I-MISC", "B-ORG", "I-ORG", "B-PER", "I-PER"]


@pytest.fixture
def write(tmp_path):
    """write(name, rows) -> path of a jsonl file."""

    def write_rows(name, rows):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return str(path)

    return write_rows


def row(tokens, tags):
    return {"tokens": tokens.split(), "ner_tags": tags.split() if isinstance(tags, str) else tags}


def load(train_file, label2id=None, **arguments):
    return load_token_classification(TokenDataArguments(train_file=train_file, **arguments), label2id=label2id)


def named(data, split="train"):
    """The tags of a split by name."""
    return [[data.label_names[index] for index in tags] for tags in data.splits[split]["tags"]]


def test_sentences_and_tags(write):
    path = write("a", ROWS)
    data = load(path, test_file=write("b", [row("in Bonn", "O I-PER")]), invalid_tags="keep")
    assert data.label_names == LABEL_NAMES
    assert data.is_entities and data.dataset_name == path
    assert data.splits["train"].features == {
        "tokens": List(Value("string")),
        "tags": List(ClassLabel(names=LABEL_NAMES)),
    }
    assert data.splits["train"].to_list() == [
        {"tokens": ROWS[0]["tokens"], "tags": [3, 0, 1, 0]},
        {"tokens": [], "tags": []},
        {"tokens": ROWS[2]["tokens"], "tags": [5, 6]},
    ]
    assert data.splits["test"]["tags"][:] == [[0, 6]]


def test_command_line_flags_and_held_out_rows(write):
    path = write("a", [row(f"t{i}", "O" if i else "B-X") for i in range(20)])
    (arguments,) = HfArgumentParser(TokenDataArguments).parse_args_into_dataclasses(
        [
            *("--train_file", path, "--validation_split_percentage", "20", "--max_train_samples", "5"),
            *("--tag_scheme", "iob2", "--invalid_tags", "refuse"),
        ]
    )
    data = load_token_classification(arguments)
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 5, "validation": 4}
    assert data.label_names == ["O", "B-X", "I-X"], "of all training rows, held out or not"


def test_columns(write):
    words = [{"id": ["1"], "tags": ["B-X"], "words": ["a"], "pos_tags": ["NN"]}]
    words.append({"id": ["2"], "tags": ["O"], "words": ["b"], "pos_tags": ["VB"]})
    path = write("a", words)
    assert (load(path).splits["train"]["tokens"][:], load(path).label_names) == ([["a"], ["b"]], ["O", "B-X", "I-X"])
    pos = load(path, task_name="pos", text_column_name="id")
    assert (pos.splits["train"]["tokens"][:], pos.label_names) == ([["1"], ["2"]], ["NN", "VB"])
    assert load(path, label_column_name="pos_tags").label_names == ["NN", "VB"]
    first = [{"labels": ["B-X", "O"], "n": 1, "form": ["a", "b"], "lemma": ["c", "d"]}]
    assert load(write("b", first)).splits["train"]["tokens"][:] == [["a", "b"]]


@pytest.mark.parametrize("extension", [".conll", ".TXT", ".iob", ".bio"])
def test_column_files(tmp_path, extension):
    path = tmp_path / f"x{extension}"
    path.write_text("-DOCSTART- O\n\nEU I-ORG\nand O\n\nUS I-LOC\nUK B-LOC\n", encoding="utf-8")
    data = load(str(path))
    assert data.splits["train"]["tokens"][:] == [["EU", "and"], ["US", "UK"]]
    assert named(data) == [["B-ORG", "O"], ["B-LOC", "B-LOC"]]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", "O I-PER I-PER B-PER O I-LOC"),
        ("iob2", "O B-PER I-PER B-PER O B-LOC"),
        ("bioes", "O B-PER E-PER S-PER O S-LOC"),
    ],
)
def test_every_scheme_becomes_iob2(write, caplog, scheme, tags):
    path = write("a", [row("a b c d e f", tags)])
    for asked in (None, scheme):
        caplog.clear()
        data = load(path, tag_scheme=asked, invalid_tags="refuse")
        assert data.label_names == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
        assert named(data) == ["O B-PER I-PER B-PER O B-LOC".split()]
        # What was found is said, what was asked for, or needs no conversion, is not.
        said = f"are read as {scheme.upper()} and become IOB2, such as 'B-PER'; --tag_scheme names another"
        assert (said in caplog.text) == (len(caplog.records) == 1) == (asked is None and scheme != "iob2")


def test_integer_tags(tmp_path, write):
    names = ["O", "S-PER", "B-PER", "I-PER", "E-PER", "S-LOC"]
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))})
    rows = [{"tokens": ["a", "b", "c"], "ner_tags": [2, 4, 5]}, {"tokens": ["d"], "ner_tags": [0]}]
    DatasetDict(train=Dataset.from_list(rows, features=features)).save_to_disk(tmp_path / "saved")
    data = load_token_classification(TokenDataArguments(dataset_name=str(tmp_path / "saved")))
    assert named(data) == [["B-PER", "I-PER", "B-LOC"], ["O"]]
    assert data.label_names == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    path = write("a", rows)
    assert load(path, class_names=",".join(names)).splits["train"].to_list() == data.splits["train"].to_list()
    numbers = load(write("b", [row("a b c", [10, 2, 2])]))
    assert (numbers.label_names, numbers.is_entities, named(numbers)) == (["2", "10"], False, [["10", "2", "2"]])


def test_hub_dataset(monkeypatch):
    features = Features({"tokens": List(Value("string")), "pos_tags": List(ClassLabel(names=["VB", "NN", "UH"]))})
    split = Dataset.from_dict({"tokens": [["a", "b"]], "pos_tags": [[1, 0]]}, features=features)
    monkeypatch.setattr("datasets.load_dataset", lambda name, config: DatasetDict(train=split, test=split))
    data = load_token_classification(TokenDataArguments(dataset_name="some/corpus", task_name="pos"))
    assert (data.label_names, data.is_entities, data.dataset_name) == (["VB", "NN", "UH"], False, "some/corpus")
    assert data.splits["test"]["tags"][:] == [[1, 0]]


def test_invalid_tags(write, caplog):
    files = {"train_file": write("a", [row("a b c d", "O I-X B-X I-Y")]), "test_file": write("b", [row("a", "I-Y")])}
    files["tag_scheme"] = "iob2"
    assert load(**files, invalid_tags="keep").splits["train"]["tags"][:] == [[0, 2, 1, 4]]
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        data = load(**files)
    assert [record.getMessage() for record in caplog.records] == [
        "Made B- of 3 tags I- without a B- before them (`invalid_tags`='repair')."
    ]
    assert (named(data), named(data, "test")) == ([["O", "B-X", "B-X", "B-Y"]], [["B-Y"]])
    message = r"Column `ner_tags` of the train split, a.jsonl, line 1: the tag 'I-X' at position 1"
    with pytest.raises(ValueError, match=message):
        load(**files, invalid_tags="refuse")


def test_tags_that_training_lacks_are_kept_and_said(write, caplog):
    files = {
        "validation_file": write("b", [row("a b c", "B-XY I-XY B-PER")]),
        "test_file": write("c", [row("a", "B-Z")]),
    }
    data = load(write("a", ROWS), **files)
    assert data.label_names == LABEL_NAMES and data.unknown_names == ("B-XY", "I-XY", "B-Z")
    assert data.tag_names == [*LABEL_NAMES, "B-XY", "I-XY", "B-Z"]
    tags = {
        split: [[data.tag_names[tag] for tag in row] for row in data.splits[split]["tags"]] for split in data.splits
    }
    assert (tags["validation"], tags["test"]) == ([["B-XY", "I-XY", "B-PER"]], [["B-Z"]])
    assert [record.getMessage() for record in caplog.records] == [
        "2 tokens of the validation split have a tag that the model cannot know, and count as its errors: 'B-XY', "
        "'I-XY'. The first: Column `ner_tags` of the validation split, b.jsonl, line 1, position 0.",
        "1 tokens of the test split have a tag that the model cannot know, and count as its errors: 'B-Z'. The first: "
        "Column `ner_tags` of the test split, c.jsonl, line 1, position 0.",
        "No validation row has 3 of the 4 labels: 'MISC', 'O', 'ORG'. The figures do not tell how well these are "
        "recognised; more validation rows would (--hold_out_percentage, --validation_file).",
    ]
    with pytest.raises(ValueError, match="the tag is 'B-XY'; it must be one of"):
        load(write("d", ROWS), **files, class_names=",".join(LABEL_NAMES))


def test_a_trained_model_has_a_new_head_for_other_tags(write, caplog):
    label2id = {"O": 0, "B-PER": 1, "I-PER": 2}
    path = write("a", [row("a b", "B-GPE O")])
    data = load_token_classification(TokenDataArguments(train_file=path), label2id=label2id, new_head=True)
    assert data.label_names == ["O", "B-GPE", "I-GPE"] and data.unknown_names == ()
    assert "without 'B-GPE': it has a new head for the 3 labels of the data" in caplog.text
    caplog.clear()
    known = TokenDataArguments(train_file=write("b", [row("a b", "B-PER O")]))
    assert load_token_classification(known, label2id=label2id, new_head=True).label_names == list(label2id)
    assert not caplog.records


def test_labels_of_a_trained_model(write):
    label2id = {"B-PER": 0, "I-PER": 1, "O": 2, "B-GPE": 3}
    data = load(write("a", [row("a b", "B-PER O")]), label2id=label2id)
    assert (data.label_names, data.splits["train"]["tags"][:]) == (list(label2id), [[0, 2]])
    with pytest.raises(
        ValueError, match="position 0: the tag is 'B-X'; it must be one of 'B-PER', 'I-PER', 'O', 'B-G"
    ):
        load(write("b", [row("a b", "B-X O")]), label2id=label2id)
    with pytest.raises(ValueError, match="`label2id` must be of IOB2 tags.* it has 'O', 'S-PER'"):
        load(write("c", [row("a b", "B-PER O")]), label2id={"O": 0, "S-PER": 1})


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("O NN", r"the test split, b.jsonl, line 2, position 1: not tagged by `tag_scheme` iob2: The tag 'NN'"),
        ("O", r"`ner_tags` of the test split, b.jsonl, line 2: 1 tags for 2 tokens"),
        ("O O O", r"`ner_tags` of the test split, b.jsonl, line 2: 3 tags for 2 tokens"),
        (["O", None], r"b.jsonl, line 2, position 1: the tag is None; it must be a string"),
        (["O", ""], r"b.jsonl, line 2, position 1: the tag is ''; it must be a string"),
        (None, r"`ner_tags` of the test split, b.jsonl, line 2: expected a list, found None"),
    ],
)
def test_bad_tags(write, tags, message):
    with pytest.raises(ValueError, match=message):
        load(write("a", ROWS), test_file=write("b", [ROWS[0], row("a b", tags)]))


@pytest.mark.parametrize("token", [None, "", " ", "\xa0", "\u2028\t"])
def test_tokens_of_nothing(write, token):
    bad = {"tokens": ["a", token], "ner_tags": ["O", "O"]}
    with pytest.raises(ValueError, match=r"`tokens` of the validation split, b.jsonl, line 2, position 1: the token"):
        load(write("a", ROWS), validation_file=write("b", [ROWS[0], bad]))


def test_tokens_that_are_no_strings(write):
    with pytest.raises(ValueError, match="a.jsonl, line 1, position 0: the token is 7"):
        load(write("a", [{"tokens": [7], "ner_tags": ["O"]}]))
    with pytest.raises(ValueError, match=r"`tokens` of the train split, b.jsonl, line 1: expected a list, found 7"):
        load(write("b", [{"tokens": 7, "ner_tags": ["O"]}]))
    with pytest.raises(ValueError, match=r"`ner_tags` of the train split, c.jsonl, line 1: 1 tags for 2 tokens"):
        load(write("c", [{"tokens": "a b", "ner_tags": ["O"]}]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_column_name": "pos"}, "`label_column_name`: there is no column 'pos' in the train split"),
        ({"text_column_name": "words"}, "`text_column_name`: there is no column 'words' in the train split"),
        ({"text_column_name": "ner_tags"}, "`text_column_name`='ner_tags' is also the column of the tags"),
        ({"task_name": "pos"}, "Give `label_column_name`: .* no column pos_tags or tags or labels; .* 'tokens'"),
        ({"class_names": "O,B-PER"}, "position 0: the tag is 'B-ORG'; it must be one of 'O', 'B-PER'"),
        ({"class_names": "O,O"}, "`class_names`='O,O' must be different"),
        (
            {"class_names": "O,B-ORG,I-PER,B-PER,B-MISC,X"},
            "`class_names`, or the class labels of .*: The tag 'X' is no",
        ),
        ({"tag_scheme": "biox"}, "`tag_scheme`='biox' must be one of None, 'iob1', .*'bilou', 'bmes', 'none'"),
        (
            {"tag_column": "1", "label_column_name": "x"},
            "`tag_column`='1' and `label_column_name`='x' were both given",
        ),
        ({"invalid_tags": "drop"}, "`invalid_tags`='drop' must be one of 'keep', 'repair', 'refuse'"),
        ({"validation_split_percentage": 0}, "`validation_split_percentage`=0 must be more than 0"),
    ],
)
def test_bad_requests(write, arguments, message):
    with pytest.raises(ValueError, match=message):
        load(write("a", ROWS), **arguments)


def test_nothing_to_learn(write):
    with pytest.raises(ValueError, match=r"Column `ner_tags` of the train split holds the tag 'O' alone"):
        load(write("a", [row("a b", "O O")]))
    with pytest.raises(
        ValueError, match="Give `text_column_name`: .* no column of lists of strings besides 'ner_tags'"
    ):
        load(write("b", [{"n": 1, "ner_tags": ["B-X"]}]))


def test_sentences_without_tags(write, tmp_path):
    sentences = [row["tokens"] for row in ROWS]
    assert load_sentences(TokenDataArguments(train_file=write("a", ROWS))) == sentences
    bare = write("b", [{"ner_tags": ["?"] * 9, "said": tokens} for tokens in sentences])
    assert load_sentences(TokenDataArguments(train_file=bare)) == sentences
    (tmp_path / "c.conll").write_text("EU\nrejects\n\nPeter\n", encoding="utf-8")
    columns = TokenDataArguments(train_file=str(tmp_path / "c.conll"), max_train_samples=5)
    assert load_sentences(columns) == [["EU", "rejects"], ["Peter"]]
    with pytest.raises(ValueError, match="has no column of lists of strings; its columns are 'text'"):
        load_sentences(TokenDataArguments(train_file=write("d", [{"text": "EU rejects"}])))


@pytest.mark.corpus
def test_conll2003(corpora, caplog):
    files = {
        f"{split}_file": f"${{HF_RNN_CORPORA}}/conll2003/{split}.parquet" for split in ("train", "validation", "test")
    }
    data = load(**files)
    assert data.label_names == ["O"] + [f"{p}-{t}" for t in ("LOC", "MISC", "ORG", "PER") for p in "BI"]
    begins = {
        split: sum(data.label_names[tag].startswith("B-") for tags in rows["tags"] for tag in tags)
        for split, rows in data.splits.items()
    }
    assert begins == {"train": 23_499, "validation": 5_942, "test": 5_648}, "the entities of the shared task"
    assert not caplog.records
