"""transformers' own tests, and our stand-ins for the mixins that cannot be had, against every family and head: all
pass but those of `skips.py`.
"""

from __future__ import annotations

import re

import pytest

from tests.upstream import skips, suite


if suite.missing():
    pytest.skip(str(suite.missing()), allow_module_level=True)

from hf_rnn.registration import MODELS  # noqa: E402
from tests.upstream.cases import CASES  # noqa: E402
from tests.upstream.running import run  # noqa: E402


# The kind of model → the fewest tests that pass, and the fewest of these that build a model: others look at a class
# and find that they have nothing to say of it, such as those for the features of images.
LEAST = {"language model": (99, 67), "encoder": (78, 39), "conv-encoder": (67, 28), "encoder-decoder": (74, 38)}


def matching(patterns: dict[str, str], tests: set[str]) -> set[str]:
    return {name for name in tests for pattern in patterns if re.fullmatch(pattern, name)}


def names_of_tests(case: type) -> set[str]:
    return {name for name in dir(case) if name.startswith("test_") and callable(getattr(case, name))}


def must_skip(case) -> set[str]:
    """The tests of a class that are skipped on every machine."""
    of_kind = {name for (kinds, name) in skips.NOT_OF_THIS_KIND if set(kinds) & case.kinds()}
    return matching(skips.NOT_RECURRENT, names_of_tests(case)) | of_kind | case.switched_off().keys()


def row(name: str):
    marker = pytest.mark.reliability(
        section="transformers' own tests",
        fault=f"Tests of models: {name.removesuffix('Test')}",
        mutation="the cells left out of `_init_weights`; beams that do not reorder the state; `labels` before "
        "`shift_labels`",
    )
    return pytest.param(name, marks=marker)


@pytest.mark.parametrize("name", [row(name) for name in CASES])
def test_all_pass_that_are_not_on_the_list(name, outcome):
    case = CASES[name]
    found = run(case)
    assert not found.problems, "\n\n".join(f"{test}\n{problem}" for test, problem in found.problems.items())
    skipped, elsewhere = found.skipped_because.keys(), matching(skips.ABSENT_HERE, found.ran)
    assert skipped - elsewhere == must_skip(case)
    kind = next(kind for kind in reversed(LEAST) if kind in case.kinds())
    assert (len(found.passed), len(found.with_a_model)) >= LEAST[kind]
    assert len(found.with_a_model) >= LEAST[kind][1]
    outcome(
        f"0 failed; {len(found.passed)} passed, {len(found.with_a_model)} of them on a model that they built; "
        f"{len(skipped)} skipped, {len(skipped & elsewhere)} of them for what this machine lacks"
    )


def test_every_model_class_is_tested():
    classes = {
        file_and_class.split(".")[1]
        for heads in MODELS.values()
        for auto_class, file_and_class in heads.items()
        # The mixins hand every model tokens or images: tests/models/test_series.py has those of values.
        if auto_class != "AutoModelForTimeSeriesPrediction"
    }
    assert classes == {case.all_model_classes[0].__name__ for case in CASES.values()}


def test_the_list_names_tests_that_exist():
    tests = set().union(*map(names_of_tests, CASES.values()))
    for pattern in [*skips.ABSENT_HERE, *skips.NOT_RECURRENT]:
        assert matching({pattern: ""}, tests), pattern
    kinds = set().union(*(case.kinds() for case in CASES.values()))
    for listed, name in skips.NOT_OF_THIS_KIND:
        assert name in tests and kinds.issuperset(listed), name
    models = {case.all_model_classes[0].__name__ for case in CASES.values()}
    for listed, name in skips.SWITCHED_OFF:
        assert name in tests and models.issuperset(listed), name


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.switched_off()])
def test_what_is_switched_off_would_run_and_fail(name, monkeypatch):
    tests = CASES[name].switched_off().keys()
    monkeypatch.setattr(CASES[name], "switched_off", dict)
    found = run(CASES[name], tests)
    assert found.problems.keys() == tests and not found.skipped_because
