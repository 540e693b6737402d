"""Stand-ins for libraries that are not installed, in this process and in those that it starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


FOLDER = Path(__file__).parents[1] / "stand_ins"
NAMES = ("fasttext", "spacy", "model2vec")


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`import fasttext`, `spacy` and `model2vec` find the stand-ins."""
    for name in loaded():
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    yield
    for name in loaded():
        del sys.modules[name]


def loaded() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] in NAMES]
