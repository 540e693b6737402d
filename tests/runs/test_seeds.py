"""One result of several seeds: the means, what each gave, and nothing that is not a repetition."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.runs.results import ResultsError, read_results, write_results
from hf_rnn.runs.seeds import combine_seeds
from tests.results_document import results_document


def runs(**changes: Any) -> list[dict[str, Any]]:
    """Three runs; `changes` are those of the last."""
    documents = []
    for seed, accuracy, minutes in ((1, 0.8, 10.0), (2, 0.9, 14.0), (3, 0.7, 12.0)):
        document = results_document(training__seed=seed, training__minutes=minutes, **(changes if seed == 3 else {}))
        if "metrics" not in changes or seed < 3:
            document["metrics"] = {"test": {"accuracy": accuracy}}
        documents.append(document)
    return documents


def test_the_figures_are_means_and_each_seed_is_kept() -> None:
    combined = combine_seeds(runs(), "bilstm-toy")
    assert combined["name"] == "bilstm-toy" and combined["seeds"] == 3
    assert combined["metrics"]["test"]["accuracy"] == pytest.approx(0.8)
    assert combined["training"]["minutes"] == pytest.approx(12.0)
    assert [(run["seed"], run["metrics"]["test"]["accuracy"]) for run in combined["runs"]] == [
        (1, 0.8),
        (2, 0.9),
        (3, 0.7),
    ]


def test_a_run_with_uncommitted_changes_marks_the_whole() -> None:
    assert combine_seeds(runs(dirty=True), "x")["dirty"] is True
    assert combine_seeds(runs(dirty=False), "x")["dirty"] is any(run["dirty"] for run in runs()[:2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "scripts/recipes/other.json"}, r"`recipe` must be the same in all runs.*other.json"),
        ({"model__parameters": 7}, r"`model.parameters` must be the same in all runs"),
        ({"training__arguments": {"learning_rate": 9.0}}, r"`training.arguments.learning_rate` must be the same"),
        ({"metrics": {"test": {"f1": 0.5}}}, r"`metrics.test.accuracy|`metrics.test.f1"),
    ],
)
def test_runs_that_are_no_repetition_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        combine_seeds(runs(**changes), "x")


def test_a_seed_counts_once() -> None:
    with pytest.raises(ResultsError, match=r"`training.seed` must be another in each run; they are \[1, 1\]"):
        combine_seeds([runs()[0], runs()[0]], "x")
    with pytest.raises(ResultsError, match="`runs` must be at least two results, not 1"):
        combine_seeds(runs()[:1], "x")


def test_the_script_reads_folders_and_files(project: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    paths = []
    for index, run in enumerate(runs()):
        paths.append(write_results(run, tmp_path / f"run{index}" / "results.json"))
    arguments = [
        str(paths[0].parent),
        str(paths[1]),
        str(paths[2]),
        "--name",
        "toy",
        "--output",
        str(tmp_path / "all.json"),
    ]
    monkeypatch.setattr(sys, "argv", ["combine_seeds.py", *arguments])
    runpy.run_path(str(project / "scripts" / "combine_seeds.py"), run_name="__main__")
    assert read_results(tmp_path / "all.json")["metrics"]["test"]["accuracy"] == pytest.approx(0.8)
    assert "seed 2: test accuracy 0.9000" in capsys.readouterr().out
    paths[1].write_text(json.dumps({}))
    with pytest.raises(SystemExit, match="is missing"):
        runpy.run_path(str(project / "scripts" / "combine_seeds.py"), run_name="__main__")


def test_baselines_stay_where_all_runs_had_the_same_figures_of_them() -> None:
    def entry(accuracy: float, seconds: float) -> list[dict[str, Any]]:
        figures = {"test": {"accuracy": accuracy}}
        return [{"name": "words", "metrics": figures, "seconds": seconds, "options": {}}]

    repeated = runs()
    for seconds, run in enumerate(repeated):
        run["baselines"] = entry(0.8, float(seconds))
    assert combine_seeds(repeated, "all")["baselines"] == entry(0.8, 0.0)
    repeated[1]["baselines"] = entry(0.7, 0.0)
    assert combine_seeds(repeated, "all")["baselines"] is None
