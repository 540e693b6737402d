"""Tests of hf_rnn/data/batches/texts.py, and of the stock collator on what it writes."""

from __future__ import annotations

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from tokenizers.processors import TemplateProcessing
from transformers import DataCollatorWithPadding

from hf_rnn.data.batches.texts import tokenize_dataset, truncate
from hf_rnn.data.tokenizers.training import train_tokenizer


WORDS = " ".join("abcdefghij")


@pytest.fixture
def tokenizer():
    """Ids: [PAD] 0, [UNK] 1, a 2, b 3, ... j 11."""
    return train_tokenizer([WORDS], min_frequency=1, show_progress=False)


@pytest.fixture
def bert_like():
    """The same, with [CLS] in front of every text and [SEP] behind it."""
    tokenizer = train_tokenizer([WORDS], min_frequency=1, show_progress=False)
    tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]"})
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", tokenizer.cls_token_id), ("[SEP]", tokenizer.sep_token_id)]
    )
    return tokenizer


@pytest.mark.parametrize(
    ("max_length", "side", "expected"),
    [
        (None, "head", list(range(10))),
        (10, "tail", list(range(10))),
        (100, "head_tail", list(range(10))),
        (4, "head", [0, 1, 2, 3]),
        (4, "tail", [6, 7, 8, 9]),
        (4, "head_tail", [0, 7, 8, 9]),
        (9, "head_tail", [0, 1, 3, 4, 5, 6, 7, 8, 9]),
        (1, "head", [0]),
        (1, "tail", [9]),
        (1, "head_tail", [9]),
    ],
)
def test_truncate(max_length, side, expected):
    assert truncate(list(range(10)), max_length, side) == expected
    assert truncate([], max_length, side) == []


def test_head_tail_is_close_to_the_paper():
    kept = truncate(list(range(1000)), 510, "head_tail")
    assert len(kept) == 510
    assert kept[:127] == list(range(127)) and kept[127:] == list(range(617, 1000))


@pytest.mark.parametrize(
    ("max_length", "side", "message"),
    [(0, "head", "`max_length`=0 must be at least 1"), (3, "left", "`side`='left' must be one of 'head', 'tail'")],
)
def test_truncate_bad_arguments(max_length, side, message):
    with pytest.raises(ValueError, match=message):
        truncate([], max_length, side)


@pytest.mark.parametrize(("side", "expected"), [("head", [2, 3]), ("tail", [10, 11]), ("head_tail", [10, 11])])
def test_tokenize_dataset(tokenizer, side, expected):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["n", "p"]), "id": Value("int64")})
    rows = {"text": [WORDS, "b", "", "zzz"], "label": [1, 0, 1, 0], "id": [1, 2, 3, 4]}
    data = tokenize_dataset(Dataset.from_dict(rows, features=features), tokenizer, max_length=2, side=side)
    assert set(data.column_names) == {"input_ids", "length", "labels"}
    assert data["input_ids"][:] == [expected, [3], [], [1]]
    assert data["length"][:] == [2, 1, 0, 1]
    assert data["labels"][:] == [1, 0, 1, 0]
    assert data.features["labels"] == features["label"]


def test_without_limit_labels_or_rows(tokenizer):
    data = Dataset.from_dict({"text": [WORDS * 100]})
    assert tokenize_dataset(data, tokenizer)["length"][:] == [901]
    assert tokenize_dataset(data, tokenizer).column_names == ["input_ids", "length"]
    assert tokenize_dataset(data, tokenizer, num_proc=1)["length"][:] == [901]


@pytest.mark.parametrize(("side", "inner"), [("head", "a b c d"), ("tail", "g h i j"), ("head_tail", "a h i j")])
def test_special_tokens_are_kept(bert_like, side, inner):
    texts = [WORDS, "", "a b c d"]
    data = tokenize_dataset(Dataset.from_dict({"text": texts}), bert_like, max_length=6, side=side)
    words = [" ".join(bert_like.convert_ids_to_tokens(ids)) for ids in data["input_ids"]]
    assert words == [f"[CLS] {inner} [SEP]", "[CLS] [SEP]", "[CLS] a b c d [SEP]"]


def test_tokenize_dataset_bad_arguments(tokenizer, bert_like):
    data = Dataset.from_dict({"text": ["a"]})
    with pytest.raises(ValueError, match=r"`max_length`=2 must be at least 3.* adds 2 special tokens"):
        tokenize_dataset(data, bert_like, max_length=2)
    with pytest.raises(ValueError, match="`max_length`=0 must be at least 1"):
        tokenize_dataset(data, tokenizer, max_length=0)
    with pytest.raises(ValueError, match="`side`='right' must be one of"):
        tokenize_dataset(data, tokenizer, side="right")
    with pytest.raises(ValueError, match=r"no column 'text'; its columns are \['review'\]"):
        tokenize_dataset(Dataset.from_dict({"review": ["a"]}), tokenizer)


@pytest.mark.parametrize(
    ("feature", "labels", "dtype"),
    [
        (ClassLabel(names=["n", "p"]), [1, 0, 1], torch.int64),
        (Value("float32"), [0.5, 1.0, 2.0], torch.float32),
        (List(Value("float32")), [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]], torch.float32),
    ],
)
def test_the_stock_collator_pads_empty_texts(tokenizer, feature, labels, dtype):
    """No collator of our own is needed: transformers' pads empty lists and types the labels."""
    features = Features({"text": Value("string"), "label": feature})
    data = Dataset.from_dict({"text": ["", "a b", "c"], "label": labels}, features=features)
    rows = tokenize_dataset(data, tokenizer).to_list()
    batch = DataCollatorWithPadding(tokenizer)(rows)
    assert batch["input_ids"].tolist() == [[0, 0], [2, 3], [4, 0]]
    assert batch["attention_mask"].tolist() == [[0, 0], [1, 1], [1, 0]]
    assert batch["labels"].dtype == dtype
    assert batch["labels"].tolist() == labels
    nothing = DataCollatorWithPadding(tokenizer)(rows[:1])
    assert nothing["input_ids"].shape == (1, 0) and nothing["input_ids"].dtype == torch.int64
