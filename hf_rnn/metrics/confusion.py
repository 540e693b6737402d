"""The types of entities that a tagger takes for others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from ..extras import require_extra
from .tagging import Tags, check_iob2, check_same_lengths


# {true type: {predicted type: tokens}}
ConfusionTable = dict[str, dict[str, int]]

OUTSIDE = "O"


def confusion_table(
    references: Sequence[Tags], predictions: Sequence[Tags], label_names: Sequence[str] | None = None
) -> ConfusionTable:
    """Count tokens by their true type of entity and the predicted one, B- and I- taken together.

        >>> confusion_table([["B-PER", "I-PER", "O"]], [["B-PER", "I-LOC", "O"]])["PER"]
        {'O': 0, 'LOC': 1, 'PER': 1}

    Args:
        references: IOB2 tags, one list a sentence.
        predictions: The same sentences, in the same order. An I- counts for its type even where it continues no
            entity.
        label_names: The tags of the model, whose types then are the rows and columns, in their order. By default
            the types that occur, in alphabetical order. O is always among them, and the first.

    Returns:
        `{true type: {predicted type: tokens}}`, which can be written as JSON. A pair that never occurs has 0.

    Raises:
        ValueError: the lengths do not agree, or a tag is not IOB2 or none of `label_names`.
        MissingExtraError: scikit-learn is not installed.
    """
    require_extra("train", "A table of confusions", "scikit-learn")
    from sklearn.metrics import confusion_matrix

    check_same_lengths(predictions, references)
    check_iob2("references", references)
    check_iob2("predictions", predictions)
    truth, guesses = ([_entity_type(tag) for tag in chain(*rows)] for rows in (references, predictions))
    if label_names is None:
        types = sorted({*truth, *guesses})
    else:
        check_iob2("label_names", [label_names])
        types = [_entity_type(tag) for tag in label_names]
        for name, found in (("references", truth), ("predictions", guesses)):
            unknown = sorted(set(found) - {OUTSIDE, *types})
            if unknown:
                raise ValueError(f"`{name}` must be of the types of `label_names`; they hold {unknown[0]!r}")
    types = list(dict.fromkeys([OUTSIDE, *types]))
    # scikit-learn refuses to count no tokens.
    shape = (len(types), len(types))
    counts = confusion_matrix(truth, guesses, labels=types) if truth else np.zeros(shape, dtype=int)
    return {gold: dict(zip(types, row, strict=True)) for gold, row in zip(types, counts.tolist(), strict=True)}


def label_confusion(
    references: Sequence[int], predictions: Sequence[int], label_names: Sequence[str]
) -> ConfusionTable:
    """Count texts by their true label and the predicted one, as scikit-learn does.

        >>> label_confusion([0, 0, 1], [0, 1, 1], ["no", "yes"])
        {'no': {'no': 1, 'yes': 1}, 'yes': {'no': 0, 'yes': 1}}

    Args:
        references: Label ids.
        predictions: The label ids of the same texts, in the same order.
        label_names: In the order of the ids.

    Returns:
        `{true label: {predicted label: texts}}`, which can be written as JSON. A pair that never occurs has 0.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    require_extra("train", "A table of confusions", "scikit-learn")
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(references, predictions, labels=range(len(label_names)))
    rows = (dict(zip(label_names, row, strict=True)) for row in counts.tolist())
    return dict(zip(label_names, rows, strict=True))


def _entity_type(tag: str) -> str:
    return tag if tag == OUTSIDE else tag[2:]


def confusion_markdown(table: ConfusionTable) -> str:
    """Write `table` in Markdown: a row for each true type, a column for each predicted one.

    Args:
        table: What [`confusion_table`] returns; scikit-learn counts it.

    Example:
        >>> print(confusion_markdown({"O": {"O": 3, "PER": 1}, "PER": {"O": 0, "PER": 2}}), end="")
        | true \\ predicted | O | PER |
        | --- | ---: | ---: |
        | O | 3 | 1 |
        | PER | 0 | 2 |
    """
    types = [name.replace("|", "\\|") for name in table]
    lines = [["true \\ predicted", *types], ["---", *("---:" for _ in types)]]
    lines += [[name, *map(str, row.values())] for name, row in zip(types, table.values(), strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
