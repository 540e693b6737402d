"""Any text through the tokenizers that the package trains: no crash, ids of the vocabulary, offsets of the text."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces
from tests.properties.generating import generated
from tests.properties.texts import broken_texts, megabytes, texts


CORPUS = ["Mr. O'Brien went to New York , did n't he ?", "It 's 1,000 km to São Paulo .", "Não , obrigado ."] * 3
KINDS: dict[str, dict[str, Any]] = {
    "word": {"kind": "word"},
    "word-html": {"kind": "word", "strip_html": True, "unicode_normalization": "NFKC"},
    "bpe": {"kind": "bpe", "vocab_size": 300},
    "bpe-exact": {"kind": "bpe", "vocab_size": 300, "lowercase": False, "unicode_normalization": None},
    "character": {"kind": "character"},
    "whitespace": {"kind": "whitespace", "end_of_text": True},
    "pieces": {},
}


@cache
def tokenizer_of(name: str) -> PreTrainedTokenizerFast:
    if name == "pieces":
        return train_word_pieces([text.split() for text in CORPUS], vocab_size=300, show_progress=False)
    return train_tokenizer(CORPUS, min_frequency=1, show_progress=False, **KINDS[name])


def check(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """The ids of `text`, which are of the vocabulary, and stand for successive stretches of it."""
    encoded = tokenizer(text, return_offsets_mapping=True, verbose=False)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    assert len(ids) == len(offsets) == len(encoded["attention_mask"])
    assert all(0 <= each < len(tokenizer) for each in ids) and tokenizer.pad_token_id not in set(ids)
    assert all(0 <= start <= end <= len(text) for start, end in offsets)
    assert all(before <= after for (before, _), (after, _) in zip(offsets, offsets[1:], strict=False))
    assert isinstance(tokenizer.decode(ids), str)
    return ids


@pytest.mark.reliability(
    section="Properties",
    fault="Any Unicode text (control characters, from right to left, emoji, NUL) through each kind of tokenizer",
    mutation="byte pairs that begin without the 256 bytes",
)
@generated(
    80, 2500, name=st.sampled_from([name for name in KINDS if name != "whitespace"]), text=texts(), other=texts()
)
def test_any_text_has_ids(name: str, text: str, other: str) -> None:
    tokenizer = tokenizer_of(name)
    ids = check(tokenizer, text)
    assert tokenizer([other, text], verbose=False)["input_ids"][1] == ids
    if name == "bpe-exact":
        assert tokenizer.decode(ids) == text
    if name in ("bpe", "bpe-exact", "pieces"):
        # Open vocabularies: nothing is unknown.
        assert tokenizer.unk_token_id not in ids
    if name == "pieces":
        visible = [character for character in text if not character.isspace()]
        assert [c for c in tokenizer.convert_tokens_to_string(tokenizer.tokenize(text)) if not c.isspace()] == visible


@pytest.mark.reliability(
    section="Properties",
    fault="Half a surrogate pair, which is no text: refused with an error, never an id",
    mutation="half a surrogate pair let through",
)
@generated(20, 400, name=st.sampled_from(list(KINDS)), text=broken_texts())
def test_half_a_surrogate_pair_is_refused(name: str, text: str) -> None:
    with pytest.raises(TypeError, match="TextEncodeInput"):
        tokenizer_of(name)(text)
    with pytest.raises(ValueError, match="`texts` must hold valid Unicode; item 1 has a lone surrogate"):
        train_tokenizer(["a text", text], show_progress=False)
    with pytest.raises(ValueError, match="`sentences` must hold valid Unicode; item 0 has a lone surrogate"):
        train_word_pieces([[text]], show_progress=False)


@pytest.mark.reliability(
    section="Properties",
    fault="Texts of 1 MB in one string through each kind of tokenizer",
    mutation="the padding token in place of the unknown one",
)
@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.slow
def test_a_megabyte_has_ids(name: str, outcome) -> None:
    counts = {what: len(check(tokenizer_of(name), text)) for what, text in megabytes().items()}
    outcome(f"{min(counts.values()):,} to {max(counts.values()):,} tokens")


@pytest.mark.reliability(
    section="Properties",
    fault="Tokenizers trained on any Unicode text",
    mutation="byte pairs that begin without the 256 bytes",
)
@generated(
    15,
    400,
    corpus=st.lists(texts(), max_size=5),
    options=st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["word", "bpe", "character", "whitespace"]),
            "lowercase": st.booleans(),
            "strip_html": st.booleans(),
            "end_of_text": st.booleans(),
            "unicode_normalization": st.sampled_from([None, "NFC", "NFD", "NFKC", "NFKD"]),
            "min_frequency": st.integers(1, 2),
        }
    ),
    vocab_size=st.integers(259, 400),
)
def test_any_text_is_a_corpus(corpus: list[str], options: dict[str, Any], vocab_size: int) -> None:
    try:
        tokenizer = train_tokenizer(corpus, vocab_size=vocab_size, show_progress=False, **options)
    except ValueError as error:
        # The corpus has nothing to see, or nothing that is frequent enough.
        assert "`texts` is empty" in str(error) or "the vocabulary would be empty" in str(error)
        return
    assert 2 < len(tokenizer) <= vocab_size
    for text in corpus:
        ids = tokenizer(text, verbose=False)["input_ids"]
        assert all(0 <= each < len(tokenizer) for each in ids)
        if options["kind"] == "bpe":
            assert tokenizer.unk_token_id not in ids
