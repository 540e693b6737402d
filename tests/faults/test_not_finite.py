"""A run whose loss or gradient is no finite number stops before it does any harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from hf_rnn.training.trainer import RecurrentTrainer
from tests.faults import small
from tests.faults.conftest import Whole
from tests.tasks import small_runs


STEP = 8


def spoil_loss(patch: pytest.MonkeyPatch, value: float) -> None:
    original = RecurrentTrainer.compute_loss

    def spoilt(self: RecurrentTrainer, *args: Any, **kwargs: Any) -> Any:
        loss = original(self, *args, **kwargs)
        return loss * value if self.model.training and self.state.global_step == STEP - 1 else loss

    patch.setattr(RecurrentTrainer, "compute_loss", spoilt)


def spoil_gradient(patch: pytest.MonkeyPatch, value: float) -> None:
    original = RecurrentTrainer.training_step

    def spoilt(self: RecurrentTrainer, model: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = original(self, model, *args, **kwargs)
        if self.state.global_step == STEP - 1:
            next(model.parameters()).grad[0, 0] = value
        return loss

    patch.setattr(RecurrentTrainer, "training_step", spoilt)


def spoil_evaluation(patch: pytest.MonkeyPatch, value: float) -> None:
    original = RecurrentTrainer.evaluate

    def spoilt(self: RecurrentTrainer, *args: Any, **kwargs: Any) -> dict[str, float]:
        metrics = original(self, *args, **kwargs)
        return metrics | {"eval_loss": value} if self.state.global_step == STEP + 1 else metrics

    patch.setattr(RecurrentTrainer, "evaluate", spoilt)


@pytest.mark.reliability(
    section="Faults",
    fault="The loss of a step, the gradient or the loss of an evaluation becomes NaN or infinite",
    mutation="`_require_finite` does nothing",
)
@pytest.mark.parametrize(
    ("spoil", "value", "said", "values"),
    [
        (spoil_loss, "nan", "The loss is nan at step 8", {}),
        (spoil_loss, "-inf", "The loss is -inf at step 8", {}),
        (spoil_gradient, "inf", "The norm of the gradient is inf at step 8", {}),
        (spoil_gradient, "nan", "The norm of the gradient is nan at step 8", {"max_grad_norm": 0.0}),
        (spoil_evaluation, "nan", "The eval_loss is nan at step 9", {}),
    ],
)
def test_it_stops(
    spoil: Callable[[pytest.MonkeyPatch, float], None],
    value: str,
    said: str,
    values: dict[str, Any],
    whole: Whole,
    tmp_path: Path,
    outcome: Callable[[str], None],
) -> None:
    output = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(FloatingPointError) as raised:
        spoil(patch, float(value))
        small.run(output, **whole.data, **values)
    assert str(raised.value).startswith(said)
    assert f"The last whole checkpoint is '{output / 'checkpoint-6'}'" in str(raised.value)
    assert sorted(path.name for path in output.iterdir()) == ["checkpoint-3", "checkpoint-6"]
    if not values:
        # Without the fault it goes on, as if nothing had been.
        small.run(output, **whole.data)
        assert (output / "model.safetensors").read_bytes() == whole.weights
    outcome("stopped at the step, which the error names with the last whole checkpoint; nothing is overwritten")


def test_without_a_checkpoint_the_message_says_so(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_loss(monkeypatch, float("nan"))
    with pytest.raises(FloatingPointError, match="There is no whole checkpoint: the run has to start anew"):
        small_runs.run(
            tmp_path / "run", **whole.data, save_strategy="steps", save_steps=10, load_best_model_at_end=False
        )
