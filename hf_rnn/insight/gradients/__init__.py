"""The gradient that reaches each step: measured, and drawn."""

from __future__ import annotations

from ...moved import moved_names


__getattr__ = moved_names(__name__)
