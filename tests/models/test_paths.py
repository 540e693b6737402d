"""Every path of a recurrent layer gives the same outputs, gradients and state."""

from __future__ import annotations

import warnings

import pytest
import torch

from hf_rnn.models.paths import choose_path, compiled_layer, provide_compiled_layer, recurrent_path
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from tests.models.common import LAYOUTS, LENGTHS, RECURRENT, assert_close, batch_of, configure, forced_path, sentences


FEATURES, UNITS = 5, 9
DTYPES = [torch.float64, torch.float32]


def everything(layer, inputs, steps, state) -> dict[str, torch.Tensor]:
    """Outputs, final state and every gradient, of a weighting that does not depend on the path."""
    inputs = inputs.clone().requires_grad_()
    state = None if state is None else tuple(part.clone().requires_grad_() for part in state)
    layer.zero_grad()
    outputs, h_n, final = layer.read(inputs, steps, state, True)
    # Without the state: the fused path finds h_n in another way then.
    alone = layer.read(inputs, steps, state)[1]
    torch.manual_seed(5)
    sum((part * torch.randn(part.shape, dtype=part.dtype)).sum() for part in (outputs, h_n, alone, *final)).backward()
    found = {"outputs": outputs, "h_n": h_n, "h_n alone": alone, "inputs": inputs.grad}
    found |= {f"final {index}": part for index, part in enumerate(final)}
    found |= {f"initial {index}": part.grad for index, part in enumerate(state or ())}
    found |= {name: parameter.grad for name, parameter in layer.named_parameters()}
    return {name: value.detach().clone() for name, value in found.items()}


@pytest.mark.parametrize("path", ["compiled", "fused"])
@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("given_state", [False, True], ids=["zeros", "state"])
@pytest.mark.parametrize("stack", [{}, {"bidirectional": True}, {"bidirectional": True, "merge": "sum"}], ids=str)
@pytest.mark.parametrize("variant", RECURRENT)
def test_equals_the_reference(variant, stack, given_state, dtype, path):
    if variant == "bilstm" and not stack:
        pytest.skip("a BiLSTM reads in both directions")
    torch.manual_seed(0)
    layer = RecurrentLayer(configure(variant, embedding_size=FEATURES, hidden_size=UNITS, **stack), 0).to(dtype)
    for parameter in layer.parameters():
        parameter.data.normal_(std=0.5)
    shape = (len(LENGTHS), layer.num_directions, UNITS)
    state = tuple(torch.randn(shape, dtype=dtype) for _ in range(layer.cell.num_states)) if given_state else None
    for layout in LAYOUTS:
        batch, _ = batch_of(sentences(), layout)
        mask = batch["attention_mask"]
        inputs = torch.randn(*mask.shape, FEATURES, dtype=dtype)
        with recurrent_path("reference"):
            expected = everything(layer, inputs, Steps.of(mask, layer.num_directions), state)
        with forced_path(path):
            actual = everything(layer, inputs, Steps.of(mask, layer.num_directions), state)
        assert actual.keys() == expected.keys()
        for name, value in expected.items():
            assert_close(actual[name], value, f"{layout}, {name}")


class Recorder:
    """Stands for a compiled layer that computes LSTMs only."""

    def supports(self, kernel, inputs):
        return kernel == "lstm" and inputs.dtype == torch.float32


@pytest.fixture
def recorder():
    before = compiled_layer()
    provide_compiled_layer(Recorder())
    yield
    provide_compiled_layer(before)


@pytest.mark.parametrize(
    ("forced", "kernel", "dtype", "path"),
    [
        (None, "lstm", torch.float32, "compiled"),
        (None, "lstm", torch.bfloat16, "fused"),
        (None, "gru", torch.float32, "fused"),
        (None, None, torch.float32, "reference"),
        ("compiled", "gru", torch.float32, "fused"),
        ("compiled", None, torch.float32, "reference"),
        ("fused", "lstm", torch.float32, "fused"),
        ("fused", None, torch.float32, "reference"),
        ("reference", "lstm", torch.float32, "reference"),
    ],
)
def test_the_first_path_that_can_is_taken(recorder, forced, kernel, dtype, path):
    with recurrent_path(forced):
        assert choose_path(kernel, torch.zeros(1, 2, 1, dtype=dtype)) == path


@pytest.mark.parametrize(
    ("forced", "shape", "device", "path"),
    [
        (None, (16, 1, 2), "cpu", "reference"),
        (None, (17, 1, 2), "cpu", "compiled"),
        (None, (1, 2, 2), "cpu", "compiled"),
        (None, (1, 1, 2), "meta", "compiled"),
        ("compiled", (1, 1, 2), "cpu", "compiled"),
        ("fused", (1, 1, 2), "cpu", "fused"),
    ],
)
def test_one_step_of_a_few_sequences_takes_no_kernel(recorder, forced, shape, device, path):
    with recurrent_path(forced):
        assert choose_path("lstm", torch.zeros(shape, device=device)) == path


def test_what_was_traced_with_one_step_reads_more():
    class OfInputs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = RecurrentLayer(configure("lstm", embedding_size=FEATURES), 0)

        def forward(self, inputs):
            return self.layer(inputs, Steps.of(torch.ones(inputs.shape[:2]), 1))[0]

    module, inputs = OfInputs(), torch.randn(2, 3, FEATURES)
    # A model does it; a layer alone has whatever was in its memory.
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        traced = torch.jit.trace(module, inputs[:, :1], check_trace=False)
        assert_close(traced(inputs), module(inputs))


def test_the_path_is_forced_inside_the_block_only(recorder):
    inputs = torch.zeros(1, 2, 1)
    with pytest.raises(KeyError), recurrent_path("reference"):
        with recurrent_path(None):
            assert choose_path("lstm", inputs) == "compiled"
        assert choose_path("lstm", inputs) == "reference"
        raise KeyError
    assert choose_path("lstm", inputs) == "compiled"


def test_an_unknown_path_is_refused():
    with (
        pytest.raises(ValueError, match="`name`='quick' must be one of compiled, fused, reference"),
        recurrent_path("quick"),
    ):
        pass


def test_a_kernel_that_is_not_there_is_refused():
    before = compiled_layer()
    provide_compiled_layer(None)
    try:
        with pytest.raises(ValueError, match="python -m hf_rnn.kernels"), recurrent_path("compiled"):
            pass
        assert choose_path("lstm", torch.zeros(1, 2, 1)) == "fused"
    finally:
        provide_compiled_layer(before)
