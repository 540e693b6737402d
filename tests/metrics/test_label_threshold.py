"""The threshold of several labels, held equal to a search over all that make a difference."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score
from transformers import EvalPrediction

from hf_rnn.metrics import MultiLabelMetric, best_label_threshold, metrics_for
from hf_rnn.metrics.label_threshold import probabilities_of


MULTI = "multi_label_classification"


def random_rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with many ties, and labels that go with them more or less."""
    random = np.random.default_rng(seed)
    shape = (int(random.integers(1, 12)), int(random.integers(2, 6)))
    scores = np.round(random.random(shape) ** 2, int(random.integers(1, 4)))
    truth = (random.random(shape) < scores).astype(int)
    truth[0, 0] = 1
    return scores, truth


def micro_f1(scores: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """Compute F1 by scikit-learn."""
    return float(f1_score(truth, (scores >= threshold).astype(int), average="micro", zero_division=0.0))


@pytest.mark.parametrize("seed", range(12))
def test_the_label_threshold_is_that_of_brute_force(seed: int) -> None:
    scores, truth = random_rows(seed)
    found = best_label_threshold(scores, truth)
    # Every threshold decides as one of the scores does.
    values = [micro_f1(scores, truth, threshold) for threshold in np.unique(scores)]
    assert micro_f1(scores, truth, found) == pytest.approx(max(values), abs=1e-12)
    # It is in the middle of those that decide alike.
    said = scores >= found
    upper, lower = scores[said].min(), scores[~said].max(initial=0.0)
    assert found == pytest.approx((upper + lower) / 2)


def test_it_lies_half_way_between_two_scores() -> None:
    truth = [[1, 1], [0, 0]]
    assert best_label_threshold([[0.4, 0.3], [0.2, 0.1]], truth) == pytest.approx(0.25)
    # All labels, of which some are wrong: half way to 0.
    assert best_label_threshold([[0.4, 0.3], [0.35, 0.2]], [[1, 1], [0, 1]]) == pytest.approx(0.1)
    # Two thresholds have F1 = 2/3: of 1, 1/2 and 1/3 true positives among those said, the first and the third.
    scores, twice = [[0.9, 0.6, 0.45, 0.1]], [[1, 0, 1, 0]]
    assert best_label_threshold(scores, twice) == pytest.approx(0.275)


def test_without_a_label_there_is_nothing_to_choose_by() -> None:
    assert best_label_threshold([[0.9, 0.1]], [[0, 0]]) == 0.5


def test_other_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"`probabilities` has the shape \(1, 2\) and `references` \(1, 3\)"):
        best_label_threshold([[0.9, 0.1]], [[0, 0, 1]])


def test_metrics_by_the_best_threshold_of_the_rows_and_by_one_that_is_given() -> None:
    logits = np.array([[-1.0, -3.0], [-2.0, -4.0], [-3.5, -1.5]])
    truth = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    evaluated = EvalPrediction(logits, truth)
    assert metrics_for(MULTI, 2)(evaluated)["f1_micro"] == 0.0
    assert metrics_for(MULTI, 2, threshold=None)(evaluated)["f1_micro"] == 1.0
    assert metrics_for(MULTI, 2, threshold=0.1)(evaluated)["f1_micro"] == 1.0
    # The sigmoid of -1.5 is 0.18.
    assert metrics_for(MULTI, 2, threshold=0.2)(evaluated)["f1_micro"] == pytest.approx(2 / 4)
    scores = 1 / (1 + np.exp(-logits))
    figures = MultiLabelMetric().compute(predictions=scores, references=truth, threshold=None)
    assert figures["subset_accuracy"] == 1.0


@pytest.mark.filterwarnings("error")
def test_probabilities_of_large_logits() -> None:
    assert probabilities_of(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]
    values = np.array([-3.0, -0.2, 2.5])
    assert probabilities_of(values) == pytest.approx(1 / (1 + np.exp(-values)), rel=1e-12)
