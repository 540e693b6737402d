"""The tags of every split in one scheme, the labels that a model is to know, and those that it cannot."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..cells import sorted_names
from ..labels import LabelMap
from ..tag_schemes import InvalidTags, entity_types, invalid_positions, mend
from .recognition import UNTAGGED, TagReading, find_reading
from .spelling import OUTSIDE, UNTYPED
from .table import TaggedTable


__all__ = ["as_ids", "class_label_names", "label_map", "named_tags", "read_scheme", "to_iob2"]

logger = logging.getLogger(__name__)

Tags = list[list[str]]


def named_tags(table: TaggedTable, names: Sequence[str] | None) -> Tags:
    """The tags of each sentence as they are named.

    Args:
        table: A split.
        names: Those of numbers, and all that are allowed; None: the tags are as they are written.

    Raises:
        ValueError: a sentence has another number of tags than of tokens, or a tag is no string, no integer, or none
            of `names`.
    """
    allowed = None if names is None else LabelMap(list(names))
    named: dict[Any, str] = {}
    for row, (tags, words) in enumerate(zip(table.tags, table.tokens, strict=True)):
        if len(tags) != len(words):
            raise ValueError(f"{table.place(row)}: {len(tags)} tags for {len(words)} tokens.")
        for position, tag in enumerate(tags):
            if not isinstance(tag, int | str) or tag not in named:
                named[tag] = _name(tag, allowed, table.place(row, position))
    return [[named[tag] for tag in tags] for tags in table.tags]


def _name(tag: Any, allowed: LabelMap | None, place: str) -> str:
    if isinstance(tag, bool) or not isinstance(tag, int | str) or tag == "":
        raise ValueError(f"{place}: the tag is {tag!r}; it must be a string, an integer or a class label.")
    if allowed is None:
        return str(tag)
    index = allowed.id_of(tag)
    if index is None:
        raise ValueError(f"{place}: the tag is {tag!r}; it must be one of {allowed}.")
    return allowed.names[index]


def class_label_names(feature: Any) -> list[str] | None:
    """The names of a column of lists of class labels; None of another."""
    from datasets import ClassLabel

    inner = getattr(feature, "feature", feature)
    return list(inner.names) if isinstance(inner, ClassLabel) else None


def read_scheme(tags: Tags, scheme: str | None) -> TagReading | None:
    """Tell what the tags of the leading split are, and say so where they are converted or might be meant otherwise.

    Raises:
        ValueError: as `find_reading`.
    """
    reading = find_reading(tags, scheme)
    if scheme is not None:
        return reading
    counts = Counter(tag for sentence in tags for tag in sentence)
    shown = ", ".join(repr(tag) for tag, _ in counts.most_common(6))
    if reading is not None and not (reading.scheme == "iob2" and all(tag == reading.canonical(tag) for tag in counts)):
        types = f", of the one type {UNTYPED!r}," if reading.spelling.order == "letter" else ""
        logger.warning(
            "The tags (%s) are read as %s%s and become IOB2, such as %r; --tag_scheme names another scheme, or %s.",
            *(shown, reading.scheme.upper(), types, _example(counts, reading), UNTAGGED),
        )
    if reading is None and OUTSIDE in counts:
        logger.warning(
            "The tags (%s) are taken as they are, a label for each token, measured by accuracy; if they are those of "
            "entities, --tag_scheme names their scheme.",
            shown,
        )
    return reading


def to_iob2(
    tables: Mapping[str, TaggedTable], tags: dict[str, Tags], reading: TagReading, invalid: InvalidTags
) -> dict[str, Tags]:
    """The tags of every split in IOB2.

    Raises:
        ValueError: a tag is not of the scheme, or one is invalid and to be refused.
    """
    converted: dict[str, Tags] = {split: [] for split in tags}
    repaired = 0
    seen: dict[str, str] = {}
    for split, sentences in tags.items():
        for row, sentence in enumerate(sentences):
            try:
                iob2 = reading.to_iob2(sentence, seen)
            except ValueError as error:
                position = next(index for index, tag in enumerate(sentence) if not _fits(reading, tag))
                raise ValueError(
                    f"{tables[split].place(row, position)}: not tagged by `tag_scheme` {reading.scheme}: {error}"
                ) from error
            invalid_here = len(invalid_positions(iob2))
            if invalid_here:
                iob2 = mend(iob2, invalid, tables[split].place(row))
                repaired += invalid_here
            converted[split].append(iob2)
    if repaired and invalid == "repair":
        logger.warning("Made B- of %d tags I- without a B- before them (`invalid_tags`='repair').", repaired)
    return converted


def _example(counts: Mapping[str, int], reading: TagReading) -> str:
    """The tag of the most frequent entity, as that of its first token."""
    entities = [tag for tag in counts if reading.canonical(tag) != OUTSIDE]
    most = max(entities, key=counts.__getitem__, default=OUTSIDE)
    return f"B{reading.canonical(most)[1:]}" if entities else OUTSIDE


def _fits(reading: TagReading, tag: str) -> bool:
    try:
        reading.canonical(tag)
    except ValueError:
        return False
    return True


def label_map(leading: Tags, declared: Sequence[str] | None, reading: TagReading | None, column: str) -> LabelMap:
    """The labels of a model that is trained on these tags, in the order of their ids.

    Args:
        leading: The tags of the training split, in IOB2 if of entities.
        declared: All that there may be, as they are written; None: those that there are.
        reading: The scheme of entities; None: the tags are something else.
        column: What errors call their column.

    Raises:
        ValueError: a declared tag is none of the scheme, or there is one label only.
    """
    found = {tag for tags in leading for tag in tags}
    names = sorted_names(found) if declared is None else list(declared)
    if reading is not None:
        try:
            types = entity_types(names if declared is None else map(reading.canonical, names))
        except ValueError as error:
            raise ValueError(f"`class_names`, or the class labels of column `{column}`: {error}") from error
        names = [OUTSIDE, *(f"{prefix}-{entity}" for entity in types for prefix in "BI")]
    if len(names) < 2:
        raise ValueError(
            f"Column `{column}` of the train split holds the tag {names[0]!r} alone: nothing to tell apart. Another "
            "`label_column_name` or `tag_column` may hold the tags; or add sentences with others."
        )
    return LabelMap(names)


def as_ids(tags: Tags, names: Sequence[str]) -> list[list[int]]:
    """The place of each tag among `names`."""
    ids = {name: index for index, name in enumerate(names)}
    return [[ids[tag] for tag in sentence] for sentence in tags]
