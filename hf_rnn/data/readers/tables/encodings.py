"""The encoding of a file of text: UTF-8 where it decodes as that, else what its bytes tell."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from .sources import Source


__all__ = ["Encoding", "find_encoding", "open_text"]

UTF8 = "utf-8-sig"
WESTERN = "cp1252"
# Those that people's files have; of the others a few words are easily mistaken for any.
_ONE_BYTE = (
    *(f"cp125{number}" for number in range(9)),
    *("iso8859_2", "iso8859_5", "iso8859_7", "iso8859_9", "koi8_r", "koi8_u", "mac_roman", "mac_cyrillic"),
    *("cp437", "cp850", "cp852", "cp866", "cp874"),
)
_SEVERAL_BYTES = ("cp932", "euc_jp", "gb18030", "big5", "cp949")
# So many bytes are looked at; what comes later is decoded strictly, and names its line where it cannot be.
CHECKED_BYTES = 2**26
CHUNK_BYTES = 2**20
SAMPLE_BYTES = 2**16
_MARKS = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Bytes that stand in no text of one byte a character.
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x19\x7f]")
_BAD = re.compile("[\udc80-\udcff]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_LINE_END = re.compile("\r\n|\r|\n")
# The most characters of UTF-8 for each byte that is none, in a file of another encoding: of one byte a character, and
# of several, where bytes in a row are often UTF-8 by chance.
GOOD_OF_ONE_BYTE, GOOD_OF_SEVERAL = 0.05, 0.4
# The letters of Portuguese, Spanish, French, Italian, German, Dutch and the Nordic languages.
_WESTERN_LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøùúûüßœªºµ"
# The first with the second are Hungarian, as another encoding writes it. Portuguese has the first, and the third more
# often than the second, which it has in names.
_HUNGARIAN = ("õ", "öüû", "ãç")
_WESTERN_SIGNS = "“”‘’‚„–—…•€£¥¢§©®™°«»¿¡·´¨²³¹¼½¾±×÷\xa0\xad‹›†‡"
_WORDS = re.compile(r"[^\W\d_]+")
# Signs that stand between words, or beside them, but never within one.
_SIGN_IN_WORD = re.compile(r"[^\W\d_][“”‚„•€£¥¢§©®™°«»¿¡¨²³¹¼½¾±×÷‹›†‡][^\W\d_]")
# The share of letters beyond ASCII in the words that have any, and how many more a text of a few words may have.
MOST_BEYOND, SHORT_WORDS = 0.6, 3
# The share of the words with letters beyond ASCII that may be odd, as hashtags and slips of the keyboard are.
MOST_ODD = 0.05
# Two guesses whose mess and coherence (of charset-normalizer, from 0 to 1) differ by less are equally good.
SAME_CHAOS, SAME_COHERENCE = 0.1, 0.06
SAMPLE_CHARACTERS, SHOWN_GUESSES = 40, 5


@dataclass(frozen=True)
class Encoding:
    """Attributes:
    name: For `open`.
    is_guess: Whether the bytes only suggest it.
    damaged_line: The first line (from 1) that is not UTF-8 in a file that otherwise is.
    """

    name: str
    is_guess: bool = False
    damaged_line: int | None = None


@contextmanager
def open_text(source: Source, encoding: str, *, errors: str = "strict", newline: str | None = "") -> Iterator[IO[str]]:
    """The text of a file.

    Args:
        source: The file.
        encoding: As `find_encoding` found it.
        errors: As those of `open`.
        newline: As that of `open`: by default lines end as they are written.

    Raises:
        FileError: a line cannot be decoded: it is named.
    """
    try:
        with source.open() as stream, io.TextIOWrapper(stream, encoding, errors=errors, newline=newline) as text:
            yield text
    except UnicodeDecodeError as error:
        line = _first_bad_line(source, encoding)
        raise source.error(
            f"this is not {_shown(encoding)} ({error.reason}); mend it, or name the encoding by `--encoding`.", line
        ) from error


def find_encoding(source: Source, given: str | None) -> Encoding:
    """The encoding of `source`.

    Args:
        source: A file of text.
        given: What the user says that it is.

    Raises:
        FileError: it is no text, or nothing tells which of several encodings it has.
    """
    if given is not None:
        name = codecs.lookup(given).name
        return Encoding(UTF8 if name == "utf-8" else name)
    with source.open() as stream:
        head = stream.read(CHUNK_BYTES)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked not in (None, UTF8):
        return Encoding(str(marked))
    if (wide := _wide_without_mark(head)) is not None:
        return Encoding(wide, is_guess=True)
    if (line := _first_bad_line(source, UTF8, CHECKED_BYTES)) is None:
        return Encoding(UTF8)
    good, bad, sample = _survey(source)
    damaged = Encoding(UTF8, damaged_line=line)
    if marked == UTF8 or good > bad * GOOD_OF_SEVERAL:
        return damaged
    if _CONTROLS.search(head):
        raise source.error("it is no text: it has bytes that no encoding of text has. `--encoding` names one.")
    found = _guess(source, sample)
    return damaged if found in _ONE_BYTE and good > bad * GOOD_OF_ONE_BYTE else Encoding(found, is_guess=True)


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 of mostly Latin letters has a zero in every second byte."""
    pairs = len(head) // 2
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if pairs < 2 or max(even, odd) < 0.3 * pairs or min(even, odd) > 0.01 * pairs:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _first_bad_line(source: Source, encoding: str, limit: int | None = None) -> int | None:
    """The first line (from 1) that cannot be decoded in the first `limit` bytes; None where there is none."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    read = 0
    with source.open() as stream:
        while limit is None or read < limit:
            chunk = stream.read(CHUNK_BYTES)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                # What comes before the fault, of which the decoder may have kept some bytes of the chunk before.
                return _line_of(source, encoding, read + len(chunk) - len(error.object) + error.start)
            read += len(chunk)
            if not chunk:
                return None
    return None


def _line_of(source: Source, encoding: str, place: int) -> int:
    """The line (from 1) of the byte at `place`, before which everything can be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line, ends_in_return = 1, False
    with source.open() as stream:
        while place > 0 and (chunk := stream.read(min(CHUNK_BYTES, place))):
            place -= len(chunk)
            text = decoder.decode(chunk)
            line += _line_ends(text, ends_in_return)
            ends_in_return = text.endswith("\r") or (ends_in_return and not text)
    return line


