"""Examples of the stand-in."""

from __future__ import annotations

from typing import Any


class Example:
    def __init__(self, predicted: Any, reference: Any) -> None:
        self.predicted, self.reference = predicted, reference
