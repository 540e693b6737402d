"""Deleting tokens: what is deleted, what is counted, and the figures."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from hf_rnn.insight.contributions.faithfulness import (
    FaithfulnessArguments,
    Flips,
    completeness_figures,
    deletion_flips,
    faithfulness_table,
    flip_figures,
    measure_contributions,
)
from hf_rnn.insight.contributions.tokens import token_contributions
from tests.insight.texts import letters_tokenizer
from tests.models.common import build


def voting(letter: int = 1):
    """Says label 1 if and only if the letter stands in the text: no other token has anything."""
    model = build("dan", hidden_sizes=[], num_labels=2, pooling="mean")
    with torch.no_grad():
        model.get_input_embeddings().weight.zero_()[letter] = 100
        model.classifier.output.weight.zero_()[1] = 1
        model.classifier.output.bias.copy_(torch.tensor([1.0, 0.0]))
    return model


def test_the_token_that_decides_is_deleted() -> None:
    model, tokenizer = voting(), letters_tokenizer()
    found = token_contributions(model, tokenizer, "b c a d b c d e")
    assert found.target == "LABEL_1" and found.values.argmax() == 2
    flips = deletion_flips(model, tokenizer, found, 2, 400, np.random.default_rng(0))
    assert flips is not None and flips.largest
    # Two of eight tokens, drawn without replacement, hold the one that decides a quarter of the time.
    assert flips.random == pytest.approx(0.25, abs=0.07)


def test_what_is_deleted_leaves_no_gap_and_special_tokens_stay() -> None:
    model, tokenizer = build("gru", num_labels=2), letters_tokenizer(special=True)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    found = token_contributions(model, tokenizer, "a b c d")
    seen: list[list[list[int]]] = []
    model.register_forward_pre_hook(
        lambda module, _, given: seen.append(given["input_ids"].tolist()), with_kwargs=True
    )
    deletion_flips(model, tokenizer, found, 3, 5, np.random.default_rng(0))
    whole, first, others = seen
    assert whole == [[10, 1, 2, 3, 4, 11]]
    assert first == [[10, 1 + int(found.values.argmin()), 11]]
    assert len(others) == 5 and all(len(row) == 3 and (row[0], row[2]) == (10, 11) for row in others)
    assert len({row[1] for row in others}) > 1


def test_a_text_with_too_few_tokens_is_left_out() -> None:
    model, tokenizer = voting(), letters_tokenizer()
    found = token_contributions(model, tokenizer, "a b")
    assert deletion_flips(model, tokenizer, found, 2, 3, np.random.default_rng(0)) is None
    assert deletion_flips(model, tokenizer, found, 1, 3, np.random.default_rng(0)) is not None


def test_figures_of_flips() -> None:
    flips = [Flips(True, 0.2), Flips(True, 0.1), Flips(False, 0.0), Flips(True, 0.1)] * 50
    figures = flip_figures(flips, seed=0)
    assert (figures["texts"], figures["largest"]) == (200, 0.75)
    assert figures["random"] == pytest.approx(0.1)
    assert figures["ratio"] == pytest.approx(7.5)
    low, high = figures["ratio_95"]
    assert 6.5 < low < 7.5 < high < 8.5
    assert flip_figures(flips, seed=0) == figures


def test_without_a_random_flip_there_is_no_ratio() -> None:
    figures = flip_figures([Flips(True, 0.0), Flips(False, 0.0)], seed=0)
    assert figures["ratio"] is None and figures["ratio_95"] is None
    # One text of two has any: a sample of the other alone has no ratio.
    assert flip_figures([Flips(True, 0.5), Flips(False, 0.0)], seed=0)["ratio_95"] is None


def test_figures_of_completeness() -> None:
    model, tokenizer = build("bilstm"), letters_tokenizer()
    found = [token_contributions(model, tokenizer, text) for text in ("a b", "c d e", "h")]
    figures = completeness_figures(found)
    errors = [contributions.completeness_error for contributions in found]
    assert figures["median"] == sorted(errors)[1] and figures["max"] == max(errors)
    assert figures["within_tolerance"] == 1
    assert figures["texts_by_num_steps"] == {"50": 3}


def test_a_model_of_words_is_refused(tmp_path) -> None:
    model = build("gru", word_vocab_size=4)
    model.save_pretrained(tmp_path)
    letters_tokenizer().save_pretrained(tmp_path)
    arguments = FaithfulnessArguments(test_file="none.csv", model=str(tmp_path))
    with pytest.raises(ValueError, match=re.escape(f"`model`={str(tmp_path)!r} reads words")):
        measure_contributions(arguments)


def test_a_bundled_checkpoint_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="`model` must be a bundled checkpoint .*; it is 'bundled:none'"):
        measure_contributions(FaithfulnessArguments(test_file="none.csv", model="bundled:none"))


@pytest.mark.parametrize("name", ["max_texts", "draws"])
def test_bad_arguments_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`=0 must be at least 1"):
        FaithfulnessArguments(test_file="x.csv", **{name: 0})


def test_the_table() -> None:
    row = {"texts": 2, "largest": 0.25, "random": 0.01, "ratio": 25.0, "ratio_95": [20.0, 30.0]}
    none = {**row, "ratio": None, "ratio_95": None}
    document = {
        "completeness_error": {"median": 0.001, "quantile_95": 0.008, "max": 0.01},
        "deletion": {"by_tokens": {"5": row, "10": none}},
    }
    table = faithfulness_table(document)
    assert "median 0.10%, 95 % quantile 0.80%, largest 1.00%" in table
    assert "| 5 | 25.0% | 1.0% | 25.0 | 20.0 to 30.0 |" in table
    assert "| 10 | 25.0% | 1.0% | – | – |" in table
