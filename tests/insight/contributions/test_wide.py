"""Tokens contribute through the wide part exactly, because it is linear, and that is part of what is explained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hf_rnn.data.tokenizers.spelling import spell_with_boundaries
from hf_rnn.insight.contributions.tokens import token_contributions
from hf_rnn.insight.contributions.wide import wide_contributions
from hf_rnn.insight.streaming import reading_curve
from tests.insight.texts import letters_tokenizer
from tests.models.common import build as build_small
from tests.models.test_wide import TEXTS, batch_of, build


TEXT = "a c d b e e h"


def build_wide(variant: str, **options):
    model = build_small(variant, wide_buckets=101, max_token_bytes=8, **options)
    model.wide.set_tokens(spell_with_boundaries(letters_tokenizer()))
    generator = torch.Generator().manual_seed(0)
    model.wide.weight.copy_(torch.randn(model.wide.weight.shape, generator=generator))
    model.wide.bias.fill_(0.25)
    return model


@pytest.mark.parametrize("options", [{}, {"labels": 2, "single_logit": True}])
@torch.no_grad()
def test_contributions_and_the_bias_are_the_logits(options: dict) -> None:
    model = build(**options)
    ids, mask = batch_of(TEXTS, 11)
    found = wide_contributions(model.wide, ids, mask.bool())
    bias = model.wide.completed(model.wide.bias)
    torch.testing.assert_close(found.sum(1) + bias, model.wide(ids, mask.bool()), rtol=0, atol=1e-10)
    assert not found[~mask.bool()].any()
    # A token that spells nothing contributes nothing.
    assert not found[0, 0].any() and found[0, 1].any()


@torch.no_grad()
def test_an_ngram_is_shared_out_by_bytes() -> None:
    model = build(labels=1, wide_ngrams=2, wide_characters=0)
    # The words "un|happy" of 2 and 5 bytes, and "a".
    ids = torch.tensor([[2, 3, 9]])
    mask = torch.ones_like(ids, dtype=torch.bool)
    rows, shares = model.wide.bag(ids, mask)
    first, second, both = (model.wide.weight[rows[shares > 0]] * shares[shares > 0].unsqueeze(1)).flatten().tolist()
    expected = [2 * first / 7 + 2 * both / 8, 5 * first / 7 + 5 * both / 8, second + both / 8]
    found = wide_contributions(model.wide, ids, mask).flatten()
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"problem_type": "multi_label_classification"}, {"num_labels": 1}])
@pytest.mark.parametrize("variant", ["bilstm", "dan"])
def test_contributions_add_up_to_the_answer_of_both_parts(variant: str, options: dict) -> None:
    found = token_contributions(build_wide(variant, pooling="mean", **options), letters_tokenizer(), TEXT)
    assert found.completeness_error <= 0.01
    assert found.values.sum() == pytest.approx(found.score - found.baseline_score, rel=0.011, abs=1e-3)


def test_a_network_that_says_nothing_leaves_the_wide_parts_contributions() -> None:
    model, tokenizer = build_wide("gru", num_labels=1), letters_tokenizer()
    nn.init.zeros_(model.classifier.output.weight)
    inputs = tokenizer(TEXT, return_tensors="pt")
    found = token_contributions(model, tokenizer, TEXT)
    expected = 0.5 * wide_contributions(model.wide, inputs["input_ids"], inputs["attention_mask"].bool())
    np.testing.assert_allclose(found.values, expected.flatten().numpy(), rtol=1e-6, atol=1e-9)
    assert found.score == pytest.approx(float(model(**inputs).logits.detach()))


def test_a_reading_curve_ends_and_begins_with_what_the_model_answers() -> None:
    model, tokenizer = build_wide("gru"), letters_tokenizer()
    text = " ".join([TEXT] * 20)
    curve = reading_curve(model, tokenizer, text)
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    for end in (1, 2, 64, 65, ids.shape[1]):
        expected = model(ids[:, :end]).logits.softmax(-1)[0].detach().numpy()
        np.testing.assert_allclose(curve.probabilities[end - 1], expected, atol=1e-6)
