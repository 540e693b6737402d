"""The comparison of gradient flow: what clipping does to a training step, what is written, and what overflows."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from hf_rnn.benchmark import gradient_flow as comparison
from hf_rnn.benchmark.gradient_flow import (
    NETWORKS,
    RUNS,
    GradientComparisonArguments,
    build,
    compare_gradient_flow,
    comparison_table,
    finite,
    train,
)
from hf_rnn.data.synthetic.first_token import first_token_examples
from hf_rnn.insight.gradients.flow import gradient_flow


def small(output: Path, **changes: float) -> GradientComparisonArguments:
    return GradientComparisonArguments(
        **{"output_dir": str(output), "sequence_length": 8, "max_steps": 3, "batch_size": 4, **changes}
    )


def moved(model: torch.nn.Module, arguments: GradientComparisonArguments, clip: bool) -> tuple[float, float]:
    """How far one step of training moves the weights, and the norm of its gradient."""
    before = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    history = train(model, arguments, clip)
    after = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    return float((after - before).double().norm()), history["gradient_norm"][0]


@pytest.mark.parametrize("name", NETWORKS)
def test_clipping_bounds_a_step(name: str, tmp_path: Path) -> None:
    arguments = small(tmp_path, max_steps=1, max_grad_norm=0.01, learning_rate=0.2)
    clipped, norm = moved(build(NETWORKS[name], 0), arguments, clip=True)
    unclipped, same_norm = moved(build(NETWORKS[name], 0), arguments, clip=False)
    # Both report the norm before clipping, which is the one that `gradient_flow` finds.
    assert norm == same_norm > 0.01
    batch = first_token_examples(4, 8, seed=0).with_format("torch")[:]
    assert norm == pytest.approx(gradient_flow(build(NETWORKS[name], 0), batch).total_norm, rel=1e-4)
    assert clipped == pytest.approx(0.2 * 0.01, rel=1e-3)
    assert unclipped == pytest.approx(0.2 * norm, rel=1e-3)


def test_a_gradient_below_the_bound_is_left_alone(tmp_path: Path) -> None:
    arguments = small(tmp_path, max_steps=1, max_grad_norm=100.0)
    clipped, norm = moved(build(NETWORKS["LSTM, gate bias 1"], 0), arguments, clip=True)
    assert clipped == pytest.approx(0.05 * norm, rel=1e-3)


def test_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = compare_gradient_flow(small(tmp_path / "first"))
    written = json.loads((tmp_path / "first" / "gradient_flow.json").read_text())
    assert written == document
    assert (tmp_path / "first" / "gradient_flow.png").read_bytes().startswith(b"\x89PNG")
    assert document["arguments"]["sequence_length"] == 8 and "output_dir" not in document["arguments"]
    assert list(document["networks"]) == list(NETWORKS)
    for name, network in document["networks"].items():
        for part in ("initial", *RUNS):
            assert len(network[part]["flow"]["hidden"]) == 8
            assert ("cell" in network[part]["flow"]) == name.startswith("LSTM")
        for run in RUNS:
            assert (len(network[run]["loss"]), network[run]["diverged_at_step"]) == (3, None)
        # The same weights, the same first batch.
        assert network["clipped"]["loss"][0] == network["unclipped"]["loss"][0]
    # Whatever was trained before it.
    monkeypatch.setattr(comparison, "NETWORKS", {"GRU, gate bias 0": NETWORKS["GRU, gate bias 0"]})
    again = compare_gradient_flow(small(tmp_path / "again"))
    for run in RUNS:
        expected = document["networks"]["GRU, gate bias 0"][run]
        assert again["networks"]["GRU, gate bias 0"][run]["loss"] == pytest.approx(expected["loss"], rel=1e-3)
        assert again["networks"]["GRU, gate bias 0"][run]["flow"]["hidden"] == pytest.approx(
            expected["flow"]["hidden"], rel=1e-3
        )


def test_an_overflow_ends_the_run_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []
    savefig = Figure.savefig

    def keep(figure: Figure, *arguments: object, **options: object) -> None:
        labels.extend(str(line.get_label()) for axes in figure.axes for line in axes.lines)
        savefig(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    monkeypatch.setattr(comparison, "NETWORKS", {"Elman relu": NETWORKS["Elman relu"]})
    document = compare_gradient_flow(small(tmp_path, max_steps=30, learning_rate=1e8, max_grad_norm=1e-9))
    relu = document["networks"]["Elman relu"]
    step = relu["unclipped"]["diverged_at_step"]
    assert 1 < step < 30
    assert len(relu["unclipped"]["loss"]) == step and relu["unclipped"]["loss"][-1] is None
    assert relu["unclipped"]["accuracy"] is None
    assert relu["clipped"]["diverged_at_step"] is None and relu["clipped"]["accuracy"] > 0
    assert "Elman relu: overflow" in labels
    (row,) = (line for line in comparison_table(document).splitlines() if line.startswith("| Elman relu"))
    assert f"overflow at step {step}" in row


def test_a_gate_that_keeps_the_state_lets_the_gradient_back() -> None:
    """The lesson: of GRUs, the longer the gate keeps at first, the more of the gradient is back at the first step."""
    batch = first_token_examples(16, 50, seed=1).with_format("torch")[:]
    shares = []
    for bias in (0, 1, 3):
        model = build({"model_type": "gru", "gate_bias": bias}, 0)
        hidden = gradient_flow(model, batch).hidden_mean[0, 0]
        shares.append(float(hidden[0] / hidden[-1]))
    assert shares[0] < 1e-5 < 1e2 * shares[0] < shares[1] < 1e-2 < shares[2] < 1


def test_numbers_that_json_has_not() -> None:
    assert finite({"a": [1.23456789, math.inf, math.nan], "b": "x", "c": 3}) == {
        "a": [1.2346, None, None],
        "b": "x",
        "c": 3,
    }


@pytest.mark.parametrize("name", ["sequence_length", "max_steps", "batch_size", "learning_rate", "max_grad_norm"])
def test_bad_arguments(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`=0 must be above 0"):
        GradientComparisonArguments(**{name: 0})
