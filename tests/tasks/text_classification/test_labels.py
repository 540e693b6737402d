"""Labels of the data beside those of a checkpoint, test files without labels, and the weights of classes, in a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from transformers import AutoModelForSequenceClassification, HfArgumentParser, pipeline

from hf_rnn.tasks.text_classification.task import TASK
from tests.tasks.small_runs import GROUPS, flags, run, texts_and_labels, write_reviews, write_rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_reviews(tmp_path_factory.mktemp("reviews"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "trained"
    run(folder, model_type="gru", num_train_epochs=1, **files)
    return folder


def prepared(folder: Path, **changes: Any) -> Any:
    model, data, tokenizer, _, training = HfArgumentParser(GROUPS).parse_dict(
        flags(folder, do_predict=False, **changes)
    )
    return TASK.prepare(model, data, tokenizer, training, TASK.groups[-1]())


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("sport", "money"), {0: "money", 1: "sport"}),
        (("sport", "money", "food"), {0: "food", 1: "money", 2: "sport"}),
        (("0.5", "2.25"), {0: "score"}),
        (("a,b", "b", "a"), {0: "a", 1: "b"}),
    ],
    ids=["as many", "more", "numbers", "several"],
)
def test_other_labels_get_a_new_head(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, labels: tuple[str, ...], expected: dict[int, str]
) -> None:
    rows = [(f"a fine film {index}", labels[index % len(labels)]) for index in range(12)]
    data = str(write_rows(tmp_path / "data.csv", rows))
    model = prepared(tmp_path / "out", model_name_or_path=str(trained), train_file=data, validation_file=data).model
    assert model.config.id2label == expected
    assert f"{trained} has the labels 'negative', 'positive' and the data have others" in caplog.text
    old = AutoModelForSequenceClassification.from_pretrained(trained)
    for name, weights in old.model.state_dict().items():
        assert torch.equal(weights, model.model.state_dict()[name]), name
    new_weight = model.classifier.output.weight
    assert new_weight.shape[0] == len(expected)
    assert new_weight.shape != old.classifier.output.weight.shape or not torch.equal(
        new_weight, old.classifier.output.weight
    )


@pytest.mark.parametrize("labels", [("positive", "negative"), ("negative", "negative"), ("1", "0")])
def test_labels_that_the_checkpoint_has_keep_its_head(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, labels: tuple[str, ...]
) -> None:
    rows = [(f"a fine film {index}", labels[index % 2]) for index in range(12)]
    data = str(write_rows(tmp_path / "data.csv", rows))
    model = prepared(tmp_path / "out", model_name_or_path=str(trained), train_file=data, validation_file=data).model
    old = AutoModelForSequenceClassification.from_pretrained(trained)
    assert model.config.id2label == {0: "negative", 1: "positive"}
    assert torch.equal(model.classifier.output.weight, old.classifier.output.weight)
    assert "new head" not in caplog.text


def test_a_checkpoint_that_is_not_trained_keeps_its_labels(trained: Path, tmp_path: Path) -> None:
    data = str(write_rows(tmp_path / "data.csv", [("a fine film", "sport"), ("a dull film", "money")]))
    with pytest.raises(ValueError, match=r"value 'sport' in .*; it must be one of 'negative', 'positive'"):
        run(tmp_path / "out", model_name_or_path=str(trained), test_file=data, do_train=False)


def predictions(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_trained_model_predicts_a_file_without_labels(trained: Path, tmp_path: Path, files: dict[str, str]) -> None:
    texts = [text for text, _ in texts_and_labels(files["test_file"])]
    path = tmp_path / "unlabelled.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("source", "review"), *((index % 2, text) for index, text in enumerate(texts))])
    results = run(tmp_path / "out", model_name_or_path=str(trained), test_file=str(path), do_train=False)
    answers = pipeline("text-classification", model=str(trained))(texts)
    found = predictions(tmp_path / "out")
    assert list(found[0]) == ["row", "prediction", "score"]
    assert [row["prediction"] for row in found] == [answer["label"] for answer in answers]
    assert [float(row["score"]) for row in found] == pytest.approx([answer["score"] for answer in answers], abs=2e-6)
    assert results["metrics"] == {}
    assert results["dataset"]["splits"] == {"test": len(texts)}
    assert results["dataset"]["source"] == path.name


def test_a_run_predicts_its_test_file_though_that_has_no_labels(tmp_path: Path, files: dict[str, str]) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text, _ in texts_and_labels(files["test_file"])))
    results = run(tmp_path / "out", num_train_epochs=1, do_eval=True, **files | {"test_file": str(path)})
    assert len(predictions(tmp_path / "out")) == 20
    assert list(results["metrics"]) == ["train", "validation"]


@pytest.mark.parametrize(("problem_type", "label"), [("regression", 2.5), ("multi_label_classification", ["a", "b"])])
def test_models_of_numbers_and_of_several_labels_predict_files_without_labels(
    tmp_path: Path, problem_type: str, label: Any
) -> None:
    rows = [{"text": f"a film {index}", "label": label if index % 2 else label * 2} for index in range(12)]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(tmp_path / "first", train_file=str(data), validation_file=str(data), do_predict=False, num_train_epochs=1)
    path = tmp_path / "unlabelled.csv"
    path.write_text("text\na film\nanother film\n")
    run(tmp_path / "out", model_name_or_path=str(tmp_path / "first"), test_file=str(path), do_train=False)
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").config.problem_type == problem_type
    answers = pipeline("text-classification", model=str(tmp_path / "first"), top_k=None)(["a film", "another film"])
    scores = [float(score) for row in predictions(tmp_path / "out") for score in row["score"].split()]
    by_label = [sorted(answer, key=lambda one: one["label"]) for answer in answers]
    assert scores == pytest.approx([one["score"] for answer in by_label for one in answer], abs=1e-5)


def test_a_new_model_needs_rows_to_be_trained_on(tmp_path: Path, files: dict[str, str]) -> None:
    for changes in ({}, {"do_train": False}):
        with pytest.raises(ValueError, match="Give `dataset_name` .* or `train_file`"):
            run(tmp_path / "out", test_file=files["test_file"], **changes)


def test_balanced_class_weights_are_those_of_scikit_learn(tmp_path: Path) -> None:
    labels = ["common"] * 9 + ["rare"] * 2 + ["other"] * 4
    data = str(write_rows(tmp_path / "data.csv", [(f"a film {index}", label) for index, label in enumerate(labels)]))
    arguments = {"train_file": data, "validation_file": data, "class_weights": "balanced"}
    task = prepared(tmp_path / "out", **arguments)
    *_, training = HfArgumentParser(GROUPS).parse_dict(flags(tmp_path / "out", **arguments))
    trainer = task.trainer(training, model=task.model)
    expected = compute_class_weight("balanced", classes=np.array(["common", "other", "rare"]), y=labels)
    assert trainer._class_weights.tolist() == pytest.approx(list(expected))
