"""Siamese networks from files to results, on a few generated questions."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, roc_auc_score
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertModel, pipeline

import hf_rnn  # noqa: F401  (registers the models)
from hf_rnn.data.batches.duplicates import row_groups
from hf_rnn.data.readers.pairs import PairDataArguments, load_pairs
from hf_rnn.models.similarity import pairwise
from hf_rnn.runs.results import read_results
from tests.tasks.small_runs import Steps, refuse, save_tiny_bert
from tests.tasks.small_similarity_runs import generate_pairs, run, write_questions


@dataclass
class Run:
    """A run that has ended, and the flags that name its files."""

    folder: Path
    results: dict[str, Any]
    files: dict[str, str]

    def predictions(self) -> dict[str, list[float]]:
        with open(self.folder / "predictions.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) for row in rows] for name in rows[0]}

    def similarities(self) -> np.ndarray:
        """Compare the test pairs, each text encoded alone by the model in the folder."""
        model = AutoModel.from_pretrained(self.folder)
        rows = load_pairs(PairDataArguments(**self.files)).splits["test"]
        first, second = (model.encode(rows[name][:], batch_size=1) for name in ("text", "text_b"))
        return pairwise(first, second, model.config.similarity).numpy()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_questions(tmp_path_factory.mktemp("questions"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "questions"
    options = {"loss": "cosent,multiple_negatives", "threshold_metric": "f1", "num_train_epochs": 4}
    return Run(folder, run(folder, do_eval=True, **files, **options), files)


def test_results_are_complete(trained: Run) -> None:
    results = trained.results
    assert read_results(trained.folder / "results.json") == results
    assert (results["task"], results["name"]) == ("sentence-similarity", "questions")
    assert results["dataset"]["splits"] == {"train": 80, "validation": 24, "test": 30}
    names = {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "average_precision", "roc_auc"}
    retrieval = {"recall_at_1", "recall_at_5", "recall_at_10", "mrr"}
    assert {split: set(figures) for split, figures in results["metrics"].items()} == {
        "train": names,
        "validation": names | retrieval,
        "test": names | retrieval,
    }
    assert results["training"]["selection"] == {"split": "validation", "metric": "roc_auc"}
    encoder = results["model"]["config"]["encoder"]
    assert encoder["model_type"] == "bilstm"
    assert (encoder["hidden_size"], "dropout" in encoder) == (6, False)
    assert (trained.folder / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


def test_predictions_are_those_of_the_saved_model(trained: Run) -> None:
    """The predictions have the file's order, although batches are sorted by length, and the saved threshold."""
    predictions, similarities = trained.predictions(), trained.similarities()
    np.testing.assert_allclose(predictions["similarity"], similarities, atol=1e-5)
    config = AutoModel.from_pretrained(trained.folder).config
    assert config.threshold_metric == "f1"
    assert predictions["prediction"] == (similarities >= config.threshold).tolist()
    figures = trained.results["metrics"]["test"]
    assert figures["accuracy"] == pytest.approx(accuracy_score(predictions["label"], predictions["prediction"]))
    assert figures["roc_auc"] == pytest.approx(roc_auc_score(predictions["label"], similarities))


def test_the_threshold_is_the_best_of_the_validation_pairs(trained: Run) -> None:
    from sklearn.metrics import f1_score

    model = AutoModel.from_pretrained(trained.folder)
    rows = load_pairs(PairDataArguments(**trained.files)).splits["validation"]
    vectors = (model.encode(rows[name][:]) for name in ("text", "text_b"))
    similarities, labels = pairwise(*vectors, "cosine"), rows["label"][:]
    best = max(f1_score(labels, similarities >= threshold) for threshold in similarities)
    assert f1_score(labels, similarities >= model.config.threshold) == pytest.approx(best)
    assert trained.results["metrics"]["validation"]["f1"] == pytest.approx(best)


