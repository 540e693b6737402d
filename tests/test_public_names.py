"""Every public name resolves, is told to editors as it is to Python, and is documented; the examples are right."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EvalPrediction

import hf_rnn


FACES = ("export", "inference", "insight", "losses", "metrics", "tasks", "training")
PACKAGES = ("hf_rnn", *(f"hf_rnn.{face}" for face in FACES))
# What docs and issues ask for at the top.
AT_THE_TOP = (
    "ConditionalRandomField LanguageModelTrainer LanguageTrainingArguments OneShotVerifier RecurrentTrainer "
    "RecurrentTrainingArguments SiameseTrainer evaluate_file export_onnx load_onnx predict_file predict_texts "
    "push_to_hub train_tokenizer"
).split()
# Names of the two rooms of which every class and function says where it comes from, what it takes, and shows it.
ROOMS = ("losses", "metrics")
LIBRARY = [(room, name) for room in ROOMS for name in importlib.import_module(f"hf_rnn.{room}").__all__]
# What modules of the package share, and nobody else has a use for.
SHARED_MODULES, SHARED_NAMES = (
    {"__init__", "base", "checks", "names"},
    {"check_iob2", "check_same_lengths", "probabilities_of", "window_of"},
)
# A paper, a page or the library that computes it.
SOURCE = re.compile(r"https?://|\b(?:19|20)\d\d\b|scikit-learn|seqeval|scipy")
# What an equation is written with.
EQUATION = re.compile(r"[·−Σ‖√²]|\bargmax\b")
SHOWN = {"EvalPrediction": EvalPrediction, "np": np, "torch": torch}


def documented(value: Any) -> bool:
    """Whether a value is a class or a function; a table, such as `LOSSES`, has no docstring of its own."""
    return isinstance(value, type | FunctionType)


def typed_names(package: str) -> set[str]:
    """The names that a package imports for editors alone; a star stands for the `__all__` of its module."""
    module = importlib.import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    blocks = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    names: set[str] = set()
    for node in (statement for block in blocks for statement in block.body):
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            source = importlib.import_module("." * node.level + str(node.module), package)
            names |= set(source.__all__) if alias.name == "*" else {alias.asname or alias.name}
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_resolves(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        assert not documented(value) or inspect.getdoc(value), f"{package}.{name} has no docstring"
        assert name in dir(module)


@pytest.mark.parametrize("package", PACKAGES)
def test_editors_are_told_the_same_names(package: str) -> None:
    offered = set(importlib.import_module(package).__all__) - {"__version__"}
    told = typed_names(package)
    if package == "hf_rnn":
        # A module's star has more than what is public at the top, such as the classes of outputs.
        assert offered <= told
    else:
        assert offered == told


def test_what_is_asked_for_is_at_the_top() -> None:
    assert set(AT_THE_TOP) <= set(hf_rnn.__all__)
    assert hf_rnn.losses.CoSENTLoss is importlib.import_module("hf_rnn.losses.pairs").CoSENTLoss
    assert hf_rnn.push_to_hub is importlib.import_module("hf_rnn.hub.publishing").publish


@pytest.mark.parametrize("room", ROOMS)
def test_all_that_a_room_defines_in_public_is_listed(room: str) -> None:
    listed = set(importlib.import_module(f"hf_rnn.{room}").__all__)
    for path in sorted(Path(str(hf_rnn.__file__)).parent.joinpath(room).glob("*.py")):
        if path.stem in SHARED_MODULES:
            continue
        module = importlib.import_module(f"hf_rnn.{room}.{path.stem}")
        own = {
            name
            for name, value in vars(module).items()
            if documented(value) and value.__module__ == module.__name__ and not name.startswith("_")
        }
        assert own - SHARED_NAMES <= listed, path


@pytest.mark.parametrize(("room", "name"), LIBRARY)
def test_docstrings_have_what_a_reader_needs(room: str, name: str) -> None:
    value = getattr(importlib.import_module(f"hf_rnn.{room}"), name)
    if not documented(value):
        return
    module = importlib.import_module(value.__module__)
    text = inspect.getdoc(value) or ""
    whole = "\n".join((text, inspect.getdoc(getattr(value, "forward", None)) or ""))
    # What it takes: a list of arguments, of attributes, or the call of a metric.
    assert re.search(r"Args:|Attributes:|`compute\(", whole), "its inputs"
    assert ">>>" in text, "an example"
    if room == "losses" and name != "NamedLoss":
        assert EQUATION.search(text), "its equation"
    assert SOURCE.search(text + (module.__doc__ or "")), "its source"


@pytest.mark.parametrize(("room", "name"), LIBRARY)
def test_examples_print_what_they_say(room: str, name: str) -> None:
    value = getattr(importlib.import_module(f"hf_rnn.{room}"), name)
    if not documented(value):
        return
    names = {**vars(importlib.import_module(value.__module__)), **SHOWN}
    examples = doctest.DocTestParser().get_doctest(value.__doc__ or "", names, name, None, None)
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples).failed == 0
