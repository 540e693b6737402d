"""What a training read its labels as, said once more behind the figures, where there is another way to read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


__all__ = ["label_remark"]


# Two whole numbers, such as 0 and 1, are names of classes in all likelihood.
FEWEST_NUMBERS = 3


def label_remark(results: Mapping[str, Any], folder: str | Path) -> list[str]:
    """Say that whole numbers were learnt as classes, which have no order, and the flag that makes them numbers;
    nothing where `--problem_type` was given, or the labels are others.

    Args:
        results: The document in `results.json`.
        folder: The folder of the run, with its `config.json`.
    """
    training = results["training"]
    if results["task"] != "text-classification" or not training["steps"] or training["arguments"].get("problem_type"):
        return []
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    names = list((config.get("id2label") or {}).values())
    if config.get("problem_type") != "single_label_classification" or len(names) < FEWEST_NUMBERS:
        return []
    if not all(name.removeprefix("-").isdecimal() for name in names):
        return []
    numbers = sorted(map(int, names))
    return [
        f"The labels are {len(names)} whole numbers from {numbers[0]} to {numbers[-1]}, and each was learnt as a "
        "class of its own, without an order. If they are quantities, such as ages or ratings, train again with "
        "--problem_type regression."
    ]
