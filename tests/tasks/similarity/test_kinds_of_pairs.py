"""Siamese networks from pairs of three classes, from pairs that are all alike, and from triplets."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score
from transformers import AutoModel, AutoModelForSequenceClassification, pipeline

import hf_rnn  # noqa: F401  (registers the models)
from hf_rnn.inference.files import predict_file
from hf_rnn.metrics.similarity import matching_figures
from hf_rnn.tasks.evaluation import evaluate_file
from tests.tasks.small_similarity_runs import FRAMES, TOPICS, run


CLASSES = ["contradiction", "entailment", "neutral"]


def write(path: Path, header: list[str], rows: list[Any]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def inference_rows(count: int, seed: int, names: list[str]) -> list[tuple[str, str, str]]:
    """Draw pairs that follow from each other, if their topics are equal, or contradict each other, or are neutral."""
    generator = random.Random(seed)
    rows = []
    for index in range(count):
        topics, frames = generator.sample(TOPICS, 2), generator.sample(FRAMES, 2)
        name = names[index % 3]
        second = topics[0] if name == "entailment" else topics[1]
        rows.append((frames[0].format(topics[0]) + f" {index}", frames[1].format(second) + f" {index}", name))
    return rows


def predictions(folder: Path) -> list[dict[str, str]]:
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def inference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], dict[str, Any]]:
    """A run of two epochs, its files, and its results."""
    folder = tmp_path_factory.mktemp("inference")
    header = ["premise", "hypothesis", "label"]
    files = {
        "train_file": write(folder / "train.csv", header, inference_rows(90, 0, CLASSES)),
        "test_file": write(folder / "test.csv", header, inference_rows(30, 1, CLASSES)),
    }
    results = run(folder / "run", do_eval=True, hold_out_percentage=20, num_train_epochs=2, **files)
    return folder / "run", files, results


def test_three_classes_are_trained_and_measured(inference: tuple[Path, dict[str, str], dict[str, Any]]) -> None:
    folder, _, results = inference
    assert results["model"]["class"] == "SiameseForPairClassification"
    assert results["training"]["selection"] == {"split": "validation", "metric": "accuracy"}
    assert set(results["metrics"]) == {"train", "validation", "test"}
    rows, figures = predictions(folder), results["metrics"]["test"]
    assert [row["label"] for row in rows] == [CLASSES[i % 3] for i in range(30)]
    said = [row["prediction"] for row in rows]
    assert figures["accuracy"] == pytest.approx(accuracy_score([row["label"] for row in rows], said))
    macro = f1_score([row["label"] for row in rows], said, average="macro", labels=CLASSES, zero_division=0)
    assert figures["f1_macro"] == pytest.approx(macro)
    config = AutoModelForSequenceClassification.from_pretrained(folder).config
    assert list(config.id2label.values()) == CLASSES
    assert config.threshold is None


def test_predictions_and_evaluations_give_the_classes(
    inference: tuple[Path, dict[str, str], dict[str, Any]], tmp_path: Path
) -> None:
    folder, files, results = inference
    done = predict_file(str(folder), files["test_file"], tmp_path / "answers.csv", progress=False)
    with open(done.output, encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    assert [row["label"] for row in answers] == [row["prediction"] for row in predictions(folder)]
    pair = inference_rows(1, 1, CLASSES)[0]
    answer = pipeline("text-classification", model=str(folder))({"text": pair[0], "text_pair": pair[1]})
    assert answer["label"] == answers[0]["label"]
    assert answer["score"] == pytest.approx(float(answers[0]["score"]), abs=2e-6)
    measured = evaluate_file(folder, files["test_file"], tmp_path / "evaluation.json", progress=False)
    expected = {name: value for name, value in results["metrics"]["test"].items() if name != "loss"}
    assert measured.metrics == pytest.approx(expected)
    assert measured.confusion is not None
    labels = write(tmp_path / "labels.csv", ["s1", "s2", "label"], [("a", "b", 1), ("c", "d", 0)])
    with pytest.raises(ValueError, match="'1' in .*; it must be one of 'contradiction', 'entailment', 'neutral'"):
        evaluate_file(folder, labels, tmp_path / "other.json", progress=False)


def test_a_classifier_is_trained_further_on_the_same_and_on_other_classes(
    inference: tuple[Path, dict[str, str], dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, files, _ = inference
    fixed = {"hold_out_percentage": 20, "config_overrides": None, "model_name_or_path": str(folder)}
    fixed |= {"num_train_epochs": 0, "do_predict": False}
    before = AutoModelForSequenceClassification.from_pretrained(folder).output.weight
    run(tmp_path / "same", train_file=files["train_file"], **fixed)
    assert torch.equal(AutoModelForSequenceClassification.from_pretrained(tmp_path / "same").output.weight, before)
    assert "The last layer of the classifier is new" not in caplog.text
    names = ["contradiction", "entailment", "unknown"]
    other = write(tmp_path / "other.csv", ["premise", "hypothesis", "label"], inference_rows(60, 3, names))
    run(tmp_path / "new", train_file=other, **fixed)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "new")
    assert list(model.config.id2label.values()) == names
    assert not torch.equal(model.output.weight, before)
    assert "The last layer of the classifier is new" in caplog.text


def test_pairs_that_are_all_alike(tmp_path: Path) -> None:
    """Trained by the others of a batch; the checkpoint is chosen by how well each text finds its own."""
    # Of many lengths, because batches are sorted by them, and each first text in two rows, which are told by order.
    rows = []
    for index in range(64):
        topic, please = TOPICS[index // 8], " please" * (index * 5 % 7)
        rows.append((f"{FRAMES[0].format(topic)} {index // 8}", f"{FRAMES[1].format(topic)}{please} {index}"))
    random.Random(0).shuffle(rows)
    files = {
        name: write(tmp_path / f"{name}.csv", ["anchor", "positive"], rows[part::4])
        for name, part in (("train_file", 0), ("validation_file", 1), ("test_file", 2))
    }
    results = run(tmp_path / "run", do_eval=True, num_train_epochs=2, learning_rate=1e-5, **files)
    assert results["training"]["selection"] == {"split": "validation", "metric": "mrr"}
    assert results["metrics"]["validation"]["mrr"] < 0.9, "of a perfect network no order could be told"
    assert set(results["metrics"]) == {"validation", "test"}
    model = AutoModel.from_pretrained(tmp_path / "run")
    for name, part in (("validation", 1), ("test", 2)):
        pairs = rows[part::4]
        first, second = (model.encode(list(side)) for side in zip(*pairs, strict=True))
        expected = matching_figures(first, second, pairs, model.config.similarity)
        assert results["metrics"][name] == pytest.approx(expected, abs=1e-6)
    history = json.loads((tmp_path / "run" / "trainer_state.json").read_text())["log_history"]
    values = [entry["eval_mrr"] for entry in history if "eval_mrr" in entry]
    assert max(values) == pytest.approx(results["metrics"]["validation"]["mrr"], abs=1e-6)
    similarities = [float(row["similarity"]) for row in predictions(tmp_path / "run")]
    first, second = (model.encode(list(side)) for side in zip(*rows[2::4], strict=True))
    np.testing.assert_allclose(similarities, torch.cosine_similarity(first, second).numpy(), atol=1e-5)
    measured = evaluate_file(tmp_path / "run", files["test_file"], tmp_path / "evaluation.json", progress=False)
    assert measured.metrics == pytest.approx(results["metrics"]["test"], abs=1e-6)


def test_triplets(tmp_path: Path) -> None:
    generator = random.Random(0)
    rows = []
    for index in range(40):
        one, other = generator.sample(TOPICS, 2)
        texts = [frame.format(topic) for frame, topic in zip(FRAMES, (one, one, other), strict=False)]
        rows.append([f"{text} {index}" for text in texts])
    path = write(tmp_path / "train.csv", ["anchor", "positive", "negative"], rows)
    results = run(tmp_path / "run", train_file=path, hold_out_percentage=20, num_train_epochs=1, do_predict=False)
    assert results["dataset"]["splits"] == {"train": 64, "validation": 16}
    assert results["training"]["selection"]["metric"] == "classifier_roc_auc"
