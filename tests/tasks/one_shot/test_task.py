"""Tests of hf_rnn/tasks/one_shot/task.py: small networks, trained for seconds on a few letters."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, set_seed

from hf_rnn.data.synthetic.glyph_training import TrainingGlyphPairs
from hf_rnn.data.synthetic.glyphs import GlyphPairs, draw, glyph_classes, glyph_examples
from hf_rnn.inference.one_shot import OneShotVerifier
from hf_rnn.metrics.few_shot import n_way_k_shot, pixel_nearest_neighbour
from hf_rnn.metrics.similarity import best_threshold
from hf_rnn.models.modeling_siamese import SiameseModel
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.arguments import ReportArguments
from hf_rnn.tasks.one_shot import task as one_shot_training
from hf_rnn.tasks.one_shot.task import OneShotArguments, run_one_shot
from hf_rnn.training.arguments import RecurrentTrainingArguments


SMALL = {"image_size": 16, "hidden_sizes": [16, 32], "kernel_sizes": [3, 3], "pool_sizes": [2, 2], "output_size": 32}
PAIRS = 200


def run(
    output: Path, one_shot: dict[str, Any] | None = None, overrides: dict[str, Any] = SMALL, **training: Any
) -> dict[str, Any]:
    values: dict[str, Any] = {"train_letters": 100, "pairs_per_letter": 8, **(one_shot or {})}
    options: dict[str, Any] = {
        "do_train": True,
        "num_train_epochs": 1,
        "per_device_train_batch_size": 50,
        "learning_rate": 0.003,
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 1,
        **training,
    }
    return run_one_shot(
        OneShotArguments(config_overrides=json.dumps(overrides), **values),
        ReportArguments(report_name="small"),
        RecurrentTrainingArguments(output_dir=str(output), **options),
        recipe="recipe.json",
    )


@dataclass
class Trained:
    """A run of a few seconds: its folder, its results, and (epoch, index) of the training pairs as they were drawn."""

    folder: Path
    results: dict[str, Any]
    drawn: list[tuple[int, int]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder, drawn = tmp_path_factory.mktemp("one_shot") / "run", []
    draw_pair = TrainingGlyphPairs.__getitem__

    def recorded(pairs: TrainingGlyphPairs, index: int) -> dict[str, Any]:
        drawn.append((pairs.epoch, index))
        return draw_pair(pairs, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_shot_training, "MEASURED_PAIRS", PAIRS)
        patch.setattr(TrainingGlyphPairs, "__getitem__", recorded)
        results = run(folder, num_train_epochs=5, do_eval=True, do_predict=True, logging_steps=4)
    return Trained(folder, results, drawn)


def test_it_knows_letters_it_has_never_seen_better_than_pixels_do(trained: Trained) -> None:
    results = trained.results
    for split in ("validation", "test"):
        figures = results["metrics"][split]
        for kind, least in (("5_way_1_shot", 0.2), ("20_way_1_shot", 0.2), ("5_way_5_shot", 0.05)):
            assert figures[f"accuracy_{kind}"] > figures[f"pixels_{kind}"] + least
        assert figures["pair_roc_auc"] > 0.9 and figures["pair_accuracy"] > 0.8


def test_the_saved_model_has_the_measured_figures(trained: Trained) -> None:
    folder, results = trained.folder, trained.results
    figures = results["metrics"]["test"]
    model = AutoModel.from_pretrained(folder)
    assert isinstance(model, SiameseModel)
    images = glyph_examples("test", 20, 16, one_shot_training.IMAGE_SEED)
    found = n_way_k_shot(model.encode, images)
    assert figures["accuracy_5_way_1_shot"] == pytest.approx(found.accuracy, abs=1e-3)
    assert figures["pixels_5_way_1_shot"] == pixel_nearest_neighbour(images).accuracy
    pairs = [GlyphPairs("test", PAIRS, 16, one_shot_training.IMAGE_SEED)[index] for index in range(PAIRS)]
    a, b = (model.encode(torch.stack([pair[side] for pair in pairs])) for side in ("pixel_values", "pixel_values_b"))
    alike = model.similarity(a, b) >= model.config.threshold
    right = [bool(said) == bool(pair["labels"]) for said, pair in zip(alike, pairs, strict=True)]
    assert figures["pair_accuracy"] == pytest.approx(np.mean(right), abs=0.006)


def test_the_threshold_is_the_best_on_validation_pairs(trained: Trained) -> None:
    folder = trained.folder
    model = SiameseModel.from_pretrained(folder)
    pairs = [GlyphPairs("validation", PAIRS, 16, one_shot_training.IMAGE_SEED)[index] for index in range(PAIRS)]
    a, b = (model.encode(torch.stack([pair[side] for pair in pairs])) for side in ("pixel_values", "pixel_values_b"))
    best = best_threshold(model.similarity(a, b), [pair["labels"] for pair in pairs], "accuracy")
    assert model.config.threshold == pytest.approx(best, abs=1e-4)
    assert model.config.threshold_metric == "accuracy"


def test_a_verifier_of_the_saved_model_knows_letters_by_one_example(trained: Trained) -> None:
    folder = trained.folder
    verifier = OneShotVerifier.from_model(SiameseModel.from_pretrained(folder))
    known = glyph_classes("test")[::50]
    for letter in known:
        verifier.enrol(letter, draw(letter, 16))
    generator = np.random.default_rng(0)
    answers = [verifier.identify(draw(letter, 16, generator)) for letter in known for _ in range(10)]
    right = [answer is not None and answer[0] == known[place // 10] for place, answer in enumerate(answers)]
    assert np.mean(right) > 0.7


def test_the_results_describe_the_run(trained: Trained) -> None:
    folder, results = trained.folder, trained.results
    assert read_results(folder / "results.json") == results
    assert (results["task"], results["name"], results["recipe"]) == (
        "image-feature-extraction",
        "small",
        "recipe.json",
    )
    assert (results["model"]["class"], results["model"]["base_model"]) == ("SiameseModel", None)
    assert results["model"]["config"]["encoder"]["hidden_sizes"] == [16, 32]
    assert results["model"]["config"]["threshold"] == SiameseModel.from_pretrained(folder).config.threshold
    letters = {"train": 100, **{split: len(glyph_classes(split)) for split in ("validation", "test")}}
    assert results["dataset"] == {"name": "glyphs", "hub_id": None, "source": None, "splits": letters, "notes": None}
    training = results["training"]
    assert (training["epochs"], training["steps"]) == (5, 80)
    assert training["selection"] == {"split": "validation", "metric": "roc_auc"}
    assert training["arguments"]["train_letters"] == 100
    assert (folder / "learning_curves.png").stat().st_size > 0


def test_the_best_checkpoint_is_kept(trained: Trained) -> None:
    folder, results = trained.folder, trained.results
    state = json.loads((folder / "checkpoint-80" / "trainer_state.json").read_text())
    by_step = {row["step"]: row["eval_roc_auc"] for row in state["log_history"] if "eval_roc_auc" in row}
    assert len(by_step) == 5
    assert results["training"]["best_step"] == max(by_step, key=by_step.__getitem__)


def test_each_epoch_draws_anew_and_no_batch_has_a_letter_twice(trained: Trained) -> None:
    assert Counter(epoch for epoch, _ in trained.drawn) == dict.fromkeys(range(5), 800)
    assert len(set(trained.drawn)) == 5 * 800
    for start in range(0, len(trained.drawn), 50):
        assert len({index % 100 for _, index in trained.drawn[start : start + 50]}) == 50


@pytest.mark.parametrize("loss", ["contrastive", "batch_hard_triplet", "cosent,multiple_negatives"])
def test_other_losses_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    monkeypatch.setattr(one_shot_training, "MEASURED_PAIRS", PAIRS)
    monkeypatch.setattr(one_shot_training, "few_shot_figures", lambda *_: {})
    asked = {"loss": loss, "pairs_per_letter": 4, "siamese_overrides": '{"projection_size": 24}'}
    results = run(tmp_path, asked, do_eval=True, do_predict=False)
    model = SiameseModel.from_pretrained(tmp_path)
    assert model.config.output_size == 24
    assert model.config.similarity == ("cosine" if loss.startswith("cosent") else "euclidean")
    assert list(results["metrics"]) == ["validation"]
    # A network that was not trained tells letters apart, too.
    set_seed(1)
    untrained = SiameseModel(model.config)
    pairs = [GlyphPairs("validation", PAIRS, 16, 0)[index] for index in range(PAIRS)]
    images, others = (torch.stack([pair[side] for pair in pairs]) for side in ("pixel_values", "pixel_values_b"))
    with torch.no_grad():
        similarity = untrained(pixel_values=images, pixel_values_b=others).logits
    labels = torch.tensor([pair["labels"] for pair in pairs])
    before = (similarity[labels == 1][:, None] > similarity[labels == 0]).double().mean().item()
    assert results["metrics"]["validation"]["pair_roc_auc"] > before + 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "hinge"}, "`loss`='hinge' must be of contrastive"),
        ({"loss": "classification"}, "`loss`='classification' must be of contrastive"),
        ({"config_overrides": "{'a': 1}"}, r"`config_overrides`=\"{'a': 1}\" is not JSON"),
        ({"config_overrides": "[1]"}, r"`config_overrides`='\[1\]' must be a JSON object"),
        ({"config_overrides": '{"hiden_sizes": [4]}'}, "hiden_sizes"),
        ({"config_overrides": '{"num_channels": 3}'}, "`num_channels`=3 must be 1"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OneShotArguments(**arguments).encoder()


def test_there_is_nothing_to_do_without_training(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`do_train` is False; it must be true"):
        run(tmp_path, do_train=False, do_eval=True)
    assert not list(tmp_path.iterdir())


def test_the_classic_network_can_be_asked_for() -> None:
    koch = {
        "image_size": 105,
        "hidden_sizes": [64, 128, 128, 256],
        "kernel_sizes": [10, 7, 4, 4],
        "pool_sizes": [2, 2, 2, 1],
        "padding": "valid",
        "output_size": 4096,
        "output_activation": "sigmoid",
    }
    encoder = OneShotArguments(config_overrides=json.dumps(koch)).encoder()
    assert encoder.map_sizes[-1] == 6 and encoder.output_size == 4096
