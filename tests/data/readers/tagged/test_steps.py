"""Numbers and several labels a token: what they are taken for, how they are read, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.data.batches.collator import PaddingCollator
from hf_rnn.data.batches.steps import NO_TARGET, token_outputs, tokenize_steps
from hf_rnn.data.readers.sentences import TokenDataArguments, load_token_classification, load_token_targets
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces


REGRESSION, MULTI = "regression", "multi_label_classification"
TOKENS = [["Ana", "sings"], ["loudly"], ["Ana", "sings", "loudly", "!"]]


def load(folder: Path, labels: list[Any], **options: Any) -> Any:
    """The data of a file of `TOKENS` with `labels`."""
    path = folder / "steps.jsonl"
    rows = zip(TOKENS, labels, strict=False)
    path.write_text("".join(json.dumps({"tokens": words, "labels": each}) + "\n" for words, each in rows))
    known = {name: options.pop(name) for name in ("label2id",) if name in options}
    return load_token_targets(TokenDataArguments(train_file=str(path), **options), problem_type=None, **known)


def targets(data: Any) -> list[Any]:
    """The targets of training, None for NaN."""
    read = data.splits["train"]["targets"][:]
    return [[[None if math.isnan(value) else round(value, 4) for value in token] for token in row] for row in read]


def test_decimals_are_numbers(tmp_path: Path):
    data = load(tmp_path, [[0.5, None], [-100], [1, 2, 3, 4]])
    assert (data.problem_type, data.label_names) == (REGRESSION, ["score"])
    assert targets(data) == [[[0.5], [None]], [[-100.0]], [[1.0], [2.0], [3.0], [4.0]]]


def test_lists_of_numbers_are_several_outputs(tmp_path: Path):
    data = load(tmp_path, [[[0.5, 2], None], [[1, None]]], class_names="loud,long")
    assert (data.problem_type, data.label_names) == (REGRESSION, ["loud", "long"])
    assert targets(data) == [[[0.5, 2.0], [None, None]], [[1.0, None]]]


def test_lists_of_names_are_several_labels(tmp_path: Path):
    data = load(tmp_path, [[["x"], []], [None], [["y", "x"], ["z"], [], []]])
    assert (data.problem_type, data.label_names) == (MULTI, ["x", "y", "z"])
    assert targets(data)[:2] == [[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[None] * 3]]
    marks = load(tmp_path, [[[1, 0], [0, 0]], [[1, 1]]], class_names="C,G")
    assert (marks.problem_type, marks.label_names, targets(marks)[1]) == (MULTI, ["C", "G"], [[1.0, 1.0]])


def test_numbers_of_classes_stay_tags_unless_the_flag_says_otherwise(tmp_path: Path):
    whole = [[0, 1], [2], [0, 1, 2, 0]]
    assert not hasattr(load(tmp_path, whole), "problem_type")
    assert load(tmp_path, whole, problem_type=REGRESSION).problem_type == REGRESSION
    (tmp_path / "levels.conll").write_text("Ana 0.5\nsings -1\n\nloudly 2\n\n")
    arguments = TokenDataArguments(train_file=str(tmp_path / "levels.conll"), problem_type=REGRESSION)
    assert targets(load_token_targets(arguments)) == [[[0.5], [-1.0]], [[2.0]]]


@pytest.mark.parametrize(
    "labels, options, message",
    [
        ([[0.5]], {}, r"Column `labels` of the train split.*: 1 targets for 2 tokens"),
        ([[0.5, math.inf]], {}, "position 1: the target is inf; it must be a finite number, or null"),
        ([[[0.5, 1.5], [1.5]]], {}, r"the target is \[1.5\]; it must be a list of 2 finite numbers"),
        (
            [[["x"], ["y"]], [["w"]]],
            {"class_names": "x,y"},
            r"the target is \['w'\]; it must be a list of labels among",
        ),
        ([[["x"], []]], {}, r"has the labels \['x'\]; several labels a token need two"),
        ([[0.5, None]], {"problem_type": "ranking"}, "`problem_type`='ranking' must be one of"),
        ([[None, None]], {"problem_type": REGRESSION}, "has no target at all"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, labels: list[Any], options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, labels, **options)


def test_where_tags_are_wanted_numbers_are_refused(tmp_path: Path):
    load(tmp_path, [[0.5, 1.5]])
    with pytest.raises(ValueError, match="`problem_type`='regression' was given or found"):
        load_token_classification(TokenDataArguments(train_file=str(tmp_path / "steps.jsonl")))


def test_the_first_piece_of_a_token_has_its_targets_and_padding_has_none(tmp_path: Path):
    data = load(tmp_path, [[0.5, None], [-100], [1, 2, 3, 4]])
    tokenizer = train_word_pieces([["a"]], vocab_size=300, show_progress=False)
    tokenized = tokenize_steps(data.splits["train"], tokenizer, max_length=None, progress=False)
    # Nothing was learnt but "a", so that every other word has several pieces.
    assert tokenized["length"][0] > 2
    for tokens, labels, wanted in zip(tokenized["token"], tokenized["labels"], targets(data), strict=True):
        for token, label in zip(tokens, labels, strict=True):
            value = None if math.isnan(label[0]) else label[0]
            assert value == (None if token < 0 else wanted[token][0])
    rows = tokenized.select_columns(["input_ids", "labels"])
    for side in ("right", "left"):
        tokenizer.padding_side = side
        batch = PaddingCollator(tokenizer, label_padding=NO_TARGET)([rows[index] for index in range(len(rows))])
        assert batch["labels"].shape == (*batch["input_ids"].shape, 1)
        assert batch["labels"][batch["attention_mask"] == 0].isnan().all()
        kept = [value for row in tokenized["labels"] for (value,) in row]
        assert batch["labels"][batch["attention_mask"] == 1][:, 0].tolist() == pytest.approx(kept, nan_ok=True)
    outputs = [[[float(place)] for place in range(length)] for length in tokenized["length"]]
    found = token_outputs(outputs, tokenized, [len(words) for words in TOKENS])
    first = [
        [tokens.index(word) for word in range(len(words))]
        for tokens, words in zip(tokenized["token"], TOKENS, strict=True)
    ]
    assert [each[:, 0].tolist() for each in found] == first
