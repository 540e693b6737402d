"""Layers of 8 bits: the same numbers as a simulation in double precision, by both ways, however they are batched."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hf_rnn.kernels.int8_loading import int8_library
from hf_rnn.kernels.threads import use_kernel_threads
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from hf_rnn.quantization.modules import Int8Cell, Int8Embedding
from hf_rnn.quantization.plain import Int8Direction
from hf_rnn.quantization.rounding import round_activations, round_weights
from tests.models.common import configure, forced_path


VARIANTS = ["bilstm", "lstm", "gru", "elman-tanh", "elman-relu"]
FEATURES, UNITS, TIME = 30, 21, 9
LENGTHS = torch.tensor([5, 1, 0, TIME, 3, TIME, 2])
RIGHT = torch.arange(TIME) < LENGTHS.unsqueeze(1)
LEFT = RIGHT.flip(1)


def make_cell(variant: str, both: bool = True) -> Int8Cell:
    torch.manual_seed(3)
    config = configure(variant, embedding_size=FEATURES, hidden_size=UNITS, bidirectional=both and variant != "lstm")
    cell = RecurrentLayer(config, 0).cell
    for parameter in cell.parameters():
        parameter.data.normal_(std=0.3)
    made = Int8Cell.like(cell).eval()
    made.take(cell, "cell")
    return made


def drawn(cell: Int8Cell, rows: int = len(LENGTHS)) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    torch.manual_seed(4)
    state = tuple(torch.randn(rows, cell.num_directions, UNITS).tanh() for _ in range(cell.num_states))
    return torch.randn(rows, TIME, FEATURES), state


def simulated_step(kernel: str, own: Int8Direction, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> list:
    """h and c (float64) after a step from h (float32), which is rounded as the layer does."""

    def product(rows, weight, scale):
        whole, row_scale = round_activations(rows)
        return whole.double() @ weight.double().T * row_scale.double() * scale.double()

    entering = product(x, own.weight_x, own.scale_x) + own.bias_x.double()
    recurrent = product(h, own.weight_h, own.scale_h) + own.bias_h.double()
    if kernel == "lstm":
        i, f, g, o = (entering + recurrent).split(UNITS)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return [o.sigmoid() * c.tanh(), c]
    if kernel == "gru":
        (x_r, x_z, x_n), (h_r, h_z, h_n) = entering.split(UNITS), recurrent.split(UNITS)
        z = (x_z + h_z).sigmoid()
        return [(1 - z) * (x_n + (x_r + h_r).sigmoid() * h_n).tanh() + z * h.double(), c]
    return [(entering + recurrent).tanh() if kernel == "rnn_tanh" else (entering + recurrent).relu(), c]


@pytest.mark.parametrize("path", ["compiled", "reference"])
@pytest.mark.parametrize("mask", [RIGHT, LEFT], ids=["right", "left"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_layer_is_its_simulation_in_double_precision(variant, mask, path):
    cell = make_cell(variant)
    inputs, state = drawn(cell)
    with forced_path(path), torch.no_grad():
        outputs, reached = cell(inputs, Steps.of(mask, cell.num_directions), state, True)
    assert not outputs[~mask].any()
    for row in range(len(mask)):
        for direction, own in enumerate(cell.directions()):
            columns = slice(direction * UNITS, (direction + 1) * UNITS)
            h, c = state[0][row, direction], state[-1][row, direction].double()
            places = mask[row].nonzero().flatten().tolist()
            for place in places if direction == 0 else places[::-1]:
                simulated, c = simulated_step(cell.kernel, own, inputs[row, place], h, c)
                # The next step starts from what the layer has found: a last bit of it may be rounded to another one.
                h = outputs[row, place, columns]
                assert torch.allclose(h.double(), simulated, rtol=0, atol=1e-5)
            assert torch.equal(reached[0][row, direction], h)
            if len(reached) == 2:
                assert torch.allclose(reached[1][row, direction].double(), c, rtol=0, atol=1e-5)


@pytest.mark.skipif(int8_library() is None, reason="the kernels could not be built: no C++ compiler")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("mask", [RIGHT, LEFT], ids=["right", "left"])
def test_a_sequence_is_the_same_bit_for_bit_in_any_batch(variant, mask):
    cell = make_cell(variant)
    inputs, state = drawn(cell)
    outputs, reached = cell(inputs, Steps.of(mask, cell.num_directions), state, True)
    for row in range(len(mask)):
        alone = inputs[row : row + 1, mask[row]]
        own = tuple(part[row : row + 1] for part in state)
        steps = Steps.of(torch.ones(1, alone.shape[1], dtype=torch.bool), cell.num_directions)
        found, final = cell(alone, steps, own, True)
        assert torch.equal(found[0], outputs[row, mask[row]])
        assert all(torch.equal(part[0], whole[row]) for part, whole in zip(final, reached, strict=True))
    # The matrix unit takes many rows at a time, and threads take parts of them.
    many = inputs.repeat(6, 1, 1), tuple(part.repeat(6, 1, 1) for part in state)
    with use_kernel_threads(3):
        found, _ = cell(many[0], Steps.of(mask.repeat(6, 1), cell.num_directions), many[1], True)
    assert torch.equal(found, outputs.repeat(6, 1, 1))


@pytest.mark.skipif(int8_library() is None, reason="the kernels could not be built: no C++ compiler")
def test_weights_are_packed_once_and_again_when_others_are_loaded():
    cell, other = make_cell("gru"), make_cell("gru")
    packed = cell._pack()
    inputs, state = drawn(cell)
    before, _ = cell(inputs, Steps.of(RIGHT, 2), state)
    assert cell._pack() is packed
    other.weight_ih_l0.neg_()
    cell.load_state_dict(other.state_dict())
    after, _ = cell(inputs, Steps.of(RIGHT, 2), state)
    assert cell._pack() is not packed
    assert not torch.equal(before, after)
    assert torch.equal(after, other(inputs, Steps.of(RIGHT, 2), state)[0])


def test_a_table_gives_its_rows_within_half_a_step():
    torch.manual_seed(0)
    table = nn.Embedding(50, 8)
    made = Int8Embedding.like(table)
    made.take(table, "table")
    ids = torch.tensor([[3, 0], [49, 3]])
    vectors = made(ids)
    assert vectors.shape == (2, 2, 8)
    steps = table.weight.abs().amax(1) / 127
    assert bool(((vectors - table(ids)).abs() <= steps[ids].unsqueeze(2) * 0.5001).all())
    with pytest.raises(IndexError):
        made(torch.tensor([50]))


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"`cell\.weight` has numbers that are NaN or infinite"):
        round_weights("cell.weight", torch.tensor([[1.0, float("nan")]]))


@pytest.mark.parametrize("shape", [(0, 5), (2, 0)])
def test_a_batch_of_nothing_gives_nothing(shape):
    cell = make_cell("bilstm")
    inputs = torch.zeros(*shape, cell.input_size)
    state = tuple(torch.ones(shape[0], 2, cell.hidden_size) for _ in range(cell.num_states))
    outputs, final = cell(inputs, Steps.of(torch.ones(shape, dtype=torch.bool), 2), state, return_state=True)
    assert outputs.shape == (*shape, 2 * cell.hidden_size)
    assert all(torch.equal(*parts) for parts in zip(final, state, strict=True))
