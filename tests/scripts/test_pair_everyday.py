"""The pairs of everyday questions: alike within a group, not where only words are shared, some groups held out."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


# The cases of the issue; a network is asked them in tests and must not have read them.
REGRESSION = ("How old are you?", "What is your age?", "Where are you from?", "Where are you going?")
TEXT = """Is it cold outside?
Does one need a coat today?
- Is it cold inside?

What is for dinner?
What will we eat tonight?
- What was for dinner yesterday?
- Who is for dinner?
"""


@pytest.fixture
def script(project: Path) -> dict[str, Any]:
    return runpy.run_path(str(project / "scripts" / "distillation" / "pair_everyday.py"))


def test_pairs_by_hand(script: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text(TEXT, encoding="utf-8")
    pairs = script["pairs_of"](script["read_groups"](tmp_path / "few.txt"), seed=0)
    found = {(frozenset((first, second)), label) for first, second, label in pairs}
    cold, coat = "Is it cold outside?", "Does one need a coat today?"
    dinner, eat = "What is for dinner?", "What will we eat tonight?"
    near = {
        "Is it cold inside?": (cold, coat),
        "What was for dinner yesterday?": (dinner, eat),
        "Who is for dinner?": (dinner, eat),
    }
    expected = {(frozenset((cold, coat)), 1), (frozenset((dinner, eat)), 1)}
    expected |= {(frozenset((question, other)), 0) for question, others in near.items() for other in others}
    expected |= {(frozenset((first, second)), 0) for first in (cold, coat) for second in (dinner, eat)}
    assert found == expected and len(pairs) == len(expected)


def test_a_group_of_one_question_is_refused(script: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("Is it cold?\n- Is it warm?\n", encoding="utf-8")
    with pytest.raises(ValueError, match="group 1 of .*few.txt has 1 questions"):
        script["read_groups"](tmp_path / "few.txt")


def test_the_questions_of_the_regression_test_are_not_among_them(script: dict[str, Any]) -> None:
    groups = script["read_groups"](script["QUESTIONS"])
    questions = [question.lower() for group in groups for part in group for question in part]
    assert len(groups) > 500 and not {case.lower() for case in REGRESSION} & set(questions)


def test_whole_groups_are_held_out(script: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main: Callable[[list[str]], None] = script["main"]
    main([str(tmp_path / "kept.parquet"), "--held_out", str(tmp_path / "held.parquet")])
    kept, held = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("kept", "held"))
    assert list(kept.columns) == ["question1", "question2", "label", "source"]
    assert 7 < len(kept) / len(held) < 11 and 0.25 < kept["label"].mean() < 0.45
    # A question that asks the same as others is in pairs of one part alone.
    alike = [set(part[part["label"] == 1][["question1", "question2"]].to_numpy().ravel()) for part in (kept, held)]
    assert not alike[0] & alike[1]
    with pytest.raises(SystemExit):
        main([str(tmp_path / "kept.csv")])
