"""Figures of similarities beside values by hand, by brute force and by what torch computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hf_rnn.metrics.similarity import (
    PairClassificationMetric,
    ScoreCorrelationMetric,
    best_threshold,
    matching_figures,
    retrieval_figures,
)


def test_figures_by_hand() -> None:
    # From 0.5 on: three said to be alike, two of them are, one of the alike is missed.
    figures = PairClassificationMetric().compute(
        predictions=[0.9, 0.7, 0.5, 0.4, 0.1], references=[1, 0, 1, 1, 0], threshold=0.5
    )
    assert figures["accuracy"] == pytest.approx(3 / 5)
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (figures["precision"], figures["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    # Of the six pairs of an alike and another, four are in order.
    assert figures["roc_auc"] == pytest.approx(4 / 6)
    assert figures["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_nothing_said_to_be_alike() -> None:
    figures = PairClassificationMetric().compute(predictions=[0.1, 0.2], references=[0, 1], threshold=0.5)
    assert (figures["precision"], figures["recall"], figures["f1"], figures["accuracy"]) == (0, 0, 0, 0.5)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1"])
def test_the_best_threshold_is_that_of_brute_force(metric: str) -> None:
    generator = np.random.default_rng(3)
    for _ in range(12):
        labels = generator.integers(0, 2, 25)
        labels[:2] = 0, 1
        # Few distinct values, so that some are equal.
        similarities = np.round(labels * 0.3 + generator.normal(size=25) * 0.5, 1)
        found = best_threshold(similarities, labels, metric)

        def value(threshold: float, similarities=similarities, labels=labels) -> float:
            return PairClassificationMetric().compute(
                predictions=similarities, references=labels, threshold=threshold
            )[metric]

        assert value(found) == pytest.approx(max(map(value, np.unique(similarities))))


def test_a_threshold_is_half_way_and_survives_float32() -> None:
    assert best_threshold([0.2, 0.4, 0.8, 0.9], [0, 0, 1, 1], "accuracy") == pytest.approx(0.6)
    assert best_threshold([0.2, 0.4], [1, 0], "f1") == 0.2
    # Neighbouring numbers of float32 have nothing between them: their mean is rounded to one of them, up or down.
    upper = np.float32(0.7)
    for _ in range(4):
        lower, upper = upper, np.nextafter(upper, np.float32(1))
        found = best_threshold(np.array([lower, upper]), [0, 1], "accuracy")
        assert (torch.tensor([float(lower), float(upper)]) >= found).tolist() == [False, True]


def test_correlations() -> None:
    figures = ScoreCorrelationMetric().compute(predictions=[0.1, 0.2, 0.9], references=[0, 1, 2])
    assert figures["spearman"] == pytest.approx(1)
    assert figures["pearson"] == pytest.approx(np.corrcoef([0.1, 0.2, 0.9], [0, 1, 2])[0, 1])
    constant = ScoreCorrelationMetric().compute(predictions=[0.5, 0.5], references=[0, 1])
    assert constant == {"spearman": 0, "pearson": 0}


def test_retrieval_by_hand() -> None:
    # b and c are duplicates through a; e and f are; d is nobody's.
    texts = list("abcdef")
    vectors = torch.tensor([[0.0], [1.0], [10.0], [2.0], [30.0], [31.0]])
    figures = retrieval_figures(vectors, texts, [("a", "b"), ("a", "c"), ("e", "f"), ("d", "d")], "euclidean")
    # a: b first, c third; b: a and d are equally near, so a counts as second, c third; c: d before b, then a; e, f: 1.
    assert figures["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 2 + 1 + 1) / 5)
    assert figures["recall_at_1"] == pytest.approx((1 / 2 + 0 + 0 + 1 + 1) / 5)
    assert figures["recall_at_5"] == pytest.approx(1)


def test_an_encoder_that_tells_nothing_apart_finds_nothing() -> None:
    texts = [str(number) for number in range(40)]
    figures = retrieval_figures(torch.ones(40, 3), texts, [("0", "1"), ("5", "9")], "cosine")
    assert figures == {"recall_at_1": 0, "recall_at_5": 0, "recall_at_10": 0, "mrr": pytest.approx(1 / 39)}


def test_retrieval_does_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(1)
    vectors, texts = torch.randn(50, 4, generator=generator), [str(number) for number in range(50)]
    pairs = [(str(number), str(number + 20)) for number in range(20)]
    whole = retrieval_figures(vectors, texts, pairs, "cosine")
    monkeypatch.setattr("hf_rnn.metrics.similarity.QUERY_BLOCK", 7)
    assert retrieval_figures(vectors, texts, pairs, "cosine") == pytest.approx(whole)


@pytest.mark.parametrize(
    ("similarities", "labels", "metric", "message"),
    [
        ([0.1, float("nan")], [0, 1], "f1", "NaN or infinity"),
        ([0.1, 0.2], [0, 2], "f1", "`references` holds 2"),
        ([0.1, 0.2], [1, 1], "f1", "`references` holds 1 alone"),
        ([0.1, 0.2], [0, 1], "recall", "`threshold_metric`='recall' must be one of 'accuracy'"),
    ],
)
def test_bad_values_are_named(similarities: list, labels: list, metric: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        best_threshold(similarities, labels, metric)


def test_nothing_to_find_is_an_error() -> None:
    with pytest.raises(ValueError, match="`pairs` must have a pair of two different texts"):
        retrieval_figures(torch.ones(2, 1), ["a", "b"], [("a", "a")], "cosine")


def test_each_first_text_finds_its_own_second_one() -> None:
    """Beside a search for each pair by hand, with texts that come twice, on both sides, and in more than one block."""
    generator = torch.Generator().manual_seed(0)
    number = {f"t{i}": i for i in range(400)}
    table = torch.randn(400, 3, generator=generator)
    pairs = [(f"t{i}", f"t{(i * 7 + 1) % 400}") for i in range(300)] + [("t3", "t99"), ("t5", "t5")]
    first, second = (table[[number[pair[side]] for pair in pairs]] for side in (0, 1))
    ranks = []
    for query in {text for text, _ in pairs}:
        own = {other for text, other in pairs if text == query}
        others = {other for _, other in pairs} - own - {query}
        scores = {
            text: float(torch.cosine_similarity(table[number[query]], table[number[text]], 0)) for text in number
        }
        best = max(scores[text] for text in own)
        ranks.append(1 + sum(scores[text] >= best for text in others))
    figures = matching_figures(first, second, pairs, "cosine")
    assert len(ranks) == 300
    assert figures["accuracy_at_1"] == pytest.approx(sum(rank == 1 for rank in ranks) / len(ranks))
    assert figures["mrr"] == pytest.approx(sum(1 / rank for rank in ranks) / len(ranks))


def test_of_equally_similar_texts_the_own_ones_count_last() -> None:
    pairs = [(f"a{i}", f"b{i}") for i in range(10)]
    figures = matching_figures(torch.ones(10, 2), torch.ones(10, 2), pairs, "cosine")
    assert figures == {"accuracy_at_1": 0, "mrr": pytest.approx(0.1)}
    with pytest.raises(ValueError, match="`pairs` must not be empty"):
        matching_figures(torch.ones(0, 2), torch.ones(0, 2), [], "cosine")
