"""What the compiled path leaves to torch, what it refuses, and what it makes of unusual tensors."""

from __future__ import annotations

import ctypes

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from hf_rnn.kernels.binding import Library, Task
from hf_rnn.models.paths import choose_path, compiled_layer, recurrent_path
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from tests.models.common import assert_close, configure


pytestmark = pytest.mark.skipif(compiled_layer() is None, reason="the kernels could not be built: no C++ compiler")
FEATURES, UNITS = 5, 4
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]])


def make_layer(variant: str = "lstm", **options) -> RecurrentLayer:
    torch.manual_seed(0)
    layer = RecurrentLayer(configure(variant, embedding_size=FEATURES, hidden_size=UNITS, **options), 0)
    for parameter in layer.parameters():
        parameter.data.normal_(std=0.5)
    return layer


def make_inputs(batch: int = len(MASK)) -> torch.Tensor:
    return torch.randn(batch, MASK.shape[1], FEATURES, generator=torch.Generator().manual_seed(2))


def outputs_of(layer: RecurrentLayer, inputs: torch.Tensor, mask: torch.Tensor = MASK) -> torch.Tensor:
    return layer.read(inputs, Steps.of(mask, layer.num_directions))[0]


def test_weights_that_do_not_lie_row_by_row():
    layer = make_layer()
    expected = outputs_of(layer, make_inputs())
    gradients = torch.autograd.grad(expected.square().sum(), list(layer.parameters()))
    for name in ("weight_ih_l0", "weight_hh_l0"):
        setattr(layer.cell, name, nn.Parameter(getattr(layer.cell, name).detach().T.contiguous().T))
    assert not layer.cell.weight_ih_l0.is_contiguous()
    actual = outputs_of(layer, make_inputs())
    assert_close(actual, expected)
    for one, other in zip(
        torch.autograd.grad(actual.square().sum(), list(layer.parameters())), gradients, strict=True
    ):
        assert_close(one, other)


def test_a_sign_that_torch_owes():
    """`_neg_view` and the imaginary part of a conjugate share the memory of the number with the other sign."""
    layer, inputs = make_layer(), make_inputs()
    assert_close(outputs_of(layer, torch._neg_view(inputs)), outputs_of(layer, -inputs))
    state = tuple(torch.randn(1, 1, UNITS) for _ in range(2))
    steps = Steps.of(MASK[:1], 1)
    negated = layer.read(inputs[:1], steps, tuple(map(torch._neg_view, state)))[0]
    assert_close(negated, layer.read(inputs[:1], steps, tuple(-part for part in state))[0])
    leaf = inputs.requires_grad_()
    outputs, h_n, _ = layer.read(leaf, Steps.of(MASK, 1))
    weightings = [torch.randn_like(outputs), torch.randn_like(h_n)]
    by_view, by_value = (
        torch.autograd.grad([outputs, h_n], leaf, [negative(weighting) for weighting in weightings], retain_graph=True)
        for negative in (torch._neg_view, torch.neg)
    )
    assert_close(by_view[0], by_value[0])


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"])
def test_parameters_of_another_shape_are_refused(name):
    layer = make_layer()
    setattr(layer.cell, name, nn.Parameter(torch.zeros(2, 2)))
    with pytest.raises(ValueError, match=r"parameters of a layer of 4 units have shapes .*\(2, 2\).* they must be"):
        outputs_of(layer, make_inputs())


def test_inputs_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"`inputs_embeds` or a layer below of 3 features.*\(16, 3\)"):
        outputs_of(make_layer(), make_inputs()[:, :, :3])


def test_steps_of_another_batch_are_refused():
    with pytest.raises(ValueError, match="`steps` are of 2 sequences; the inputs are 3"):
        outputs_of(make_layer(), make_inputs(), MASK[:2])


class Subclass(torch.Tensor):
    """Such a class may keep its numbers anywhere."""


