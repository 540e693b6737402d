"""minGRU and minLSTM: their scan beside the plain loop, in numpy, far from zero, and what they start from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hf_rnn import LstmConfig, MinGruConfig, MinGruModel, MinLstmConfig, MinLstmModel, RecurrentCache
from hf_rnn.models.cells import CELLS
from hf_rnn.models.paths import PATHS, choose_path, compiled_layer
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.scan import linear_scan
from hf_rnn.models.steps import Steps
from tests.models.common import assert_close, configure, forced_path


FAMILIES = ["min_gru", "min_lstm"]
FAST = [path for path in PATHS if path != "reference"]
FEATURES, UNITS, TIME = 9, 17, 23
LENGTHS = torch.tensor([11, 0, 23, 1, 7])
MASKS = {
    "full": torch.ones(len(LENGTHS), TIME, dtype=torch.bool),
    "right": torch.arange(TIME) < LENGTHS.unsqueeze(1),
    "left": (torch.arange(TIME) < LENGTHS.unsqueeze(1)).flip(1),
    "holes": torch.rand(len(LENGTHS), TIME, generator=torch.Generator().manual_seed(1)) < 0.5,
}


def make_layer(family: str, **options) -> RecurrentLayer:
    torch.manual_seed(0)
    layer = RecurrentLayer(configure(family, embedding_size=FEATURES, hidden_size=UNITS, **options), 0).double()
    for parameter in layer.parameters():
        parameter.data.normal_(std=0.7)
    return layer


def everything(layer: RecurrentLayer, inputs: torch.Tensor, mask: torch.Tensor, state: torch.Tensor) -> list:
    """Outputs, final state, and the gradients of the inputs, the initial state and the parameters."""
    inputs, state = inputs.clone().requires_grad_(), state.clone().requires_grad_()
    outputs, _, (final,) = layer.read(inputs, Steps.of(mask, layer.num_directions), (state,), True)
    weighting = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    loss = (outputs * weighting).sum() + final.square().sum()
    return [outputs, final, *torch.autograd.grad(loss, [inputs, state, *layer.parameters()])]


@pytest.mark.parametrize("activation", ["linear", "tanh"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("path", FAST)
@pytest.mark.parametrize("layout", MASKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_path_is_the_plain_loop_to_1e_12(family, layout, path, bidirectional, activation):
    layer = make_layer(family, bidirectional=bidirectional, activation=activation)
    inputs = torch.randn(len(LENGTHS), TIME, FEATURES, dtype=torch.float64)
    state = torch.randn(len(LENGTHS), layer.num_directions, UNITS, dtype=torch.float64)
    with forced_path("reference"):
        expected = everything(layer, inputs, MASKS[layout], state)
    with forced_path(path):
        found = everything(layer, inputs, MASKS[layout], state)
    for actual, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(actual, wanted, rtol=1e-12, atol=1e-12)


def by_numpy(layer: RecurrentLayer, inputs: np.ndarray, state: np.ndarray) -> np.ndarray:
    """The paper's equations for one sequence (time, features) read forward, in double precision."""
    w_x, bias = (weight.detach().double().numpy() for weight in layer.cell.weights(0))
    outputs = []
    for x in inputs.astype(np.float64):
        *gates, candidate = np.split(w_x @ x + bias, layer.cell.num_gates)
        gates = [1 / (1 + np.exp(-gate)) for gate in gates]
        share = gates[0] if len(gates) == 1 else gates[0] / (gates[0] + gates[1])
        state = (1 - share) * state + share * candidate
        outputs.append(state)
    return np.stack(outputs)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("family", FAMILIES)
def test_single_precision_stays_within_1e_5_over_512_steps(family, path):
    layer = make_layer(family).float()
    inputs, state = torch.randn(2, 512, FEATURES), torch.randn(2, 1, UNITS)
    with torch.no_grad(), forced_path(path):
        outputs, *_ = layer.read(inputs, Steps.of(torch.ones(2, 512), 1), (state,))
    for row in range(2):
        wanted = by_numpy(layer, inputs[row].numpy(), state[row, 0].numpy())
        assert np.abs(outputs[row].numpy() - wanted).max() < 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("time", [1, 2, 3, 4, 5, 7, 8, 12, 33])
def test_the_scan_is_the_loop_for_every_number_of_steps(time):
    kept, added = torch.rand(2, time, 3, dtype=torch.float64), torch.randn(2, time, 3, dtype=torch.float64)
    state = initial = torch.randn(2, 3, dtype=torch.float64)
    found = linear_scan(kept, added, initial)
    assert found.shape == (2, time, 3)
    for step in range(time):
        state = kept[:, step] * state + added[:, step]
        torch.testing.assert_close(found[:, step], state, rtol=1e-13, atol=1e-13)


