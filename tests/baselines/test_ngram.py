"""Kneser-Ney against a direct implementation with dictionaries, by hand, and on the corpora."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hf_rnn.baselines.ngram import FALLBACK_DISCOUNTS, KneserNey


VOCAB_SIZE = 12
BEGINNING = -1
Probability = Callable[[tuple[int, ...], int], float]


def some_text(seed: int, tokens: int = 400) -> list[int]:
    """Token 11 never occurs, and 0 often."""
    return (np.random.default_rng(seed).zipf(1.6, tokens) - 1).clip(max=VOCAB_SIZE - 2).tolist()


def direct(text: list[int], order: int, vocab_size: int) -> Probability:
    """The textbook's formulas, one n-gram at a time."""
    counts: list[Counter[tuple[int, ...]]] = []
    for length in range(1, order + 1):
        padded = [BEGINNING, *text]
        grams = [tuple(text[i : i + length]) for i in range(len(text) - length + 1)]
        before = defaultdict(set)
        for i, gram in enumerate(grams):
            before[gram].add(padded[i])
        counts.append(Counter(grams) if length == order else Counter({g: len(v) for g, v in before.items()}))

    def discount(length: int, count: int) -> float:
        n = Counter(counts[length - 1].values())
        fallback = (0.5, 1.0, 1.5)[min(count, 3) - 1]
        if min(n[1], n[2], n[3], n[4]) == 0:
            return fallback
        y = n[1] / (n[1] + 2 * n[2])
        found = [i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3)]
        return found[min(count, 3) - 1] if min(found) > 0 else fallback

    def probability(history: tuple[int, ...], token: int) -> float:
        history = history[max(len(history) - order + 1, 0) :]
        length = len(history) + 1
        shorter = probability(history[1:], token) if history else 1 / vocab_size
        after = {g[-1]: c for g, c in counts[length - 1].items() if g[:-1] == history}
        total = sum(after.values())
        if total == 0:
            return shorter
        left = sum(discount(length, c) for c in after.values())
        own = after[token] - discount(length, after[token]) if token in after else 0.0
        return (own + left * shorter) / total

    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_it_is_what_the_formulas_say(order: int) -> None:
    text, other = some_text(0), some_text(1, 60)
    model, probability = KneserNey(order, VOCAB_SIZE).fit(text), direct(text, order, VOCAB_SIZE)
    assert any(one != FALLBACK_DISCOUNTS for one in model.discounts) or order == 1
    for tokens in (other, text[:30], [11, 11, *other[:5], 11, 3]):
        expected = [np.log(probability(tuple(tokens[:i]), token)) for i, token in enumerate(tokens)]
        np.testing.assert_allclose(model.log_probabilities(tokens), expected, rtol=1e-12)
        after = [probability(tuple(tokens), token) for token in range(VOCAB_SIZE)]
        np.testing.assert_allclose(model.distribution(tokens), after, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_sum_to_one_after_every_history(order: int) -> None:
    model = KneserNey(order, VOCAB_SIZE).fit(some_text(2))
    for length in range(order + 1):
        for history in itertools.product(range(VOCAB_SIZE), repeat=length):
            probabilities = model.distribution(history)
            assert probabilities.min() > 0
            assert probabilities.sum() == pytest.approx(1, abs=1e-12)


def test_by_hand() -> None:
    # Bigrams 0 1 and 1 0 twice, 0 2 once: no count of 3, so the discounts are 0.5 of one and 1 of two.
    model = KneserNey(2, 3).fit([0, 1, 0, 1, 0, 2])
    assert model.discounts == [FALLBACK_DISCOUNTS, FALLBACK_DISCOUNTS]
    # 0 follows 1 and stands at the beginning; 1 and 2 follow 0 alone: counts 2, 1, 1, of which 1, 0.5, 0.5 are taken.
    unigrams = [(2 - 1) / 4 + 2 / 4 / 3, (1 - 0.5) / 4 + 2 / 4 / 3, (1 - 0.5) / 4 + 2 / 4 / 3]
    np.testing.assert_allclose(model.distribution([]), unigrams)
    after_0 = [0.5 * unigrams[0], (2 - 1) / 3 + 0.5 * unigrams[1], (1 - 0.5) / 3 + 0.5 * unigrams[2]]
    np.testing.assert_allclose(model.distribution([0]), after_0)
    # Nothing ever follows 2.
    np.testing.assert_allclose(model.distribution([2]), unigrams)
    np.testing.assert_allclose(np.exp(model.log_probabilities([0, 2, 1])), [unigrams[0], after_0[2], unigrams[1]])


def test_a_token_that_follows_one_other_is_not_expected_elsewhere() -> None:
    # 3 is as frequent as 4, but stands after 2 alone.
    text = [0, 2, 3, 1, 4, 0, 4, 2, 3, 4, 1, 2, 3]
    assert text.count(3) == text.count(4)
    unigrams = KneserNey(2, 5).fit(text).distribution([])
    assert unigrams[3] < unigrams[4]
    frequencies = KneserNey(1, 5).fit(text).distribution([])
    assert frequencies[3] == frequencies[4]


@pytest.mark.parametrize(
    ("counts_of_counts", "discounts"),
    [
        ((4, 2, 1, 1), (0.5, 1.25, 1.0)),
        ((4, 0, 1, 1), FALLBACK_DISCOUNTS),
        ((0, 2, 1, 1), FALLBACK_DISCOUNTS),
        ((4, 2, 1, 0), FALLBACK_DISCOUNTS),
        # The second would be negative.
        ((1, 1, 10, 1), FALLBACK_DISCOUNTS),
    ],
)
def test_discounts(counts_of_counts: tuple[int, ...], discounts: tuple[float, ...]) -> None:
    counts = [count for count, number in enumerate(counts_of_counts, start=1) for _ in range(number)]
    # Token i occurs as often as the i-th count says.
    model = KneserNey(1, 50).fit(np.repeat(np.arange(len(counts)), counts))
    assert model.discounts == [pytest.approx(discounts)]


def test_the_last_tokens_of_a_history_count() -> None:
    model = KneserNey(3, VOCAB_SIZE).fit(some_text(3))
    np.testing.assert_array_equal(model.distribution([5, 1, 0, 2, 1]), model.distribution([2, 1]))
    assert not np.array_equal(model.distribution([2, 1]), model.distribution([1]))


def test_size() -> None:
    model = KneserNey(2, 3)
    assert (model.parameters, model.size_bytes) == (0, 0)
    model.fit([0, 1, 0, 1, 0, 2])
    # Three unigrams with one (empty) history, three bigrams with three; one more of each for what does not occur.
    assert model.parameters == 3 + 1 + 3 + 3
    assert model.size_bytes == 8 * (3 + 4 + 2 + 3 + 4 + 4)
    assert model.fit([0, 1]).parameters == 2 + 1 + 1 + 2


def test_a_text_of_nothing_has_no_probabilities() -> None:
    assert KneserNey(2, 3).fit([0, 1]).log_probabilities([]).shape == (0,)


def test_bad_input_is_named() -> None:
    for order in (0, -1):
        with pytest.raises(ValueError, match=f"`order`={order} must be at least 1"):
            KneserNey(order, 5)
    for vocab_size in (0, 2**31 + 1):
        with pytest.raises(ValueError, match=f"`vocab_size`={vocab_size} must be between 1 and"):
            KneserNey(2, vocab_size)
    with pytest.raises(ValueError, match="`ids` has 2 tokens; a model of order 3 needs at least as many"):
        KneserNey(3, 5).fit([0, 1])
    model = KneserNey(2, 5)
    with pytest.raises(RuntimeError, match="call `fit` first"):
        model.log_probabilities([0])
    model.fit([0, 1])
    for wrong in (5, -1, 0.5):
        with pytest.raises(ValueError, match=rf"`ids` holds {wrong}; with `vocab_size`=5 it must be a whole number"):
            model.log_probabilities([0, wrong])
    with pytest.raises(ValueError, match="`history` holds 7"):
        model.distribution([7])
    with pytest.raises(ValueError, match=r"`ids` has shape \(1, 2\); it must be \(tokens,\)"):
        model.fit([[0, 1]])


@pytest.mark.corpus
def test_penn_treebank_as_published(corpora: Path) -> None:
    """Mikolov et al. 2011, "Empirical Evaluation and Combination of Advanced Language Modeling Techniques"."""
    texts = {}
    for split in ("train", "test"):
        lines = (corpora / "lm" / f"ptb.{split}.txt").read_text().splitlines()
        texts[split] = [word for line in lines for word in (*line.split(), "<eos>")]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(texts["train"]))}
    train, test = ([vocabulary[word] for word in texts[split]] for split in ("train", "test"))
    assert (len(vocabulary), len(train), len(test)) == (10_000, 929_589, 82_430)
    mean_loss = -KneserNey(5, len(vocabulary)).fit(train).log_probabilities(test).mean()
    assert np.exp(mean_loss) == pytest.approx(141.2, rel=0.01)
