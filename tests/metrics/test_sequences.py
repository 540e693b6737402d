"""Figures of written texts beside those that were wanted."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from rouge_score.rouge_scorer import RougeScorer

from hf_rnn.metrics.sequences import METRIC_SETS, sequence_metrics, signatures


def bleu(hypotheses: list[str], references: list[str]) -> float:
    """BLEU of a corpus by its definition (Papineni et al. 2002, 2.3), of texts that are tokens between spaces."""
    log_precisions, lengths = [], [0, 0]
    for order in range(1, 5):
        hits = total = 0
        for one, other in zip(hypotheses, references, strict=True):
            said, wanted = (
                Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))
                for words in (one.split(), other.split())
            )
            hits += sum((said & wanted).values())
            total += sum(said.values())
        log_precisions.append(math.log(hits / total))
    for one, other in zip(hypotheses, references, strict=True):
        lengths[0] += len(one.split())
        lengths[1] += len(other.split())
    penalty = min(0.0, 1 - lengths[1] / lengths[0])
    return 100 * math.exp(penalty + sum(log_precisions) / 4)


SAID = ["the cat sat on the red mat today", "a small dog runs over the green field"]
WANTED = ["the cat sat on the blue mat today", "a small dog runs through the green field now"]


def test_bleu_is_that_of_its_definition() -> None:
    assert sequence_metrics(SAID, WANTED, names=["bleu"]) == {"bleu": pytest.approx(bleu(SAID, WANTED))}


def test_case_is_ignored_where_that_is_asked_for() -> None:
    said = [text.upper() for text in SAID]
    assert sequence_metrics(said, WANTED, names=["bleu"])["bleu"] < 1
    assert sequence_metrics(said, WANTED, lowercase=True, names=["bleu"]) == {
        "bleu": pytest.approx(bleu(SAID, WANTED))
    }
    assert "lower-cased before" in signatures(lowercase=True)["bleu"]
    assert "nrefs:1" in signatures()["bleu"] and "version" in signatures()["chrf"]


def test_rouge_counts_words_that_both_have() -> None:
    found = sequence_metrics(["a b c"], ["a b d e"], names=["rouge1", "rouge2", "rougeL"])
    # Two of three and of four words, one of two and of three pairs, two in a row.
    assert found["rouge1"] == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    assert found["rouge2"] == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert found["rougeL"] == pytest.approx(found["rouge1"])


def test_rouge_counts_words_of_any_alphabet() -> None:
    # "ação" and "acção" are two words, and no piece of them counts; a text in Cyrillic has words at all.
    assert sequence_metrics(["a ação"], ["a acção"], names=["rouge1"]) == {"rouge1": 0.5}
    assert sequence_metrics(["кот спит"], ["кот спит"], names=["rouge2"]) == {"rouge2": 1.0}


def test_rouge_of_english_is_that_of_its_own_tokenizer() -> None:
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    said, wanted = "The cat's 2 old-fashioned_hats, it's said", "the CAT s two old fashioned hats it is said."
    own = scorer.score(wanted, said)
    assert sequence_metrics([said], [wanted], names=["rouge1", "rouge2", "rougeL"]) == {
        name: pytest.approx(score.fmeasure) for name, score in own.items()
    }


def test_errors_in_characters_and_exact_matches() -> None:
    found = sequence_metrics(["2021-05-03 ", "2020-1-01"], ["2021-05-03", "2020-11-01"], names=METRIC_SETS["exact"])
    assert found == {"exact_match": 0.5, "character_error_rate": pytest.approx(1 / 20)}
    # More is written than was wanted.
    assert sequence_metrics(["abcd"], ["x"], names=["character_error_rate"])["character_error_rate"] == 4


def test_all_figures_by_default() -> None:
    found = sequence_metrics(SAID, WANTED)
    assert set(found) == {name for names in METRIC_SETS.values() for name in names}


@pytest.mark.parametrize("said", [[], ["a", "b"]])
def test_as_many_texts_as_were_wanted(said: list[str]) -> None:
    with pytest.raises(ValueError, match=f"`hypotheses` are {len(said)} and `references` {len(said) % 2}"):
        sequence_metrics(said, ["x"][: len(said) % 2])
