"""Figures and standard errors, beside those of the metrics and of formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hf_rnn.benchmark.defaults.figures import figure_of
from hf_rnn.metrics.similarity import PairClassificationMetric, ScoreCorrelationMetric
from hf_rnn.metrics.tagging import TaggingMetric


def test_accuracy_has_the_error_of_a_share() -> None:
    figure, error = figure_of("classes", ["a"] * 90 + ["b"] * 10, ["a"] * 100)
    assert figure == 0.9
    assert error == pytest.approx(math.sqrt(0.9 * 0.1 / 100))


def test_f1_is_that_of_the_metric_and_its_error_falls_with_the_sentences() -> None:
    truth = [["B-PER", "I-PER", "O"], ["O", "B-LOC", "B-LOC"], ["O", "O", "O"]] * 20
    said = [["B-PER", "I-PER", "O"], ["O", "B-LOC", "I-LOC"], ["B-PER", "O", "O"]] * 20
    figure, error = figure_of("tags", truth, said)
    assert figure == pytest.approx(TaggingMetric().compute(predictions=said, references=truth)["f1"])
    _, smaller = figure_of("tags", truth * 16, said * 16)
    assert 0 < error and smaller == pytest.approx(error / 4, rel=0.2)


def test_correlations_are_those_of_the_metric_with_the_error_of_theory() -> None:
    draw = np.random.default_rng(0)
    truth = draw.normal(size=1000)
    said = truth + draw.normal(size=1000)
    expected = ScoreCorrelationMetric().compute(predictions=said, references=truth)
    pearson, error = figure_of("numbers", truth.tolist(), said.tolist())
    assert pearson == pytest.approx(expected["pearson"])
    # Of two normal variables it is (1 − ρ²)/√n; 200 resamples tell it to within a tenth or so.
    assert error == pytest.approx((1 - pearson**2) / math.sqrt(1000), rel=0.2)
    assert figure_of("pair_scores", truth.tolist(), said.tolist())[0] == pytest.approx(expected["spearman"])
    assert figure_of("numbers", [1.0, 2.0, 3.0], [0.5, 0.5, 0.5]) == (0.0, 0.0), "no correlation with a constant"


def test_roc_auc_is_that_of_the_metric() -> None:
    truth, said = ["1", "0", "1", "0", "1"] * 10, ["0.9", "0.2", "0.4", "0.6", "0.7"] * 10
    figure, error = figure_of("pair_labels", truth, said)
    expected = PairClassificationMetric().compute(
        predictions=[float(each) for each in said], references=[int(each) for each in truth]
    )
    assert figure == pytest.approx(expected["roc_auc"]) and 0 < error < 0.2


def test_an_answer_is_needed_for_each_row() -> None:
    with pytest.raises(ValueError, match="`answers` must be 2, one for each row; they are 1"):
        figure_of("classes", ["a", "b"], ["a"])