def test_evaluating_our_own_checkpoint_gives_its_figures(trained: Run, tmp_path: Path) -> None:
    options = {"loss": "cosent,multiple_negatives", "threshold_metric": "accuracy", "do_train": False}
    again = run(tmp_path, model_name_or_path=str(trained.folder), **options, **trained.files)
    for split, figures in trained.results["metrics"].items():
        assert again["metrics"][split] == pytest.approx(figures)
    # The threshold is the one it was trained with.
    for name in ("threshold", "threshold_metric"):
        assert again["model"]["config"][name] == trained.results["model"]["config"][name]


def test_another_similarity_has_a_threshold_of_its_own(trained: Run, tmp_path: Path) -> None:
    """One that was chosen for cosines would call every pair alike, or none, by a distance."""
    again = run(
        tmp_path,
        do_train=False,
        model_name_or_path=str(trained.folder),
        similarity="euclidean",
        threshold_metric="accuracy",
        **trained.files,
    )
    config = AutoModel.from_pretrained(tmp_path).config
    assert (config.similarity, config.threshold_metric) == ("euclidean", "accuracy")
    assert config.threshold < 0
    assert again["metrics"]["test"]["accuracy"] > 0.8


def test_a_better_than_chance_model_comes_out(trained: Run) -> None:
    assert trained.results["metrics"]["test"]["roc_auc"] > 0.8


@pytest.mark.parametrize("loss", ["contrastive", "malstm", "multiple_negatives", "batch_semi_hard_triplet"])
def test_losses_train(files: dict[str, str], tmp_path: Path, loss: str) -> None:
    results = run(tmp_path, loss=loss, num_train_epochs=1, **files)
    assert ("loss" in results["metrics"]["test"]) == (loss in ("contrastive", "malstm"))
    kind = {"contrastive": "euclidean", "malstm": "manhattan", "multiple_negatives": "cosine"}.get(loss, "euclidean")
    assert AutoModel.from_pretrained(tmp_path).config.similarity == kind
    # Of duplicates alone there are half as many steps.
    rows = 80 if loss in ("contrastive", "malstm") else 40
    assert results["training"]["steps"] >= rows / 8 * (1 if rows == 80 else 0.5)
    assert results["training"]["steps"] <= 2 * rows / 8


def test_scores(tmp_path: Path) -> None:
    files = write_questions(tmp_path / "data", graded=True)
    results = run(tmp_path / "out", loss="cosent", do_eval=True, num_train_epochs=3, **files)
    trained = Run(tmp_path / "out", results, files)
    assert set(results["metrics"]["test"]) == {"loss", "spearman", "pearson"}
    assert results["training"]["selection"]["metric"] == "spearman"
    predictions, similarities = trained.predictions(), trained.similarities()
    assert "prediction" not in predictions
    assert set(predictions["label"]) == {0, 0.4, 1}
    assert results["metrics"]["test"]["spearman"] == pytest.approx(
        spearmanr(similarities, predictions["label"]).statistic, abs=1e-6
    )
    assert AutoModel.from_pretrained(tmp_path / "out").config.threshold is None


def test_a_stock_bert_is_trained_by_the_same_code(files: dict[str, str], tmp_path: Path) -> None:
    texts = [text for first, second, _ in generate_pairs(40, 0) for text in (first, second)]
    bert = save_tiny_bert(tmp_path / "bert", texts, head=BertModel)
    results = run(tmp_path / "out", model_name_or_path=str(bert), num_train_epochs=1, **files)
    model = AutoModel.from_pretrained(tmp_path / "out")
    assert (model.config.model_type, model.config.encoder.model_type) == ("siamese", "bert")
    assert model.config.pooling == "mean"
    before, after = (item.get_input_embeddings().weight for item in (AutoModel.from_pretrained(bert), model))
    assert not torch.equal(before, after)
    np.testing.assert_allclose(
        Run(tmp_path / "out", results, files).similarities(),
        Run(tmp_path / "out", results, files).predictions()["similarity"],
        atol=1e-5,
    )


