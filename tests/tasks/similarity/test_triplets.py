"""Siamese networks that are trained on triplets: the loss, the figures, and files of triplets afterwards."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from sklearn.feature_extraction.text import TfidfVectorizer
from transformers import AutoModel

import hf_rnn  # noqa: F401  (registers the models)
from hf_rnn import BiLstmConfig, SiameseConfig, SiameseModel, SiameseTrainer
from hf_rnn.data.readers.pairs import PairDataArguments, load_pairs
from hf_rnn.inference.files import predict_file
from hf_rnn.losses import TripletLoss
from hf_rnn.tasks.evaluation import evaluate_file
from hf_rnn.tasks.similarity.arguments import SimilarityArguments, build_objective
from tests.tasks.small_similarity_runs import FRAMES, TOPICS, run
from tests.training.test_ready_trainer import SIZES, TOKENIZER, quick


HEADER = ["anchor", "positive", "negative"]


def triplets(count: int, seed: int = 0) -> list[list[str]]:
    generator = random.Random(seed)
    rows = []
    for index in range(count):
        one, other = generator.sample(TOPICS, 2)
        texts = [frame.format(topic) for frame, topic in zip(FRAMES, (one, one, other), strict=False)]
        rows.append([f"{text}{' please' * (index % 4)} {index}" for text in texts])
    return rows


def write(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def shares(vectors: list[Any]) -> dict[str, float]:
    """The share of triplets that are right by the cosine and by the distance, with numpy in float64."""
    anchors, positives, negatives = (np.asarray(side, dtype=np.float64) for side in vectors)

    def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)

    near = np.linalg.norm(anchors - positives, axis=1) < np.linalg.norm(anchors - negatives, axis=1)
    return {
        "triplet_accuracy_cosine": float((cosine(anchors, positives) > cosine(anchors, negatives)).mean()),
        "triplet_accuracy_euclidean": float(near.mean()),
    }


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_a_run_on_triplets_and_its_model_on_files(
    tmp_path: Path, distance: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = {"train_file": triplets(40), "validation_file": triplets(12, 1), "test_file": triplets(12, 2)}
    files = {name: write(tmp_path / f"{name}.csv", each) for name, each in rows.items()}
    options = f'{{"triplet": {{"margin": 0.5, "distance": "{distance}"}}}}'
    results = run(tmp_path / "run", loss="triplet", loss_options=options, do_eval=True, num_train_epochs=2, **files)
    assert "texts that are not alike from 'negative'" in caplog.text
    assert results["dataset"]["splits"] == {"train": 40, "validation": 12, "test": 12}
    assert results["training"]["selection"] == {"split": "validation", "metric": "triplet_accuracy"}
    model = AutoModel.from_pretrained(tmp_path / "run")
    assert model.config.similarity == distance and model.config.threshold is not None
    vectors = [model.encode(list(side)).numpy() for side in zip(*rows["test_file"], strict=True)]
    expected = shares(vectors)
    expected["triplet_accuracy"] = expected[f"triplet_accuracy_{distance}"]
    assert {name: results["metrics"]["test"][name] for name in expected} == pytest.approx(expected)
    assert "roc_auc" in results["metrics"]["test"]
    # The baseline beside it, computed anew.
    found = next(each for each in results["baselines"] if each["name"] == "cosine of TF-IDF (triplets)")
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\w+|[^\w\s]")
    vectorizer.fit(dict.fromkeys(text for row in rows["train_file"] for text in row))
    words = [vectorizer.transform(side).toarray() for side in zip(*rows["test_file"], strict=True)]
    assert found["metrics"]["test"]["triplet_accuracy_cosine"] == pytest.approx(
        shares(words)["triplet_accuracy_cosine"], abs=1e-6
    )
    measured = evaluate_file(tmp_path / "run", files["test_file"], tmp_path / "evaluation.json", progress=False)
    assert measured.metrics["triplet_accuracy"] == pytest.approx(expected["triplet_accuracy"])
    predict_file(tmp_path / "run", files["test_file"], tmp_path / "answers.csv", progress=False)
    with open(tmp_path / "answers.csv", encoding="utf-8", newline="") as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    of_positives = -np.linalg.norm(vectors[0] - vectors[1], axis=1)
    if distance == "cosine":
        of_positives = torch.cosine_similarity(*map(torch.as_tensor, vectors[:2])).numpy()
    np.testing.assert_allclose(scores, of_positives, atol=1e-4)


def test_the_trained_loss_is_that_of_the_three_texts_alone(tmp_path: Path) -> None:
    """The texts of a batch are of many lengths, and padded together; by hand each is encoded by itself, in float64."""
    rows = [("a", "a b c d e f", "c d"), ("b c d", "e", "f"), ("c", "f e", "a b c")]
    data = Dataset.from_dict(
        {"text": [a for a, _, _ in rows], "text_b": [b for _, b, _ in rows], "text_c": [c for *_, c in rows]}
    ).add_column("label", [1.0] * len(rows))
    model = SiameseModel(SiameseConfig(encoder=BiLstmConfig(**SIZES)))
    loss = TripletLoss(margin=0.7, distance="euclidean")
    trainer = SiameseTrainer(
        model, quick(tmp_path), train_dataset=data, eval_dataset=data, processing_class=TOKENIZER, loss=loss
    )
    model = model.double().eval()
    batch = next(iter(trainer.get_train_dataloader()))
    assert {"input_ids", "input_ids_b", "input_ids_c"} <= set(batch)
    found, outputs = trainer.compute_loss(model, dict(batch), return_outputs=True)

    def alone(suffix: str, row: int) -> np.ndarray:
        ids, mask = batch[f"input_ids{suffix}"][row], batch[f"attention_mask{suffix}"][row].bool()
        with torch.no_grad():
            return model(ids[mask][None]).embeddings[0].numpy()

    expected = []
    for row in range(len(batch["input_ids"])):
        a, p, n = (alone(suffix, row) for suffix in ("", "_b", "_c"))
        expected.append(max(0.0, np.linalg.norm(a - p) - np.linalg.norm(a - n) + 0.7))
    assert found.item() == pytest.approx(np.mean(expected), abs=1e-12)
    assert outputs["logits"].shape == outputs["logits_c"].shape == (len(expected),)
    figures = trainer.evaluate()
    assert figures["eval_loss"] == pytest.approx(np.mean(expected), abs=1e-6)
    nearer = (outputs["logits"] > outputs["logits_c"]).double().mean().item()
    assert figures["eval_triplet_accuracy"] == pytest.approx(nearer)


def test_every_negative_makes_a_triplet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [["a one", "a two", "b one", "c one"], ["d one", "d two", "e one", ""]]
    path = write(tmp_path / "train.csv", rows, [*HEADER, "negative_2"])
    data = load_pairs(PairDataArguments(train_file=path))
    assert data.triplets is not None and set(data.splits["train"].column_names) == {"text", "text_b", "label"}
    found = [tuple(row[name] for name in ("text", "text_b", "text_c")) for row in data.triplets["train"]]
    assert sorted(found) == [("a one", "a two", "b one"), ("a one", "a two", "c one"), ("d one", "d two", "e one")]
    assert "in no triplet" not in caplog.text


def test_a_triplet_that_is_cut_in_two_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "train.csv", triplets(20))
    options: dict[str, Any] = {"validation_split_percentage": 50, "hold_out_by": "random"}
    data = load_pairs(PairDataArguments(train_file=path, **options))
    assert data.triplets is not None
    whole = sum(map(len, data.triplets.values()))
    assert 0 < whole < 20
    counted = [int(record.getMessage().split()[0]) for record in caplog.records if "in no triplet" in record.message]
    assert whole + sum(counted) == 20


@pytest.mark.parametrize(
    ("loss", "has_triplets", "message"),
    [
        ("triplet", False, "`loss`='triplet' needs triplets, and the training data have none: give three columns"),
        ("triplet,cosent", True, "`loss`='triplet,cosent' has triplet and 'cosent', which needs pairs"),
    ],
)
def test_what_has_no_triplets_is_refused(loss: str, has_triplets: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_objective(SimilarityArguments(loss=loss), "labels", has_triplets)


def test_a_sum_with_negatives_of_the_batch() -> None:
    objective = build_objective(SimilarityArguments(loss="triplet,multiple_negatives"), "labels", True)
    a, b, c = (torch.randn(4, 3, dtype=torch.float64) for _ in range(3))
    expected = TripletLoss()(a, b, c) + objective.losses["multiple_negatives"](a, b)
    torch.testing.assert_close(objective(a, b, torch.ones(4), c=c), expected)


def test_positives_only_and_the_negatives_of_a_batch(tmp_path: Path) -> None:
    files = {
        name: write(tmp_path / f"{name}.csv", [row[:2] for row in triplets(count, seed)], HEADER[:2])
        for seed, (name, count) in enumerate((("train_file", 24), ("validation_file", 8)))
    }
    results = run(tmp_path / "run", loss="batch_hard_triplet", num_train_epochs=1, do_predict=False, **files)
    assert results["training"]["selection"]["metric"] == "mrr"
    with pytest.raises(ValueError, match="`loss`='triplet' needs triplets"):
        run(tmp_path / "other", loss="triplet", do_predict=False, **files)
