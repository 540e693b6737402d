"""Which of the training rows are held out for validation and test, and how many of each split are kept."""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .label_warnings import say_missing_labels
from .shared_texts import connected_rows, count_sharing, row_texts, say_contradictions, unit_of
from .sources import SPLITS, SourceArguments
from .strata import HeldOut, row_strata, take_groups, take_texts


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["hold_out_and_sample", "holds_out_by_default"]

logger = logging.getLogger(__name__)

# The columns may be mistaken where more than this share of the held-out texts comes in training, too.
SUSPICIOUS_SHARE = 0.5
# A text is shown up to here.
SHOWN_CHARACTERS = 60


def hold_out_and_sample(splits: dict[str, Dataset], arguments: SourceArguments) -> dict[str, Dataset]:
    """The splits that `arguments` ask for, of those that were read.

    With `hold_out_percentage` a validation split that is neither there nor asked for is held out; then those that
    `validation_split_...` and `test_split_percentage` ask for. A warning says how many rows are held out and how many
    of these share a text with the training part. Another says so of splits that are given; a third names the labels
    that no validation row has, a fourth a text that has more than one label.

    By default (`hold_out_by` text) rows with equal texts, and pairs that hang together by their texts, stay on one
    side, and of each label the same share is held out, drawn with `split_seed`; both parts keep the order of the rows.
    With `hold_out_by` random, `validation_split_...` and `test_split_percentage` shuffle the training rows once
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
    if "train" in splits:
        say_contradictions(splits["train"])
    _warn_of_shared_texts(splits, arguments)
    if holds_out_by_default(splits, arguments):
        splits = _hold_out_by_default(splits, arguments)
    held_out = _hold_out(splits, arguments)
    kept = {split: _sample(rows, limits[split], arguments.split_seed) for split, rows in held_out.items()}
    say_missing_labels(kept)
    return kept


def holds_out_by_default(splits: Collection[str], arguments: SourceArguments) -> bool:
    """Whether `hold_out_percentage` is to make the validation split: there is none, and no other flag asks for it."""
    asked = arguments.validation_split_percentage or arguments.validation_split_size
    return bool(arguments.hold_out_percentage) and not asked and "train" in splits and "validation" not in splits


def _warn_of_shared_texts(splits: dict[str, Dataset], arguments: SourceArguments) -> None:
    given = [name for name in ("validation", "test") if name in splits and "train" in splits]
    training = row_texts(splits["train"]) if given else None
    for name in given:
        rows, texts = splits[name], row_texts(splits[name])
        shared = count_sharing(texts, training) if texts is not None and training is not None else 0
        if shared:
            unit = unit_of(rows)
            said = "share a text with the training pairs" if unit == "pairs" else "are also in the training split"
            share = 100 * shared / len(rows)
            doubt = _doubt(shared, rows, arguments)
            logger.warning("%d of %d %s %s (%.1f %%) %s.%s", shared, len(rows), name, unit, share, said, doubt)


def _doubt(shared: int, rows: Dataset, arguments: SourceArguments) -> str:
    """The sentence that says what it may mean if most of `rows`, held out, have a text of the training part; "" where
    fewer have, or where the rows are pairs or sentences, in which a text often comes again.
    """
    if unit_of(rows) != "texts" or shared <= SUSPICIOUS_SHARE * len(rows):
        return ""
    flag = "text_column_names" if hasattr(arguments, "text_column_names") else "text_column_name"
    return (
        f" So many equal texts make the figures too good, or mean that a wrong column is read as the text; look at "
        f"what is read, such as {rows['text'][0][:SHOWN_CHARACTERS]!r} (--{flag} names another)."
    )


def _hold_out_by_default(splits: dict[str, Dataset], arguments: SourceArguments) -> dict[str, Dataset]:
    """Take `hold_out_percentage` of the training rows for validation; at least one, of labelled pairs two."""
    train, share = splits["train"], arguments.hold_out_percentage
    least = 2 if unit_of(train) == "pairs" and "label" in train.column_names else 1
    size = max(least, round(len(train) * share / 100))
    kept, held = _divide(train, size, arguments, "There is no validation split: ")
    if not len(held):
        raise ValueError(
            f"`hold_out_percentage`={share:g} of {len(train)} training rows is no row of any label. Give a "
            "`validation_file`, or a greater share."
        )
    return _ordered(splits | {"train": kept, "validation": held})


def _hold_out(splits: dict[str, Dataset], arguments: SourceArguments) -> dict[str, Dataset]:
    """Take the validation and test rows that `arguments` ask for from the training rows."""
    if "train" not in splits:
        return splits
    train = splits["train"]
    sizes = _asked_sizes(splits, arguments)
    kept = len(train) - sum(sizes.values())
    if kept == len(train):
        return splits
    if kept < 1:
        raise ValueError(
            f"Holding out {sizes['validation']} rows for validation (`validation_split_size` or `_percentage`) and "
            f"{sizes['test']} for test (`test_split_percentage`) leaves none of the {len(train)} training rows."
        )
    if arguments.hold_out_by == "random":
        return _ordered(splits | _shuffled(train, sizes, arguments))
    parts = {}
    for split, size in sizes.items():
        if size:
            train, parts[split] = _divide(train, size, arguments, f"The {split} split: ")
            if not len(parts[split]):
                raise ValueError(
                    f"No {split} split of {size} rows can be held out: no label has a second row to be trained on. "
                    f"Give a `{split}_file`, or `hold_out_by` random."
                )
    return _ordered(splits | {"train": train} | parts)


def _asked_sizes(splits: dict[str, Dataset], arguments: SourceArguments) -> dict[str, int]:
    """How many rows `validation_split_...` and `test_split_percentage` ask for."""
    total = len(splits["train"])
    sizes = {"validation": arguments.validation_split_size or 0, "test": 0}
    for split in sizes:
        percentage = getattr(arguments, f"{split}_split_percentage")
        if percentage is not None:
            sizes[split] = round(total * percentage / 100)
            if sizes[split] == 0:
                raise ValueError(f"`{split}_split_percentage`={percentage!r} of {total} rows is no row at all.")
        if sizes[split] and split in splits:
            raise ValueError(
                f"A {split} split was given and another is to be held out (`{split}_split_...`); drop one."
            )
    return sizes


def _shuffled(train: Dataset, sizes: dict[str, int], arguments: SourceArguments) -> dict[str, Dataset]:
    """The last of the shuffled rows as the validation split, those before them as the test split."""
    shuffled = train.shuffle(seed=arguments.split_seed)
    kept = len(train) - sum(sizes.values())
    test_end = kept + sizes["test"]
    ranges = {"train": (0, kept), "test": (kept, test_end), "validation": (test_end, len(train))}
    parts = {split: shuffled.select(range(*ends)) for split, ends in ranges.items() if ends[0] < ends[1]}
    texts = row_texts(shuffled)
    for split in ("validation", "test"):
        if split in parts:
            _say(f"The {split} split: ", shuffled, texts, set(range(*ranges[split])), "", arguments)
    return parts


def _divide(train: Dataset, size: int, arguments: SourceArguments, reason: str) -> tuple[Dataset, Dataset]:
    """The rows that stay and those that are held out, some `size` of them."""
    strata, evenly = row_strata(train, size)
    texts = row_texts(train)
    drawn = _draw(texts if arguments.hold_out_by == "text" else None, strata, size, arguments.split_seed)
    held = np.zeros(len(train), dtype=bool)
    held[sorted(drawn.rows)] = True
    if drawn.rows:
        _say(reason, train, texts, drawn.rows, evenly, arguments)
    # Arrays: of a list, `select` would spend seconds on a fingerprint.
    return train.select(np.flatnonzero(~held)), train.select(np.flatnonzero(held))


def _draw(texts: list[tuple[bytes, ...]] | None, strata: list[tuple[object, ...]], size: int, seed: int) -> HeldOut:
    """Draw groups of rows that share a text. Where these are too large, because most pairs hang together, draw whole
    texts: no pair is left out then, and each that is held out has a text which training has not seen. Where even that
    is too much, draw single rows.
    """
    if texts is not None:
        # No figure of pairs is defined where all of them are alike, or none is.
        of_pairs = len(texts[0]) > 1
        held = take_groups(connected_rows(texts), strata, size, seed)
        if held.is_enough(needs_each=of_pairs):
            return held
        held = take_texts(texts, strata, size, seed)
        if held.is_enough(needs_each=of_pairs):
            return held
    return take_groups(range(len(strata)), strata, size, seed)


def _say(
    reason: str,
    train: Dataset,
    texts: Sequence[tuple[bytes, ...]] | None,
    held: Collection[int],
    evenly: str,
    arguments: SourceArguments,
) -> None:
    """Say in one line how many training rows are held out, and how many of these share a text with the others."""
    common = ""
    if texts is not None:
        part = [texts[row] for row in held]
        shared = count_sharing(part, (text for row, text in enumerate(texts) if row not in held))
        unit = unit_of(train)
        said = "share a text with" if unit == "pairs" else "are also in"
        common = f" {100 * shared / len(part):.1f} % of the held-out {unit} {said} the training part."
        common += _doubt(shared, train.select(sorted(held)), arguments)
    share = 100 * len(held) / len(train)
    logger.warning(
        "%s%d of %d training rows (%.3g %%) are held out%s.%s", reason, len(held), len(train), share, evenly, common
    )


def _ordered(splits: dict[str, Dataset]) -> dict[str, Dataset]:
    return {split: splits[split] for split in SPLITS if split in splits}


def _sample(rows: Dataset, size: int | None, seed: int) -> Dataset:
    if size is None or size >= len(rows):
        return rows
    return rows.select(sorted(random.Random(seed).sample(range(len(rows)), size)))
