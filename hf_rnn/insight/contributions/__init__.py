"""What each token of a text contributed to an answer, and how far that can be trusted."""

from __future__ import annotations

from ...moved import moved_names


__getattr__ = moved_names(__name__)
