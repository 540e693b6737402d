"""Pairs and triplets: each text padded as the collator of single texts pads it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from hf_rnn.data.batches.collator import PaddingCollator
from hf_rnn.data.batches.pair_collator import PairCollator
from hf_rnn.data.tokenizers.training import train_tokenizer


FIRST = [[5, 6, 7], [8], []]
SECOND = [[9], [3, 4], [5, 6, 7, 8, 9]]
THIRD = [[2], [2], [4, 4]]


@pytest.fixture(params=["right", "left"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    made = train_tokenizer(["a b c"], min_frequency=1, show_progress=False)
    made.padding_side = request.param
    return made


def rows(**columns: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_both_texts_of_pairs_are_padded_each_to_its_own_length(tokenizer: PreTrainedTokenizerBase) -> None:
    batch = PairCollator(tokenizer)(rows(input_ids=FIRST, input_ids_b=SECOND, label=[1, 0, 1]))
    assert set(batch) == {"input_ids", "attention_mask", "input_ids_b", "attention_mask_b", "labels"}
    for ids, suffix in ((FIRST, ""), (SECOND, "_b")):
        alone = PaddingCollator(tokenizer)(rows(input_ids=ids))
        assert torch.equal(batch["input_ids" + suffix], alone["input_ids"])
        assert torch.equal(batch["attention_mask" + suffix], alone["attention_mask"])
    assert batch["input_ids"].shape == (3, 3) and batch["input_ids_b"].shape == (3, 5)
    assert batch["labels"].tolist() == [1, 0, 1] and batch["labels"].dtype == torch.int64


def test_triplets(tokenizer: PreTrainedTokenizerBase) -> None:
    batch = PairCollator(tokenizer)(rows(input_ids=FIRST, input_ids_b=SECOND, input_ids_c=THIRD))
    names = ("input_ids", "attention_mask")
    assert set(batch) == {name + suffix for name in names for suffix in ("", "_b", "_c")}
    alone = PaddingCollator(tokenizer)(rows(input_ids=THIRD))
    assert all(torch.equal(batch[name + "_c"], alone[name]) for name in names)


def test_duplicates_need_no_labels(tokenizer: PreTrainedTokenizerBase) -> None:
    batch = PairCollator(tokenizer)(rows(input_ids=FIRST, input_ids_b=SECOND))
    assert set(batch) == {"input_ids", "attention_mask", "input_ids_b", "attention_mask_b"}


def test_scores_keep_their_name_and_fractions(tokenizer: PreTrainedTokenizerBase) -> None:
    batch = PairCollator(tokenizer)(rows(input_ids=FIRST, input_ids_b=SECOND, score=[0.5, 0.0, 1.0]))
    assert batch["score"].tolist() == [0.5, 0.0, 1.0] and batch["score"].is_floating_point()


def test_masks_and_segments_of_the_second_text_are_padded_as_such(tokenizer: PreTrainedTokenizerBase) -> None:
    masks, segments = [[0], [1, 0], [1, 1, 0, 1, 1]], [[1], [0, 1], [0, 1, 1, 1, 1]]
    columns = {"input_ids_b": SECOND, "attention_mask_b": masks, "token_type_ids_b": segments}
    batch = PairCollator(tokenizer)(rows(input_ids=FIRST, **columns))
    alone = PaddingCollator(tokenizer)(rows(input_ids=SECOND, attention_mask=masks, token_type_ids=segments))
    for name, tensor in alone.items():
        assert torch.equal(batch[name + "_b"], tensor), name
    assert "token_type_ids" not in batch


@pytest.mark.parametrize(
    "features",
    [
        [],
        [{"input_ids": [1]}],
        [{"input_ids_b": [1]}],
        [{"input_ids": [1], "input_ids_c": [1]}],
        [{"input_ids": [1], "input_ids_b": [1], "attention_mask_c": [1]}],
        [{"input_ids": [1], "input_ids_b": [1]}, {"input_ids": [1]}],
        [{"input_ids": [1], "input_ids_b": [1], "label": 1}, {"input_ids": [1], "input_ids_b": [1]}],
    ],
)
def test_what_is_no_pair_is_refused(tokenizer: PreTrainedTokenizerBase, features: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="`features` must be pairs, or triplets.*`input_ids` and `input_ids_b`"):
        PairCollator(tokenizer)(features)


def test_a_column_that_cannot_be_stacked_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(ValueError, match="column 'question'"):
        PairCollator(tokenizer)(rows(input_ids=FIRST, input_ids_b=SECOND, question_b=["a", "b", "c"]))


def test_a_tokenizer_without_padding_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.pad_token = None
    with pytest.raises(ValueError, match="`tokenizer` has no padding token"):
        PairCollator(tokenizer)
