"""The ways in which the tags of a sentence's tokens tell where its entities begin and end.

- IOB1: ``I-X`` for every token of an entity of type X, ``B-X`` only for the first token of one that directly follows
  another of the same type (Ramshaw & Marcus 1995, arXiv:cmp-lg/9505040; the CoNLL-2003 files).
- IOB2, often called BIO: ``B-X`` for the first token of every entity, ``I-X`` for the others (Tjong Kim Sang &
  Veenstra 1999, arXiv:cs/9907006).
- BIOES: IOB2 with ``E-X`` for the last token of an entity, and ``S-X`` for one of a single token.

``O`` is outside every entity in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args


__all__ = [
    "InvalidTags",
    "TagScheme",
    "bioes_to_iob2",
    "entity_types",
    "guess_scheme",
    "invalid_positions",
    "iob1_to_iob2",
    "iob2_to_bioes",
    "mend",
]

TagScheme = Literal["IOB1", "IOB2", "BIOES"]
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


def guess_scheme(sentences: Iterable[Sequence[str]]) -> TagScheme | None:
    """The scheme of entity tags, or None where they are something else, such as parts of speech.

    - None: there is no tag at all, or one that is neither O nor a B-, I-, E- or S- before a type.
    - BIOES: there is an E- or S-.
    - IOB1: some entity begins with I-, and every B- directly follows an entity of its own type.
    - IOB2: anything else. So IOB2 with an I- that lacks its B- is IOB2, as long as one B- stands where IOB1 would not
      have it, and so are tags that fit both: no entity begins with I-. With I- alone and no B- it is IOB1.
    """
    tagged = ends = begins_with_i = b_of_iob2 = False
    for tags in sentences:
        before = ""
        for tag in tags:
            try:
                prefix, entity = _split(tag, BIOES_PREFIXES)
            except ValueError:
                return None
            tagged = True
            ends |= prefix in ("E", "S")
            begins_with_i |= prefix == "I" and entity != before
            b_of_iob2 |= prefix == "B" and entity != before
            before = entity
    if not tagged:
        return None
    if ends:
        return "BIOES"
    return "IOB1" if begins_with_i and not b_of_iob2 else "IOB2"


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
