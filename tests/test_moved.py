"""Names of the last release still work, and say what they are called now."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hf_rnn.moved import MODULES


def public_names(module: ModuleType) -> list[str]:
    """What is defined in a module and has no underscore."""
    return [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]


@pytest.mark.parametrize("old", MODULES)
def test_a_moved_module_has_what_the_new_ones_have(old: str) -> None:
    for place in MODULES[old]:
        module = importlib.import_module(place)
        names = [name for name in public_names(module) if not name.startswith("_")]
        assert names
        for name in names:
            with pytest.warns(FutureWarning, match=f"`{old}.{name}` is now `{place}.{name}`"):
                assert getattr(importlib.import_module(old), name) is getattr(module, name)


def test_the_statement_of_the_last_readme_works() -> None:
    with pytest.warns(FutureWarning, match=r"`hf_rnn.training.one_shot.OneShotVerifier` is now `hf_rnn.inference"):
        from hf_rnn.training.one_shot import OneShotVerifier
    with pytest.warns(FutureWarning, match=r"`hf_rnn.training.gradient_flow` is now `hf_rnn.insight.gradient_flow`"):
        from hf_rnn.training import gradient_flow
    assert OneShotVerifier.__module__ == "hf_rnn.inference.one_shot" and callable(gradient_flow)


def test_what_was_never_there_is_not_there() -> None:
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from hf_rnn.training.results import nothing  # noqa: F401
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'; it offers: .*RecurrentTrainer"):
        importlib.import_module("hf_rnn.training").nothing  # noqa: B018


def test_an_old_name_imports_nothing_before_it_is_used(project: Path) -> None:
    code = (
        "import sys, hf_rnn, hf_rnn.training.results; "
        "print([n for n in sys.modules if n in ('hf_rnn.runs.results', 'sklearn')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]" and not done.stderr
