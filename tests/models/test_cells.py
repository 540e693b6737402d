"""Every cell against its equations written out one step at a time, and against torch's own modules."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from hf_rnn.models.cell import Cell
from hf_rnn.models.cells import CELLS
from hf_rnn.models.paths import PATHS
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from tests.models.common import RECURRENT, assert_close, configure, forced_path


INPUT, UNITS, BATCH, TIME = 3, 4, 2, 5


def make_cell(variant: str, input_size: int = INPUT, units: int = UNITS, **options) -> Cell:
    config = configure(variant, embedding_size=input_size, hidden_size=units, **options)
    cell = CELLS[config.cell](config, input_size, units).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_()
    return cell


@pytest.fixture(params=PATHS, autouse=True)
def path(request):
    """Every test of this file holds for every path."""
    with forced_path(request.param):
        yield request.param


def run(cell: Cell, inputs: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple:
    """h_t for every step and the final state, by a layer of this cell, of which the forward direction is read."""
    layer = RecurrentLayer(configure("elman-tanh", embedding_size=1, hidden_size=1), 0)
    cell.num_directions = 1
    layer.cell = cell
    steps = Steps.of(torch.ones(inputs.shape[:2]), 1)
    outputs, _, final = layer.read(inputs, steps, tuple(part.unsqueeze(1) for part in state), True)
    return outputs, tuple(part.squeeze(1) for part in final)


def random_state(cell: Cell) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(BATCH, UNITS, dtype=torch.float64) for _ in range(cell.num_states))


# --- numbers small enough for paper: one unit, one feature, two steps ---


def scalar_cell(variant: str, w_x, w_h, b, **options) -> Cell:
    """One unit with these weights, a number for each gate; the whole bias in b_x."""
    cell = make_cell(variant, input_size=1, units=1, **options)
    with torch.no_grad():
        cell.weight_ih_l0[:, 0] = torch.tensor(w_x)
        cell.weight_hh_l0[:, 0] = torch.tensor(w_h)
        cell.bias_ih_l0[:] = torch.tensor(b)
        cell.bias_hh_l0.zero_()
    return cell


def run_scalars(cell: Cell, xs: list[float], *state: float) -> tuple[list[float], list[float]]:
    inputs = torch.tensor(xs, dtype=torch.float64).view(1, -1, 1)
    outputs, final = run(cell, inputs, tuple(torch.full((1, 1), part, dtype=torch.float64) for part in state))
    return outputs.flatten().tolist(), [part.item() for part in final]


def test_lstm_by_hand():
    # i = σ(0.5 x + 0.5 h), f = σ(x + h + 1), g = tanh(x − h), o = σ(0.5 x); h = c = 0 at the start.
    # x = 1:  i = σ(0.5) = 0.622459, f = σ(2) unused (c = 0), g = tanh(1) = 0.761594, o = σ(0.5) = 0.622459
    #         c = 0.622459 · 0.761594 = 0.474061,  h = 0.622459 · tanh(0.474061) = 0.622459 · 0.441475 = 0.274800
    # x = −1: i = σ(−0.362600) = 0.410330, f = σ(0.274800) = 0.568271, g = tanh(−1.274800) = −0.855093,
    #         o = σ(−0.5) = 0.377541
    #         c = 0.568271 · 0.474061 − 0.410330 · 0.855093 = 0.269395 − 0.350870 = −0.081475
    #         h = 0.377541 · tanh(−0.081475) = 0.377541 · −0.081295 = −0.030692
    cell = scalar_cell("lstm", [0.5, 1.0, 1.0, 0.5], [0.5, 1.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0])
    outputs, (h, c) = run_scalars(cell, [1.0, -1.0], 0.0, 0.0)
    assert outputs == pytest.approx([0.274800, -0.030692], abs=2e-6)
    assert (h, c) == pytest.approx((-0.030692, -0.081475), abs=2e-6)


def test_gru_reset_after_by_hand():
    # r = σ(x + h), z = σ(0.5 x − h), n = tanh(x + r (2 h + 1)), h = (1 − z) n + z h; h = 0.5 at the start.
    # The 1 inside the brackets is b_h of the candidate: the reset gate scales it, too.
    # x = 1:  r = σ(1.5) = 0.817574, z = σ(0) = 0.5, n = tanh(1 + 0.817574 · 2) = tanh(2.635149) = 0.989768
    #         h = 0.5 · 0.989768 + 0.5 · 0.5 = 0.744884
    # x = −1: r = σ(−0.255116) = 0.436565, z = σ(−1.244884) = 0.223587,
    #         n = tanh(−1 + 0.436565 · 2.489768) = tanh(0.086945) = 0.086727
    #         h = 0.776413 · 0.086727 + 0.223587 · 0.744884 = 0.233882
    cell = scalar_cell("gru", [1.0, 0.5, 1.0], [1.0, -1.0, 2.0], [0.0, 0.0, 0.0])
    cell.bias_hh_l0.data[2] = 1.0
    outputs, (h,) = run_scalars(cell, [1.0, -1.0], 0.5)
    assert outputs == pytest.approx([0.744884, 0.233882], abs=2e-6)
    assert h == outputs[-1]


def test_gru_reset_before_by_hand():
    # As above, but n = tanh(x + 2 (r h) + 1): the reset gate scales h alone.
    # x = 1:  n = tanh(1 + 2 · 0.817574 · 0.5 + 1) = tanh(2.817574) = 0.992885
    #         h = 0.5 · 0.992885 + 0.5 · 0.5 = 0.746443
    # x = −1: r = σ(−0.253557) = 0.436948, z = σ(−1.246443) = 0.223317,
    #         n = tanh(−1 + 2 · 0.436948 · 0.746443 + 1) = tanh(0.652313) = 0.573225
    #         h = 0.776683 · 0.573225 + 0.223317 · 0.746443 = 0.611908
    cell = scalar_cell("gru-reset-before", [1.0, 0.5, 1.0], [1.0, -1.0, 2.0], [0.0, 0.0, 0.0])
    cell.bias_hh_l0.data[2] = 1.0
    outputs, (h,) = run_scalars(cell, [1.0, -1.0], 0.5)
    assert outputs == pytest.approx([0.746443, 0.611908], abs=2e-6)
    assert h == outputs[-1]


def test_elman_by_hand():
    # h = tanh(0.5 x + 0.8 h − 0.1):  tanh(0.4) = 0.379949,  tanh(1 + 0.303959 − 0.1) = tanh(1.203959) = 0.834858
    cell = scalar_cell("elman-tanh", [0.5], [0.8], [-0.1])
    assert run_scalars(cell, [1.0, 2.0], 0.0)[0] == pytest.approx([0.379949, 0.834858], abs=2e-6)


@pytest.mark.parametrize(
    ("recurrence", "expected"),
    [
        # h = relu(2 x − 3 h + 1):                          3 − 3 · 1 = 0;  5 − 3 · 0 = 5;  3 − 3 · 5 → 0
        ("hidden", [0.0, 5.0, 0.0]),
        # h = relu(2 x − 3 y + 1), y = relu(0.5 h + 1):     h = 0, y = 1;  h = 5 − 3 = 2, y = 2;  h = 3 − 6 → 0, y = 1
        ("output_to_hidden", [1.0, 2.0, 1.0]),
        # h = relu(2 x), y = relu(0.5 h + 1 − 3 y + 1):     h = 2, y = 3 − 3 = 0;  h = 4, y = 4;  h = 2, y = 3 − 12 → 0
        ("output_to_output", [0.0, 4.0, 0.0]),
    ],
)
def test_what_is_fed_back_by_hand(recurrence, expected):
    cell = scalar_cell("elman-relu", [2.0], [-3.0], [0.0], recurrence=recurrence)
    cell.bias_hh_l0.data[:] = 1.0
    if recurrence != "hidden":
        cell.weight_ho_l0.data[:], cell.bias_ho_l0.data[:] = 0.5, 1.0
    # From a state of 1.
    assert run_scalars(cell, [1.0, 2.0, 1.0], 1.0) == (expected, [expected[-1]])


# --- matrices: the equations of the docstrings, one sequence and one step at a time ---


def sigmoid(x: torch.Tensor) -> torch.Tensor:
    return 1 / (1 + torch.exp(-x))


def lstm_step(cell: Cell, x, h, c):
    w_xi, w_xf, w_xg, w_xo = cell.weight_ih_l0.chunk(4)
    w_hi, w_hf, w_hg, w_ho = cell.weight_hh_l0.chunk(4)
    b_i, b_f, b_g, b_o = (cell.bias_ih_l0 + cell.bias_hh_l0).chunk(4)
    i = sigmoid(w_xi @ x + w_hi @ h + b_i)
    f = sigmoid(w_xf @ x + w_hf @ h + b_f)
    g = torch.tanh(w_xg @ x + w_hg @ h + b_g)
    o = sigmoid(w_xo @ x + w_ho @ h + b_o)
    c = f * c + i * g
    return o * torch.tanh(c), c


def gru_step(cell: Cell, x, h):
    w_xr, w_xz, w_xn = cell.weight_ih_l0.chunk(3)
    w_hr, w_hz, w_hn = cell.weight_hh_l0.chunk(3)
    (b_xr, b_xz, b_xn), (b_hr, b_hz, b_hn) = cell.bias_ih_l0.chunk(3), cell.bias_hh_l0.chunk(3)
    r = sigmoid(w_xr @ x + b_xr + w_hr @ h + b_hr)
    z = sigmoid(w_xz @ x + b_xz + w_hz @ h + b_hz)
    recurrent = r * (w_hn @ h + b_hn) if cell.reset_after else w_hn @ (r * h) + b_hn
    n = torch.tanh(w_xn @ x + b_xn + recurrent)
    return ((1 - z) * n + z * h,)


def gru_step_of_courses(cell: Cell, x, c):
    """Γ_r and Γ_u = 1 − z, and one matrix for the concatenation [Γ_r ∗ c, x]."""
    w_r, w_z, w_c = torch.cat([cell.weight_hh_l0, cell.weight_ih_l0], dim=1).chunk(3)
    b_r, b_z, b_c = (cell.bias_ih_l0 + cell.bias_hh_l0).chunk(3)
    gate_r = sigmoid(w_r @ torch.cat([c, x]) + b_r)
    gate_u = 1 - sigmoid(w_z @ torch.cat([c, x]) + b_z)
    candidate = torch.tanh(w_c @ torch.cat([gate_r * c, x]) + b_c)
    return (gate_u * candidate + (1 - gate_u) * c,)


def min_gru_step(cell: Cell, x, h):
    (w_z, w_c), (b_z, b_c) = cell.weight_ih_l0.chunk(2), cell.bias_ih_l0.chunk(2)
    z = sigmoid(w_z @ x + b_z)
    return ((1 - z) * h + z * (w_c @ x + b_c),)


def min_lstm_step(cell: Cell, x, h):
    (w_i, w_f, w_c), (b_i, b_f, b_c) = cell.weight_ih_l0.chunk(3), cell.bias_ih_l0.chunk(3)
    i, f = sigmoid(w_i @ x + b_i), sigmoid(w_f @ x + b_f)
    return (f / (f + i) * h + i / (f + i) * (w_c @ x + b_c),)


def elman_step(cell: Cell, x, previous):
    phi = torch.tanh if cell.activation is torch.tanh else torch.relu
    w_x, w_h, b_x, b_h = cell.weight_ih_l0, cell.weight_hh_l0, cell.bias_ih_l0, cell.bias_hh_l0
    if cell.recurrence == "hidden":
        return (phi(w_x @ x + b_x + w_h @ previous + b_h),)
    w_y, b_y = cell.weight_ho_l0, cell.bias_ho_l0
    if cell.recurrence == "output_to_hidden":
        return (phi(w_y @ phi(w_x @ x + b_x + w_h @ previous + b_h) + b_y),)
    return (phi(w_y @ phi(w_x @ x + b_x) + b_y + w_h @ previous + b_h),)


STEPS = dict.fromkeys(RECURRENT, elman_step) | {
    "lstm": lstm_step,
    "bilstm": lstm_step,
    "gru": gru_step,
    "gru-reset-before": gru_step,
    "min_gru": min_gru_step,
    "min_lstm": min_lstm_step,
}


@pytest.mark.parametrize(
    ("variant", "step"),
    [*STEPS.items(), ("gru-reset-before", gru_step_of_courses)],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_cell_is_its_equations(variant, step):
    torch.manual_seed(0)
    cell = make_cell(variant)
    inputs = torch.randn(BATCH, TIME, INPUT, dtype=torch.float64)
    initial = random_state(cell)
    outputs, final = run(cell, inputs, initial)
    for row in range(BATCH):
        state = tuple(part[row] for part in initial)
        for time in range(TIME):
            state = step(cell, inputs[row, time], *state)
            assert_close(outputs[row, time], state[0], f"step {time}")
        for part, wanted in zip(final, state, strict=True):
            assert_close(part[row], wanted, "final state")


@pytest.mark.parametrize("variant", RECURRENT)
def test_gradients_are_the_derivatives(variant):
    torch.manual_seed(0)
    cell = make_cell(variant)
    inputs = torch.randn(BATCH, 3, INPUT, dtype=torch.float64, requires_grad=True)
    initial = tuple(part.requires_grad_() for part in random_state(cell))
    weights = cell.weights(0)

    def function(inputs, *rest):
        outputs, final = run(cell, inputs, rest[: cell.num_states])
        return (outputs, *final)

    assert torch.autograd.gradcheck(function, (inputs, *initial, *weights))


# --- torch's own modules ---

TORCH = [
    ("lstm", nn.LSTM, {}),
    ("gru", nn.GRU, {}),
    ("elman-tanh", nn.RNN, {"nonlinearity": "tanh"}),
    ("elman-relu", nn.RNN, {"nonlinearity": "relu"}),
]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("variant", "module", "options"), TORCH)
def test_equals_torch_with_the_same_weights(variant, module, options, bidirectional):
    torch.manual_seed(0)
    config = configure(variant, embedding_size=INPUT, hidden_size=UNITS, bidirectional=bidirectional)
    layer = RecurrentLayer(config, 0).double()
    reference = module(INPUT, UNITS, batch_first=True, bidirectional=bidirectional, **options).double()
    layer.cell.load_state_dict(reference.state_dict())

    directions = 2 if bidirectional else 1
    inputs = torch.randn(BATCH, TIME, INPUT, dtype=torch.float64)
    state = tuple(torch.randn(BATCH, directions, UNITS, dtype=torch.float64) for _ in range(layer.cell.num_states))
    ours_in, theirs_in = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    steps = Steps.of(torch.ones(BATCH, TIME), directions)
    outputs, _, final = layer.read(ours_in, steps, state, True)
    initial = tuple(part.transpose(0, 1).contiguous() for part in state)
    wanted, wanted_final = reference(theirs_in, initial if variant == "lstm" else initial[0])
    wanted_final = wanted_final if variant == "lstm" else (wanted_final,)

    assert_close(outputs, wanted)
    for part, wanted_part in zip(final, wanted_final, strict=True):
        assert_close(part.transpose(0, 1), wanted_part)
    weighting = torch.randn_like(wanted)
    (outputs * weighting).sum().backward()
    (wanted * weighting).sum().backward()
    assert_close(ours_in.grad, theirs_in.grad)
    theirs = dict(reference.named_parameters())
    for name, parameter in layer.cell.named_parameters():
        assert_close(parameter.grad, theirs[name].grad, name)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("variant", "module", "options"), TORCH)
def test_torch_loads_our_state_dict(variant, module, options, bidirectional):
    cell = make_cell(variant, bidirectional=bidirectional)
    reference = module(INPUT, UNITS, bidirectional=bidirectional, **options).double()
    reference.load_state_dict(cell.state_dict())
    assert list(reference.state_dict()) == list(cell.state_dict())


@pytest.mark.parametrize("wanted_by", ["weights", "inputs", "state", "nobody"])
@pytest.mark.parametrize(
    ("variant", "kernel"), [("lstm", "lstm"), ("gru", "gru"), ("elman-tanh", "rnn_tanh"), ("elman-relu", "rnn_relu")]
)
def test_kernels_are_told_whether_a_gradient_is_wanted(variant, kernel, wanted_by, monkeypatch):
    """cuDNN raises in the backward pass otherwise, in eval mode or with frozen weights; the CPU does not care."""
    told, fused = [], getattr(torch, kernel)

    def recording(*arguments):
        # `train` follows the dropout, the only float.
        told.extend(after for before, after in pairwise(arguments) if isinstance(before, float))
        return fused(*arguments)

    monkeypatch.setattr(torch, kernel, recording)
    cell = make_cell(variant).eval().requires_grad_(wanted_by == "weights")
    inputs = torch.randn(BATCH, TIME, INPUT, dtype=torch.float64, requires_grad=wanted_by == "inputs")
    state = tuple(part.requires_grad_(wanted_by == "state") for part in random_state(cell))
    cell.run_fused(inputs, cell.weights(0), state)
    cell.run_packed(inputs, cell.weights(0), state, Steps.of(torch.arange(TIME) < torch.tensor([[TIME], [2]]), 1))
    assert told == [wanted_by != "nobody"] * 2
    with torch.no_grad():
        cell.run_fused(inputs, cell.weights(0), state)
    assert told[-1] is False


def test_a_forget_gate_of_one_keeps_the_cell():
    cell = scalar_cell("lstm", [0.0] * 4, [0.0] * 4, [-50.0, 50.0, 0.0, 50.0])
    outputs, (h, c) = run_scalars(cell, [3.0] * 100, 0.0, 0.7)
    assert c == pytest.approx(0.7, abs=1e-12) and h == pytest.approx(math.tanh(0.7), abs=1e-12)
