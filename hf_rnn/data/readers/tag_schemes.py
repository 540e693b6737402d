"""The ways in which the tags of a sentence's tokens tell where its entities begin and end.

- IOB1: ``I-X`` for every token of an entity of type X, ``B-X`` only for the first token of one that directly follows
  another of the same type (Ramshaw & Marcus 1995, arXiv:cmp-lg/9505040; the CoNLL-2003 files).
- IOB2, often called BIO: ``B-X`` for the first token of every entity, ``I-X`` for the others (Tjong Kim Sang &
  Veenstra 1999, arXiv:cs/9907006).
- BIOES: IOB2 with ``E-X`` for the last token of an entity, and ``S-X`` for one of a single token.

``O`` is outside every entity in all of them. `tagged.recognition` brings other schemes, and other ways to write them,
to these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args


__all__ = [
    "InvalidTags",
    "bioes_to_iob2",
    "entity_types",
    "invalid_positions",
    "iob1_to_iob2",
    "iob2_to_bioes",
    "mend",
]

InvalidTags = Literal["keep", "repair", "refuse"]

IOB_PREFIXES = "BI"
BIOES_PREFIXES = "BIES"


def iob1_to_iob2(tags: Sequence[str]) -> list[str]:
    """Begin every entity with B-.

    Raises:
        ValueError: a tag is none of IOB1.
    """
    begins = set(invalid_positions(tags))
    return ["B" + tag[1:] if position in begins else tag for position, tag in enumerate(tags)]


def iob2_to_bioes(tags: Sequence[str]) -> list[str]:
    """End every entity of two or more tokens with E-, and mark every single one by S-.

    Raises:
        ValueError: a tag is none of IOB2, or an I- is without its B- (see `mend`).
    """
    mend(tags, "refuse", "These tags")
    followers = [*(tag[0] for tag in tags[1:]), "O"][: len(tags)]
    return [
        tag if tag == "O" or follower == "I" else {"B": "S", "I": "E"}[tag[0]] + tag[1:]
        for tag, follower in zip(tags, followers, strict=True)
    ]


def bioes_to_iob2(tags: Sequence[str]) -> list[str]:
    """The same entities with B- and I- alone.

    An I- or E- without its B- stays one, as I-, for `mend` to treat. Only where an E- or S- of its own type stands
    before it, so that as I- it would make one entity of two, does it become B-, as the CoNLL scorer counts it.

    Raises:
        ValueError: a tag is none of BIOES.
    """
    converted = []
    before = ("O", "")
    for tag in tags:
        prefix, entity = _split(tag, BIOES_PREFIXES)
        begins = prefix in ("B", "S") or before in (("E", entity), ("S", entity))
        converted.append(tag if prefix == "O" else ("B" if begins else "I") + tag[1:])
        before = (prefix, entity)
    return converted


def invalid_positions(tags: Sequence[str]) -> list[int]:
    """The positions of every I- that IOB2 does not allow: neither B- nor I- of the same type stands before it.

    Raises:
        ValueError: a tag is none of IOB2.
    """
    found = []
    before = ""
    for position, tag in enumerate(tags):
        prefix, entity = _split(tag, IOB_PREFIXES)
        if prefix == "I" and entity != before:
            found.append(position)
        before = entity
    return found


def mend(tags: Sequence[str], invalid: InvalidTags, place: str) -> list[str]:
    """Treat what `invalid_positions` finds in IOB2 tags.

    Args:
        tags: The tags of a sentence.
        invalid: ``"repair"`` makes such an I- a B-, ``"keep"`` leaves it, ``"refuse"`` raises.
        place: What the error calls the sentence.

    Raises:
        ValueError: `invalid` is unknown, a tag is none of IOB2, or one is invalid and to be refused.
    """
    if invalid not in get_args(InvalidTags):
        raise ValueError(f"`invalid`={invalid!r} must be one of {', '.join(map(repr, get_args(InvalidTags)))}.")
    positions = invalid_positions(tags)
    if invalid == "refuse" and positions:
        tag = tags[positions[0]]
        raise ValueError(
            f"{place}: the tag {tag!r} at position {positions[0]} (from 0) follows neither 'B{tag[1:]}' nor {tag!r}."
        )
    return iob1_to_iob2(tags) if invalid == "repair" else list(tags)


def entity_types(tags: Iterable[str]) -> list[str]:
    """The types in tags of any of the schemes, sorted.

    Raises:
        ValueError: a tag is none of them.
    """
    return sorted({entity for _, entity in (_split(tag, BIOES_PREFIXES) for tag in tags)} - {""})


def _split(tag: str, prefixes: str) -> tuple[str, str]:
    """The prefix and the type of a tag; of ``O`` the type is ``""``."""
    if tag == "O":
        return "O", ""
    prefix, _, entity = tag.partition("-")
    if len(prefix) != 1 or prefix not in prefixes or not entity:
        known = ", ".join(f"'{prefix}-<type>'" for prefix in prefixes)
        raise ValueError(f"The tag {tag!r} is no tag of an entity; it must be 'O' or one of {known}.")
    return prefix, entity
