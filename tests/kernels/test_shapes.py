"""The compiled path at every odd size: beside the tiles of the kernels, a row, a step, no row at all."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.kernels import layer as compiled
from hf_rnn.models.paths import compiled_layer, recurrent_path
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from tests.models.common import assert_close, configure


pytestmark = pytest.mark.skipif(compiled_layer() is None, reason="the kernels could not be built: no C++ compiler")
# Batch, time, features, units: vectors of the processor have 4, 8 or 16 numbers, tiles several of them.
SHAPES = [(1, 1, 1, 1), (1, 9, 17, 33), (3, 5, 15, 31), (7, 2, 1, 65), (2, 13, 33, 1), (0, 3, 4, 5)]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("variant", ["lstm", "bilstm", "gru", "elman-tanh", "elman-relu"])
def test_every_size(variant, shape, dtype, threads, monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    batch, time, features, units = shape
    torch.manual_seed(0)
    layer = RecurrentLayer(configure(variant, embedding_size=features, hidden_size=units), 0).to(dtype)
    for parameter in layer.parameters():
        parameter.data.normal_(std=0.3)
    inputs = torch.randn(batch, time, features, dtype=dtype)
    lengths = torch.arange(batch).remainder(time + 1).flip(0)
    # Padded on the right, on the left, and not at all: the first two with an empty row where there is more than one.
    right = torch.arange(time) < lengths.unsqueeze(1)
    for mask in (right, right.flip(1), torch.ones_like(right)):
        found = []
        for path in ("reference", "compiled"):
            leaf = inputs.clone().requires_grad_()
            with recurrent_path(path):
                outputs, h_n, state = layer.read(leaf, Steps.of(mask, layer.num_directions), None, True)
            total = outputs.square().sum() + sum(part.sin().sum() for part in state)
            found.append([outputs, h_n, *state, *torch.autograd.grad(total, [leaf, *layer.parameters()])])
        for actual, expected in zip(*reversed(found), strict=True):
            assert_close(actual, expected)
