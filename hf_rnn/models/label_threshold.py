"""The probability from which on a text has a label, where it may have several."""

from __future__ import annotations

from typing import Any


__all__ = ["DEFAULT_LABEL_THRESHOLD", "check_label_threshold", "label_threshold"]


# That of a configuration which names none.
DEFAULT_LABEL_THRESHOLD = 0.5


def label_threshold(config: Any) -> float:
    """Find the threshold of a configuration, also of a stock model: its `label_threshold`, else 0.5."""
    found = getattr(config, "label_threshold", None)
    return DEFAULT_LABEL_THRESHOLD if found is None else float(found)


def check_label_threshold(value: float | None) -> None:
    """Raises:
    ValueError: `value` is neither None nor a number between 0 and 1, both excluded.
    """
    # Written so that NaN is refused as well.
    if value is not None and not 0 < value < 1:
        raise ValueError(f"`label_threshold` is {value}; it must lie between 0 and 1, or be None, which means 0.5.")
