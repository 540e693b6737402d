"""Train an open-vocabulary tokenizer that finds words in raw text as a pre-tokenised corpus writes them.

Corpora of named entities come as words ("Corp.", "U.S.", "does", "n't"), a pipeline's input as natural text ("Acme
Corp. doesn't"). The tokenizer here splits both alike, marks the first piece of every word, and is byte-level
byte-pair encoding within the words (Sennrich et al. 2016; bytes as in Radford et al. 2019), so that no character of a
word is ever unknown. A model can rebuild the words and their bytes from ``input_ids`` alone: see `word_start` and
`token_bytes`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from .training import (
    BYTE_ALPHABET_SIZE,
    LONE_SURROGATE,
    PAD_TOKEN,
    SPECIAL_TOKENS,
    UNK_TOKEN,
    byte_pair_trainer,
    check_integer,
)


__all__ = ["WORD_START", "byte_of", "split_words", "token_bytes", "train_word_pieces", "word_decoder", "word_start"]

WORD_START = "Ġ"  # the byte-level name of the space that is put before every word
# The most that `max_token_bytes` of a configuration may be.
MAX_PIECE_BYTES = 255
MAX_EXCEPTIONS = 300
MAX_CLITICS = 20
MIN_OCCURRENCES = 2
ENGLISH_CLITICS = ("n['’]t", "['’](?:s|re|ve|ll|d|m)")

_LETTER = r"[\p{L}\p{M}\p{N}°]"
_AFTER_NONE = rf"(?<!{_LETTER})"
_BEFORE_NONE = rf"(?!{_LETTER})"
# Joined by one mark on the inside: O'Brien, S&P, 1996-08-22, Reuters.com, Wash.-based; 10:30 and 1,000.
_JOINT = r"(?:\.?-|['’.&/⁄_@]|(?<=\p{N})[,:](?=\p{N}))"
_ACRONYM = rf"(?:\p{{L}}\.){{2,}}{_BEFORE_NONE}"
_NO_ACRONYM = r"(?:\p{L}\.)*"
_SIGN = rf"{_AFTER_NONE}(?:\+\.?|\.)(?=\p{{N}})"  # +44, .500
# These are in no word of letters: a bracket, a run of the same character (--, ...), or one alone.
_OTHER = r"[\p{Ps}\p{Pe}]|(\S)\1*"

_CLITIC = re.compile(r"[^\W\d_]?['’][^\W\d_]{1,2}")


def train_word_pieces(
    sentences: Iterable[Sequence[str]],
    *,
    vocab_size: int = 4000,
    min_frequency: int = 2,
    max_piece_bytes: int = MAX_PIECE_BYTES,
    show_progress: bool = True,
) -> PreTrainedTokenizerFast:
    """Train a tokenizer on the words of `sentences`.

    Every word is encoded on its own and its first token starts with the mark `WORD_START`; text split into words
    (``is_split_into_words=True``), the same words joined by spaces and, as nearly as can be learnt from `sentences`,
    natural text give the same tokens. No visible character is lost or changed; there is no normalisation, so that
    offsets are those of the text. ``convert_tokens_to_string`` gives the text of a group of tokens (`word_decoder`).
    ``[PAD]`` has id 0 and ``[UNK]``, which is never used, id 1.

    The words of raw text are found by a general pattern (letters, marks and digits joined by single inner
    punctuation, acronyms with periods, runs of the same punctuation) and by what `sentences` teach: clitics that are
    words of their own ("'s", "n't"), and words that the general pattern would split ("Corp.", "US$").

    Args:
        sentences: The words of each sentence.
        vocab_size: The most entries the vocabulary may have, at least 258: 256 bytes and two special tokens.
        min_frequency: The fewest occurrences that merge a pair of tokens.
        max_piece_bytes: The most bytes of a token; by default the most that the table of a model has room for.
        show_progress: Show a progress bar while training.

    Raises:
        TypeError: a sentence is a string instead of a sequence of strings, or a word is not a string.
        ValueError: an argument is out of range, or `sentences` hold no visible character.
    """
    check_integer("vocab_size", vocab_size, len(SPECIAL_TOKENS) + BYTE_ALPHABET_SIZE)
    check_integer("min_frequency", min_frequency, 1)
    check_integer("max_piece_bytes", max_piece_bytes, 1)
    checked = list(_checked(sentences))
    if not any(word.strip() for sentence in checked for word in sentence):
        raise ValueError("`sentences` is empty: a tokenizer needs at least one word with a visible character.")
    tokenizer = Tokenizer(models.BPE(unk_token=UNK_TOKEN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [_splitter(_word_pattern(checked)), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)]
    )
    # There is no post-processor: trimming offsets would take the space that is put before a word for one of the
    # text's.
    tokenizer.decoder = word_decoder()
    tokenizer.train_from_iterator(
        (" ".join(sentence) for sentence in checked),
        # The mark of a word start is one more.
        trainer=byte_pair_trainer(vocab_size, min_frequency, show_progress, max_token_length=max_piece_bytes + 1),
        length=len(checked),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        unk_token=UNK_TOKEN,
        padding_side="right",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
    )


def split_words(text: str) -> list[tuple[int, int]]:
    """The words of natural text, each as its first character and the one after its last.

    They are found by the general pattern of `train_word_pieces`, with the clitics of English as words of their own
    ("York", "'s"); a tokenizer that is trained on sentences cut like this finds the same.
    """
    return [ends for _, ends in _general_splitter().pre_tokenize_str(text)]


@cache
def _general_splitter() -> pre_tokenizers.Split:
    return _splitter(_general_pattern(list(ENGLISH_CLITICS)))


def word_decoder() -> decoders.Decoder:
    """What gives the text of a group of tokens: its words, joined by a space and none in front.

    A pipeline that aggregates by word (strategies first, average and max) decodes twice: the tokens of each stretch of
    text without white space, and then, as if they were tokens, what came of these. So a group in which no token begins
    a word is one of texts: they are joined by a space, and a space inside of one, between words that touch each other
    in the text ("Zürich ."), goes. A text that begins with the letter Ġ, as Maltese names do, keeps a space in front
    when it is decoded first, by which it is known. A pipeline takes a first character that is cut into several pieces,
    which no text of training had at the beginning of a word, for as many words; nothing can be done about that here.
    """
    inside_a_text = Regex(r"(?<=[\s\S]) ")
    # In what has the mark after one space and not more: each space, one after the other from the beginning on.
    between_tokens = Regex(rf"(?:\A(?=(?:[\s\S]*[^ ])? {WORD_START})|\G(?!\A))[^ ]*\K ")
    of_empty_texts = Regex(rf" (?= (?!{WORD_START}))|(?<!\A) \Z")
    in_front = Regex(rf"\A(?:  (?={WORD_START})| (?!{WORD_START}))")
    return decoders.Sequence(
        [
            decoders.Replace(inside_a_text, ""),
            decoders.Replace(Regex(r"\A"), " "),
            decoders.Fuse(),
            decoders.Replace(between_tokens, ""),
            decoders.ByteLevel(),  # leaves what has a space in it
            decoders.Replace(of_empty_texts, ""),
            decoders.Replace(in_front, ""),
            decoders.Replace(f"  {WORD_START}", f" {WORD_START}"),
        ]
    )


def word_start(token: str) -> bool:
    """Whether `token` of a tokenizer of `train_word_pieces` is the first of its word."""
    return token.startswith(WORD_START)


def token_bytes(token: str) -> bytes:
    """The UTF-8 bytes that `token` of a tokenizer of `train_word_pieces` stands for, without the mark of a word start.

    A special token stands for none. A character of more than one byte may be spread over several tokens.

    Raises:
        ValueError: `token` has a character that is not in the byte-level alphabet.
    """
    if token in SPECIAL_TOKENS:
        return b""
    try:
        return bytes(byte_of()[character] for character in token.removeprefix(WORD_START))
    except KeyError as error:
        raise ValueError(f"`token`={token!r} is not a byte-level token: {error.args[0]!r} names no byte.") from None


@cache
def byte_of() -> dict[str, int]:
    """The byte that each character of the byte-level alphabet names.

    Printable Latin-1 names itself; the other bytes, in order, are named by the characters from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _checked(sentences: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    for index, sentence in enumerate(sentences):
        if isinstance(sentence, str):
            raise TypeError(f"`sentences` must hold lists of words; item {index} is the string {sentence[:50]!r}.")
        for word in sentence:
            if not isinstance(word, str):
                raise TypeError(f"`sentences` must hold words as strings; item {index} has {word!r}.")
            if LONE_SURROGATE.search(word):
                raise ValueError(f"`sentences` must hold valid Unicode; item {index} has a lone surrogate: {word!r}.")
        yield list(sentence)


def _splitter(pattern: str) -> pre_tokenizers.Split:
    # Inverted and removed: what the pattern does not match (white space) is dropped, each match is a word.
    return pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)


