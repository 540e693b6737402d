"""The compiled scan: what it reads and writes of a padded batch, its threads, and what it is not asked for."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.kernels import layer as compiled
from hf_rnn.kernels import scan_layer
from hf_rnn.kernels.scan_binding import ScanFunction
from hf_rnn.models.paths import compiled_layer, recurrent_path
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from tests.models.common import assert_close, configure


pytestmark = pytest.mark.skipif(compiled_layer() is None, reason="the kernels could not be built: no C++ compiler")
MASK = torch.arange(9) < torch.tensor([4, 0, 9, 2]).unsqueeze(1)


def make_layer(variant: str = "min_gru", **options) -> RecurrentLayer:
    torch.manual_seed(0)
    options = {"embedding_size": 6, "hidden_size": 5, "bidirectional": True, **options}
    layer = RecurrentLayer(configure(variant, **options), 0).double()
    for parameter in layer.parameters():
        parameter.data.normal_(std=0.5)
    return layer


@pytest.fixture
def runs(monkeypatch):
    """Record the number of threads of every run, and whether it was the backward pass."""
    seen = []
    original = ScanFunction.run

    def run(self, task, threads, kernel, dtype, backward):
        seen.append((threads, backward))
        original(self, task, threads, kernel, dtype, backward)

    monkeypatch.setattr(ScanFunction, "run", run)
    return seen


@pytest.fixture
def products(monkeypatch):
    """The rows of every buffer of products and of their gradients."""
    seen = []
    original = scan_layer.workspace

    def workspace(shape, dtype):
        seen.append(shape[0])
        return original(shape, dtype)

    monkeypatch.setattr(scan_layer, "workspace", workspace)
    return seen


@pytest.mark.parametrize("layout", ["right", "left"])
def test_products_are_of_real_rows_alone(products, layout):
    mask = MASK if layout == "right" else MASK.flip(1)
    inputs = torch.randn(*MASK.shape, 6, dtype=torch.float64, requires_grad=True)
    make_layer().read(inputs, Steps.of(mask, 2))[0].sum().backward()
    assert products == [15, 15]


def test_numbers_at_the_padding_are_neither_read_nor_given_a_gradient():
    layer = make_layer("min_lstm")
    clean = torch.randn(*MASK.shape, 6, dtype=torch.float64)
    found = []
    for value in (0.0, float("nan")):
        inputs = clean.masked_fill(~MASK.unsqueeze(2), value).requires_grad_()
        outputs = layer.read(inputs, Steps.of(MASK, 2))[0]
        found.append([outputs, *torch.autograd.grad(outputs.square().sum(), [inputs, *layer.parameters()])])
    for actual, wanted in zip(*reversed(found), strict=True):
        assert torch.equal(actual, wanted)
    assert not found[1][0][~MASK].any() and not found[1][1][~MASK].any()


def test_no_more_threads_than_sequences_and_directions(runs, monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 100)
    inputs = torch.randn(*MASK.shape, 6, dtype=torch.float64, requires_grad=True)
    make_layer().read(inputs, Steps.of(MASK, 2))[0].sum().backward()
    assert runs == [(8, False), (8, True)]


def test_frozen_inputs_get_no_gradient_and_change_no_other():
    layer = make_layer()
    given = torch.randn(*MASK.shape, 6, dtype=torch.float64)
    found = []
    for needed in (True, False):
        outputs = layer.read(given.clone().requires_grad_(needed), Steps.of(MASK, 2))[0]
        found.append(torch.autograd.grad(outputs.square().sum(), list(layer.parameters())))
    assert all(torch.equal(*parts) for parts in zip(*found, strict=True))


def test_a_transposed_gradient_and_transposed_inputs_are_read_as_they_stand():
    layer = make_layer()
    inputs = torch.randn(9, 4, 6, dtype=torch.float64).transpose(0, 1)
    found = []
    for path in ("reference", "compiled"):
        leaf = inputs.clone().requires_grad_()
        with recurrent_path(path):
            outputs = layer.read(leaf.transpose(1, 2).contiguous().transpose(1, 2), Steps.of(MASK, 2))[0]
        weighting = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view(9, 4, -1)
        found.append([outputs, *torch.autograd.grad((outputs.transpose(0, 1) * weighting).sum(), [leaf])])
    for actual, wanted in zip(*reversed(found), strict=True):
        assert_close(actual, wanted)


def test_weights_of_another_width_are_refused():
    layer = make_layer()
    with pytest.raises(
        ValueError, match=r"for `inputs_embeds` or a layer below of 7 features they must be \[\(10, 7\)"
    ):
        layer.read(torch.randn(*MASK.shape, 7, dtype=torch.float64), Steps.of(MASK, 2))
