"""What `hf_rnn.insight` offers is there, and the examples in its docstrings are right."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

from hf_rnn import insight


def modules() -> list[ModuleType]:
    """Every module of the room, those in its folders too."""
    names = (found.name for found in pkgutil.walk_packages(insight.__path__, "hf_rnn.insight."))
    return [importlib.import_module(name) for name in names]


@pytest.mark.parametrize("name", insight.__all__)
def test_every_public_name_is_found(name: str) -> None:
    assert getattr(insight, name).__name__ == name


def test_another_is_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        insight.nothing  # noqa: B018


def test_examples_print_what_they_say() -> None:
    results = [doctest.testmod(module) for module in modules()]
    assert sum(result.attempted for result in results) >= 6
    assert sum(result.failed for result in results) == 0


def test_an_analogy_is_called_the_right_way_round() -> None:
    text = str(insight.analogy.__doc__)
    assert text.index('"France", "Rome"') < text.index('["Paris"]') < text.index("Italy")
