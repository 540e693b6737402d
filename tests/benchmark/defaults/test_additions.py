"""What each part of the default adds: what the command is told, the document, and its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.defaults import additions
from hf_rnn.benchmark.defaults.additions import CHANGES, additions_table, collect_additions, measure_additions
from hf_rnn.benchmark.defaults.cells import Cell
from hf_rnn.benchmark.defaults.corpora import Corpus, find_corpus
from hf_rnn.benchmark.defaults.run import DefaultsArguments, run_defaults
from hf_rnn.benchmark.defaults.splitting import Part, Parts
from hf_rnn.benchmark.document import write_document


QUESTIONS = Parts(Part(["who", "where", "when"], ["a", "b", "c"]), Part(["what"], ["a"]))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], tuple[str, ...]]]:
    """What each command was given: its corpus, the lines of its training file, and its flags."""
    calls: list[tuple[str, list[str], tuple[str, ...]]] = []

    def run_default(corpus: Corpus, train: Path, held_out: Path, flags: tuple[str, ...]) -> dict[str, Any]:
        assert held_out.is_file()
        calls.append((corpus.key, train.read_text().splitlines(), flags))
        figure = 0.9 - 0.1 * len(calls)
        return {"command": "hf-rnn train", "figure": figure, "standard_error": 0.01, "seconds": 2.0, "minutes": 0.1}

    monkeypatch.setattr(additions, "run_default", run_default)
    monkeypatch.setattr(additions, "other_load_cores", lambda: 0.0)
    return calls


def test_one_part_is_changed_at_a_time_on_the_same_rows(told: list[Any]) -> None:
    document = measure_additions(Cell(find_corpus("trec"), 2), QUESTIONS)
    assert [flags for _, _, flags in told] == [
        (),
        ("--from_scratch", "true"),
        ("--config_overrides", '{"wide_buckets": null}'),
        ("--weight_average_decay", "0.99"),
    ]
    assert {tuple(lines) for _, lines, _ in told} == {("text,label", "who,a", "where,b")}
    assert (document["size"], document["train_size"], document["held_out_size"]) == ("2", 2, 1)
    figures = {key: round(each["figure"], 9) for key, each in document["changes"].items()}
    assert figures == {"default": 0.8, "scratch": 0.7, "narrow": 0.6, "averaged": 0.5}


def test_a_part_that_the_data_do_not_have_is_not_changed() -> None:
    keys = {kind: [change.key for change in CHANGES if kind in change.kinds] for kind in ("tags", "pair_scores")}
    assert keys == {
        "tags": ["default", "scratch", "averaged"],
        "pair_scores": ["default", "scratch", "apart", "averaged"],
    }


def test_the_table(told: list[Any], tmp_path: Path) -> None:
    for size in (50, None):
        cell = Cell(find_corpus("trec"), size)
        write_document(measure_additions(cell, QUESTIONS), cell.file(tmp_path))
    table = additions_table(collect_additions(tmp_path))
    assert "| TREC questions, 6 classes | 3 | accuracy | 0.800 ± 0.010 | 0.700 ± 0.010 | 0.600 ± 0.010 |  |" in table
    assert "| TREC questions, 6 classes | 3 | accuracy | 0.400 ± 0.010 |" in table
    assert "no wide part: `--config_overrides '{\"wide_buckets\": null}'`" in table


def test_a_cell_is_measured_once_and_a_long_text_not_at_all(
    told: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, output = tmp_path / "data", tmp_path / "cells"
    (data / "small").mkdir(parents=True)
    (data / "lm").mkdir()
    rows = "".join(f"question {number},{'abcde'[number % 5]}\n" for number in range(400))
    (data / "small" / "trec_train.csv").write_text(f"text,label\n{rows}")
    (data / "lm" / "mysterious_island.txt").write_text("A line of a book.\n" * 5000)
    values = {"data": str(data), "output": str(output), "additions": True}
    assert run_defaults(DefaultsArguments(**values, only="trec:50,book-words:50000")) == []
    assert run_defaults(DefaultsArguments(**values, only="trec:50")) == []
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("[1/2] trec:50: default 0.8000, scratch 0.7000")
    assert said[1].endswith("left out, a long text has none of the parts.")
    assert said[2] == f"[1/1] trec:50: is in {output / 'trec-50.json'} already."
    assert len(told) == 4
    collected = DefaultsArguments(output=str(output), collect=str(tmp_path / "parts.json"), additions=True)
    assert run_defaults(collected) == []
    assert '"corpus": "trec"' in (tmp_path / "parts.json").read_text()


def test_there_must_be_cells_to_collect(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no measured cell; measure some first"):
        collect_additions(tmp_path)
