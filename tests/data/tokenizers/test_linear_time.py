"""Every pattern of every tokenizer, and those of the readers, take a time in proportion to the length of any text."""

from __future__ import annotations

import gc
import json
import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from tokenizers import Tokenizer, normalizers

from hf_rnn.bundles import bundled_folders, encoder_folders
from hf_rnn.data.language import _NOISE
from hf_rnn.data.readers.cells import _ITEM, _ITEMS, as_list
from hf_rnn.data.readers.tables.headers import _QUESTION_END, _SENTENCE_END
from hf_rnn.data.readers.tables.quoting import BACKSLASH_RUN
from hf_rnn.data.tokenizers.text_pieces import train_text_pieces
from hf_rnn.data.tokenizers.training import TokenizerKind, train_tokenizer
from hf_rnn.data.tokenizers.tweets import tweet_normalizer
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces
from hf_rnn.tasks.encoder_distillation.corpus import _EXAMPLE, _MARKUP


# Of one character on one core, in seconds of the processor. The slowest here takes a fifth of it; a pattern that reads
# on to the end of the text from each place takes more on a text of 32,000 characters, and 100 times as much on 1 MB.
MOST_OF_A_CHARACTER = 15e-6
# The same of the readers' patterns, which cut nothing into pieces.
MOST_IN_READERS = 4e-6
SHORT, LONG = 1 << 16, 1_000_000

# What each pattern begins with, or goes on with, again and again.
MARKUP = ("<!-- ", "<!--", "<!---", "<", "<a ", "<a b='", "<a b=c ", "</", '<a x=\'" y="z ', " ")
WORDS = ("a", "a'", "'", " ", "\n", "!", "1", "é\u0301")
TWEETS = (
    *(
        "a.",
        "a.b",
        "a@",
        "a@b",
        "a@b.",
        "@",
        "http://!",
        "www.",
        "+",
        "+1",
        "+.1",
        "-",
        "--",
        "<-",
        ":-",
        "8",
        "#",
        "#a-",
    ),
    *(
        "a'",
        "_-",
        "1,",
        ". ",
        ".\n  ",
        "&am",
        "&amp;",
        "aaaab",
        "\U0001f1e7",
        "\U0001f1e7\U0001f1f7",
        "😀\u200d",
        "\u0301",
    ),
)
PIECES = ("a.", "A.-", "a'", "'", "-", "1,", "+.", "n't", "'s", "&", "a", "\u0301", "(", "Corp.", "312-408-", " ")
# A pattern that all characters but the last could begin is the slowest where the last does not fit.
ENDS = ("", "ab", "-->")

SENTENCES = [["Acme", "Corp.", "does", "n't", "ask", "312-408-8720--", "'s", "Ana", "'s", "US$", "5", "."]] * 3


def bundles() -> dict[str, Path]:
    """Name → folder of what is bundled with a tokenizer."""
    folders = bundled_folders() | encoder_folders()
    return {name: folder for name, folder in folders.items() if (folder / "tokenizer.json").is_file()}


@cache
def kinds() -> dict[str, Tokenizer]:
    """Name → a tokenizer of each kind that the package trains, and of each bundled checkpoint."""
    made = {
        kind: train_tokenizer(["a b c a b c"], kind=kind, strip_html=True, vocab_size=300, show_progress=False)
        for kind in get_args(TokenizerKind)
    }
    made["text pieces"] = train_text_pieces(["a b c a b c"], strip_html=True, show_progress=False)
    made["word pieces"] = train_word_pieces(SENTENCES, vocab_size=300, show_progress=False)
    found = {name: tokenizer.backend_tokenizer for name, tokenizer in made.items()}
    folders = bundles()
    return found | {name: Tokenizer.from_file(str(folder / "tokenizer.json")) for name, folder in folders.items()}


def units(name: str) -> tuple[str, ...]:
    """What the patterns of a tokenizer begin with."""
    state = json.loads(kinds()[name].to_str())
    patterns = json.dumps([state["normalizer"], state["pre_tokenizer"]])
    parts = {"<!--": MARKUP, "https?": TWEETS}
    chosen = [unit for start, found in parts.items() if start in patterns for unit in found]
    return (*dict.fromkeys([*chosen, *(PIECES if r"\\p{L}" in patterns else WORDS)]),)


def read(name: str) -> Callable[[str], object]:
    tokenizer = kinds()[name]
    normalizer = tokenizer.normalizer or normalizers.Sequence([])
    return lambda text: tokenizer.pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))


