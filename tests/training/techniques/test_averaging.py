"""The average of the weights: its arithmetic, what is evaluated and saved, and going on from a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import TrainerControl, TrainerState

from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.techniques.averaging import TRAINING_WEIGHTS_FILE, NonMonotonicAverage, WeightAverage

from ...tasks.small_runs import run, write_reviews


DECAY = 0.9


class OneWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.0]))
        self.register_buffer("running", torch.tensor([10.0]))
        self.register_buffer("count", torch.tensor(3))


def steps(average: WeightAverage, model: OneWeight, values: list[float]) -> None:
    arguments, state, control = RecurrentTrainingArguments(use_cpu=True), TrainerState(), TrainerControl()
    average.on_train_begin(arguments, state, control, model=model)
    for number, value in enumerate(values, start=1):
        with torch.no_grad():
            model.weight.fill_(value)
        state.global_step = number
        average.on_step_end(arguments, state, control, model=model)


def test_average_equals_the_formula_by_hand():
    average, model = WeightAverage(0.25), OneWeight()
    steps(average, model, [1.0, 2.0])
    # d_1 = min(0.25, 2/11) = 2/11: 2/11 · 0 + 9/11 · 1 = 9/11;  d_2 = min(0.25, 3/12) = 1/4: 9/44 + 3/4 · 2
    assert average.average["weight"].item() == pytest.approx(9 / 44 + 1.5)
    assert average.average["running"].item() == 10.0
    assert "count" not in average.average


def test_applied_lends_the_average_and_gives_the_weights_back_after_an_error():
    average, model = WeightAverage(0.5), OneWeight()
    steps(average, model, [4.0])
    with pytest.raises(RuntimeError, match="inside"), average.applied(model):
        assert model.weight.item() == pytest.approx(9 / 11 * 4)
        raise RuntimeError("inside")
    assert model.weight.item() == 4.0


def evaluated(average: NonMonotonicAverage, model: OneWeight, losses: list[float]) -> None:
    arguments, control, state = RecurrentTrainingArguments(use_cpu=True), TrainerControl(), TrainerState()
    state.log_history = [{"eval_loss": loss} for loss in losses]
    average.on_evaluate(arguments, state, control, model=model)


def test_the_trigger_of_nt_asgd_by_hand():
    # Algorithm 1 of Merity et al. with n = 2: t > n, and the loss is above the least of all but the last n before it.
    for losses, starts in (
        ([3.0, 2.0, 2.5], False),
        ([3.0, 2.0, 2.5, 2.9], False),
        ([2.0, 3.0, 2.5, 1.9], False),
        ([2.0, 3.0, 2.5, 2.1], True),
        ([3.0, 2.0, 2.5, 2.9, 2.1], True),
    ):
        average = NonMonotonicAverage(2)
        evaluated(average, OneWeight(), losses)
        assert bool(average.average) is starts, losses


def test_nt_asgd_is_the_plain_mean_from_the_trigger_on():
    average, model = NonMonotonicAverage(1), OneWeight()
    steps(average, model, [5.0, 1.0])
    with average.applied(model):
        assert model.weight.item() == 1.0  # no average yet
    evaluated(average, model, [1.0, 1.0, 2.0])
    steps(average, model, [2.0, 6.0])
    assert average.average["weight"].item() == pytest.approx((1.0 + 2.0 + 6.0) / 3)
    evaluated(average, model, [1.0, 1.0, 2.0, 3.0])  # it does not start again
    assert average.average["weight"].item() == pytest.approx(3.0)


def weights(folder: Path, name: str = "model.safetensors") -> dict[str, torch.Tensor]:
    return load_file(folder / name)


def test_checkpoint_holds_the_average_and_the_weights_to_go_on_from(tmp_path: Path):
    files = write_reviews(tmp_path)
    output = tmp_path / "averaged"
    results = run(output, **files, weight_average_decay=DECAY, num_train_epochs=2, learning_rate=0.01)
    plain = tmp_path / "plain"
    run(plain, **files, num_train_epochs=2, learning_rate=0.01)
    last = max(output.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    own, averaged = weights(last, TRAINING_WEIGHTS_FILE), weights(last)
    untouched = weights(plain / last.name)
    name = "classifier.output.weight"
    # Averaging does not change what is trained, and what is kept is something else.
    assert torch.equal(own[name], untouched[name])
    assert not torch.allclose(averaged[name], own[name], rtol=1e-3)
    best = output / f"checkpoint-{results['training']['best_step']}"
    assert torch.equal(weights(output)[name], weights(best)[name])


def test_what_is_evaluated_while_training_is_the_average(tmp_path: Path):
    output = tmp_path / "run"
    options = {"weight_average_decay": DECAY, "learning_rate": 0.01, "do_eval": True}
    results = run(output, **write_reviews(tmp_path), **options)
    step = results["training"]["best_step"]
    history = json.loads((output / f"checkpoint-{step}" / "trainer_state.json").read_text())["log_history"]
    [logged] = [entry["eval_loss"] for entry in history if entry["step"] == step and "eval_loss" in entry]
    # After training the model is the average that was kept.
    assert results["metrics"]["validation"]["loss"] == pytest.approx(logged, rel=1e-6)


def test_without_a_best_checkpoint_the_model_ends_as_the_average(tmp_path: Path):
    output = tmp_path / "run"
    options = {"load_best_model_at_end": False, "weight_average_decay": DECAY, "num_train_epochs": 1}
    run(output, **write_reviews(tmp_path), **options)
    [checkpoint] = output.glob("checkpoint-*")
    final = weights(output)
    assert all(torch.equal(final[name], value) for name, value in weights(checkpoint).items())


def test_a_resumed_run_averages_as_the_uninterrupted_one(tmp_path: Path):
    files = write_reviews(tmp_path)
    options = {**files, "weight_average_decay": DECAY, "save_total_limit": 5, "save_strategy": "steps"}
    options |= {"eval_strategy": "steps", "eval_steps": 2, "save_steps": 2, "num_train_epochs": 2}
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    run(whole, **options)
    first = whole / "checkpoint-2"
    run(resumed, **options, resume_from_checkpoint=str(first))
    last = max(whole.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1])).name
    for file in ("model.safetensors", TRAINING_WEIGHTS_FILE):
        expected, reached = weights(whole / last, file), weights(resumed / last, file)
        assert all(torch.equal(reached[name], value) for name, value in expected.items()), file


def test_a_checkpoint_without_an_average_is_refused(tmp_path: Path):
    files = write_reviews(tmp_path)
    run(tmp_path / "plain", **files, num_train_epochs=1)
    [checkpoint] = (tmp_path / "plain").glob("checkpoint-*")
    with pytest.raises(ValueError, match="cannot go on .*: `weight_average_decay` was None and is 0.9"):
        run(tmp_path / "other", **files, weight_average_decay=DECAY, resume_from_checkpoint=str(checkpoint))


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.1])
def test_decay_outside_its_range_is_refused(decay: float):
    with pytest.raises(ValueError, match=f"`weight_average_decay`={decay} must be between 0 and 1"):
        RecurrentTrainingArguments(weight_average_decay=decay)