def test_a_classifier_of_pairs(files: dict[str, str], tmp_path: Path) -> None:
    """Trained with a loss of the similarity besides, it is measured by both, and works in two pipelines."""
    out = tmp_path / "out"
    overrides = '{"classifier_dropout": 0.1, "classifier_hidden_sizes": [5]}'
    options = {"loss": "classification,cosent", "siamese_overrides": overrides, "num_train_epochs": 4}
    results = run(out, do_eval=True, **options, **files)
    trained = Run(out, results, files)
    assert results["model"]["class"] == "SiameseForPairClassification"
    assert results["training"]["selection"]["metric"] == "classifier_roc_auc"
    figures, predictions = results["metrics"]["test"], trained.predictions()
    rows = load_pairs(PairDataArguments(**files)).splits["test"]
    pairs = [{"text": a, "text_pair": b} for a, b in zip(rows["text"][:], rows["text_b"][:], strict=True)]
    answers = pipeline("text-classification", model=str(out))(pairs, top_k=None)
    probabilities = [next(item["score"] for item in answer if item["label"] == "alike") for answer in answers]
    np.testing.assert_allclose(predictions["probability"], probabilities, atol=1e-5)
    assert figures["classifier_roc_auc"] == pytest.approx(roc_auc_score(predictions["label"], probabilities))
    said = [answer[0]["label"] == "alike" for answer in answers]
    assert figures["classifier_accuracy"] == pytest.approx(accuracy_score(predictions["label"], said))
    # The same folder is a siamese network, with the threshold of its similarity.
    np.testing.assert_allclose(predictions["similarity"], trained.similarities(), atol=1e-5)
    assert figures["roc_auc"] == pytest.approx(roc_auc_score(predictions["label"], trained.similarities()))
    # Its bias is the best for the validation pairs: no other threshold of its odds is more often right.
    validation = results["metrics"]["validation"]
    odds, labels = validation_odds(out, files)
    best = max(accuracy_score(labels, odds >= threshold) for threshold in odds)
    assert validation["classifier_accuracy"] == pytest.approx(best)


def validation_odds(folder: Path, files: dict[str, str]) -> tuple[np.ndarray, list[float]]:
    """The logarithms of the odds of the validation pairs, each alone, and their labels."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = load_pairs(PairDataArguments(**files)).splits["validation"]
    with torch.no_grad():
        logits = [
            model(**tokenizer(a, b, return_tensors="pt")).logits[0]
            for a, b in zip(rows["text"][:], rows["text_b"][:], strict=True)
        ]
    return np.array([float(values[1] - values[0]) for values in logits]), rows["label"][:]


def test_without_validation_the_threshold_is_that_of_the_training_pairs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = write_questions(tmp_path / "data", validation=0)
    fixed = {"eval_strategy": "no", "load_best_model_at_end": False}
    run(tmp_path / "out", num_train_epochs=1, **files, **fixed)
    assert "the threshold is the best of the training pairs" in caplog.text
    assert AutoModel.from_pretrained(tmp_path / "out").config.threshold is not None


def test_a_stopped_run_is_resumed_and_ends_like_one_that_was_not(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run stops in the middle of an epoch, with in-batch negatives, and the batches that follow are the same."""
    from hf_rnn.tasks.similarity import task as module
    from hf_rnn.training.siamese_trainer import SiameseTrainer

    options = {"loss": "cosent,multiple_negatives", "save_strategy": "steps", "save_steps": 3, "eval_strategy": "no"}
    options |= {"load_best_model_at_end": False, **files}
    run(tmp_path / "whole", **options)

    class Stopped(SiameseTrainer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.add_callback(Steps(last=8))

    with monkeypatch.context() as patch:
        patch.setattr(module, "SiameseTrainer", Stopped)
        with pytest.raises(RuntimeError, match="went down"):
            run(tmp_path / "stopped", **options)
    monkeypatch.setattr("hf_rnn.tasks.building.train_tokenizer", refuse)
    run(tmp_path / "stopped", **options)
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_no_batch_has_two_pairs_of_known_duplicates() -> None:
    import datasets

    rows = datasets.Dataset.from_dict(
        {
            "input_ids": [[1], [2], [1], [7], [8]],
            "input_ids_b": [[2], [3], [9], [8], [9]],
            "labels": [1.0, 1.0, 0.0, 1.0, 0.0],
        }
    )
    groups = row_groups(rows)
    assert groups[0] == groups[1]
    assert len(set(groups)) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "contrastive", "graded": True}, "`loss`='contrastive' needs labels"),
        ({"config_overrides": {"hiden_size": 3}}, "hiden_size"),
        ({"loss_options": '{"cosent": {"scales": 3}}'}, "hold 'scales'; they may be of scale, weight"),
    ],
)
def test_arguments_that_do_not_fit(files: dict[str, str], tmp_path: Path, changes: dict, message: str) -> None:
    changes = dict(changes)
    if changes.pop("graded", False):
        files = write_questions(tmp_path / "data", graded=True)
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "out", **files, **changes)
    assert not (tmp_path / "out").exists()


