"""transformers' own tests of tokenizers, against every kind that `train_tokenizer` makes; as `test_models.py`."""

from __future__ import annotations

from typing import get_args

import pytest

from tests.upstream import skips, suite


if suite.missing():
    pytest.skip(str(suite.missing()), allow_module_level=True)

from hf_rnn.data.tokenizers.training import TokenizerKind  # noqa: E402
from tests.upstream.running import run  # noqa: E402
from tests.upstream.tokenizer_cases import CASES  # noqa: E402


LEAST = 58


def row(name: str):
    marker = pytest.mark.reliability(
        section="transformers' own tests",
        fault=f"Tests of tokenizers: {name.removesuffix('Test')}",
        mutation="ids without an attention mask",
    )
    return pytest.param(name, marks=marker)


@pytest.mark.parametrize("name", [row(name) for name in CASES])
def test_all_pass_that_are_not_on_the_list(name, outcome):
    found = run(CASES[name])
    assert not found.problems, "\n\n".join(f"{test}\n{problem}" for test, problem in found.problems.items())
    assert found.skipped_because.keys() == skips.NOT_OF_TOKENIZERS.keys() | CASES[name].switched_off().keys()
    assert len(found.passed) >= LEAST
    outcome(f"0 failed; {len(found.passed)} passed; {len(found.skipped_because)} skipped")


def test_every_kind_is_tested():
    assert {case.kind for case in CASES.values()} == set(get_args(TokenizerKind))
    kinds = {kind for kinds, _ in skips.TOKENIZERS_SWITCHED_OFF for kind in kinds}
    assert kinds == {case.kind for case in CASES.values() if case.switched_off()}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.switched_off()])
def test_what_is_switched_off_would_run_and_fail(name, monkeypatch):
    tests = CASES[name].switched_off().keys()
    monkeypatch.setattr(CASES[name], "switched_off", dict)
    found = run(CASES[name], tests)
    assert found.problems.keys() == tests and not found.skipped_because
