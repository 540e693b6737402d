"""Pairs that are read together: when they are, what such a model starts with, and what comes of its training."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from transformers import AutoModel, AutoModelForSequenceClassification, pipeline

from hf_rnn import BiLstmConfig, SiameseForPairClassification, SiameseModel
from hf_rnn.data.readers.pairs import PairDataArguments, load_pairs
from hf_rnn.models.modeling_rnn import BiLstmModel
from hf_rnn.tasks.similarity.arguments import SimilarityArguments
from hf_rnn.tasks.similarity.together_start import start_together
from tests.tasks.small_similarity_runs import run, write_questions


@pytest.mark.parametrize(
    ("given", "kind", "new", "together", "loss"),
    [
        ({}, "labels", True, True, "classification,cosent"),
        ({}, "scores", True, True, "regression,cosent"),
        ({}, "labels", False, False, "cosent"),
        ({}, "classes", True, False, "classification"),
        ({}, "positives", True, False, "multiple_negatives"),
        ({"read_together": False}, "labels", True, False, "cosent"),
        ({"read_together": True}, "labels", False, True, "classification,cosent"),
        ({"read_together": True}, "classes", True, True, "classification"),
        ({"loss": "classification"}, "labels", True, False, "classification"),
        ({"loss": "cosent"}, "scores", True, False, "cosent"),
        ({"similarity": "dot"}, "labels", True, False, "cosent"),
        ({"loss_options": '{"cosent": {"scale": 9}}'}, "labels", True, False, "cosent"),
        ({"loss": "classification", "read_together": True}, "labels", True, True, "classification"),
    ],
)
def test_when_pairs_are_read_together(given: dict, kind: str, new: bool, together: bool, loss: str) -> None:
    settled = SimilarityArguments(**given).settled(kind, new)
    assert (settled.read_together, settled.loss) == (together, loss)
    assert settled.settled(kind, new) == settled


def test_the_similarity_counts_little_unless_its_weight_is_given() -> None:
    assert SimilarityArguments().settled("labels", True).options() == {"cosent": {"weight": 0.1}}
    assert SimilarityArguments().settled("scores", True).options() == {"cosent": {"weight": 0.05}}
    given = SimilarityArguments(read_together=True, loss_options='{"cosent": {"weight": 2, "scale": 9}}')
    assert given.settled("labels").options() == {"cosent": {"weight": 2, "scale": 9}}


def rows_of(count: int, seed: int, graded: bool) -> datasets.Dataset:
    """Pairs whose label, or score, is what share of the tokens they have in common, and nothing else."""
    generator = random.Random(seed)
    columns: dict[str, list[Any]] = {"input_ids": [], "input_ids_b": [], "labels": []}
    for index in range(count):
        first, second = ([generator.randrange(2, 40) for _ in range(generator.randint(4, 9))] for _ in range(2))
        if index % 2:
            # Every second pair has most tokens in common.
            second = [*first[: generator.randint(len(first) - 2, len(first))], *second[:1]]
        share = len(set(first) & set(second)) / len(set(first) | set(second))
        columns["input_ids"].append(first)
        columns["input_ids_b"].append(second)
        columns["labels"].append(share if graded else float(share > 0.4))
    return datasets.Dataset.from_dict(columns)


def new_model(graded: bool, **options: Any) -> SiameseForPairClassification:
    torch.manual_seed(0)
    encoder = BiLstmModel(BiLstmConfig(vocab_size=40, embedding_size=5, hidden_size=4))
    problem = "regression" if graded else "single_label_classification"
    labels = {"num_labels": 1 if graded else 2, "problem_type": problem}
    values = {"composition": "recurrent", "classifier_hidden_sizes": [6], "symmetric": True, **labels, **options}
    return SiameseForPairClassification.from_encoder(encoder, **values).eval()


@torch.no_grad()
def answers(model: SiameseForPairClassification, rows: datasets.Dataset) -> torch.Tensor:
    found = [
        model(torch.tensor([row["input_ids"]]), input_ids_b=torch.tensor([row["input_ids_b"]])).logits[0]
        for row in rows
    ]
    return torch.stack(found)


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("graded", [True, False])
def test_a_new_model_begins_with_what_the_overlap_says(graded: bool, validation: bool) -> None:
    model, rows = new_model(graded), rows_of(200, 2, graded)
    splits = {"train": rows_of(120, 0, graded)} | ({"validation": rows_of(50, 1, graded)} if validation else {})
    start_together(model, splits)
    found = answers(model, rows)
    if graded:
        assert spearmanr(found[:, 0], rows["labels"][:]).statistic > 0.97
        assert float(found.mean()) == pytest.approx(sum(rows["labels"][:]) / len(rows), abs=0.05)
    else:
        assert roc_auc_score(rows["labels"][:], found[:, 1] - found[:, 0]) > 0.97
    # The weights of the tokens are those of the texts, and the rest of the network says nothing yet.
    overlap = model.together.overlap
    texts = [*splits["train"]["input_ids"][:], *splits["train"]["input_ids_b"][:]]
    with_token = sum(7 in text for text in texts)
    assert float(overlap.idf[7]) == pytest.approx(float(torch.tensor((1 + len(texts)) / (1 + with_token)).log() + 1))
    assert not model.output.weight.any() and not model.output.bias.any()
    # What a model has learnt stays.
    before = {name: value.clone() for name, value in model.state_dict().items()}
    start_together(model, {"train": rows_of(60, 5, graded)})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_labels_without_any_relation_are_held_back_and_scores_give_their_mean() -> None:
    rows = rows_of(40, 0, True)
    shuffled = [0.2, 0.6] * 20
    random.Random(3).shuffle(shuffled)
    model = new_model(True)
    start_together(model, {"train": rows.remove_columns("labels").add_column("labels", shuffled)})
    found = answers(model, rows_of(60, 8, True))
    assert float((found - 0.4).abs().mean()) < 0.1


def test_other_models_start_as_they_are() -> None:
    model = new_model(False, composition=None)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    start_together(model, {"train": rows_of(20, 0, False)})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_default_run_reads_pairs_together_and_can_be_searched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = write_questions(tmp_path / "data")
    results = run(tmp_path / "out", num_train_epochs=3, tokenizer_kind="bpe", do_eval=True, **files)
    assert "The two texts of a pair are read together" in caplog.text and "--read_together false" in caplog.text
    assert results["model"]["class"] == "SiameseForPairClassification"
    assert results["training"]["selection"]["metric"] == "classifier_roc_auc"
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert (model.config.composition, model.config.symmetric) == ("recurrent", True)
    rows = load_pairs(PairDataArguments(**files)).splits["test"]
    pairs = [{"text": a, "text_pair": b} for a, b in zip(rows["text"][:], rows["text_b"][:], strict=True)]
    found = pipeline("text-classification", model=str(tmp_path / "out"))(pairs, top_k=None)
    alike = [next(each["score"] for each in answer if each["label"] == "alike") for answer in found]
    figures = results["metrics"]["test"]
    assert figures["classifier_roc_auc"] == pytest.approx(roc_auc_score(rows["label"][:], alike))
    # Single texts have vectors that were trained, and a threshold.
    encoder = AutoModel.from_pretrained(tmp_path / "out")
    assert type(encoder) is SiameseModel and encoder.config.threshold is not None
    scores, places = encoder.search([rows["text"][0]], rows["text_b"][:], top_k=3)
    assert scores.shape == places.shape == (1, 3)
    # Trained further, it goes on as it is.
    again = run(tmp_path / "again", model_name_or_path=str(tmp_path / "out"), num_train_epochs=1, **files)
    assert again["model"]["config"]["composition"] == "recurrent"


def test_scores_by_default(tmp_path: Path) -> None:
    files = write_questions(tmp_path / "data", graded=True)
    results = run(tmp_path / "out", num_train_epochs=3, tokenizer_kind="bpe", **files)
    assert set(results["metrics"]["test"]) == {"loss", "spearman", "pearson"}
    rows = load_pairs(PairDataArguments(**files)).splits["test"]
    pairs = [{"text": a, "text_pair": b} for a, b in zip(rows["text"][:], rows["text_b"][:], strict=True)]
    found = [answer["score"] for answer in pipeline("text-classification", model=str(tmp_path / "out"))(pairs)]
    # Of scores that differ by their last digit alone, the order is that of a batch.
    assert results["metrics"]["test"]["spearman"] == pytest.approx(
        spearmanr(found, rows["label"][:]).statistic, abs=1e-3
    )


def test_the_siamese_form_is_kept_for_a_search(tmp_path: Path) -> None:
    files = write_questions(tmp_path / "data")
    results = run(tmp_path / "out", read_together=False, num_train_epochs=1, **files)
    assert results["model"]["class"] == "SiameseModel"
    assert results["model"]["config"].get("composition") is None


def strength_of(caplog: pytest.LogCaptureFixture, splits: dict[str, datasets.Dataset]) -> str:
    """How strongly the weights were held back, as the log says."""
    caplog.clear()
    with caplog.at_level("INFO"):
        start_together(new_model(graded=False), splits)
    (said,) = [message for message in caplog.messages if "strength" in message]
    return said.rsplit(" ", 1)[1]


def test_a_few_validation_pairs_do_not_choose_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Two pairs with the contrary label would hold the weights back the most; the others outvote them."""
    train, few = rows_of(190, 1, graded=False), rows_of(2, 2, graded=False)
    contrary = few.remove_columns("labels").add_column("labels", [1 - label for label in few["labels"]])
    assert strength_of(caplog, {"train": train}) == "0.001."
    assert strength_of(caplog, {"train": train, "validation": contrary}) in ("0.001.", "0.01.")


def test_few_pairs_are_not_read_until_their_beginning_is_forgotten(tmp_path: Path) -> None:
    files = write_questions(tmp_path / "data", train=24, validation=8, test=8)
    results = run(tmp_path / "out", num_train_epochs=-1, per_device_train_batch_size=8, tokenizer_kind="bpe", **files)
    # Twelve epochs of three steps, where 600 updates would have been 200 epochs; it may stop before.
    assert results["training"]["arguments"]["num_train_epochs"] == 12
    assert results["training"]["steps"] <= 36
