"""Entities that are given by their characters, ``[0, 5, "PER"]``, as tags of the words of the text."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...tokenizers.word_pieces import split_words
from .sentences import Sentence


__all__ = ["SpannedText", "TextSpan", "align_all"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextSpan:
    """An entity: the characters `start` to `end` (exclusive) of a text, its type, and what its file says they are."""

    start: int
    end: int
    entity: str
    text: str | None = None


@dataclass(frozen=True)
class SpannedText:
    """A text with its entities, and the `place` where it stands, such as "a.jsonl, line 3"."""

    text: str
    spans: tuple[TextSpan, ...]
    place: str


def align_all(texts: Sequence[SpannedText]) -> list[Sentence]:
    """The words of each text with IOB2 tags of its entities.

    The words are those that a tagger of this package finds in natural text. An entity is tagged where it begins and
    ends with words; white space at its ends is none of it. One that is not in the text, ends within a word, or has a
    word of another (of which the longer one stays) has no tags. A warning counts each kind, with an example.
    """
    inclusive = _ends_are_inclusive(texts)
    problems: dict[str, list[str]] = {}
    sentences = []
    for row in texts:
        spans = [TextSpan(each.start, each.end + inclusive, each.entity, each.text) for each in row.spans]
        words = split_words(row.text)
        tags = ["O"] * len(words)
        for span in sorted(dict.fromkeys(spans), key=lambda each: (each.start - each.end, each.start)):
            found = row.text[span.start : span.end] if 0 <= span.start < span.end else ""
            problem = _place_tags(tags, words, span, len(row.text), found)
            example = f"{row.place}, {span.entity} from {span.start} to {span.end}, {found[:40]!r}"
            if problem is not None:
                problems.setdefault(f"{problem}, and have no tags", []).append(example)
            elif span.text is not None and span.text.strip() != found.strip():
                problems.setdefault("are another text than the file says, and have tags", []).append(
                    f"{example}, for {span.text[:40]!r}"
                )
        sentences.append(
            Sentence([row.text[start:end] for start, end in words], tags, row.place),
        )
    _say(problems, sum(len(row.spans) for row in texts), inclusive)
    return sentences


def _place_tags(
    tags: list[str], words: Sequence[tuple[int, int]], span: TextSpan, length: int, found: str
) -> str | None:
    """Tag the words of `span`; or say what is wrong with it."""
    if not (0 <= span.start < span.end <= length):
        return "are not within their text"
    start = span.start + len(found) - len(found.lstrip())
    end = span.end - (len(found) - len(found.rstrip()))
    inside = [index for index, (first, last) in enumerate(words) if first < end and last > start]
    if not inside:
        return "hold no word"
    if words[inside[0]][0] < start or words[inside[-1]][1] > end:
        return "begin or end within a word"
    if any(tags[index] != "O" for index in inside):
        return "overlap others"
    for index in inside:
        tags[index] = ("B-" if index == inside[0] else "I-") + span.entity
    return None


def _ends_are_inclusive(texts: Sequence[SpannedText]) -> bool:
    """Whether an `end` is that of the last character: all texts of entities say so, and none the contrary."""
    counts: Counter[bool] = Counter()
    for row in texts:
        for span in row.spans:
            if span.text is None or span.start < 0:
                continue
            if row.text[span.start : span.end] == span.text:
                return False
            counts[row.text[span.start : span.end + 1] == span.text] += 1
    return counts[True] > counts[False]


def _say(problems: dict[str, list[str]], total: int, inclusive: bool) -> None:
    if inclusive:
        logger.warning("The `end` of the entities is taken for their last character, as the texts of these say.")
    for problem, examples in problems.items():
        logger.warning("%d of %d entities %s; the first: %s.", len(examples), total, problem, examples[0])
