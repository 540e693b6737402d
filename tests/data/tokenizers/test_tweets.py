"""Tweets, against what NLTK's TweetTokenizer(preserve_case=False, reduce_len=True) makes of them, written down."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.training import UNK_TOKEN, train_tokenizer


# Text → its tokens. The first two are the examples in NLTK's documentation.
AS_NLTK = {
    "This is a cooool #dummysmiley: :-) :-P <3 and some arrows < > -> <--": (
        "this is a coool #dummysmiley : :-) :-p <3 and some arrows < > -> <--"
    ),
    "@remy: This is waaaaayyyy too much for you!!!!!!": "@remy : this is waaayyy too much for you ! ! !",
    "@joao_silva veja https://t.co/AbC?x=1&y=2, vale": "@joao_silva veja https://t.co/abc?x=1&y=2 , vale",
    "(see http://example.com/a_b).": "( see http://example.com/a_b ) .",
    "don't use well-known #hash-tags at 18:30": "don't use well-known #hash-tags at 18:30",
    "wait ..... what": "wait ... what",
    ":) ;-) =D :'( (-: D: 8)": ":) ;-) =d :'( (-: d: 8)",
    "mail me@work.example.org or ask @work": "mail me@work.example.org or ask @work",
    "R&amp;B &lt;3 &gt; rock": "r & b <3 > rock",
    "fãs, ÉÉÉÉÉpico": "fãs , ééépico",
    "👩‍👩‍👧 👍🏽🇧🇷": "👩‍👩‍👧 👍🏽 🇧🇷",
}
# What is done otherwise: numbers stay whole.
OTHERWISE = {"8:30, 1,000.50 of 1000000": "8:30 , 1,000.50 of 1000000"}


def tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    backend = tokenizer.backend_tokenizer
    return [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(list(AS_NLTK), kind="tweet", min_frequency=1, show_progress=False)


@pytest.mark.parametrize(("text", "expected"), (AS_NLTK | OTHERWISE).items())
def test_tokens_are_those_that_were_written_down(tokenizer: PreTrainedTokenizerFast, text: str, expected: str) -> None:
    assert tokens(tokenizer, text) == expected.split(" ")


@pytest.mark.parametrize("text", AS_NLTK)
def test_what_was_written_down_is_what_nltk_says(text: str) -> None:
    nltk = pytest.importorskip("nltk")
    found = nltk.tokenize.TweetTokenizer(preserve_case=False, reduce_len=True).tokenize(text)
    # NLTK leaves the case of emoticons and URLs as it is.
    assert [token.lower() for token in found] == AS_NLTK[text].split(" ")


def test_all_of_it_is_in_the_file(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.py"))
    again = AutoTokenizer.from_pretrained(tmp_path)
    for text, expected in AS_NLTK.items():
        assert again.tokenize(text) == expected.split(" ")
    assert again.tokenize("@nobody waaay") == [UNK_TOKEN, UNK_TOKEN]


def test_case_is_kept_where_it_is_asked_for() -> None:
    kept = train_tokenizer(["LOOOOOL :-P :D"], kind="tweet", lowercase=False, min_frequency=1, show_progress=False)
    assert kept.tokenize("LOOOOOOOOOL :-P :D") == ["LOOOL", ":-P", ":D"]


def test_ordinary_words_split_at_hyphens_and_handles() -> None:
    words = train_tokenizer(["@remy well-known"], kind="word", min_frequency=1, show_progress=False)
    assert words.tokenize("@remy well-known") == ["@", "remy", "well", "-", "known"]
