"""The schema of results.json: what it accepts, what it refuses and how it says so; files are never half-written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.runs.provenance import git_commit
from hf_rnn.runs.results import ResultsError, build_results, read_results, validate_results, write_results
from tests.results_document import results_document


def test_a_complete_document_is_valid() -> None:
    document = results_document()
    assert validate_results(document) is document


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__parameters": "many"}, r"`model.parameters` must be int, not 'many'"),
        ({"model__parameters": True}, r"`model.parameters` must be int, not True"),
        ({"model__parameters": 1.5}, r"`model.parameters` must be int, not 1.5"),
        ({"model": [1]}, r"`model` must be an object, not \[1\]"),
        ({"dataset__hub_id": 3}, r"`dataset.hub_id` must be str or null, not 3"),
        ({"dataset__splits": {"train": 1.5}}, r"`dataset.splits.train` must be int, not 1.5"),
        ({"training__lerning_rate": 0.1}, r"`training.lerning_rate` is unknown; `training` holds minutes, epochs"),
        ({"training__selection": {"split": "validation"}}, r"`training.selection.metric` is missing"),
        (
            {"metrics": {"dev": {"accuracy": 0.5}}},
            r"`metrics.dev` is measured on a split that .*train, validation, test",
        ),
        ({"metrics__test": 0.9}, r"`metrics.test` must be an object, not 0.9"),
        ({"metrics__test__accuracy": "high"}, r"`metrics.test.accuracy` must be float, not 'high'"),
        ({"metrics__test__accuracy": float("nan")}, r"`metrics.test.accuracy` must be a finite number, not nan"),
        ({"training__minutes": float("inf")}, r"`training.minutes` must be a finite number, not inf"),
        ({"model__config": {"a": [1.0, float("nan")]}}, r"`model.config.a.1` must be a finite number, not nan"),
        ({"schema_version": 1}, r"`schema_version` must be 2, not 1"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        validate_results(results_document(**changes))


@pytest.mark.parametrize("path", ["name", "model.parameters", "dataset.splits", "training.seed", "dirty"])
def test_a_missing_field_is_named(path: str) -> None:
    document = results_document()
    *parents, key = path.split(".")
    section = document
    for parent in parents:
        section = section[parent]
    del section[key]
    with pytest.raises(ResultsError, match=f"`{path}` is missing"):
        validate_results(document)


def test_a_document_must_be_an_object() -> None:
    with pytest.raises(ResultsError, match="results must be an object"):
        validate_results([results_document()])


def test_a_whole_number_is_a_float_and_nothing_else_is() -> None:
    assert validate_results(results_document(training__minutes=21))
    with pytest.raises(ResultsError, match=r"`training.minutes` must be float, not True"):
        validate_results(results_document(training__minutes=True))


def test_build_results_adds_what_can_be_found_out() -> None:
    given = results_document()
    training = {"minutes": 0.3, "arguments": {"ngram_max": 2}}
    results = build_results(
        task=given["task"],
        name="tfidf-imdb",
        model=given["model"] | {"class": "Pipeline", "model_type": None},
        dataset={"name": "imdb", "splits": {"train": 10, "test": 5}},
        metrics={"test": {"accuracy": 0.9}},
        training=training,
    )
    assert results["training"]["steps"] is None
    assert results["training"]["threads"] == results["machine"]["torch_threads"]
    assert results["dataset"]["hub_id"] is None
    assert (results["commit"], results["dirty"]) == (git_commit() or (None, None))
    assert results["versions"]["torch"]
    assert results["date"].endswith("+00:00")


def test_build_results_refuses_a_figure_that_is_not_one() -> None:
    given = results_document()
    with pytest.raises(ResultsError, match="`metrics.test.accuracy`"):
        build_results(
            task=given["task"],
            name=given["name"],
            model=given["model"],
            dataset=given["dataset"],
            metrics={"test": {"accuracy": float("nan")}},
            training={"minutes": 1.0, "arguments": {}},
        )


def test_write_then_read_is_the_same_document(tmp_path: Path) -> None:
    document = results_document(dataset__notes="avaliação")
    path = write_results(document, tmp_path / "run" / "results.json")
    assert read_results(path) == document
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]
    assert "avaliação" in path.read_text(encoding="utf-8")


def test_an_invalid_document_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_results(results_document(), tmp_path / "results.json")
    with pytest.raises(ResultsError):
        write_results(results_document(name=1), path)
    assert read_results(path) == results_document()


def test_a_write_that_is_interrupted_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_results(results_document(), tmp_path / "results.json")

    def interrupted(source: str, target: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_results(results_document(name="other"), path)
    assert read_results(path) == results_document()
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"], "the temporary file is removed"


def test_reading_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("{")
    with pytest.raises(ResultsError, match="results.json is not JSON"):
        read_results(path)
    path.write_text(json.dumps(results_document(seeds=None)))
    with pytest.raises(ResultsError, match=r"results.json: `seeds` must be int, not None"):
        read_results(path)
    with pytest.raises(FileNotFoundError):
        read_results(tmp_path / "absent.json")
