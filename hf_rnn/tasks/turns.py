"""Divides rows into those that something is fitted on and those that it is chosen by."""

from __future__ import annotations

import torch


__all__ = ["FEW_ROWS", "turns"]


# Fewer validation rows than these choose nothing: a cross-validation of so many parts does.
FEW_ROWS, FOLDS = 200, 5


def turns(training: int, validation: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Divide training rows and the validation rows that stand after them.

    Where there are 200 validation rows or more, the training rows are fitted on and these choose. With fewer, all rows
    are divided into fifths, each of which chooses in turn; of 1,000 rows or more one fifth is enough.

    Returns:
        (rows to fit on, rows to choose by) of each turn, as indices (rows) of both together.

    Example:
        >>> [(len(fitted), len(others)) for fitted, others in turns(45, 5)]
        [(40, 10), (40, 10), (40, 10), (40, 10), (40, 10)]
        >>> [(len(fitted), len(others)) for fitted, others in turns(1000, 300)]
        [(1000, 300)]
    """
    rows = torch.arange(training + validation)
    if validation >= FEW_ROWS:
        return [(rows[:training], rows[training:])]
    fold = rows % FOLDS
    count = FOLDS if len(rows) < FOLDS * FEW_ROWS else 1
    return [(rows[fold != turn], rows[fold == turn]) for turn in range(count)]
