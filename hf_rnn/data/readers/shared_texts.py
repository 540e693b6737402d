"""Which rows have a text in common: those that must stay on one side when some are held out, and may contradict."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..batches.duplicates import duplicate_groups


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["connected_rows", "count_sharing", "row_texts", "say_contradictions", "unit_of"]

logger = logging.getLogger(__name__)

# The columns that hold a row's texts, as the readers leave them; sentences that are cut are in `tokens`.
TEXT_COLUMNS = ("text", "text_b")
TOKEN_COLUMN = "tokens"
# A text stands for itself by so many bytes of its hash: long ones need not be kept twice.
KEY_BYTES = 16
# A text is shown up to here.
SHOWN_CHARACTERS = 60


def row_texts(rows: Dataset) -> list[tuple[bytes, ...]] | None:
    """The keys of the texts of each row: one, or the two of a pair. Texts are the same where they differ in case
    and in white space alone.

    Returns:
        A tuple for each row; None where the rows have no texts.
    """
    if TOKEN_COLUMN in rows.column_names:
        return [(_key(" ".join(tokens)),) for tokens in rows[TOKEN_COLUMN][:]]
    columns = [name for name in TEXT_COLUMNS if name in rows.column_names]
    if not columns:
        return None
    return list(zip(*([_key(text) for text in rows[name][:]] for name in columns), strict=True))


def connected_rows(texts: Sequence[tuple[bytes, ...]]) -> list[int]:
    """Number the groups of rows that hang together: those with a text in common, and all that these have one in
    common with in turn.

    Example:
        >>> connected_rows([(b"a", b"b"), (b"c", b"d"), (b"b", b"e")])
        [0, 1, 0]
    """
    return duplicate_groups([(row[0], row[-1]) for row in texts])


def count_sharing(texts: Iterable[tuple[bytes, ...]], others: Iterable[tuple[bytes, ...]]) -> int:
    """How many of the rows with `texts` have one that is also a text of the rows with `others`."""
    known = {text for row in others for text in row}
    return sum(not known.isdisjoint(row) for row in texts)


def say_contradictions(rows: Dataset) -> None:
    """Say in one line how many texts, or pairs, of the training `rows` have more than one class, and name the first.

    Nothing is said of labels that are no classes: numbers may differ a little, and several labels are one answer.
    """
    texts = row_texts(rows)
    names = _class_names(rows)
    if texts is None or names is None:
        return
    found: dict[tuple[bytes, ...], set[int]] = {}
    labels = [int(label) for label in rows["label"][:]]
    for text, label in zip(texts, labels, strict=True):
        found.setdefault(text, set()).add(label)
    contradictory = [text for text, classes in found.items() if len(classes) > 1]
    if not contradictory:
        return
    first = texts.index(contradictory[0])
    shown = " / ".join(rows[name][first] for name in TEXT_COLUMNS if name in rows.column_names)
    shown = shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}…"
    single = len(contradictory) == 1
    logger.warning(
        "%d %s more than one label, such as %r (%s): no model can learn both. Correct these rows, or leave them out.",
        len(contradictory),
        f"{unit_of(rows).removesuffix('s')} has" if single else f"{unit_of(rows)} have",
        shown,
        ", ".join(repr(names[label]) for label in sorted(found[contradictory[0]])),
    )


def _class_names(rows: Dataset) -> Sequence[str] | None:
    """The names of the classes in the column `label`, those of pairs that are alike or not among them; None where it
    holds something else.
    """
    from datasets import ClassLabel

    feature: Any = rows.features.get("label")
    if isinstance(feature, ClassLabel):
        names: Sequence[str] = feature.names
        return names
    if unit_of(rows) == "pairs" and feature is not None and set(rows["label"][:]) <= {0.0, 1.0}:
        return ("0", "1")
    return None


def unit_of(rows: Dataset) -> str:
    """Name the rows for messages: pairs, sentences or texts."""
    if TEXT_COLUMNS[-1] in rows.column_names:
        return "pairs"
    return "sentences" if TOKEN_COLUMN in rows.column_names else "texts"


def _key(text: str) -> bytes:
    normal = " ".join(text.casefold().split())
    # A lone surrogate, which JSON can hold, has no UTF-8 of its own.
    return hashlib.blake2b(normal.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