def _word_pattern(sentences: list[list[str]]) -> str:
    """The pattern (Oniguruma's syntax) of a word. It never looks past a space: what is a word depends on it alone."""
    general = _general_pattern(_clitics(sentences))
    return f"{_exception_pattern(_exceptions(sentences, _splitter(general)))}|{general}"


def _general_pattern(clitics: list[str]) -> str:
    clitic = rf"(?i:{'|'.join(clitics)}){_BEFORE_NONE}" if clitics else "(?!)"
    # A word ends where a clitic begins, "does" of "doesn't" before its "n't". Letters with periods that are no acronym
    # are one part with what follows: as parts of their own, each would be read to the end of all for an acronym.
    part = rf"(?:{_ACRONYM}|{_NO_ACRONYM}{_LETTER}(?:(?!{clitic}){_LETTER})*)"
    word = rf"(?:{_SIGN})?{part}(?:(?!{clitic}){_JOINT}{part})*"
    return rf"{clitic}|{word}|{_OTHER}"


def _clitics(sentences: list[list[str]]) -> list[str]:
    """Patterns of what the corpus splits off the end of words ("'s", "n't"), the most frequent first."""
    counts = Counter(
        word.lower().replace("’", "'")
        for sentence in sentences
        for previous, word in zip(sentence, sentence[1:], strict=False)
        if previous[-1:].isalpha() and _CLITIC.fullmatch(word)
    )
    frequent = [clitic for clitic, count in counts.most_common(MAX_CLITICS) if count >= MIN_OCCURRENCES]
    return [clitic.replace("'", "['’]") for clitic in frequent]


