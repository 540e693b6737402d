"""Which scheme of entity tags a corpus has, found from the tags of its training split, and their way to IOB2.

The schemes are IOB1, IOB2 and BIOES (see `tag_schemes`) and their relatives: BILOU (L- is E-, U- is S-; Ratinov & Roth
2009, https://aclanthology.org/W09-1119), BMES and BMEWO (M- is I-, W- is S-), IO (I- or the type alone, so that
neighbours of one type are one entity) and IOE (E- ends an entity, nothing marks its beginning).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..tag_schemes import bioes_to_iob2, iob1_to_iob2
from .spelling import OUTSIDE, ROLES, Spelling, looks_prefixed, spellings


__all__ = ["SCHEMES", "UNTAGGED", "TagReading", "find_reading", "find_spelling", "looks_like_entities"]

# The letters of each scheme. IO may have a B- in another split, as IOB1 has where two entities touch.
SCHEMES: Mapping[str, str] = {
    "iob1": "BI",
    "iob2": "BI",
    "io": "BI",
    "ioe": "IE",
    "bioes": "BIES",
    "bilou": "BILU",
    "bmes": "BMESW",
}
# The name of no scheme: the tags are those of tokens, such as parts of speech.
UNTAGGED = "none"
SHOWN_TAGS = 6


@dataclass(frozen=True)
class TagReading:
    """A scheme and how its tags are written.

    Attributes:
        scheme: A key of `SCHEMES`.
        spelling: How the tags are written.
        letters: Those that may occur.
    """

    scheme: str
    spelling: Spelling
    letters: frozenset[str]

    def canonical(self, tag: str) -> str:
        """A tag with its letter of BIOES, a hyphen and its type; or O.

        Raises:
            ValueError: it is no tag of the scheme, or not written as the others are.
        """
        found = self.spelling.parts(tag)
        if found is None or found[0] not in self.letters | {OUTSIDE}:
            letters = sorted(self.letters, key="BIMELSUW".index)
            known = dict.fromkeys(repr(self.spelling.written(letter)) for letter in letters)
            raise ValueError(
                f"The tag {tag!r} is no tag of an entity; it must be {self.spelling.outside!r} or one of "
                f"{', '.join(known)}."
            )
        letter, entity = found
        return OUTSIDE if letter == OUTSIDE else f"{ROLES[letter]}-{entity}"

    def to_iob2(self, tags: Sequence[str], seen: dict[str, str] | None = None) -> list[str]:
        """The tags of a sentence in IOB2. An I- of IOB2, BIOES and their like that lacks its B- stays as it is, for
        `tag_schemes.mend` to treat.

        Args:
            tags: As they are written.
            seen: What `canonical` gave of other sentences' tags; it grows.

        Raises:
            ValueError: as `canonical`.
        """
        seen = {} if seen is None else seen
        for tag in tags:
            if tag not in seen:
                seen[tag] = self.canonical(tag)
        canonical = [seen[tag] for tag in tags]
        if self.scheme == "iob2":
            return canonical
        if self.scheme in ("iob1", "io"):
            return iob1_to_iob2(canonical)
        converted = bioes_to_iob2(canonical)
        return iob1_to_iob2(converted) if self.scheme == "ioe" else converted


def find_reading(sentences: Sequence[Sequence[str]], scheme: str | None = None) -> TagReading | None:
    """Recognise the scheme of the tags of `sentences`; None where they are no entities but, say, parts of speech.

    A scheme is found where every tag is ``O``, or a known letter and a type that are written in one way; or where
    there are letters and O alone; or types and O alone, O being more than a third. I- and B- are IOB1 where some
    entity begins with I- and every B- directly follows an entity of its own type, otherwise IOB2; I- alone is IO.

    Args:
        sentences: The tags of each sentence.
        scheme: The scheme that they are in, a key of `SCHEMES` or `UNTAGGED`; None: it is found.

    Raises:
        ValueError: the tags look like those of entities, and some fit no scheme; the message names them.
    """
    counts = Counter(tag for tags in sentences for tag in tags)
    if scheme == UNTAGGED or not counts:
        return None
    if scheme is not None:
        letters = frozenset(SCHEMES[scheme])
        return TagReading(scheme, _best_spelling(counts, letters, scheme), letters)
    spelling = find_spelling(counts)
    if spelling is None:
        _refuse_half_a_scheme(counts)
        return None
    letters = frozenset(found[0] for tag in counts if (found := spelling.parts(tag)) is not None) - {OUTSIDE}
    found_scheme = _scheme_of_letters(letters)
    if found_scheme is None:
        raise ValueError(
            f"The tags look like those of entities, with the letters {', '.join(sorted(letters))} ({_shown(counts)}), "
            f"which are together in no scheme that is known ({', '.join(SCHEMES)}). Correct them; or take them as "
            f"they are, a label for each token, with `tag_scheme` {UNTAGGED}."
        )
    if spelling.order == "type":
        return TagReading("io", spelling, frozenset("I"))
    if found_scheme == "iob2" and _is_iob1(sentences, TagReading("iob2", spelling, letters)):
        found_scheme = "iob1" if "B" in letters else "io"
    return TagReading(found_scheme, spelling, letters | frozenset(SCHEMES[found_scheme]))


def looks_like_entities(counts: Mapping[str, int]) -> bool:
    """Whether tags, with how often each occurs, are those of entities, or nearly: with some that fit no scheme."""
    return find_spelling(counts) is not None or bool(_misfits(counts))


def find_spelling(counts: Mapping[str, int]) -> Spelling | None:
    """The spelling that all tags have, if they are those of entities."""
    if not counts:
        return None
    for spelling in spellings(counts):
        if any(spelling.parts(tag) is None for tag in counts):
            continue
        tagged = spelling.fits(counts)
        outside = sum(count for tag, count in counts.items() if spelling.is_outside(tag))
        if spelling.order == "prefix" and spelling.separator in "-_":
            return spelling
        # The other ways are those of entities only beside what is outside.
        if not outside or not tagged:
            continue
        if spelling.order == "letter" and not {"B", "I"} & {tag.upper() for tag in tagged}:
            continue
        if spelling.order == "type" and 3 * outside <= sum(counts.values()):
            continue
        return spelling
    return None


def _best_spelling(counts: Mapping[str, int], letters: Collection[str], scheme: str) -> Spelling:
    """The spelling that most of the tags have; of equals the likeliest."""

    def fitting(spelling: Spelling) -> int:
        return sum((spelling.parts(tag) or ("",))[0] in {*letters, OUTSIDE} for tag in counts)

    allowed = [spelling for spelling in spellings(counts) if spelling.order != "type" or scheme == "io"]
    return max(allowed, key=fitting)


def _scheme_of_letters(letters: Collection[str]) -> str | None:
    roles = [ROLES[letter] for letter in letters]
    if len(set(roles)) < len(roles):
        # Two letters for one thing, such as E- and L-.
        return None
    if {"M", "W"} & {*letters}:
        return "bmes"
    if {"L", "U"} & {*letters}:
        return "bilou"
    if {"E", "S"} & {*letters}:
        return "ioe" if {*letters} == {"I", "E"} else "bioes"
    return "iob2"


def _is_iob1(sentences: Iterable[Sequence[str]], reading: TagReading) -> bool:
    begins_with_i = False
    for tags in sentences:
        before = ""
        for tag in tags:
            letter, _, entity = reading.canonical(tag).partition("-")
            if letter == "B" and entity != before:
                return False
            begins_with_i |= letter == "I" and entity != before
            before = entity
    return begins_with_i


def _misfits(counts: Mapping[str, int]) -> list[str]:
    """The tags that are none of entities, where some others are."""
    with_separator = [spelling for spelling in spellings(counts) if spelling.separator]
    closest = max(with_separator, key=lambda spelling: len(spelling.fits(counts)))
    outside = [tag for tag in counts if closest.is_outside(tag)]
    fit, others = closest.fits(counts), [tag for tag in counts if tag not in outside]
    if outside and others and not fit:
        # A letter of no scheme before every type; or B, I and O among letters, O as frequent as in entities.
        is_most = sum(counts[tag] for tag in outside) >= max(counts.values())
        letters = Spelling("letter").fits(others) if is_most and {"B", "I"} <= {*others} else []
        return (
            others if all(map(looks_prefixed, others)) else [tag for tag in others if letters and tag not in letters]
        )
    if not fit or (not outside and 2 * len(fit) < len(others)):
        return []
    return [tag for tag in others if tag not in fit]


def _refuse_half_a_scheme(counts: Mapping[str, int]) -> None:
    misfits = _misfits(counts)
    if misfits:
        fitting = {tag: count for tag, count in counts.items() if tag not in misfits}
        raise ValueError(
            f"The tags look like those of entities ({_shown(fitting)}), but {len(misfits)} of {len(counts)} different "
            f"ones fit no scheme that is known ({', '.join(SCHEMES)}): {_shown({t: counts[t] for t in misfits})}. "
            f"Correct them; or take all as they are, a label for each token, with `tag_scheme` {UNTAGGED}."
        )
    brackets = [tag for tag in counts if "*" in tag and tag.strip("()*") != tag]
    if 2 * len(brackets) >= len(counts) and any(tag.startswith("(") for tag in brackets):
        raise ValueError(
            f"The tags look like the brackets of CoNLL-2005 and CoNLL-2012 ({_shown(counts)}), a scheme that is not "
            f"read. Write them as B-<type>, I-<type> and O; or take them as they are, a label for each token, with "
            f"`tag_scheme` {UNTAGGED}."
        )


def _shown(counts: Mapping[str, int]) -> str:
    frequent = sorted(counts, key=lambda tag: (-counts[tag], tag))
    more = f" and {len(frequent) - SHOWN_TAGS} more" if len(frequent) > SHOWN_TAGS else ""
    return ", ".join(map(repr, frequent[:SHOWN_TAGS])) + more
