"""How a corpus writes the tags of entities: ``B-PER``, ``B_PER``, ``PER-B``, ``b-per``, ``B``, or ``PER`` alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal


__all__ = ["OUTSIDE", "UNTYPED", "Spelling", "looks_prefixed", "spellings"]

OUTSIDE = "O"
# The type of entities whose tags name none: B, I and O alone.
UNTYPED = "ENT"
# What a letter in front of (or behind) a type says, in the letters of BIOES: M(iddle), L(ast) and E(nd), and
# S(ingle), U(nit), W(hole).
ROLES: Mapping[str, str] = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
SEPARATORS = "-_:./|"
# Names of what is outside, taken for that only where everything else is a tag of an entity.
OUTSIDE_NAMES = frozenset(["out", "outside", "other", "none", "null", "nil", "0", "_", "-"])

Order = Literal["prefix", "suffix", "letter", "type"]


@dataclass(frozen=True)
class Spelling:
    """Attributes:
    order: What a tag is made of: a letter before a type, a type before a letter, a letter, or a type.
    separator: What stands between letter and type; of the last two ``""``.
    outside: The tag of what is in no entity, beside ``O`` and ``o``.
    """

    order: Order
    separator: str = ""
    outside: str = OUTSIDE

    def is_outside(self, tag: str) -> bool:
        """Whether a tag says that its token is in no entity."""
        return tag in (self.outside, OUTSIDE, OUTSIDE.lower())

    def parts(self, tag: str) -> tuple[str, str] | None:
        """The letter, as a capital, and the type of a tag; ``("O", "")`` outside, None if it is not written so."""
        if self.is_outside(tag):
            return OUTSIDE, ""
        if self.order == "type":
            # One letter is the tag of a part of speech, or of a scheme without types.
            is_type = len(tag) > 1 and tag[0].isalpha() and not tag.endswith("-") and not looks_prefixed(tag)
            return ("I", tag) if is_type else None
        if self.order == "letter":
            letter, entity = tag, UNTYPED
        elif self.order == "prefix":
            letter, _, entity = tag.partition(self.separator)
        else:
            entity, _, letter = tag.rpartition(self.separator)
        letter = letter.upper()
        # seqeval strips hyphens off a type, which would make one of two.
        if letter not in ROLES or not entity or entity[0] == "-" or entity[-1] == "-":
            return None
        return letter, entity

    def fits(self, tags: Iterable[str]) -> list[str]:
        """Keep the `tags` that are written so and are of an entity."""
        return [tag for tag in tags if not self.is_outside(tag) and self.parts(tag) is not None]

    def written(self, letter: str, entity: str = "<type>") -> str:
        """A tag, as an error shows what is expected."""
        shapes = {
            "prefix": f"{letter}{self.separator}{entity}",
            "suffix": f"{entity}{self.separator}{letter}",
            "letter": letter,
            "type": entity,
        }
        return shapes[self.order]


def looks_prefixed(tag: str) -> bool:
    """Whether a tag is one letter, a hyphen or an underscore, and more; of whatever scheme that is."""
    return len(tag) > 2 and tag[0].isalpha() and tag[1] in "-_" and tag[2].isalnum()


def spellings(tags: Iterable[str]) -> Iterator[Spelling]:
    """The ways in which `tags` may be written, the likeliest first, each with its name for what is outside."""
    tags = list(tags)
    for order in ("prefix", "suffix"):
        for separator in SEPARATORS[:2] if order == "suffix" else SEPARATORS:
            yield _with_outside(Spelling(order, separator), tags)
    yield Spelling("letter")
    yield Spelling("type")


def _with_outside(spelling: Spelling, tags: list[str]) -> Spelling:
    others = [tag for tag in tags if spelling.parts(tag) is None]
    has_outside = any(spelling.is_outside(tag) for tag in tags)
    if len(others) == 1 and not has_outside and others[0].casefold() in OUTSIDE_NAMES and len(tags) > 1:
        return Spelling(spelling.order, spelling.separator, others[0])
    return spelling
