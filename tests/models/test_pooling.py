"""Every pooling, and both ways to merge two directions, against numbers and against the steps they are made of."""

from __future__ import annotations

import math

import pytest
import torch

from hf_rnn.models.pooling import AttentionPool, max_pool, mean_pool
from hf_rnn.models.steps import Steps
from tests.models.common import RECURRENT, alone, assert_close, batch_of, build, sentences


# Three sequences of one feature: all steps real, one hole, empty. Zero at the padding, as the layers leave it.
FEATURES = torch.tensor([[-1.0, -2.0, -6.0], [-4.0, 0.0, -2.0], [0.0, 0.0, 0.0]]).unsqueeze(2)
STEPS = Steps.of(torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 0]]), 1)


def test_mean_by_hand():
    assert mean_pool(FEATURES, STEPS).flatten().tolist() == [-3.0, -3.0, 0.0]


def test_max_by_hand():
    # The largest real step, although the padding's zero is larger.
    assert max_pool(FEATURES, STEPS).flatten().tolist() == [-1.0, -2.0, 0.0]


def test_attention_by_hand():
    # u = tanh(s), v = 2. Sequence 2 reads −4 and −2: weights in proportion exp(2 tanh(−4)) : exp(2 tanh(−2)).
    pool = AttentionPool(1)
    with torch.no_grad():
        pool.dense.weight.fill_(1)
        pool.dense.bias.zero_()
        pool.context.weight.fill_(2)
    first, second = math.exp(2 * math.tanh(-4)), math.exp(2 * math.tanh(-2))
    weights = pool.weights(FEATURES, STEPS)
    assert weights[1].tolist() == pytest.approx([first / (first + second), 0, second / (first + second)])
    assert weights[2].tolist() == [0, 0, 0]
    assert pool(FEATURES, STEPS)[1].item() == pytest.approx((-4 * first - 2 * second) / (first + second))


def test_mean_max_is_the_mean_then_the_max():
    outputs = {
        pooling: build("bilstm", head=False, pooling=pooling)(**batch_of(sentences(), "holes")[0]).pooler_output
        for pooling in ("mean", "max", "mean_max")
    }
    assert_close(outputs["mean_max"], torch.cat([outputs["mean"], outputs["max"]], dim=1))


@pytest.mark.parametrize("variant", RECURRENT)
def test_last_is_each_directions_own_final_state(variant):
    """The forward direction ends at the last token, the backward direction at the first."""
    (text,) = sentences([6])
    concat = build(variant, head=False, bidirectional=True)(**alone(text))
    steps = concat.last_hidden_state[0]
    assert torch.equal(concat.pooler_output[0], torch.cat([steps[-1, :4], steps[0, 4:]]))


@pytest.mark.parametrize("variant", RECURRENT)
def test_sum_adds_the_directions(variant):
    batch, _ = batch_of(sentences(), "holes")
    concat, added = (
        build(variant, head=False, bidirectional=True, merge=merge)(**batch) for merge in ("concat", "sum")
    )
    for one, other in [
        (concat.last_hidden_state, added.last_hidden_state),
        (concat.pooler_output, added.pooler_output),
    ]:
        forward, backward = one.chunk(2, dim=-1)
        assert not torch.allclose(forward, backward)
        assert_close(other, forward + backward)


@pytest.mark.parametrize("padded", [True, False])
def test_the_largest_of_many_steps_is_the_same_without_a_gradient(padded):
    torch.manual_seed(0)
    lengths = torch.tensor([100, 33, 32, 1, 0] if padded else [100] * 5)
    mask = torch.arange(100) < lengths.unsqueeze(1)
    features = (torch.randn(5, 100, 3) - 9).masked_fill(~mask.unsqueeze(2), 0)
    steps = Steps.of(mask, 1)
    for row, length in enumerate(lengths.tolist()):
        expected = features[row, :length].amax(0) if length else torch.zeros(3)
        assert torch.equal(max_pool(features, steps)[row], expected)
        with torch.no_grad():
            assert torch.equal(max_pool(features, steps)[row], expected)