def _exceptions(sentences: list[list[str]], splitter: pre_tokenizers.Split) -> list[str]:
    """Words that `splitter` splits, but that occur more often than their parts do as words side by side."""
    counts = Counter(word for sentence in sentences for word in sentence)
    parts: dict[tuple[str, ...], str] = {}
    for word, count in counts.items():
        if count >= MIN_OCCURRENCES:
            split = tuple(part for part, _ in splitter.pre_tokenize_str(word))
            if len(split) > 1 and not any(character.isspace() for character in word):
                parts[split] = word
    lengths = {len(split) for split in parts}
    apart: Counter[str] = Counter()
    for sentence in sentences:
        for length in lengths:
            for start in range(len(sentence) - length + 1):
                split = tuple(sentence[start : start + length])
                if split in parts:
                    apart[parts[split]] += 1
    kept = [word for word in parts.values() if counts[word] > apart[word]]
    return sorted(kept, key=lambda word: (-counts[word], word))[:MAX_EXCEPTIONS]


def _exception_pattern(exceptions: list[str]) -> str:
    """Whole words of `exceptions`, the longest first."""
    if not exceptions:
        return "(?!)"
    longest_first = sorted(exceptions, key=lambda word: (-len(word), word))
    return rf"{_AFTER_NONE}(?:{'|'.join(re.escape(word) + _exception_end(word) for word in longest_first)})"


def _exception_end(word: str) -> str:
    """What must not follow `word`: a run of its last character or a joined part, which other patterns then take."""
    last = re.escape(word[-1])
    is_currency = unicodedata.category(word[-1]) == "Sc"  # a number may follow at once: US$5
    return rf"(?!{last})" if is_currency else rf"(?!{last}|-?{_LETTER})"
