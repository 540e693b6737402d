"""Files and datasets of the Hub as rows: texts, tagged sentences, pairs, documents, with their labels."""

from __future__ import annotations

from ...moved import moved_names


__getattr__ = moved_names(__name__)
