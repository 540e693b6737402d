"""The compiled path in bfloat16: products of rounded numbers, summed in single precision, under autocast and of
weights of that type.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from hf_rnn.kernels import layer as compiled
from hf_rnn.models.paths import choose_path, compiled_layer, recurrent_path
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import State, Steps
from tests.kernels.rounded import ByEquations
from tests.models.common import configure


BY_TILES, BY_VECTORS = "bfloat16 by tiles", "bfloat16 by vectors"
AUTOCAST = torch.autocast("cpu", dtype=torch.bfloat16)
VARIANTS = ["bilstm", "gru", "elman-tanh", "elman-relu"]
# The norm of the difference from the equations, of that of what they give. Both round the same numbers; what is summed
# in another order rounds to the neighbour now and then, and a ReLU that is just on or off passes a gradient or none.
BOUND, BOUND_OF_RELU = 2e-3, 2e-2

pytestmark = pytest.mark.skipif(compiled_layer() is None, reason="the kernels could not be built: no C++ compiler")


@pytest.fixture(params=[BY_TILES, BY_VECTORS])
def numbers(request, monkeypatch) -> Iterator[str]:
    """Each way to compute in bfloat16 that this processor has."""
    library = compiled_layer().compiled
    if not library.has(request.param):
        pytest.skip(f"this processor has no {request.param}")
    monkeypatch.setattr(library, "bfloat16", request.param)
    return request.param


def make_layer(variant: str, features: int, units: int, **options) -> RecurrentLayer:
    torch.manual_seed(0)
    options = {"bidirectional": True, **options}
    layer = RecurrentLayer(configure(variant, embedding_size=features, hidden_size=units, **options), 0)
    # The numbers that a ReLU passes on must not grow over hundreds of steps.
    scale = 0.5 if variant == "elman-relu" else 1.0
    for name, parameter in layer.named_parameters():
        parameter.data.normal_(std=scale / parameter.shape[-1] ** 0.5 if "weight" in name else 0.1)
    return layer


def read(layer: RecurrentLayer, inputs: torch.Tensor, mask: torch.Tensor, state: State) -> dict[str, torch.Tensor]:
    """Outputs, final state and every gradient, of a weighting that does not depend on the type of the numbers."""
    inputs = inputs.clone().requires_grad_()
    state = tuple(part.clone().requires_grad_() for part in state)
    outputs, _, final = layer.read(inputs, Steps.of(mask, layer.num_directions), state, True)
    generator = torch.Generator().manual_seed(5)
    parts = [outputs, *final]
    loss = sum((part * torch.randn(part.shape, generator=generator).to(part.dtype)).sum() for part in parts)
    leaves = {"of inputs": inputs} | {f"of state {number}": part for number, part in enumerate(state)}
    leaves |= {f"of {name}": parameter for name, parameter in layer.named_parameters()}
    gradients = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
    return {"outputs": outputs, **{f"final {n}": part for n, part in enumerate(final)}, **gradients}


def off(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return ((found.double() - wanted).norm() / wanted.norm()).item()


def given(layer: RecurrentLayer, batch: int, time: int, features: int) -> tuple[torch.Tensor, State]:
    generator = torch.Generator().manual_seed(1)
    state = torch.randn(layer.num_states, batch, layer.num_directions, layer.hidden_size, generator=generator)
    return torch.randn(batch, time, features, generator=generator), tuple(state)


@pytest.mark.parametrize(
    ("features", "units", "batch", "time"),
    [(5, 9, 2, 512), (30, 33, 3, 90), (64, 17, 50, 20)],
    ids=["512 steps", "blocks", "wide"],
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_equations_with_rounded_products(numbers, variant, features, units, batch, time, monkeypatch):
    layer = make_layer(variant, features, units)
    inputs, state = given(layer, batch, time, features)
    # Holes everywhere; one sequence is empty, and one begins with padding.
    mask = torch.rand(batch, time, generator=torch.Generator().manual_seed(2)) < 0.9
    mask[0, :3], mask[1] = False, batch == 2
    with AUTOCAST:
        found = read(layer, inputs, mask, state)
    in_single = read(layer, inputs, mask, state)
    with ByEquations(monkeypatch):
        wanted = read(layer.double(), inputs.double(), mask, tuple(part.double() for part in state))
    for name, value in wanted.items():
        assert found[name].dtype == torch.float32
        bound = BOUND_OF_RELU if variant == "elman-relu" and name.startswith("of") else BOUND
        assert off(found[name], value) < bound, name
    assert off(in_single["outputs"], wanted["outputs"]) > BOUND / 2, "single precision is something else"
    assert off(found["outputs"], wanted["outputs"]) < off(in_single["outputs"], wanted["outputs"]) / 4


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_sequence_is_read_the_same_alone_and_in_any_batch(numbers, variant):
    """Bit for bit: padding on the right, on the left and within, beside others, and however many."""
    layer = make_layer(variant, 20, 18)
    inputs, state = given(layer, 40, 12, 20)
    mask = torch.rand(40, 12, generator=torch.Generator().manual_seed(3)) < 0.6
    mask[1], mask[2] = torch.arange(12) < 5, torch.arange(12) >= 7
    with AUTOCAST:
        together = layer.read(inputs, Steps.of(mask, 2), state, True)
        for row in (0, 1, 2, 17, 39):
            real = mask[row]
            own = Steps.of(torch.ones(1, int(real.sum())), 2)
            parts = tuple(part[row : row + 1] for part in state)
            outputs, _, final = layer.read(inputs[row : row + 1, real], own, parts, True)
            assert torch.equal(together[0][row, real], outputs[0])
            assert together[0][row, ~real].eq(0).all()
            assert all(torch.equal(many[row], one[0]) for many, one in zip(together[2], final, strict=True))


@pytest.mark.parametrize("variant", ["lstm", "gru", "elman-tanh", "elman-relu"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30, -1e30, 1e-40])
def test_extreme_numbers_go_through_as_by_the_equations(numbers, variant, value, monkeypatch):
    """Touch no other sequence, either. The sizes fill no tile, so that what lies beside the numbers would show."""
    layer = make_layer(variant, 5, 7, bidirectional=False)
    inputs, state = given(layer, 3, 4, 5)
    inputs[1, 1, 0] = value
    mask = torch.ones(3, 4)
    with AUTOCAST:
        found = read(layer, inputs, mask, state)
    with ByEquations(monkeypatch):
        wanted = read(layer.double(), inputs.double(), mask, tuple(part.double() for part in state))
    with AUTOCAST:
        inputs[1] = 0
        usual = read(layer.float(), inputs, mask, state)
    for name in ("outputs", "final 0"):
        torch.testing.assert_close(found[name].double(), wanted[name], equal_nan=True, rtol=1e-2, atol=1e-2)
    for name in ("outputs", "of inputs"):
        assert all(torch.equal(found[name][row], usual[name][row]) for row in (0, 2))
    weight = "of cell.weight_hh_l0"
    assert found[weight].isfinite().all() == wanted[weight].isfinite().all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_of_bfloat16(numbers, variant):
    """Give what float32 gives for the same numbers, rounded where it is handed over: the state inside is float32."""
    layer = make_layer(variant, 20, 18).bfloat16()
    inputs, state = given(layer, 4, 30, 20)
    inputs, state = inputs.bfloat16(), tuple(part.bfloat16() for part in state)
    mask = torch.arange(30) < torch.tensor([30, 5, 17, 0]).unsqueeze(1)
    assert choose_path(layer.cell.kernel, inputs, *layer.parameters()) == "compiled"
    outputs, _, final = layer.read(inputs, Steps.of(mask, 2), state, True)
    found = read(layer, inputs, mask, state)
    layer.float()
    with AUTOCAST:
        exact = layer.read(inputs.float(), Steps.of(mask, 2), tuple(part.float() for part in state), True)
    assert torch.equal(outputs, exact[0].bfloat16())
    assert all(torch.equal(part, other.bfloat16()) for part, other in zip(final, exact[2], strict=True))
    with recurrent_path("reference"):
        wanted = read(layer.double(), inputs.double(), mask, tuple(part.double() for part in state))
    for name, value in found.items():
        assert value.dtype == torch.bfloat16
        assert off(value, wanted[name]) < (0.1 if variant == "elman-relu" and name.startswith("of") else 0.02), name


def test_types_that_are_mixed():
    layer = make_layer("lstm", 5, 4, bidirectional=False)
    inputs, state = given(layer, 2, 3, 5)
    steps, half, parameters = Steps.of(torch.ones(2, 3), 1), inputs.bfloat16(), list(layer.parameters())
    # The state is taken in the type of the inputs, whatever type it was kept in.
    expected = layer.read(inputs, steps, state)[0]
    torch.testing.assert_close(layer.read(inputs, steps, tuple(part.double() for part in state))[0], expected)
    with torch.autocast("cpu", dtype=torch.float16):
        assert torch.equal(layer.read(inputs, steps, state)[0], expected), "float16 has no products here"
    assert choose_path("lstm", half, *state, *parameters) == "fused", "nothing is cast that was not asked for"
    with AUTOCAST:
        assert choose_path("lstm", half, *state, *parameters) == "compiled"
        found = layer.read(half, steps, tuple(part.bfloat16() for part in state))[0]
        assert choose_path("lstm", inputs.double(), *state, *parameters) == "fused"
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    double = layer.double().read(inputs.double(), steps)[0]
    with AUTOCAST:
        assert torch.equal(layer.read(inputs.double(), steps)[0], double), "float64 keeps its precision"


@pytest.mark.parametrize("threads", [2, 5])
@pytest.mark.parametrize("variant", ["bilstm", "gru"])
def test_any_number_of_threads_gives_the_same(numbers, variant, threads, monkeypatch):
    layer = make_layer(variant, 20, 18)
    inputs, state = given(layer, 9, 30, 20)
    mask = torch.rand(9, 30, generator=torch.Generator().manual_seed(3)) < 0.6
    product = torch.randn(64, 64).bfloat16()
    squared = product @ product
    with AUTOCAST:
        expected = read(layer, inputs, mask, state)
        monkeypatch.setattr(compiled, "_WORTH_A_THREAD", 1)
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        found = read(layer, inputs, mask, state)
    for name in ("outputs", "final 0", "of inputs"):
        assert torch.equal(found[name], expected[name])
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-4)
    assert torch.equal(product @ product, squared), "torch's own tiles are as before"


def test_a_processor_without_it_computes_in_single_precision(monkeypatch, caplog):
    layer = make_layer("lstm", 5, 4, bidirectional=False)
    inputs, state = given(layer, 2, 3, 5)
    steps = Steps.of(torch.ones(2, 3), 1)
    expected = layer.read(inputs, steps, state)[0]
    monkeypatch.setattr(compiled_layer().compiled, "bfloat16", "float32")
    compiled._say_that_there_is_no_bfloat16.cache_clear()
    with AUTOCAST, caplog.at_level(logging.WARNING, "hf_rnn"):
        assert all(torch.equal(layer.read(inputs, steps, state)[0], expected) for _ in range(3))
    (record,) = caplog.records
    assert "no instructions that make products in bfloat16 faster" in record.getMessage()
    layer.bfloat16()
    state = tuple(part.bfloat16() for part in state)
    found = layer.read(inputs.bfloat16(), steps, state)[0]
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.02)


# A filter of system calls (seccomp): arch_prctl, number 158 of x86-64, answers EPERM; all others go through.
WITHOUT_TILES = """
import ctypes, struct
program = b"".join(struct.pack("HBBI", *one) for one in [
    (0x20, 0, 0, 0), (0x15, 0, 1, 158), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)])
code = ctypes.create_string_buffer(program)
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, struct.pack("HxxxxxxQ", 4, ctypes.addressof(code)), 0, 0):
    print("no filter")
    raise SystemExit
import torch
from hf_rnn import LstmConfig, LstmModel
from hf_rnn.kernels.loading import load
from hf_rnn.models.paths import compiled_layer
assert load()
model = LstmModel(LstmConfig(vocab_size=9, embedding_size=4, hidden_size=5))
with torch.autocast("cpu", dtype=torch.bfloat16):
    model(torch.ones(20, 7, dtype=torch.long)).last_hidden_state.sum().backward()
assert model.layers[0].cell.weight_hh_l0.grad.isfinite().all()
print(compiled_layer().compiled.bfloat16)
"""


def test_a_system_that_refuses_the_tiles(project):
    if not compiled_layer().compiled.has(BY_TILES):
        pytest.skip("no tiles that could be refused")
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TILES], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    if done.stdout.strip() == "no filter":
        pytest.skip("this system has no filters of system calls")
    assert done.stdout.strip() in ("float32", BY_VECTORS)
