"""The arguments of a comparison of the defaults, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.benchmark.defaults.run import DefaultsArguments, run_defaults


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "`data` is not given: name the folder of the corpora to measure, or --collect FILE"),
        ({"data": "nowhere"}, "`data`='nowhere' must be a folder, that of the corpora; there is none."),
        ({"data": ".", "only": "mars"}, "`only` names 'mars'; it may name: trec"),
        ({"data": ".", "order": "random"}, "`order`='random' must be one of small-first, by-corpus"),
    ],
)
def test_wrong_arguments_are_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        DefaultsArguments(**values)


def test_there_must_be_cells_to_collect(tmp_path: Path) -> None:
    arguments = DefaultsArguments(output=str(tmp_path), collect=str(tmp_path / "all.json"))
    with pytest.raises(ValueError, match="holds no cell; measure some with --data FOLDER first"):
        run_defaults(arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "cells"
    assert run_defaults(DefaultsArguments(data=str(tmp_path), output=str(output), only="stsb")) == []
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"[{number}/5] stsb:{size}: left out, stsb/train.parquet is not in the folder."
        for number, size in enumerate((50, 200, 1000, 5000, "all"), 1)
    ]
    assert list(output.iterdir()) == []
