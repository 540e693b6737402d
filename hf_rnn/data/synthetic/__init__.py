"""Data that are generated: reviews, drawn glyphs, and a task with a long dependency."""

from __future__ import annotations

from ...moved import moved_names


__getattr__ = moved_names(__name__)
