"""The metrics against figures worked out by hand, and in the cases where a textbook formula has no answer."""

from __future__ import annotations

import math
import socket
from typing import Any

import evaluate
import numpy as np
import pytest
from transformers import EvalPrediction

from hf_rnn.metrics.classification import (
    ClassificationMetric,
    MultiLabelMetric,
    RegressionMetric,
    default_metric,
    metrics_for,
)


def test_they_are_evaluate_metrics_with_their_parts() -> None:
    for metric in (ClassificationMetric(), MultiLabelMetric(), RegressionMetric()):
        assert isinstance(metric, evaluate.Metric)
        assert set(metric.features) == {"predictions", "references"}
        assert metric.description and metric.citation


def test_binary_classification_by_hand() -> None:
    # Class 1: 2 of 3 predictions right, 2 of 4 examples found. Class 0: 1 of 3 and 1 of 2.
    figures = ClassificationMetric().compute(
        predictions=[1, 1, 1, 0, 0, 0], references=[1, 1, 0, 1, 1, 0], num_labels=2
    )
    assert figures == pytest.approx(
        {
            "accuracy": 1 / 2,
            "precision": 2 / 3,
            "recall": 1 / 2,
            "f1": 4 / 7,
            "precision_macro": (2 / 3 + 1 / 3) / 2,
            "recall_macro": 1 / 2,
            "f1_macro": (4 / 7 + 2 / 5) / 2,
        }
    )


def test_macro_figures_count_a_class_that_never_occurs() -> None:
    figures = ClassificationMetric().compute(predictions=[0, 1], references=[0, 1], num_labels=4)
    assert figures == {"accuracy": 1.0, "precision_macro": 0.5, "recall_macro": 0.5, "f1_macro": 0.5}


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [([0, 2], [0, 1], "`predictions` must be label ids from 0 to 1; they hold 2"), ([0], [-1], "`references`.* -1")],
)
def test_labels_out_of_range_are_named(predictions: list[int], references: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassificationMetric().compute(predictions=predictions, references=references, num_labels=2)


def test_multi_label_by_hand() -> None:
    # Label 0: 1 true positive, 1 false positive; label 1: 1 true positive, 1 false negative; label 2: nothing.
    figures = MultiLabelMetric().compute(
        predictions=[[0.9, 0.5, 0.1], [0.8, 0.4, 0.2]], references=[[1, 1, 0], [0, 1, 0]]
    )
    assert figures == pytest.approx({"f1_micro": 4 / 6, "f1_macro": (2 / 3 + 2 / 3 + 0) / 3, "subset_accuracy": 0.5})


def test_multi_label_threshold() -> None:
    figures = MultiLabelMetric().compute(predictions=[[0.6, 0.3]], references=[[0, 0]], threshold=0.7)
    assert figures["subset_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("predictions", "references", "name"),
    [
        ([[2.0, 0.1]], [[1, 0]], "predictions"),
        ([[math.nan, 0.1]], [[1, 0]], "predictions"),
        ([[0.9], [0.1]], [[1], [0]], "predictions"),
        ([[1, 0]], [[2, 0]], "references"),
    ],
)
def test_multi_label_refuses_what_is_no_probability(predictions: Any, references: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        MultiLabelMetric().compute(predictions=predictions, references=references)


def test_regression_by_hand() -> None:
    figures = RegressionMetric().compute(predictions=[1.0, 2.0, 4.0], references=[1.0, 3.0, 2.0])
    # Deviations (-4/3, -1/3, 5/3) and (-1, 1, 0): covariance 1, sums of squares 14/3 and 2; ranks 1 2 3 and 1 3 2.
    assert figures == pytest.approx(
        {"mse": 5 / 3, "mae": 1.0, "pearson": 1 / math.sqrt(28 / 3), "spearman": 0.5, "r2": 1 - 5 / 2}
    )


@pytest.mark.parametrize(
    ("predictions", "references", "r2"),
    [
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], 0.0),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], 0.0),
        ([2.0, 2.0], [2.0, 2.0], 1.0),
        ([1.0], [5.0], 0.0),
    ],
)
@pytest.mark.filterwarnings("error")
def test_constant_columns_have_a_defined_answer(predictions: list[float], references: list[float], r2: float) -> None:
    figures = RegressionMetric().compute(predictions=predictions, references=references)
    assert (figures["pearson"], figures["spearman"], figures["r2"]) == (0.0, 0.0, r2)


def test_metrics_for_reads_logits_and_the_first_of_a_tuple() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 3.0]], dtype=np.float32)
    compute = metrics_for("single_label_classification", num_labels=2)
    for predictions in (logits, (logits, np.zeros((2, 7)))):
        assert compute(EvalPrediction(predictions, np.array([0, 1])))["accuracy"] == 1.0
    assert compute(EvalPrediction(logits, np.array([1, 0])))["accuracy"] == 0.0


@pytest.mark.filterwarnings("error")
def test_metrics_for_many_labels_decides_at_logit_zero() -> None:
    compute = metrics_for("multi_label_classification", num_labels=3)
    logits = np.array([[-1000.0, 0.0, 1000.0], [0.01, -0.01, -5.0]])
    figures = compute(EvalPrediction(logits, np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])))
    assert figures == {"f1_micro": 1.0, "f1_macro": 1.0, "subset_accuracy": 1.0}


def test_metrics_for_regression_takes_a_column() -> None:
    compute = metrics_for("regression", num_labels=1)
    assert compute(EvalPrediction(np.array([[1.0], [3.0]]), np.array([1.0, 5.0])))["mse"] == 2.0


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification", "regression"])
def test_the_default_metric_is_among_the_figures(problem_type: str) -> None:
    several = problem_type == "multi_label_classification"
    labels = np.array([[1.0, 0.0], [0.0, 1.0]]) if several else np.array([1, 0])
    num_labels = 1 if problem_type == "regression" else 2
    logits = np.array([[0.5, -0.5], [-1.0, 1.0]])[:, :num_labels]
    figures = metrics_for(problem_type, num_labels)(EvalPrediction(logits, labels))
    assert default_metric(problem_type) in figures
    assert all(type(value) is float for value in figures.values())


def test_wrong_problem_types_are_named() -> None:
    with pytest.raises(ValueError, match="`problem_type` must be one of single_label_classification.* 'ranking'"):
        metrics_for("ranking", num_labels=2)


def test_they_work_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: Any) -> None:
        raise AssertionError("a metric opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert ClassificationMetric().compute(predictions=[1], references=[1], num_labels=2)["accuracy"] == 1.0
