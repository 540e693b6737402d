"""The libraries whose models are compared, by what stands before a model's place on the command line."""

from __future__ import annotations

from .base import MeasuredLibrary
from .fast_text import MeasuredFastText
from .spacy_ner import MeasuredSpacy
from .static_vectors import MeasuredStaticVectors


__all__ = ["LIBRARIES", "library_of"]


LIBRARIES: dict[str, type[MeasuredLibrary]] = {
    library.key: library for library in (MeasuredFastText, MeasuredSpacy, MeasuredStaticVectors)
}


def library_of(model: str) -> type[MeasuredLibrary] | None:
    """The library that `model`, such as `fasttext:model.bin`, is said to be of; None: transformers."""
    key, colon, _ = model.partition(":")
    return LIBRARIES.get(key) if colon else None
