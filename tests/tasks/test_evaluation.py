"""A model is measured on a file as its run measured it; labels it does not know are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.tasks.evaluation import evaluate_file
from tests.tasks import small_language_runs, small_runs, small_similarity_runs, small_tagging_runs
from tests.tasks.small_runs import write_reviews, write_rows


def assert_as_measured(found: dict[str, float], results: dict[str, Any], split: str = "test") -> None:
    """All figures of the run but its loss."""
    expected = {name: value for name, value in results["metrics"][split].items() if name != "loss"}
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], dict[str, Any]]:
    """A classifier, the files that it was trained and measured on, and its results."""
    folder = tmp_path_factory.mktemp("reviews")
    data = write_reviews(folder / "data", test=37)
    return folder / "run", data, small_runs.run(folder / "run", **data)


def test_a_classifier_has_the_figures_of_its_run(reviews: Any) -> None:
    folder, data, results = reviews
    before = (folder / "results.json").read_bytes()
    found = evaluate_file(folder, data["test_file"], progress=False)
    assert (found.path, found.task, found.rows) == (folder / "evaluations" / "test.json", "text-classification", 37)
    assert_as_measured(found.metrics, results)
    # The table is that of the predictions that the run wrote.
    counts: dict[str, dict[str, int]] = {name: {"negative": 0, "positive": 0} for name in ("negative", "positive")}
    for line in (folder / "predictions.csv").read_text().splitlines()[1:]:
        _, label, prediction, _ = line.split(",")
        counts[label][prediction] += 1
    assert found.confusion == counts
    document = json.loads(found.path.read_text())
    assert document["metrics"] == found.metrics
    assert (document["data"]["rows"], len(document["data"]["sha256"]), len(document["model"]["sha256"])) == (
        37,
        64,
        64,
    )
    assert (folder / "results.json").read_bytes() == before
    with pytest.raises(ValueError, match=r"test.json' exists already; name another file or remove it"):
        evaluate_file(folder, data["test_file"], progress=False)


def test_a_label_that_the_model_does_not_know_is_named(reviews: Any, tmp_path: Path) -> None:
    folder, *_ = reviews
    data = write_rows(tmp_path / "new.csv", [("A film.", "positive"), ("Dull.", "boring")])
    message = "Column `label` of the test split has the value 'boring' in .*; it must be one of 'negative', 'positive'"
    with pytest.raises(ValueError, match=message):
        evaluate_file(folder, data, tmp_path / "x.json", progress=False)
    assert not (tmp_path / "x.json").exists()


def test_rows_without_a_usual_column_and_flags_of_other_tasks_are_named(reviews: Any, tmp_path: Path) -> None:
    folder, *_ = reviews
    data = tmp_path / "new.csv"
    data.write_text("words,class\nA film.,positive\nDull.,negative\n")
    with pytest.raises(ValueError, match=r"no column 'verdict' in the test split; its columns are 'words' \('A film"):
        evaluate_file(folder, data, label_column_name="verdict", progress=False)
    with pytest.raises(ValueError, match="Give `text_column_names`: in the test split no column looks like the texts"):
        numbers = tmp_path / "numbers.csv"
        numbers.write_text("words,class\n1,positive\n2,negative\n")
        evaluate_file(folder, numbers, progress=False)
    with pytest.raises(ValueError, match="`score_range`='0,5' was given, and data for this model are not read by it"):
        evaluate_file(folder, data, score_range="0,5", progress=False)
    with pytest.raises(FileNotFoundError, match="absent.csv"):
        evaluate_file(folder, tmp_path / "absent.csv", progress=False)
    columns = {"label_column_name": "class", "text_column_names": "words"}
    named = evaluate_file(folder, data, tmp_path / "x.json", **columns, progress=False)
    assert named.rows == 2
    assert evaluate_file(folder, data, tmp_path / "y.json", progress=False).metrics == named.metrics


@pytest.mark.parametrize(
    "labels", [[["a"], ["a", "b"], [], ["b"]], [0.5, 2.25, -1.5, 3.0]], ids=["several", "numbers"]
)
def test_several_labels_and_numbers_have_the_figures_of_their_runs(tmp_path: Path, labels: list[Any]) -> None:
    rows = [{"text": f"film {index % 4} x{index % 3}", "label": labels[index % 4]} for index in range(24)]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = {f"{split}_file": str(data) for split in ("train", "validation", "test")}
    results = small_runs.run(tmp_path / "run", **files)
    found = evaluate_file(tmp_path / "run", data, progress=False)
    assert_as_measured(found.metrics, results)
    assert found.confusion is None


def test_a_tagger_has_the_figures_of_its_run(tmp_path: Path) -> None:
    data = small_tagging_runs.write_news(tmp_path / "data")
    results = small_tagging_runs.run(tmp_path / "run", **data, num_train_epochs=15)
    found = evaluate_file(tmp_path / "run", data["test_file"], progress=False)
    assert_as_measured(found.metrics, results)
    assert found.metrics["f1"] > 0
    assert found.confusion == json.loads((tmp_path / "run" / "confusion.json").read_text())
    unknown = small_tagging_runs.write_sentences(tmp_path / "new.jsonl", [(["Ana"], ["B-FRUIT"])])
    with pytest.raises(ValueError, match="line 1, position 0: the tag is 'B-FRUIT'; it must be one of 'O', "):
        evaluate_file(tmp_path / "run", unknown, progress=False)


@pytest.mark.parametrize("loss", ["cosent", "classification"])
def test_a_similarity_has_the_figures_of_its_run(tmp_path: Path, loss: str) -> None:
    data = small_similarity_runs.write_questions(tmp_path / "data")
    results = small_similarity_runs.run(tmp_path / "run", **data, loss=loss)
    found = evaluate_file(tmp_path / "run", data["test_file"], progress=False)
    assert found.task == results["task"] == "sentence-similarity"
    assert_as_measured(found.metrics, results)
    assert ("classifier_f1" in found.metrics) == (loss == "classification")
    assert "mrr" in found.metrics


def test_a_language_model_has_the_figures_of_its_run(tmp_path: Path) -> None:
    text = small_language_runs.write_text(tmp_path / "data")
    results = small_language_runs.run(
        tmp_path / "run", train_file=text, test_file=text, validation_split_percentage=10
    )
    found = evaluate_file(tmp_path / "run", text, progress=False)
    assert found.metrics == pytest.approx(results["metrics"]["test"], abs=1e-6)
    assert found.rows == results["dataset"]["splits"]["test"]
