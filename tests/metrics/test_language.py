"""Metrics of language models against figures worked out by hand, and where the formulas leave the range of numbers."""

from __future__ import annotations

import math

import evaluate
import pytest
import torch

from hf_rnn.metrics.language import LanguageModelMetric, bits_per_character, language_metrics, perplexity
from hf_rnn.models.losses import mean_over_tokens, next_token_loss, tokens_to_predict


# Probabilities of the words of a text, and their perplexity: one over their geometric mean.
WORDS, WORDS_PERPLEXITY = (0.1, 0.4, 0.3), 4.37
# Probabilities of the right class in three steps, and the mean cross-entropy.
STEPS, STEPS_LOSS = (0.7, 0.6, 0.9), 0.3243


def loss_of_a_model(probabilities: tuple[float, ...]) -> float:
    """The loss of the causal heads where the next token, always 1, has these probabilities among three tokens."""
    right = torch.tensor(probabilities, dtype=torch.float64)
    logits = torch.stack([(1 - right) / 4, right, 3 * (1 - right) / 4], dim=1).log()
    # What the last step predicts lies past the end.
    logits = torch.cat([logits, torch.tensor([[9.0, 0.0, 0.0]])]).unsqueeze(0)
    labels = torch.tensor([[0, *[1] * len(probabilities)]])
    mask = torch.ones_like(labels, dtype=torch.bool)
    targets = tokens_to_predict(labels.shape, 3, mask, labels, None)
    assert targets is not None
    return mean_over_tokens(next_token_loss(logits, targets), targets).item()


def test_the_perplexity_of_three_words() -> None:
    mean = -sum(map(math.log, WORDS)) / 3
    assert perplexity(mean) == pytest.approx(math.prod(WORDS) ** (-1 / 3), rel=1e-12)
    assert round(perplexity(mean), 2) == WORDS_PERPLEXITY
    assert round(perplexity(loss_of_a_model(WORDS)), 2) == WORDS_PERPLEXITY
    figures = LanguageModelMetric().compute(predictions=[math.log(p) for p in WORDS], characters=10)
    assert round(figures["perplexity"], 2) == WORDS_PERPLEXITY


def test_the_cross_entropy_of_three_steps() -> None:
    assert round(language_metrics(-sum(map(math.log, STEPS)), 3, 10)["loss"], 4) == STEPS_LOSS
    assert round(loss_of_a_model(STEPS), 4) == STEPS_LOSS
    figures = LanguageModelMetric().compute(predictions=[math.log(p) for p in STEPS], characters=10)
    assert round(figures["loss"], 4) == STEPS_LOSS


def test_all_figures_by_hand() -> None:
    # Eight tokens with the probability 1/4 are 16 bits; of 32 characters each has half a bit.
    by_hand = {"loss": math.log(4), "perplexity": 4.0, "bits_per_character": 0.5}
    assert language_metrics(8 * math.log(4), 8, 32) == pytest.approx(by_hand)
    assert bits_per_character(8 * math.log(4), 32) == pytest.approx(0.5)
    assert LanguageModelMetric().compute(predictions=[-math.log(4)] * 8, characters=32) == pytest.approx(by_hand)


def test_where_a_token_is_a_character_bits_are_the_loss_in_bits() -> None:
    figures = language_metrics(150.0, 100, 100)
    assert figures["bits_per_character"] == pytest.approx(figures["loss"] / math.log(2))


def test_too_large_a_loss_is_an_infinite_perplexity() -> None:
    assert perplexity(709.0) == math.exp(709.0)
    assert perplexity(710.0) == math.inf
    assert perplexity(math.inf) == math.inf
    assert perplexity(0.0) == 1.0
    assert math.isnan(perplexity(math.nan))


def test_an_impossible_token_makes_all_figures_infinite() -> None:
    figures = LanguageModelMetric().compute(predictions=[-1.0, -math.inf], characters=2)
    assert figures == dict.fromkeys(("loss", "perplexity", "bits_per_character"), math.inf)


def test_it_is_an_evaluate_metric_without_references() -> None:
    metric = LanguageModelMetric()
    assert isinstance(metric, evaluate.Metric)
    assert set(metric.features) == {"predictions"}
    assert metric.description and metric.citation
    metric.add_batch(predictions=[-1.0, -2.0])
    metric.add(predictions=-3.0)
    assert metric.compute(characters=3)["loss"] == 2.0


@pytest.mark.parametrize("value", [0.5, math.nan])
def test_what_is_no_logarithm_of_a_probability_is_named(value: float) -> None:
    with pytest.raises(ValueError, match=f"`predictions` must be logarithms of probabilities.* hold {value}"):
        LanguageModelMetric().compute(predictions=[-1.0, value], characters=2)


def test_a_text_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="`tokens`=0 must be at least 1"):
        language_metrics(0.0, 0, 1)
    with pytest.raises(ValueError, match="`characters`=0 must be more than 0"):
        language_metrics(1.0, 1, 0)
    with pytest.raises(ValueError, match="`characters`=-1 must be more than 0"):
        bits_per_character(1.0, -1)
    with pytest.raises(ValueError, match="`characters`=nan must be more than 0"):
        bits_per_character(1.0, math.nan)
