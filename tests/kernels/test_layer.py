"""The compiled path: threads, the processor's mode, extreme numbers, and what outlives what."""

from __future__ import annotations

import itertools
import math
import platform

import pytest
import torch

from hf_rnn import MinGruConfig, MinGruModel
from hf_rnn.kernels import layer as compiled
from hf_rnn.kernels.schedule import Schedule
from hf_rnn.kernels.threads import kernel_threads, use_kernel_threads
from hf_rnn.models.paths import choose_path, compiled_layer, recurrent_path
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from hf_rnn.training.techniques.denormals import calling_thread_flushes
from tests.models.common import assert_close, configure


pytestmark = pytest.mark.skipif(compiled_layer() is None, reason="the kernels could not be built: no C++ compiler")
LENGTHS = torch.tensor([11, 3, 0, 7, 40, 1, 11, 5])
MASK = torch.arange(45) < LENGTHS.unsqueeze(1)


def make_layer(variant: str = "bilstm", units: int = 33, **options) -> RecurrentLayer:
    torch.manual_seed(0)
    made = RecurrentLayer(configure(variant, embedding_size=30, hidden_size=units, **options), 0).double()
    for parameter in made.parameters():
        parameter.data.normal_(std=0.3)
    return made


def gradients(layer: RecurrentLayer, inputs: torch.Tensor, mask: torch.Tensor = MASK) -> list[torch.Tensor]:
    inputs = inputs.clone().requires_grad_()
    outputs, h_n, _ = layer.read(inputs, Steps.of(mask, layer.num_directions))
    # A weighting laid out by time first, as the gradient of a transposed output is.
    weighting = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view(*outputs.shape[1::-1], -1)
    loss = (outputs.transpose(0, 1) * weighting).sum() + h_n.square().sum()
    return [outputs, h_n, *torch.autograd.grad(loss, [inputs, *layer.parameters()])]


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("variant", ["bilstm", "gru", "elman-tanh", "min_gru", "min_lstm"])
def test_any_number_of_threads_gives_the_same(variant, threads, monkeypatch):
    layer = make_layer(variant)
    inputs = torch.randn(*MASK.shape, 30, dtype=torch.float64)
    with recurrent_path("reference"):
        expected = gradients(layer, inputs)
    monkeypatch.setattr(compiled, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    for actual, wanted in zip(gradients(layer, inputs), expected, strict=True):
        assert_close(actual, wanted)


def test_the_parts_share_the_work():
    steps = Steps.of(MASK, 2)
    schedule = Schedule.of(steps, MASK.shape[1], 3)
    assert [part.size for part in schedule.parts] == [3, 3, 2]
    assert sorted(schedule.order.tolist()) == list(range(len(LENGTHS)))
    assert [part.steps_read for part in schedule.parts] == [40 + 7 + 1, 11 + 5 + 0, 11 + 3]
    assert sum(part.steps_read for part in schedule.parts) == int(LENGTHS.sum())
    for batch in (2, 1, 0):
        schedule = Schedule.of(Steps.of(MASK[:batch], 1), MASK.shape[1], 3)
        assert [part.size for part in schedule.parts] == ([1] * batch or [0])


@pytest.fixture
def runs(monkeypatch):
    """The tasks and the number of threads of every run of the library."""
    seen = []
    original = compiled.Library.run

    def run(self, tasks, threads, *rest, **more):
        seen.append((tasks, threads))
        original(self, tasks, threads, *rest, **more)

    monkeypatch.setattr(compiled.Library, "run", run)
    return seen


def test_as_many_threads_as_torch_has_and_one_for_small_work(runs, monkeypatch):
    layers = [make_layer(variant, units=64).float() for variant in ("lstm", "bilstm")]
    with torch.no_grad():
        for threads, layer, (batch, time) in itertools.product((1, 5), layers, ((4, 10), (64, 100))):
            monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
            layer.read(torch.randn(batch, time, 30), Steps.of(torch.ones(batch, time), layer.num_directions))
    asked = [(len(tasks), threads) for tasks, threads in runs]
    assert asked == [(1, 1), (1, 1), (2, 1), (2, 1), (1, 1), (5, 5), (2, 1), (4, 4)]


def test_the_number_of_threads_is_chosen_inside_the_block_only():
    with use_kernel_threads(4):
        with pytest.raises(KeyError), use_kernel_threads(2):
            assert kernel_threads() == 2
            raise KeyError
        assert kernel_threads() == 4
    assert kernel_threads() == torch.get_num_threads()


def test_a_small_layer_of_a_stack_has_fewer_threads(runs, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    steps = Steps.of(torch.ones(64, 100), 1)
    with torch.no_grad():
        for units in (1, 64, 64):
            make_layer("lstm", units=units).read(torch.randn(64, 100, 30, dtype=torch.float64), steps)
    assert [len(tasks) for tasks, _ in runs] == [1, 4, 4]
    assert len(steps.schedules) == 2, "the third takes the second's"


def test_tasks_share_nothing_that_is_written(runs, monkeypatch):
    """Two that wrote to one place would be right most of the time."""
    monkeypatch.setattr(compiled, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    gradients(make_layer("bilstm"), torch.randn(*MASK.shape, 30, dtype=torch.float64))
    (forward, _), (backward, _) = runs
    assert len(forward) == len(backward) == 6
    own = [(forward, name) for name in ("gates", "cells", "h_n", "c_n")]
    own += [(backward, name) for name in ("grad_h", "grad_c", "grad_weight_x", "grad_weight_h", "grad_bias")]
    for tasks, name in own:
        assert len({getattr(task, name) for task in tasks}) == 6, name
    # The parts of a direction write to the rows of other sequences.
    for tasks, name in ((forward, "outputs"), (backward, "grad_inputs")):
        assert [len({getattr(task, name) for task in of_one}) for of_one in (tasks[:3], tasks[3:], tasks)] == [1, 1, 2]


@pytest.mark.parametrize("variant", ["lstm", "gru", "min_gru"])
def test_a_state_alone_may_ask_for_a_gradient_and_no_gradient_is_changed(variant):
    layer = make_layer(variant).requires_grad_(False)
    inputs = torch.randn(1, 4, 30, dtype=torch.float64)
    shape = (1, 1, layer.cell.hidden_size)
    state = tuple(torch.randn(shape, dtype=torch.float64) for _ in range(layer.cell.num_states))
    weighting = torch.randn(shape, dtype=torch.float64)
    found = []
    for path in ("reference", "compiled"):
        given, before = tuple(part.clone().requires_grad_() for part in state), weighting.clone()
        with recurrent_path(path):
            final = layer.read(inputs, Steps.of(torch.ones(1, 4), 1), given, True)[2]
        found.append(torch.autograd.grad(final[-1], given, weighting))
        assert torch.equal(weighting, before)
    for actual, wanted in zip(*reversed(found), strict=True):
        assert_close(actual, wanted)


@pytest.mark.parametrize("variant", ["bilstm", "min_lstm"])
def test_the_graph_may_be_walked_twice(variant):
    layer = make_layer(variant, bidirectional=True)
    inputs = torch.randn(*MASK.shape, 30, dtype=torch.float64, requires_grad=True)
    loss = layer.read(inputs, Steps.of(MASK, 2))[0].square().sum()
    first = torch.autograd.grad(loss, [inputs, *layer.parameters()], retain_graph=True)
    second = torch.autograd.grad(loss, [inputs, *layer.parameters()])
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("variant", ["bilstm", "min_lstm"])
def test_two_graphs_do_not_share_buffers(variant):
    layer, other = (make_layer(variant, bidirectional=True) for _ in range(2))
    inputs = torch.randn(*MASK.shape, 30, dtype=torch.float64)
    expected = gradients(layer, inputs)
    kept = inputs.clone().requires_grad_()
    outputs, h_n, _ = layer.read(kept, Steps.of(MASK, 2))
    gradients(other, 2 * inputs)  # a whole step in between
    weighting = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view(*outputs.shape[1::-1], -1)
    loss = (outputs.transpose(0, 1) * weighting).sum() + h_n.square().sum()
    for actual, wanted in zip(torch.autograd.grad(loss, [kept, *layer.parameters()]), expected[2:], strict=True):
        assert torch.equal(actual, wanted)


@pytest.mark.parametrize("variant", ["bilstm", "min_gru"])
def test_a_second_derivative_is_refused(variant):
    layer = make_layer(variant, bidirectional=True)
    inputs = torch.randn(*MASK.shape, 30, dtype=torch.float64, requires_grad=True)
    loss = layer.read(inputs, Steps.of(MASK, 2))[0].square().sum()
    (first,) = torch.autograd.grad(loss, inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_frozen_inputs_get_no_gradient_and_change_no_other(runs):
    layer = make_layer()
    inputs = torch.randn(*MASK.shape, 30, dtype=torch.float64)
    expected = gradients(layer, inputs)[3:]
    outputs, h_n, _ = layer.read(inputs, Steps.of(MASK, 2))
    weighting = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view(*outputs.shape[1::-1], -1)
    loss = (outputs.transpose(0, 1) * weighting).sum() + h_n.square().sum()
    for actual, wanted in zip(torch.autograd.grad(loss, list(layer.parameters())), expected, strict=True):
        assert torch.equal(actual, wanted)
    assert all(task.grad_inputs is None for task in runs[-1][0]), "nothing is computed that nobody wants"


TINY = torch.finfo(torch.float32).tiny


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="other processors need no flushing")
@pytest.mark.parametrize(
    ("value", "parameters"),
    [(TINY / 2, {"weight_ih_l0": 4.0}), (TINY, {"weight_hh_l0": -1.0, "bias_ih_l0": 1.5 * TINY})],
    ids=["read", "computed"],
)
def test_denormals_are_flushed_inside_only(value, parameters):
    """A denormal that a linear unit reads, or computes at last: zero if flushed, itself if not."""
    layer = RecurrentLayer(configure("elman-relu", embedding_size=1, hidden_size=1), 0)
    with torch.no_grad():
        for name, parameter in layer.cell.named_parameters():
            parameter.fill_(parameters.get(name, 0.0))
        before = calling_thread_flushes()
        inputs = torch.full((1, 1, 1), value)
        with recurrent_path("reference"):
            assert layer.read(inputs, Steps.of(torch.ones(1, 1), 1), (inputs,))[0].gt(0).all()
        with recurrent_path("compiled"):
            assert layer.read(inputs, Steps.of(torch.ones(1, 1), 1), (inputs,))[0].eq(0).all()
    assert calling_thread_flushes() == before is False


def test_activations_are_accurate_to_single_precision():
    """tanh through an Elman network's one step; the logistic function as the update gate of a GRU that keeps h = 1."""
    x = torch.cat([torch.logspace(-30, 1.3, 2001, dtype=torch.float64), torch.linspace(0.4, 0.7, 2001)]).float()
    x = torch.cat([x, -x])
    steps = Steps.of(torch.ones(len(x), 1), 1)
    for variant, state, exact in (("elman-tanh", 0.0, torch.tanh), ("gru", 1.0, torch.sigmoid)):
        layer = RecurrentLayer(configure(variant, embedding_size=1, hidden_size=1), 0)
        with torch.no_grad(), recurrent_path("compiled"):
            for parameter in layer.parameters():
                parameter.zero_()
            layer.cell.weight_ih_l0[-1 if variant == "elman-tanh" else 1] = 1.0
            found = layer.read(x.view(-1, 1, 1), steps, (torch.full((len(x), 1, 1), state),))[0].flatten()
        torch.testing.assert_close(found.double(), exact(x.double()), rtol=4e-7, atol=0)


@pytest.mark.parametrize(("batch", "time"), [(300, 3), (5, 150)], ids=["wide", "long"])
@pytest.mark.parametrize("variant", ["bilstm", "gru", "elman-tanh", "min_gru", "min_lstm"])
def test_batches_of_several_blocks(variant, batch, time):
    """More rows than the kernel takes in one block: steps of more than a block, blocks of many steps."""
    layer = make_layer(variant, units=3)
    lengths = torch.randint(0, time + 1, (batch,), generator=torch.Generator().manual_seed(3))
    mask = torch.arange(time) < lengths.unsqueeze(1)
    assert mask.sum() > 300
    inputs = torch.randn(batch, time, 30, dtype=torch.float64)
    found = []
    for path in ("reference", "compiled"):
        with recurrent_path(path):
            found.append(gradients(layer, inputs, mask))
    for actual, wanted in zip(*reversed(found), strict=True):
        assert_close(actual, wanted)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30, -1e30])
@pytest.mark.parametrize("variant", ["lstm", "gru", "elman-tanh", "elman-relu", "min_gru", "min_lstm"])
def test_extreme_numbers_go_through_as_in_the_reference(variant, value):
    layer = make_layer(variant, units=20).float()
    inputs = torch.randn(2, 4, 30)
    inputs[0, 1, 0] = value
    steps = Steps.of(torch.ones(2, 4), 1)
    with torch.no_grad():
        with recurrent_path("reference"):
            expected = layer.read(inputs, steps)[0]
        with recurrent_path("compiled"):
            actual = layer.read(inputs, steps)[0]
    torch.testing.assert_close(actual, expected, equal_nan=True, rtol=1e-5, atol=1e-6)


def test_a_relu_that_is_off_passes_no_gradient_however_large():
    layer = make_layer("elman-relu").float()
    inputs = torch.randn(2, 4, 30)
    found = []
    for path in ("reference", "compiled"):
        leaf = inputs.clone().requires_grad_()
        with recurrent_path(path):
            outputs = layer.read(leaf, Steps.of(torch.ones(2, 4), 1))[0]
        (grad,) = torch.autograd.grad(outputs[:, -1:, :1], leaf, torch.full((2, 1, 1), math.inf))
        found.append((outputs[:, -1, 0] > 0, grad))
    assert found[0][0].tolist() == [False, True], "one is off, one on"
    torch.testing.assert_close(found[1], found[0], equal_nan=True)


def test_autocast_leaves_a_scan_its_precision():
    torch.manual_seed(0)
    model = MinGruModel(MinGruConfig(vocab_size=20, embedding_size=4, hidden_size=5))
    ids = torch.randint(1, 20, (2, 7))
    found = []
    for enabled in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            outputs = model(ids).last_hidden_state
            model.zero_grad()
            outputs.square().sum().backward()
        found.append((outputs, model.layers[0].cell.weight_ih_l0.grad))
    assert found[1][0].dtype == torch.float32
    assert all(torch.equal(*parts) for parts in zip(*found, strict=True))


@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_and_gradients_that_are_held_stay(threads, monkeypatch):
    """Their memory is given to a later step only when nobody holds them."""
    monkeypatch.setattr(compiled, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    layer = make_layer("bilstm")
    held = gradients(layer, torch.randn(*MASK.shape, 30, dtype=torch.float64))
    before = [part.clone() for part in held]
    gradients(layer, torch.randn(*MASK.shape, 30, dtype=torch.float64))
    assert all(torch.equal(*parts) for parts in zip(held, before, strict=True))
    leaf = torch.randn(*MASK.shape, 30, dtype=torch.float64, requires_grad=True)
    for _ in range(2):  # the second is added to the first
        layer.read(leaf, Steps.of(MASK, 2))[0].sum().backward()
    (once,) = torch.autograd.grad(layer.read(leaf, Steps.of(MASK, 2))[0].sum(), leaf)
    assert_close(leaf.grad, 2 * once)


def test_what_the_kernel_does_not_read():
    inputs = torch.zeros(1, 2, 3)
    assert choose_path("lstm", inputs) == "compiled"
    assert choose_path("lstm", inputs.bfloat16()) == "compiled"
    assert choose_path("lstm", inputs.half()) == "fused"
    assert choose_path("lstm", inputs.to("meta")) == "fused"
