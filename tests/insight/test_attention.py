"""The weights of attention pooling, held to their equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hf_rnn.insight.attention import attention_weights
from hf_rnn.insight.steps import NotApplicableError
from tests.insight.small import TEXT, tokenizer
from tests.models.common import build


@pytest.mark.parametrize("variant", ["bilstm", "gru", "dan"])
def test_weights_are_the_softmax_of_the_paper(variant: str) -> None:
    model = build(variant, pooling="attention")
    found = attention_weights(model, tokenizer(), TEXT)
    with torch.no_grad():
        output = model.model(tokenizer()(TEXT, return_tensors="pt").input_ids)
    states, pool = output.last_hidden_state[0].numpy(), model.model.pooler.attention
    dense, bias = pool.dense.weight.detach().numpy(), pool.dense.bias.detach().numpy()
    scores = np.tanh(states @ dense.T + bias) @ pool.context.weight.detach().numpy()[0]
    expected = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(found.weights, expected, atol=1e-12)
    assert found.weights.sum() == pytest.approx(1)
    if variant != "dan":
        np.testing.assert_allclose(found.weights @ states, output.pooler_output[0], atol=1e-12)
    assert found.steps == tuple(TEXT.split())


def test_padding_has_no_weight() -> None:
    model, texts = build("bilstm", pooling="attention"), [TEXT, "a c"]
    weights = []
    handle = model.model.pooler.attention.register_forward_hook(
        lambda module, arguments, _: weights.append(module.weights(*arguments).detach().numpy())
    )
    model(**tokenizer()(texts, padding=True, return_tensors="pt"))
    handle.remove()
    for row, text in zip(weights[0], texts, strict=True):
        alone = attention_weights(model, tokenizer(), text).weights
        np.testing.assert_allclose(row[: len(alone)], alone, atol=1e-12)
        assert not row[len(alone) :].any()


def test_a_figure_and_a_model_without_attention() -> None:
    model = build("lstm", pooling="attention")
    found = attention_weights(model, tokenizer(), TEXT, max_tokens=3)
    assert (len(found.weights), found.total_tokens) == (3, 8)
    (axes,) = found.figure().axes
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], found.weights)
    with pytest.raises(NotApplicableError, match="`pooling`='mean'; it must be 'attention'"):
        attention_weights(build("lstm", pooling="mean"), tokenizer(), TEXT)
