"""Pairs of texts to the token ids of each."""

from __future__ import annotations

import datasets

from hf_rnn.data.batches.pairs import tokenize_pairs
from hf_rnn.data.tokenizers.training import train_tokenizer


def test_each_text_has_the_tokens_that_it_has_alone() -> None:
    texts, others = ["a b c", "", "c b"], ["b", "a a", "a b c a"]
    tokenizer = train_tokenizer(texts, kind="word", vocab_size=20, min_frequency=1, show_progress=False)
    pairs = datasets.Dataset.from_dict({"text": texts, "text_b": others, "label": [1.0, 0.0, 0.5]})
    rows = tokenize_pairs(pairs, tokenizer)
    assert rows["input_ids"][:] == tokenizer(texts)["input_ids"]
    assert rows["input_ids_b"][:] == tokenizer(others)["input_ids"]
    assert rows["length"][:] == [3, 2, 4]
    assert rows["labels"][:] == [1.0, 0.0, 0.5]
    cut = tokenize_pairs(pairs, tokenizer, max_length=2, side="tail")
    assert cut["input_ids_b"][2] == rows["input_ids_b"][2][-2:]
    assert cut["length"][:] == [2, 2, 2]
