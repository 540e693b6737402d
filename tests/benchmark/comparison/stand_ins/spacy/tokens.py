"""Documents of the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any


class Span:
    def __init__(self, doc: Doc, start: int, end: int, label: str) -> None:
        self.start, self.end, self.label = start, end, label


class Doc:
    def __init__(self, vocab: Any, words: list[str]) -> None:
        self.tokens = [SimpleNamespace(text=word, ent_iob_="", ent_type_="") for word in words]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tokens)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def ents(self) -> list[Span]:
        return []

    @ents.setter
    def ents(self, spans: list[Span]) -> None:
        for token in self.tokens:
            token.ent_iob_ = "O"
        for span in spans:
            for place in range(span.start, span.end):
                self.tokens[place].ent_iob_ = "B" if place == span.start else "I"
                self.tokens[place].ent_type_ = span.label
