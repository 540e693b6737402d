"""scripts/distillation/pair_up.py: near and random partners of sentences."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import BertModel

from tests.tasks.small_runs import save_tiny_bert


SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "distillation" / "pair_up.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("pair_up", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_neighbours_come_by_their_rank(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "BLOCK", 7)
    angles = torch.arange(40) * 0.05
    vectors = 3 * torch.stack([angles.cos(), angles.sin()], dim=1)
    nearest = script.pair_up(vectors, 1, 0, 1, 0)
    # Of points on an arc the nearest are the next ones.
    assert {abs(a - b) for a, b in nearest.tolist()} == {1}
    pairs = script.pair_up(vectors, 20, 0, 10, 0).tolist()
    distances = [abs(a - b) for a, b in pairs]
    assert max(distances) <= 10 and distances.count(1) == 39
    assert len(set(map(tuple, pairs))) == len(pairs) and all(a < b for a, b in pairs)


def test_random_partners_are_all_over_and_never_the_sentence_itself(script: Any) -> None:
    pairs = script.pair_up(torch.randn(50, 4), 0, 30, 5, 0)
    assert {number for pair in pairs.tolist() for number in pair} == set(range(50))
    assert all(a != b for a, b in pairs.tolist()) and len(pairs) > 700
    assert script.pair_up(torch.randn(50, 4), 0, 30, 5, 0).tolist() == pairs.tolist()
    assert script.pair_up(torch.randn(50, 4), 0, 30, 5, 1).tolist() != pairs.tolist()


def test_a_word_gives_way_to_one_that_stands_between_the_same(script: Any) -> None:
    sentences = ["How old are you", "How many are here", "Who old is", "How far is it"]
    found = script.with_another_word(sentences, 40, 0)
    # The first and the last word have an end beside them.
    assert set(found) == {
        ("How old are you", "How many are you"),
        ("How old are you", "Who old are you"),
        ("How old are you", "How old are here"),
        ("How many are here", "How old are here"),
        ("How many are here", "How many are you"),
        ("Who old is", "How old is"),
    }
    assert script.with_another_word(["One word only", "Alone"], 9, 0) == []


def test_a_file_of_pairs(script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentences = [f"The {noun} is {colour}." for noun in ("dog", "cat", "house") for colour in ("red", "blue")]
    (tmp_path / "book.txt").write_text(" ".join(sentences))
    save_tiny_bert(tmp_path / "bert", sentences, head=BertModel)
    output = tmp_path / "pairs.parquet"
    bert = str(tmp_path / "bert")
    script.main([str(output), "--texts", str(tmp_path / "book.txt"), "--encoder", bert, bert, "--edited", "9"])
    rows = pd.read_parquet(output)
    assert not rows.duplicated().any()
    assert list(rows.columns) == ["text", "text_b"] and set(rows["text"]) | set(rows["text_b"]) == set(sentences)
    assert f"{len(rows)} pairs of 6 sentences" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["pairs.csv"], "must end in .parquet"),
        (["pairs.parquet", "--near", "-1"], "`--near` -1 must be at least 0"),
        (["pairs.parquet", "--near", "0", "--random", "0"], "must be at least 0, and one of the three more"),
        (["pairs.parquet", "--most_rank", "0"], "`--most_rank` 0 must be at least 1"),
    ],
)
def test_wrong_flags(script: Any, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.main([*flags, "--texts", "a.txt", "--encoder", "b"])
    assert message in capsys.readouterr().err
