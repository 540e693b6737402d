"""PaddingCollator gives what transformers' own collator gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding, PreTrainedTokenizerBase

from hf_rnn.data.batches.collator import PaddingCollator
from hf_rnn.data.tokenizers.training import train_tokenizer


IDS = [[5, 6, 7], [8], [], [9, 4, 3, 2, 6]]


@pytest.fixture(params=["right", "left"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    made = train_tokenizer(["a b c"], min_frequency=1, show_progress=False)
    made.padding_side = request.param
    return made


def texts(**columns: list[Any]) -> list[dict[str, Any]]:
    """One dictionary for each of `IDS`."""
    rows = zip(*({"input_ids": IDS, **columns}).values(), strict=True)
    return [dict(zip(["input_ids", *columns], row, strict=True)) for row in rows]


COLUMNS: dict[str, dict[str, list[Any]]] = {
    "ids alone": {},
    "labels": {"labels": [0, 1, 1, 0]},
    "label": {"label": [0, 1, 1, 0]},
    "label_ids": {"label_ids": [0, 1, 1, 0]},
    "numbers": {"labels": [0.5, 1.0, -2.0, 3.0]},
    "several labels": {"labels": [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]},
    "a mask of their own": {"attention_mask": [[1, 0, 1], [1], [], [1, 1, 1, 0, 1]]},
    "segments": {"token_type_ids": [[0, 1, 1], [1], [], [0, 0, 1, 1, 1]]},
    "special tokens": {"special_tokens_mask": [[0, 0, 1], [0], [], [0, 0, 0, 0, 1]]},
    "another column": {"weight": [0.1, 0.2, 0.3, 0.4], "labels": [0, 1, 1, 0]},
    "tensors": {"labels": [torch.tensor(label) for label in (0, 1, 1, 0)]},
}


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_the_batch_is_that_of_the_stock_collator(
    tokenizer: PreTrainedTokenizerBase, columns: dict[str, list[Any]]
) -> None:
    batch, stock = PaddingCollator(tokenizer)(texts(**columns)), DataCollatorWithPadding(tokenizer)(texts(**columns))
    assert batch.keys() == stock.keys()
    for name, tensor in stock.items():
        assert batch[name].dtype == tensor.dtype, name
        assert torch.equal(batch[name], tensor), name


def test_labels_of_a_dataset_in_torch_format(tokenizer: PreTrainedTokenizerBase) -> None:
    """Several labels as tensors; the stock collator fails on them."""
    labels = torch.tensor(COLUMNS["several labels"]["labels"])
    assert torch.equal(PaddingCollator(tokenizer)(texts(labels=list(labels)))["labels"], labels)


TAGS = [[0, 2, 1], [3], [], [1, -100, 0, 2, -100]]


@pytest.mark.parametrize("padding", [-100, 7])
@pytest.mark.parametrize("columns", [{}, {"token_type_ids": COLUMNS["segments"]["token_type_ids"]}], ids=["", "types"])
def test_labels_of_tokens(tokenizer: PreTrainedTokenizerBase, padding: int, columns: dict[str, list[Any]]) -> None:
    """The labels are padded as the stock collator of taggers pads them, on the tokenizer's side."""
    # The stock one takes an empty text's labels for floating-point numbers, and so those of the batch.
    filled = [row for row in texts(labels=TAGS, **columns) if row["input_ids"]]
    batch = PaddingCollator(tokenizer, label_padding=padding)(filled)
    stock = DataCollatorForTokenClassification(tokenizer, label_pad_token_id=padding)(filled)
    assert batch.keys() == stock.keys()
    for name, tensor in stock.items():
        assert batch[name].dtype == tensor.dtype == torch.int64, name
        assert torch.equal(batch[name], tensor), name


def test_labels_of_a_text_without_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    labels = PaddingCollator(tokenizer, label_padding=-100)(texts(labels=TAGS))["labels"]
    assert labels.shape == (4, 5) and labels.dtype == torch.int64
    assert labels[2].tolist() == [-100] * 5


def test_the_padding_is_the_tokenizers(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.pad_token = "b"
    assert tokenizer.pad_token_id != 0
    assert (PaddingCollator(tokenizer)(texts())["input_ids"][2] == tokenizer.pad_token_id).all()


def test_no_mask_for_models_that_take_none(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.model_input_names = ["input_ids"]
    assert PaddingCollator(tokenizer)(texts()).keys() == {"input_ids"}


def test_a_batch_of_texts_without_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    batch = PaddingCollator(tokenizer)([{"input_ids": []}, {"input_ids": []}])
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 0)
    assert batch["input_ids"].dtype == batch["attention_mask"].dtype == torch.int64


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], r"`features` must be texts.*got \[\]"),
        ([{"ids": [1]}], r"`input_ids` among them; got \[\('ids',\)\]"),
        ([{"input_ids": [1], "labels": 0}, {"input_ids": [1]}], "the same columns"),
        ([{"input_ids": [1], "tags": [1]}, {"input_ids": [1, 2], "tags": [1, 2]}], "column 'tags' that is not"),
        ([{"input_ids": [1], "text": "a"}], "column 'text' that is not"),
        ([{"input_ids": [1], "labels": None}], "column 'labels' that is not"),
    ],
)
def test_what_cannot_be_a_batch(
    tokenizer: PreTrainedTokenizerBase, features: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PaddingCollator(tokenizer)(features)


def test_labels_of_tokens_need_a_padding(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(ValueError, match="column 'labels' that is not a number"):
        PaddingCollator(tokenizer)(texts(labels=TAGS))


def test_a_tokenizer_without_padding_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.pad_token = None
    with pytest.raises(ValueError, match="`tokenizer` has no padding token"):
        PaddingCollator(tokenizer)
