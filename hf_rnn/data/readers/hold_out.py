"""Which of the training rows are held out for validation and test, and how many of each split are kept."""

from __future__ import annotations

import logging
import random
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from .sources import SPLITS, SourceArguments


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["hold_out_and_sample", "holds_out_by_default"]

logger = logging.getLogger(__name__)


def hold_out_and_sample(splits: dict[str, Dataset], arguments: SourceArguments) -> dict[str, Dataset]:
    """The splits that `arguments` ask for, of those that were read.

    With `hold_out_percentage` a validation split that is neither there nor asked for is held out first (see
    `_hold_out_by_label`), and a warning says so. Otherwise holding out shuffles the training rows once
    (``Dataset.shuffle(seed=split_seed)``): the last rows are the validation split, those before them the test split.
    The ``max_*_samples`` are random samples in row order, because many corpora are sorted by class.

    Raises:
        ValueError: a split is both given and to be held out, is to have no row, or leaves none to train on.
    """
    limits = {
        "train": arguments.max_train_samples,
        "validation": arguments.max_eval_samples,
        "test": arguments.max_predict_samples,
    }
    if holds_out_by_default(splits, arguments):
        splits = _hold_out_by_label(splits, arguments)
    held_out = _hold_out(splits, arguments)
    return {split: _sample(rows, limits[split], arguments.split_seed) for split, rows in held_out.items()}


def holds_out_by_default(splits: Collection[str], arguments: SourceArguments) -> bool:
    """Whether `hold_out_percentage` is to make the validation split: there is none, and no other flag asks for it."""
    asked = arguments.validation_split_percentage or arguments.validation_split_size
    return bool(arguments.hold_out_percentage) and not asked and "validation" not in splits


def _hold_out_by_label(splits: dict[str, Dataset], arguments: SourceArguments) -> dict[str, Dataset]:
    """Take `hold_out_percentage` of the training rows for validation, drawn with `split_seed`: the same share of each
    label where ``label`` is one class or 0 and 1, and at least one row of each label stays to be trained on. Both
    parts keep the order of the rows.
    """
    train, share = splits["train"], arguments.hold_out_percentage
    groups: dict[Any, list[int]] = {}
    labels = _classes(train)
    for row in range(len(train)):
        groups.setdefault(labels and labels[row], []).append(row)
    generator = random.Random(arguments.split_seed)
    held: list[int] = []
    for rows in groups.values():
        held += generator.sample(rows, min(round(len(rows) * share / 100), len(rows) - 1))
    if not held:
        raise ValueError(
            f"`hold_out_percentage`={share:g} of {len(train)} training rows is no row of any label. Give a "
            "`validation_file`, or a greater share."
        )
    logger.warning(
        "There is no validation split: %d of %d training rows (%g %%) are held out%s.",
        len(held),
        len(train),
        share,
        ", the same share of each label" if labels else "",
    )
    kept = sorted(set(range(len(train))).difference(held))
    held_out = {"train": train.select(kept), "validation": train.select(sorted(held))}
    return {split: (splits | held_out)[split] for split in SPLITS if split in splits or split in held_out}


def _classes(rows: Dataset) -> list[Any] | None:
    """The class of each row; None where ``label`` is several classes, a number, or no column."""
    from datasets import ClassLabel

    if "label" not in rows.column_names:
        return None
    labels = list(rows["label"][:])
    if isinstance(rows.features["label"], ClassLabel):
        return labels
    # Multi-hot labels are lists, which no set holds.
    return labels if all(label in (0.0, 1.0) for label in labels) else None


def _hold_out(splits: dict[str, Dataset], arguments: SourceArguments) -> dict[str, Dataset]:
    """Take the validation and test rows that `arguments` ask for from the shuffled training rows."""
    if "train" not in splits:
        return splits
    train = splits["train"]
    sizes = {"validation": 0, "test": 0}
    if arguments.validation_split_size is not None:
        sizes["validation"] = arguments.validation_split_size
    for split in sizes:
        percentage = getattr(arguments, f"{split}_split_percentage")
        if percentage is not None:
            sizes[split] = round(len(train) * percentage / 100)
            if sizes[split] == 0:
                raise ValueError(f"`{split}_split_percentage`={percentage!r} of {len(train)} rows is no row at all.")
        if sizes[split] and split in splits:
            raise ValueError(
                f"A {split} split was given and another is to be held out (`{split}_split_...`); drop one."
            )
    kept = len(train) - sum(sizes.values())
    if kept == len(train):
        return splits
    if kept < 1:
        raise ValueError(
            f"Holding out {sizes['validation']} rows for validation (`validation_split_size` or `_percentage`) and "
            f"{sizes['test']} for test (`test_split_percentage`) leaves none of the {len(train)} training rows."
        )
    shuffled = train.shuffle(seed=arguments.split_seed)
    test_end = kept + sizes["test"]
    ranges = {"train": (0, kept), "test": (kept, test_end), "validation": (test_end, len(train))}
    held = {split: shuffled.select(range(*ends)) for split, ends in ranges.items() if ends[0] < ends[1]}
    merged = {**splits, **held}
    return {split: merged[split] for split in SPLITS if split in merged}


def _sample(rows: Dataset, size: int | None, seed: int) -> Dataset:
    if size is None or size >= len(rows):
        return rows
    return rows.select(sorted(random.Random(seed).sample(range(len(rows)), size)))
