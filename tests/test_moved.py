"""Names of the last release still work, and say what they are called now."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_rnn.moved import MODULES, NAMES, MovedModule


# Module → the functions and classes that it had before the package had rooms, as its files of then say.
OLD_NAMES = json.loads((Path(__file__).parent / "old_names.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("old", OLD_NAMES)
def test_an_old_name_is_found_and_warns(old: str) -> None:
    places = MODULES.get(old) or tuple(NAMES[old].values())
    for name in OLD_NAMES[old]:
        with pytest.warns(
            FutureWarning, match=rf"`{old}\.{name}` is now `hf_rnn\..*\.{name}`; the old name goes in"
        ) as said:
            value = getattr(importlib.import_module(old), name)
        assert any(getattr(importlib.import_module(place), name, None) is value for place in places)
        # The warning is of the line that asked.
        assert said[0].filename == __file__


def test_every_row_has_a_module_of_then_and_modules_of_now() -> None:
    assert {*MODULES, *NAMES} == {*OLD_NAMES}
    for place in {
        *itertools.chain(*MODULES.values()),
        *itertools.chain(*(names.values() for names in NAMES.values())),
    }:
        assert importlib.util.find_spec(place) is not None and place not in MODULES, place


def test_names_of_modules_that_stayed() -> None:
    for old, names in NAMES.items():
        for name, place in names.items():
            with pytest.warns(FutureWarning, match=rf"`{old}\.{name}` is now `{place}\.{name}`"):
                assert getattr(importlib.import_module(old), name) is getattr(importlib.import_module(place), name)


def test_every_way_to_import_an_old_module_works() -> None:
    import hf_rnn.training.text_classification
    from hf_rnn.training import text_classification as from_its_package

    assert from_its_package is hf_rnn.training.text_classification
    assert isinstance(from_its_package, MovedModule)
    assert importlib.util.find_spec("hf_rnn.training.text_classification") is not None


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
