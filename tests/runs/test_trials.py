"""What was tried on the way to a model: gathered from runs, read again, and shown."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.runs.results import ResultsError, write_results
from hf_rnn.runs.trials import collect_trials, read_trials, trials_table
from tests.results_document import results_document


def run(value: float, **changes: Any) -> dict[str, Any]:
    figures = {"metrics": {"validation": {"accuracy": value, "f1": value / 2}}, "dataset__splits": {"validation": 7}}
    return results_document(**figures | changes)


def test_a_trial_is_its_words_and_its_figures_on_validation() -> None:
    document = collect_trials([("as it was", run(0.8)), ("wider", run(0.75, training__minutes=3.25))], ["f1"])
    assert [(row["what"], row["values"], row["minutes"]) for row in document["trials"]] == [
        ("as it was", {"f1": 0.4}, run(0.8)["training"]["minutes"]),
        ("wider", {"f1": 0.375}, 3.25),
    ]
    table = trials_table(document, {"f1": "F1"})
    assert table.startswith("| Tried | F1, validation | Parameters | Minutes | Seeds |\n")
    assert "| wider | 0.3750 | 2,345,678 | 3.2 | 1 |\n" in table


def test_a_figure_that_a_run_lacks_is_named() -> None:
    tested = run(0.8, metrics={"test": {"accuracy": 0.8}}, dataset__splits={"test": 7}, name="tested")
    with pytest.raises(ResultsError, match="`metric`='f1' is not among the figures on validation of 'tested'"):
        collect_trials([("as it was", run(0.8)), ("tested", tested)], ["f1"])
    for trials, metrics in (([], ["f1"]), ([("a", run(0.8))], [])):
        with pytest.raises(ResultsError, match="must be at least one"):
            collect_trials(trials, metrics)


def test_the_script_writes_what_is_read(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(run(0.8), tmp_path / "a" / "results.json")
    written = write_results(run(0.9), tmp_path / "b.json")
    output = tmp_path / "trials" / "toy.json"
    trials = ["--trial", "one", str(tmp_path / "a"), "--trial", "two", str(written)]
    monkeypatch.setattr(sys, "argv", ["collect_trials.py", *trials, "--metrics", "accuracy", "--output", str(output)])
    runpy.run_path(str(project / "scripts" / "collect_trials.py"), run_name="__main__")
    assert "2 trials" in capsys.readouterr().out
    assert [row["values"] for row in read_trials(output)["trials"]] == [{"accuracy": 0.8}, {"accuracy": 0.9}]
    written.unlink()
    with pytest.raises(SystemExit, match=r"b\.json"):
        runpy.run_path(str(project / "scripts" / "collect_trials.py"), run_name="__main__")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda document: document.pop("dataset"), "`dataset` is missing"),
        (lambda document: document["trials"][0].pop("what"), r"`trials\.0\.what` is missing"),
        (lambda document: document["trials"][0]["values"].update(f1="0.4"), r"`trials\.0\.values\.f1` must be float"),
        (lambda document: document["metrics"].append("recall"), r"`trials\.0\.values\.recall` is missing"),
    ],
)
def test_a_file_that_was_changed_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    document = collect_trials([("as it was", run(0.8))], ["f1"])
    change(document)
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=message):
        read_trials(path)
