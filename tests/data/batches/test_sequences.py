"""Sources and targets as ids, and their batches."""

from __future__ import annotations

import logging

import datasets
import pytest
import torch

from hf_rnn.data.batches.sequences import SequenceCollator, tokenize_sequences
from hf_rnn.data.tokenizers.separate_vocabularies import train_separate_vocabularies
from hf_rnn.data.tokenizers.sequence_end import with_sequence_end
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.training.samplers import LengthBucketSampler


TOKENIZER = with_sequence_end(
    train_tokenizer(["a b c d e f g"], min_frequency=1, end_of_text=True, show_progress=False)
)
END = TOKENIZER.eos_token_id


def rows(*pairs: tuple[str, str]) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": [one for one, _ in pairs], "text_b": [other for _, other in pairs]})


def tokenized(*pairs: tuple[str, str], source: int = 99, target: int = 99) -> datasets.Dataset:
    return tokenize_sequences(
        rows(*pairs), TOKENIZER, max_source_length=source, max_target_length=target, split="train"
    )


def test_each_text_ends_and_what_is_cut_ends_too(caplog: pytest.LogCaptureFixture) -> None:
    found = tokenized(("a b c d", "a b"), ("a", "b c d e"), source=4, target=3)
    a, b, c = TOKENIZER.convert_tokens_to_ids(["a", "b", "c"])
    assert found["input_ids"][:] == [[a, b, c, END], [a, END]]
    assert found["labels"][:] == [[a, b, END], [b, c, END]]
    assert "1 of 2 train sources are cut to 4 tokens (--max_source_length)." in caplog.messages
    assert "1 of 2 train targets are cut to 3 tokens (--max_target_length)." in caplog.messages


def test_rows_are_ordered_by_target_and_then_by_source() -> None:
    found = tokenized(("a b c", "a"), ("a", "a b c"), ("a", "a"), ("a b c d e", "a b"))
    order = sorted(range(4), key=found["length"][:].__getitem__)
    assert order == [2, 0, 3, 1]
    # A batch of two has targets of one length.
    batches = list(LengthBucketSampler(found["length"][:], 2, seed=0))
    lengths = [len(found[row]["labels"]) for row in batches]
    assert sorted([tuple(sorted(lengths[:2])), tuple(sorted(lengths[2:]))]) == [(2, 2), (3, 4)]


def test_a_batch_is_padded_on_each_side_by_itself() -> None:
    features = [{"input_ids": [5, 6, 7], "labels": [8]}, {"input_ids": [5], "labels": [8, 9]}]
    batch = SequenceCollator(TOKENIZER)(features)
    pad = TOKENIZER.pad_token_id
    assert batch["input_ids"].tolist() == [[5, 6, 7], [5, pad, pad]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[8, -100], [8, 9]] and batch["labels"].dtype == torch.int64


@pytest.mark.parametrize("name", ["source", "target"])
def test_a_length_without_room_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"`max_{name}_length`=1 must be at least 2: the tokenizer adds 1 tokens"):
        tokenized(("a", "b"), **{name: 1})


def test_a_tokenizer_without_an_end_is_refused_and_one_that_adds_tokens_kept(caplog: pytest.LogCaptureFixture) -> None:
    plain = train_tokenizer(["a b"], min_frequency=1, show_progress=False)
    with caplog.at_level(logging.WARNING), pytest.raises(ValueError, match="has no `eos_token`"):
        with_sequence_end(plain)
    assert with_sequence_end(TOKENIZER) is TOKENIZER


def test_targets_of_one_vocabulary_are_what_text_target_says() -> None:
    """As Marian's: `labels` beside the sources, or `input_ids` alone."""
    sources, targets = ["a b c", "g"], ["d e", "a"]
    both = TOKENIZER(sources, text_target=targets)
    d, e, a = TOKENIZER.convert_tokens_to_ids(["d", "e", "a"])
    assert both["labels"] == [[d, e, END], [a, END]] == TOKENIZER(text_target=targets)["input_ids"]
    assert both["input_ids"] == TOKENIZER(sources)["input_ids"]
    assert tokenized(*zip(sources, targets, strict=True))["labels"][:] == both["labels"]


def test_what_the_decoder_cannot_write_is_replaced_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    options = {"min_frequency": 1, "end_of_text": True, "show_progress": False}
    words, size = train_separate_vocabularies(["a b c"], ["d e"], kind="word", **options)
    data = rows(("a b", "d a b"), ("d c", "e d"), ("a", "a"))
    lengths = {"max_source_length": 9, "max_target_length": 9, "split": "test"}
    found = tokenize_sequences(data, with_sequence_end(words), target_size=size, **lengths)
    a, b, c, d, e = words.convert_tokens_to_ids(list("abcde"))
    assert found["input_ids"][:] == [[a, b, END], [d, c, END], [a, END]]
    assert found["labels"][:] == [[d, 1, 1, END], [e, d, END], [1, END]]
    assert caplog.messages == [
        "3 of 9 tokens of the test targets are only in the vocabulary of sources: the decoder cannot write them, and "
        "[UNK] stands in their place."
    ]
    assert set(found.column_names) == {"input_ids", "labels", "length"}


def test_byte_pairs_that_the_decoder_cannot_write_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    options = {"end_of_text": True, "show_progress": False}
    pairs, size = train_separate_vocabularies(["pqr"] * 3, ["pq"] * 3, kind="bpe", **options)
    lengths = {"max_source_length": 9, "max_target_length": 3, "split": "train"}
    found = tokenize_sequences(
        rows(("pqr", "pqr"), ("pq", "pq")), with_sequence_end(pairs), target_size=size, **lengths
    )
    pq, pqr, r = pairs.convert_tokens_to_ids(["pq", "pqr", "r"])
    # Cut into two tokens it still has room for the end.
    assert found["input_ids"][:] == [[pqr, END], [pq, END]] and found["labels"][:] == [[pq, r, END], [pq, END]]
    assert caplog.messages == [
        "1 of 4 tokens of the train targets are only in the vocabulary of sources: the decoder cannot write them, and "
        "the shorter ones that they are made of stand in their place."
    ]