def seconds_of(reader: Callable[[str], object], text: str) -> float:
    """Time of the processor. No garbage is collected meanwhile: that takes the longer, the more other tests keep."""
    gc.disable()
    try:
        start = time.process_time()
        reader(text)
        return time.process_time() - start
    finally:
        gc.enable()


def check(
    reader: Callable[[str], object], unit: str, end: str, longest: int, most: float = MOST_OF_A_CHARACTER
) -> None:
    """Read texts of `unit` again and again, the longest last, and so stop at the first that takes too long."""
    length = SHORT // 4
    while length <= longest:
        text = unit * (length // len(unit)) + end
        seconds = min(seconds_of(reader, text) for _ in range(2))
        assert seconds < most * length + 0.1, (
            f"{unit!r}, again and again and then {end!r}: {seconds:.1f} s for {length} characters"
        )
        length = longest + 1 if length == longest else min(4 * length, longest)


def names() -> list[str]:
    return [*get_args(TokenizerKind), "text pieces", "word pieces", *bundles()]


@pytest.mark.parametrize("name", names())
def test_a_text_of_openers_takes_a_time_in_proportion_to_its_length(name: str) -> None:
    for unit in units(name):
        for end in ENDS:
            check(read(name), unit, end, SHORT // 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_a_megabyte_of_openers_takes_a_time_in_proportion_to_its_length(name: str) -> None:
    for unit in units(name):
        check(read(name), unit, "ab", LONG)


READERS: dict[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
    "language": (lambda text: _NOISE.sub(" ", text), ("<", "<a", "http", "www.", "@", "#a", "@#")),
    "markup": (lambda text: _MARKUP.sub(" ", text), ("<", "<a ")),
    "examples": (_EXAMPLE.findall, ('"a', '""')),
    "backslashes": (BACKSLASH_RUN.findall, ("\\",)),
    "headers": (lambda text: (_SENTENCE_END.search(text), _QUESTION_END.search(text)), (". ", '."', "?  ", ".   x")),
    "lists": (
        lambda text: (as_list(f"[{text}"), as_list(f"[{text}]")),
        ("'a' ", "'\\", "1 ", "1,  ", "'", "1.", "\\'"),
    ),
    "items": (lambda text: (_ITEMS.fullmatch(text), _ITEM.findall(text)), ("'a' ", "1 ", "1 ,", "1.5 ")),
}


@pytest.mark.parametrize("name", READERS)
def test_the_patterns_of_the_readers_take_a_time_in_proportion_to_the_length(name: str) -> None:
    reader, openers = READERS[name]
    for unit in openers:
        check(reader, unit, '"' if name == "backslashes" else "x", SHORT, MOST_IN_READERS)


def test_a_comment_ends_at_its_end_and_one_that_another_opens_in_stays() -> None:
    tokenizer = train_tokenizer(["a b c"], strip_html=True, min_frequency=1, show_progress=False).backend_tokenizer
    normalize = tokenizer.normalizer.normalize_str
    assert normalize("a<!-- b - -- > <i>c</i> < d -->e") == "a e"
    assert normalize("a<!-- b") == "a<!-- b"
    assert normalize("a<!-- b<!-- c -->d") == "a<!-- b d"
    assert normalize("a<!---->b<!-->c") == "a b<!-->c"


def test_the_tweets_of_long_names_and_rows_of_flags_are_read_as_before() -> None:
    split = kinds()["tweet"].pre_tokenizer.pre_tokenize_str

    def words(text: str) -> list[str]:
        return [word for word, _ in split(text)]

    address = "a" * 64 + "@mail.example.org"
    assert words(address) == [address]
    assert words("🇧🇷🇵🇹🇧") == ["🇧🇷", "🇵🇹", "🇧"]
    assert words("##tag --> <--") == ["##tag", "-->", "<--"]


def test_letters_with_periods_are_words_as_before() -> None:
    split = kinds()["word pieces"].pre_tokenizer.pre_tokenize_str
    text = "U.S. a.b.cd Ph.D. U.S.A a.b.c's"
    found = [re.sub("Ġ", "", word) for word, _ in split(text)]
    assert found == ["U.S.", "a.b.cd", "Ph.D", ".", "U.S.A", "a.b.c", "'s"]


def test_runs_of_one_character_are_still_cut_to_three() -> None:
    assert tweet_normalizer(normalizers.Sequence([])).normalize_str("waaaaay!!!!") == "waaay!!!"