def _line_ends(text: str, after_return: bool) -> int:
    ends = len(_LINE_END.findall(text)) if "\r" in text else text.count("\n")
    return ends - 1 if after_return and text.startswith("\n") else ends


def _survey(source: Source) -> tuple[int, int, bytes]:
    """Characters beyond ASCII that are UTF-8, bytes that are not, and the lines that have either."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = read = 0
    sample: list[bytes] = []
    sampled, rest = 0, b""
    with source.open() as stream:
        while read < CHECKED_BYTES and (chunk := stream.read(CHUNK_BYTES)):
            read += len(chunk)
            text = decoder.decode(chunk)
            damaged = len(_BAD.findall(text))
            bad += damaged
            good += len(_NOT_ASCII.findall(text)) - damaged
            if sampled < SAMPLE_BYTES:
                *lines, rest = (rest + chunk).splitlines(keepends=True)
                chosen = [line for line in lines if not line.isascii()]
                sample += chosen
                sampled += sum(map(len, chosen))
    return good, bad, b"".join(sample)[:SAMPLE_BYTES] if sampled >= SAMPLE_BYTES else b"".join([*sample, rest])


def _guess(source: Source, sample: bytes) -> str:
    from charset_normalizer import from_bytes

    # A sample ends with a line.
    if len(sample) == SAMPLE_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    if _is_western(sample):
        # Of a few words the library tells too little.
        return WESTERN
    matches = list(from_bytes(sample, cp_isolation=[*_ONE_BYTE, *_SEVERAL_BYTES]))
    if not matches:
        raise source.error("it is not UTF-8, and its bytes tell no other encoding; name it by `--encoding`.")
    best = matches[0]
    others = {
        str(match): match.encoding
        for match in reversed(matches)
        if match.chaos - best.chaos < SAME_CHAOS and best.coherence - match.coherence < SAME_COHERENCE
    }
    if len(others) > 1:
        shown = list(reversed(others.items()))[:SHOWN_GUESSES]
        listed = ", ".join(f"{name} ({_beyond_ascii(text)!r})" for text, name in shown)
        raise source.error(f"it is not UTF-8, and may be {listed}; name the right one by `--encoding`.")
    return best.encoding


def _is_western(sample: bytes) -> bool:
    """Whether the sample has words where it is read as Windows writes it in the west of Europe and in America."""
    try:
        text = sample.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    words = [word for word in _WORDS.findall(text) if not word.isascii()]
    letters, beyond = len("".join(words)), len(_NOT_ASCII.findall("".join(words)))
    odd = len(_SIGN_IN_WORD.findall(text))
    odd += sum(not (word.islower() or word.isupper() or word.istitle()) for word in words)
    known = all(sign.lower() in _WESTERN_LETTERS or sign in _WESTERN_SIGNS for sign in _NOT_ASCII.findall(text))
    # Short words may be one letter, such as the Portuguese "é".
    is_foreign = beyond > MOST_BEYOND * letters + SHORT_WORDS
    return known and not is_foreign and odd <= MOST_ODD * len(words) and not _is_hungarian(text.lower())


def _is_hungarian(text: str) -> bool:
    """Whether text in lower case, read as that of western Europe, is in truth Hungarian."""
    letter, others, portuguese = (sum(map(text.count, letters)) for letters in _HUNGARIAN)
    return letter > 0 and others > portuguese


def _beyond_ascii(text: str) -> str:
    place = next((place for place, letter in enumerate(text) if letter > "\x7f"), 0)
    return text[max(0, place - SAMPLE_CHARACTERS // 2) :][:SAMPLE_CHARACTERS]


def _shown(encoding: str) -> str:
    return "UTF-8" if encoding == UTF8 else encoding
