"""Each documented option with each kind of model: it trains, or is refused by its name."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.training.option_pairs import KINDS, OPTIONS, Option, pairs, train_three_steps


# How many of some two thousand pairs are tried by default; those that the seed of the run draws.
DRAWN = 20


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "option" not in metafunc.fixturenames:
        return
    every = list(pairs())
    # pytest-randomly gives its seed, which the first lines of a run name, to every process.
    seed = metafunc.config.getoption("randomly_seed", 0)
    drawn = set(random.Random(str(seed)).sample(range(len(every)), DRAWN))
    metafunc.parametrize(
        ("kind", "family", "option"),
        [
            pytest.param(*pair, id="-".join(map(str, pair)), marks=[] if number in drawn else [pytest.mark.slow])
            for number, pair in enumerate(every)
        ],
    )


def test_an_option_is_honoured_or_refused_by_name(kind: str, family: str, option: Option, tmp_path: Path) -> None:
    refusal = None
    try:
        # It checks itself that the loss is finite and that weights have changed.
        train_three_steps(kind, family, option, tmp_path / "run")
    except Exception as error:
        # A configuration says itself which of its validators a ValueError comes from.
        refusal = error if isinstance(error, ValueError) else error.__cause__
        assert isinstance(refusal, ValueError), repr(error)
    named = any(f"`{name}`" in str(refusal) for name in (option.name, *dict(option.others)))
    assert refusal is None or named, refusal


@pytest.mark.parametrize(
    ("kind", "family", "name", "refused"),
    [
        ("classifier", "gru", "class_weights", False),
        ("tagger with a CRF", "lstm", "label_smoothing_factor", True),
        ("tagger", "lstm", "label_smoothing_factor", False),
        ("language model", "elman", "bidirectional", True),
        ("tagger of words", "bilstm", "adversarial_epsilon", False),
        ("siamese", "dan", "weight_dropout", True),
        ("language model", "min_gru", "weight_dropout", True),
    ],
)
def test_which_of_the_two_is_known(kind: str, family: str, name: str, refused: bool, tmp_path: Path) -> None:
    option = next(option for option in OPTIONS if option.name == name)
    if not refused:
        train_three_steps(kind, family, option, tmp_path / "run")
        return
    with pytest.raises(Exception, match=f"`{name}`"):
        train_three_steps(kind, family, option, tmp_path / "run")


def test_every_kind_and_option_is_among_the_pairs() -> None:
    every = list(pairs())
    assert {kind for kind, _, _ in every} == set(KINDS)
    assert {str(option) for _, _, option in every} == set(map(str, OPTIONS))
    assert len(every) == len({(kind, family, str(option)) for kind, family, option in every})
