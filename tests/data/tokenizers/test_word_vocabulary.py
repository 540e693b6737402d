"""The words that get a vector, and the tokenizers that words can be rebuilt from."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import tokenizers
from tokenizers import models, pre_tokenizers, trainers
from transformers import BertTokenizer, GPT2Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces
from hf_rnn.data.tokenizers.word_vocabulary import choose_words, marks_words, spell_tokens
from hf_rnn.data.vectors import WordVectors


SENTENCES = [["The", "rain", "in", "Lisbon", "!"], ["the", "Rain", "and", "the", "sun", "in", "Århus"], []]


def vectors(*words: str) -> WordVectors:
    return WordVectors(dict(zip(words, range(len(words)), strict=True)), np.zeros((len(words), 2), dtype=np.float32))


def test_words_without_vectors_are_those_of_the_training_sentences() -> None:
    """The words are in lower case, the most frequent first, and occur twice at least."""
    assert choose_words(SENTENCES, 10) == ["the", "rain", "in"]
    assert choose_words(SENTENCES, 2) == ["the", "rain"]
    everything = choose_words(SENTENCES, 10, min_frequency=1)
    assert everything == ["the", "rain", "in", "lisbon", "!", "and", "sun", "århus"]
    assert choose_words([], 5) == choose_words([[]], 5) == choose_words([["once"]], 5) == []


def test_words_with_vectors_are_those_that_have_one() -> None:
    """The words of training come first, however rare, by their frequency; then those of the file, in its order."""
    known = vectors("zebra", "Rain", "sun", "of", "The", "the", "lisbon", "a")
    assert choose_words(SENTENCES, 10, vectors=known) == ["the", "lisbon", "sun", "zebra", "of", "a"]
    assert choose_words(SENTENCES, 4, vectors=known) == ["the", "lisbon", "sun", "zebra"]
    assert choose_words(SENTENCES, 3, vectors=known) == ["the", "lisbon", "sun"]
    assert choose_words(SENTENCES, 1, vectors=known) == ["the"]
    assert choose_words([], 2, vectors=known) == ["zebra", "sun"]


def test_at_least_one_word() -> None:
    with pytest.raises(ValueError, match="`size`=0 must be at least 1"):
        choose_words(SENTENCES, 0)


TEXTS = [" ".join(sentence) for sentence in SENTENCES if sentence] * 3


def word_pieces() -> PreTrainedTokenizerBase:
    return train_word_pieces(SENTENCES, vocab_size=300, show_progress=False)


def wordpiece() -> PreTrainedTokenizerBase:
    """Make a WordPiece tokenizer of ASCII alone, so that each of its tokens could be a byte-level one."""
    trained = tokenizers.BertWordPieceTokenizer()
    trained.train_from_iterator(["the rain in lisbon"], vocab_size=60, min_frequency=1, show_progress=False)
    return BertTokenizer(vocab=trained.get_vocab())


def words() -> PreTrainedTokenizerBase:
    return train_tokenizer(["the rain Ġin Lisbon"], kind="word", min_frequency=1, show_progress=False)


def byte_level(*, prefix: bool = True) -> PreTrainedTokenizerBase:
    """Make a tokenizer like GPT-2's, with special tokens of other names."""
    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator(TEXTS, vocab_size=300, special_tokens=["<s>", "<pad>", "</s>"], show_progress=False)
    return GPT2Tokenizer(
        vocab=trained.get_vocab(),
        merges=[tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]],
        bos_token="<s>",
        eos_token="</s>",
        unk_token="</s>",
        pad_token="<pad>",
        add_prefix_space=prefix,
    )


def unmarked() -> PreTrainedTokenizerBase:
    """Make a byte-level tokenizer of words that were cut out before, so that a space is in none."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(TEXTS, trainers.BpeTrainer(initial_alphabet=alphabet, show_progress=False))
    return PreTrainedTokenizerFast(tokenizer_object=backend)


@pytest.mark.parametrize(
    ("make", "marked"),
    [
        (word_pieces, True),
        (byte_level, True),
        (wordpiece, False),
        (words, False),
        (unmarked, False),
        # Its tokens of words that are given one by one have no mark, those of a text do.
        (lambda: byte_level(prefix=False), False),
        (lambda: train_tokenizer(TEXTS, kind="bpe", show_progress=False), False),
        (lambda: train_tokenizer(TEXTS, kind="character", show_progress=False), False),
    ],
    ids=["word pieces", "GPT-2", "WordPiece", "words", "unmarked", "no prefix space", "our bpe", "characters"],
)
def test_tokenizers_that_mark_words(make: Callable[[], PreTrainedTokenizerBase], marked: bool) -> None:
    assert marks_words(make()) is marked


@pytest.mark.parametrize("make", [word_pieces, byte_level])
def test_words_can_be_rebuilt_from_what_the_tokens_spell(make: Callable[[], PreTrainedTokenizerBase]) -> None:
    tokenizer = make()
    spelt, starts = spell_tokens(tokenizer)
    assert len(spelt) == len(starts) == len(tokenizer)
    for token in tokenizer.all_special_tokens:
        index = tokenizer.convert_tokens_to_ids(token)
        assert (spelt[index], starts[index]) == (b"", True)
    sentence = ["The", "rain", "Ünseen", "ჯx", "😀", "in-between", "s"]
    rebuilt: list[bytes] = []
    for index in tokenizer(sentence, is_split_into_words=True)["input_ids"]:
        rebuilt += [b""] if starts[index] else []
        rebuilt[-1] += spelt[index]
    assert [word.decode() for word in rebuilt] == sentence


def test_what_cannot_be_spelt() -> None:
    with pytest.raises(ValueError, match="`token`='中' is not a byte-level token"):
        spell_tokens(train_tokenizer(["中 a"], kind="word", min_frequency=1, show_progress=False))