@pytest.mark.parametrize(
    "other",
    [
        torch.zeros(1, 2, 1, dtype=torch.float64),
        torch.zeros(1, 2, 1, device="meta"),
        torch.zeros(1, 2, 1).to_sparse(),
        torch.zeros(1, 2, 1).as_subclass(Subclass),
    ],
    ids=["dtype", "device", "layout", "subclass"],
)
def test_one_unlike_tensor_is_enough_to_leave_it_to_torch(other):
    plain = torch.zeros(1, 2, 1)
    assert choose_path("lstm", plain, nn.Parameter(plain)) == "compiled"
    assert choose_path("lstm", plain, other) == choose_path("lstm", other, plain) == "fused"


def test_a_layer_asks_with_its_state_and_parameters():
    layer = make_layer()
    layer.cell.bias_hh_l0.data = layer.cell.bias_hh_l0.data.double()
    with pytest.raises(RuntimeError, match="dtype"):
        outputs_of(layer, make_inputs())
    state = tuple(torch.zeros(len(MASK), 1, UNITS).as_subclass(Subclass) for _ in range(2))
    steps = Steps.of(MASK, 1)
    with recurrent_path("fused"):
        expected = make_layer().read(make_inputs(), steps, state)[0]
    assert type(make_layer().read(make_inputs(), steps, state)[0]) is type(expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_transforms_are_left_to_torch():
    layer, inputs = make_layer("gru"), make_inputs()
    leaf = inputs.clone().requires_grad_()
    (expected,) = torch.autograd.grad(outputs_of(layer, leaf).square().sum(), leaf)
    assert_close(torch.func.grad(lambda given: outputs_of(layer, given).square().sum())(inputs), expected)
    direction = torch.ones_like(inputs)
    slope = torch.func.jvp(lambda given: outputs_of(layer, given).square().sum(), (inputs,), (direction,))[1]
    assert_close(slope, expected.sum())
    with torch.no_grad(), forward_ad.dual_level():
        total = outputs_of(layer, forward_ad.make_dual(inputs, direction)).square().sum()
        assert_close(forward_ad.unpack_dual(total).tangent, expected.sum())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_graphs_are_captured_from_torch():
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    layer, inputs, steps = make_layer(), make_inputs(), Steps.of(MASK, 1)
    expected = layer.read(2 * inputs, steps)[0]

    class OfInputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return self.layer.read(given, steps)[0]

    with torch.no_grad():
        captured = [
            make_fx(OfInputs())(inputs),
            torch.jit.trace(OfInputs(), inputs),
            torch.export.export(OfInputs(), (inputs,)).module(),
        ]
        for graph in captured:
            assert_close(graph(2 * inputs), expected)
    asked = torch.compile(
        lambda given: given * (1 if compiled_layer().supports("lstm", given) else 2), backend="eager", fullgraph=True
    )
    assert_close(asked(inputs), 2 * inputs)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert choose_path("lstm", inputs) == "fused"


def test_memory_that_is_not_there_is_an_error():
    """More numbers than a process can address: refused before anything is allocated or read."""
    with pytest.raises(MemoryError, match="take a smaller batch or shorter texts"):
        compiled_layer().compiled.run(
            [Task(units=2**31, input_size=2**31)], 1, "rnn_tanh", torch.float32, backward=False
        )


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_that_cannot_be_started_are_done_without(monkeypatch, threads):
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "pthread_setattr_default_np"):
        pytest.skip("not GNU's C library")
    layer, inputs = make_layer("bilstm"), make_inputs()
    expected = outputs_of(layer, inputs)
    usual, endless = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
    for attributes in (usual, endless):
        assert libc.pthread_getattr_default_np(attributes) == 0
    assert libc.pthread_attr_setstacksize(endless, ctypes.c_size_t(2**50)) == 0
    original = Library.run

    def run(self, *args, **more):
        libc.pthread_setattr_default_np(endless)
        try:
            original(self, *args, **more)
        finally:
            libc.pthread_setattr_default_np(usual)

    monkeypatch.setattr(Library, "run", run)
    monkeypatch.setattr("hf_rnn.kernels.layer._WORTH_A_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert_close(outputs_of(layer, inputs), expected)
