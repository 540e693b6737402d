"""Figures of steps and of several outputs, beside scikit-learn on what is known and beside counts by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error, mean_squared_error, precision_score, r2_score, recall_score
from transformers import EvalPrediction

from hf_rnn.metrics import FrameMetric, MultiOutputMetric, metrics_for, step_figures, step_metrics_for
from hf_rnn.metrics.base import is_error


NAN = math.nan
REGRESSION, MULTI = "regression", "multi_label_classification"


def drawn(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=shape), generator.normal(size=shape)


def test_several_outputs_have_their_mean_and_one_figure_each():
    said, wanted = drawn(50, 3)
    figures = MultiOutputMetric().compute(predictions=said, references=wanted, names=["a", "b", "c"])
    for name, function in {"mse": mean_squared_error, "mae": mean_absolute_error, "r2": r2_score}.items():
        assert math.isclose(figures[name], function(wanted, said))
        for index, output in enumerate("abc"):
            assert math.isclose(figures[f"{name}_{output}"], function(wanted[:, index], said[:, index]))
    correlations = [np.corrcoef(said[:, index], wanted[:, index])[0, 1] for index in range(3)]
    assert math.isclose(figures["pearson"], np.mean(correlations))


def test_targets_that_are_not_known_are_left_out_of_their_output_alone():
    said, wanted = drawn(20, 2)
    wanted[::3, 1] = NAN
    figures = MultiOutputMetric().compute(predictions=said, references=wanted)
    known = ~np.isnan(wanted[:, 1])
    of_both = [mean_squared_error(wanted[:, 0], said[:, 0]), mean_squared_error(wanted[known, 1], said[known, 1])]
    assert [figures["mse_0"], figures["mse_1"]] == pytest.approx(of_both)
    assert figures["mse"] == pytest.approx(np.mean(of_both))
    wanted[:, 0] = NAN
    figures = MultiOutputMetric().compute(predictions=said, references=wanted)
    assert "mse_0" not in figures and figures["mse"] == figures["mse_1"]
    with pytest.raises(ValueError, match="`references` must hold a number"):
        MultiOutputMetric().compute(predictions=said, references=np.full_like(wanted, NAN))


def test_metrics_for_takes_several_numbers():
    said, wanted = drawn(30, 3)
    evaluated = EvalPrediction(said, wanted)
    figures = metrics_for(REGRESSION, 3, label_names=["x", "y", "z"])(evaluated)
    assert figures["mse"] == pytest.approx(mean_squared_error(wanted, said))
    assert {"pearson_x", "mae_z"} <= figures.keys()
    assert "mse_2" in metrics_for(REGRESSION, 3)(evaluated)
    assert [name for name in figures if is_error(name)] == [name for name in figures if name[:3] in ("mse", "mae")]


def test_frames_are_counted_over_all_decisions():
    generator = np.random.default_rng(1)
    scores, truth = generator.random((40, 6)), (generator.random((40, 6)) > 0.7).astype(float)
    figures = FrameMetric().compute(predictions=scores, references=truth, threshold=0.4)
    said = scores >= 0.4
    for name, function in {"precision": precision_score, "recall": recall_score, "f1": f1_score}.items():
        assert figures[name] == pytest.approx(function(truth, said, average="micro"))
    hits, wrong = (said & (truth == 1)).sum(), (said != (truth == 1)).sum()
    assert figures["frame_accuracy"] == pytest.approx(hits / (hits + wrong))
    truth[0] = NAN
    assert FrameMetric().compute(predictions=scores, references=truth) == FrameMetric().compute(
        predictions=scores[1:], references=truth[1:]
    )


def test_silence_has_figures():
    assert set(FrameMetric().compute(predictions=[[0.1, 0.2]], references=[[0, 0]]).values()) == {0.0}


@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
def test_what_trainer_fills_up_is_no_target(kind: str):
    """Two batches of different widths, as Trainer puts them together, measure as their steps one by one."""
    outputs, targets = drawn(3, 5, 2)
    targets = targets * 100 if kind == REGRESSION else (targets > 0).astype(float)
    lengths = [5, 2, 3]
    steps = [(outputs[row, :length], targets[row, :length]) for row, length in enumerate(lengths)]
    expected = step_figures(*map(np.concatenate, zip(*steps, strict=True)), kind, ["a", "b"])
    # Row 1 was padded to row 2's width by the collator, and both to row 0's by Trainer.
    outputs[1, 2:3], targets[1, 2:3] = 0, NAN
    for row in (1, 2):
        outputs[row, 3:] = targets[row, 3:] = -100
    found = step_metrics_for(kind, ["a", "b"])(EvalPrediction(outputs, targets))
    assert found == pytest.approx(expected)


def test_minus_one_hundred_is_a_target_of_a_regression():
    outputs, targets = np.array([[[1.0], [2.0]]]), np.array([[-100.0, 2.0]])
    assert step_metrics_for(REGRESSION, ["a"])(EvalPrediction(outputs, targets))["mse"] == 101**2 / 2
    logits, labels = np.array([[[1.0, -1.0], [2.0, 2.0]]]), np.array([[[1, 0], [-100, -100]]])
    assert step_metrics_for(MULTI, ["a", "b"])(EvalPrediction(logits, labels))["f1"] == 1.0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="`problem_type` must be 'regression' or"):
        step_metrics_for("single_label_classification", ["a"])
    with pytest.raises(ValueError, match="`targets` must be known at one step"):
        step_figures(np.zeros((2, 1)), np.full((2, 1), NAN), REGRESSION, ["a"])
    with pytest.raises(ValueError, match="probabilities from 0 to 1"):
        FrameMetric().compute(predictions=[[3.0]], references=[[1.0]])
    with pytest.raises(ValueError, match="`references` must be 0 or 1"):
        FrameMetric().compute(predictions=[[0.3]], references=[[0.5]])
    with pytest.raises(ValueError, match="of as many outputs"):
        MultiOutputMetric().compute(predictions=[[0.3]], references=[[0.5]], names=["a", "b"])