def test_the_scan_has_first_and_second_derivatives():
    given = [torch.rand(2, 5, 3, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 3)]
    given = [tensor.double().requires_grad_() for tensor in given]
    assert torch.autograd.gradcheck(linear_scan, given)
    assert torch.autograd.gradgradcheck(linear_scan, given)


def test_a_scan_that_forgets_at_once_divides_by_nothing():
    kept = torch.rand(1, 9, 2, dtype=torch.float64)
    kept[:, ::2] = 0
    added = torch.ones(1, 9, 2, dtype=torch.float64)
    found = linear_scan(kept, added, torch.full((1, 2), 1e300, dtype=torch.float64))
    assert torch.equal(found[:, ::2], added[:, ::2]) and torch.isfinite(found).all()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_gates_that_are_shut_still_share_the_state(dtype, path):
    """i / (f + i) with both gates 0 in floating point: its limit is σ(p_i − p_f)."""
    config = configure("min_lstm", embedding_size=1, hidden_size=1)
    cell = CELLS["min_lstm"](config, 1, 1).to(dtype)
    layer = RecurrentLayer(config, 0)
    layer.cell = cell
    shut = 800.0
    for p_i, p_f in ((-shut, -shut), (-shut, -shut - 1), (-2 * shut, -shut), (shut, -shut), (-shut, shut)):
        with torch.no_grad():
            cell.weight_ih_l0.zero_()
            cell.bias_ih_l0.copy_(torch.tensor([p_i, p_f, 3.0]))
        inputs = torch.zeros(1, 2, 1, dtype=dtype)
        with forced_path(path):
            outputs, *_ = layer.read(inputs, Steps.of(torch.ones(1, 2), 1))
            (grad,) = torch.autograd.grad(outputs[:, -1].sum(), cell.bias_ih_l0)
        share = 1 / (1 + np.exp(np.clip(p_f - p_i, -700, 700)))
        wanted = 3 * (1 - (1 - share) ** 2)
        assert outputs[0, -1, 0].item() == pytest.approx(wanted, rel=1e-6, abs=1e-6)
        # Of 3 (1 − (1 − u)²) by p_i: 6 (1 − u) u' with u' = u (1 − u) (1 − i), and i is 0 or 1.
        slope = 6 * (1 - share) * share * (1 - share)
        assert grad.tolist() == pytest.approx([slope, -slope, 1 - (1 - share) ** 2], rel=1e-5, abs=1e-6)


def test_which_path_computes_them():
    inputs = torch.zeros(2, 3, 4)
    fastest = "fused" if compiled_layer() is None else "compiled"
    assert [choose_path(make_layer(family).cell.kernel, inputs) for family in FAMILIES] == [fastest] * 2
    assert choose_path(make_layer("min_gru", activation="tanh").cell.kernel, inputs) == "fused"


def first_biases(config, family) -> list[list[float]]:
    cell = family(config).layers[0].cell
    return [gate.tolist() for gate in cell.bias_ih_l0.chunk(cell.num_gates)]


@pytest.mark.parametrize(
    ("config", "family", "signs"), [(MinGruConfig, MinGruModel, [-1, 0]), (MinLstmConfig, MinLstmModel, [-1, 1, 0])]
)
def test_a_unit_starts_by_keeping_the_share_that_gate_bias_says(config, family, signs):
    assert config().gate_bias == LstmConfig().gate_bias == 1.0
    for bias in (1.0, -2.5, 3.0):
        small = {"vocab_size": 9, "embedding_size": 3, "hidden_size": 4, "gate_bias": bias}
        assert first_biases(config(**small), family) == [[sign * bias] * 4 for sign in signs]
        model = family(config(**small)).double().eval()
        with torch.no_grad():
            for cell in (layer.cell for layer in model.layers):
                cell.weight_ih_l0.zero_()
        start = RecurrentCache([(torch.full((1, 1, 4), 0.7, dtype=torch.float64),)])
        end = model(torch.tensor([[1, 5, 7]]), cache=start, use_cache=True).cache
        kept = 1 / (1 + np.exp(-bias))
        assert_close(end.states[0][0], torch.full((1, 1, 4), 0.7 * kept**3, dtype=torch.float64))


@pytest.mark.parametrize(("config", "family"), [(MinGruConfig, MinGruModel), (MinLstmConfig, MinLstmModel)])
def test_chrono_biases_remember_for_the_steps_that_they_name(config, family):
    torch.manual_seed(0)
    given = config(vocab_size=9, embedding_size=3, hidden_size=300, chrono_time_scales=[2, 50])
    new, *others = (np.array(gate) for gate in first_biases(given, family))
    kept = 1 / (1 + np.exp(new))
    scales = 1 / (1 - kept)
    assert 2 <= scales.min() + 1e-4 < 3 and 49 < scales.max() <= 50.01
    assert len(others) == 1 or np.array_equal(others[0], -new)
    assert not others[-1].any(), "the candidate has none"