def test_a_trained_network_has_its_encoder(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`config_overrides`=.* is a siamese network, which has an encoder"):
        run(
            tmp_path / "out",
            model_name_or_path=str(trained.folder),
            config_overrides={"hidden_size": 3},
            **trained.files,
        )


def test_the_tokenizer_counts_a_text_once(tmp_path: Path) -> None:
    """A question that is in many pairs says no more of how words are spelt than another."""
    files = write_questions(tmp_path / "data")
    run(tmp_path / "out", num_train_epochs=1, min_frequency=20, **files)
    vocabulary = AutoTokenizer.from_pretrained(tmp_path / "out").get_vocab()
    # Eight topics in four frames are 32 texts: no topic comes in twenty of them, though most do in the rows.
    assert "to" in vocabulary
    assert "swim" not in vocabulary
    assert json.loads((tmp_path / "out" / "config.json").read_text())["encoder"]["vocab_size"] == len(vocabulary)


@pytest.mark.parametrize(
    ("flags", "kind"),
    [({"read_together": False}, "WordLevel"), ({}, "BPE"), ({"loss": "cosent", "tokenizer_kind": "bpe"}, "BPE")],
)
def test_the_tokenizer_of_new_networks(
    files: dict[str, str], tmp_path: Path, flags: dict[str, Any], kind: str
) -> None:
    run(tmp_path / "out", num_train_epochs=1, do_predict=False, **files, **flags)
    assert json.loads((tmp_path / "out" / "tokenizer.json").read_text())["model"]["type"] == kind


@pytest.mark.parametrize(
    ("flags", "warned"),
    [
        ({"tokenizer_kind": "word"}, True),
        ({"embedding_vectors": "vectors.txt"}, True),
        ({}, False),
        ({"model_name_or_path": "bert"}, False),
    ],
)
def test_one_token_for_all_unknown_words_is_spoken_of_where_texts_are_read_together(
    files: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    flags: dict[str, Any],
    warned: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("vectors.txt").write_text("the 1 0\nwant 0 1\n", encoding="utf-8")
    if "model_name_or_path" in flags:
        save_tiny_bert(tmp_path / "bert", ["I want to learn to swim"], head=BertModel)
    overrides = {"config_overrides": {"hidden_size": 6}} if "embedding_vectors" in flags else {}
    run(tmp_path / "out", read_together=True, num_train_epochs=1, do_predict=False, **files, **flags, **overrides)
    assert ("--tokenizer_kind word" in caplog.text) is warned


def test_pieces_are_refused(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`tokenizer_kind`='pieces' is for classifiers of texts.*word, bpe"):
        run(tmp_path / "out", tokenizer_kind="pieces", **files)
    assert not (tmp_path / "out").exists()
