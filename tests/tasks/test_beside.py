"""A baseline beside each run's model: in the results, on the card, in the last lines; and one that fails."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.hub.model_card import model_card
from hf_rnn.runs.results import ResultsError, read_results, validate_results
from hf_rnn.tasks.beside import Baseline, comparison_lines, measure_baselines
from tests.missing import pretend
from tests.results_document import results_document
from tests.tasks import small_language_runs, small_similarity_runs, small_tagging_runs
from tests.tasks.small_runs import run, write_reviews


ENTRY: dict[str, Any] = {
    "name": "TF-IDF + logistic regression",
    "metrics": {"validation": {"accuracy": 0.875}, "test": {"accuracy": 0.864}},
    "seconds": 1.25,
    "options": {"C": 3.0},
}


def names(results: dict[str, Any]) -> list[str]:
    return [each["name"] for each in results["baselines"] or []]


def test_a_text_classifier_has_a_linear_model_beside_it(tmp_path: Path) -> None:
    results = run(tmp_path / "out", do_eval=True, **write_reviews(tmp_path))
    (found,) = read_results(tmp_path / "out" / "results.json")["baselines"]
    assert found["name"].startswith("TF-IDF")
    assert set(found["metrics"]) == {"validation", "test"}
    assert set(found["metrics"]["test"]) == set(results["metrics"]["test"]) - {"loss"}
    assert "baseline" not in results["training"]["arguments"]


def test_it_is_left_out_on_demand_and_where_nothing_is_trained(tmp_path: Path) -> None:
    files = write_reviews(tmp_path)
    assert run(tmp_path / "off", do_eval=True, baseline=False, **files)["baselines"] is None
    again = run(tmp_path / "measured", do_train=False, model_name_or_path=str(tmp_path / "off"), **files)
    assert again["baselines"] is None


def test_a_tagger_has_two_and_keeps_the_one_that_can_be_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = small_tagging_runs.write_news(tmp_path)
    assert names(small_tagging_runs.run(tmp_path / "both", do_eval=True, **files)) == [
        "most frequent tag",
        "linear-chain CRF",
    ]
    monkeypatch.setattr("hf_rnn.tasks.task.check_start", lambda arguments: None)
    pretend(monkeypatch, python_crfsuite=None)
    with caplog.at_level(logging.WARNING):
        results = small_tagging_runs.run(tmp_path / "one", do_eval=True, **files)
    assert names(results) == ["most frequent tag"]
    assert "python-crfsuite" in caplog.text and 'pip install "hf_rnn[train]"' in caplog.text
    assert results["metrics"]["test"]["f1"] >= 0


@pytest.mark.parametrize("graded", [False, True])
def test_pairs_have_their_overlap_beside_them(tmp_path: Path, graded: bool) -> None:
    files = small_similarity_runs.write_questions(tmp_path, graded=graded)
    (found,) = small_similarity_runs.run(tmp_path / "out", do_eval=True, **files)["baselines"]
    assert found["name"] == "overlap of the two texts + boosted trees"
    assert ("spearman" if graded else "roc_auc") in found["metrics"]["validation"]


def test_a_language_model_has_n_grams_beside_it(tmp_path: Path) -> None:
    text = small_language_runs.write_text(tmp_path)
    results = small_language_runs.run(tmp_path / "out", do_eval=True, train_file=text)
    (found,) = results["baselines"]
    assert found["name"] == "Kneser-Ney n-grams"
    assert set(found["metrics"]["validation"]) == {"loss", "perplexity", "bits_per_character"}
    (line,) = [line for line in comparison_lines(results) if line.startswith("validation")]
    assert line.startswith("validation perplexity (less is better): Kneser-Ney n-grams ")


def test_one_that_fails_is_said_and_the_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    def fails(splits: Any) -> Baseline:
        raise ValueError("empty vocabulary; perhaps the documents only contain stop words")

    def works(splits: Any) -> Baseline:
        return Baseline("works", {split: {"accuracy": 0.5} for split in splits}, {"train_rows": 20})

    found = measure_baselines([fails, works], {"train": {}, "test": {"accuracy": 0.7}})
    assert found is not None
    assert [(each["name"], each["metrics"]) for each in found] == [("works", {"test": {"accuracy": 0.5}})]
    assert "empty vocabulary" in caplog.text and "--baseline false" in caplog.text
    assert "learned from 20 of the training rows" in caplog.text
    assert measure_baselines([fails], {"test": {}}) is None
    assert measure_baselines([works], {"train": {}}) is None


def test_the_lines_show_the_metric_that_both_have() -> None:
    document = results_document() | {"baselines": [ENTRY]}
    assert comparison_lines(document) == [
        "validation accuracy: TF-IDF + logistic regression 0.875 · this model 0.913",
        "test accuracy: TF-IDF + logistic regression 0.864 · this model 0.907",
    ]
    assert comparison_lines(results_document() | {"baselines": None}) == []


def test_results_hold_it_and_older_documents_need_not() -> None:
    assert validate_results(results_document())
    assert validate_results(results_document() | {"baselines": [ENTRY]})
    with pytest.raises(ResultsError, match="`baselines.0.seconds` is missing"):
        validate_results(results_document() | {"baselines": [{k: v for k, v in ENTRY.items() if k != "seconds"}]})
    with pytest.raises(ResultsError, match="`baselines.0.metrics.other` is of a split"):
        validate_results(results_document() | {"baselines": [ENTRY | {"metrics": {"other": {"accuracy": 0.5}}}]})
    with pytest.raises(ResultsError, match="finite"):
        infinite = ENTRY | {"metrics": {"test": {"accuracy": float("inf")}}}
        validate_results(results_document() | {"baselines": [infinite]})


def test_the_card_shows_it_beside_the_model() -> None:
    text = str(model_card(results_document() | {"baselines": [ENTRY]}, license="mit", language="en"))
    assert (
        "| | Test | Test, TF-IDF + logistic regression | Validation | Validation, TF-IDF + logistic regression |"
        in text
    )
    assert "| Accuracy | 0.9071 | 0.8640 | 0.9134 | 0.8750 |" in text
    assert "TF-IDF + logistic regression: fitted in 1.2 seconds on the training rows, C 3.0." in text
    assert "0.864" not in text.partition("## Results")[0]
