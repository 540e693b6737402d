"""Triplets of an anchor, a positive and a negative, of the pairs that their rows were made into."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["ROW_COLUMN", "find_triplets"]

logger = logging.getLogger(__name__)

# The row of the file that a pair is of.
ROW_COLUMN = "row"


def find_triplets(splits: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """Join the pairs of each row to triplets: its positive with each of its negatives.

    A row may be cut in two where pairs are held out at random or sampled; a warning says how many pairs of a split are
    in no triplet because of that.

    Args:
        splits: Pairs, `text`, `text_b`, `label` (1: the positive, 0: a negative) and the number of their row.

    Returns:
        Split → rows of `text`, `text_b`, `text_c` (string) and `label` (float32, 1); splits without any are left out.
    """
    found = {}
    for split, pairs in splits.items():
        positives: dict[int, list[int]] = defaultdict(list)
        negatives: dict[int, list[int]] = defaultdict(list)
        for index, (row, label) in enumerate(zip(pairs[ROW_COLUMN][:], pairs["label"][:], strict=True)):
            (positives if label == 1 else negatives)[row].append(index)
        joined = [(one, other) for row, own in negatives.items() for one in positives[row] for other in own]
        alone = sum(len(own) for row, own in negatives.items() if not positives[row])
        if alone:
            logger.warning(
                "%d negatives of the %s split are in no triplet: the positive of their row is in another split, or "
                "left out.",
                alone,
                split,
            )
        if joined:
            found[split] = _rows_of(pairs, joined)
    return found


def _rows_of(pairs: Dataset, joined: list[tuple[int, int]]) -> Dataset:
    from datasets import Dataset, Features, Value

    text = Value("string")
    features = Features({"text": text, "text_b": text, "text_c": text, "label": Value("float32")})
    first, second = pairs["text"][:], pairs["text_b"][:]
    columns = {
        "text": [first[one] for one, _ in joined],
        "text_b": [second[one] for one, _ in joined],
        "text_c": [second[other] for _, other in joined],
        "label": [1.0] * len(joined),
    }
    return Dataset.from_dict(columns, features=features)
