"""No host waits for a GPU: what a step computes depends on no value that the host would have to be told."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.models import linear_cross_entropy, looks
from hf_rnn.models.looks import may_look, require
from hf_rnn.models.paths import recurrent_path
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from tests.fixtures.every_model import CASES, loss_of, scores_of, to
from tests.fixtures.looking import Looks
from tests.models.common import LENGTHS, assert_close, configure


ON_DEVICE = [name for name, case in CASES.items() if case.looks is None]


@pytest.fixture
def afar(monkeypatch):
    """Have the models compute on the CPU as they do on a GPU."""

    def call() -> None:
        monkeypatch.setattr(looks, "_at_hand", lambda values: False)
        monkeypatch.setattr(looks, "_checked_by_the_device", lambda values: True)

    return call


def step(name: str) -> dict[str, torch.Tensor]:
    """The loss and every gradient of one training step, and the scores of one inference."""
    torch.manual_seed(3)
    model = CASES[name].make()
    inputs = to(CASES[name].inputs(), "cpu", model.dtype)
    with torch.no_grad():
        found = {"scores": scores_of(model.eval()(**inputs))}
    torch.manual_seed(4)
    loss = loss_of(model.train()(**inputs))
    loss.backward()
    torch.optim.SGD(model.parameters(), 0.1).step()
    found["loss"] = loss.detach()
    return found | {key: weight.grad for key, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("name", ON_DEVICE)
def test_a_step_looks_at_nothing_and_computes_the_same(name, afar):
    expected = step(name)
    afar()
    with Looks() as watched:
        found = step(name)
    assert watched.seen == []
    assert found.keys() == expected.keys()
    real = to(CASES[name].inputs(), "cpu").get("attention_mask")
    for key, value in expected.items():
        assert value.isfinite().all(), key
        if key == "scores" and real is not None and value.shape[:2] == real.shape:
            found[key], value = (each[real.bool()] for each in (found[key], value))
        assert_close(found[key], value, f"{name}, {key}")


@pytest.mark.parametrize("name", ON_DEVICE)
def test_a_step_copies_nothing_between_devices(name):
    model = CASES[name].make().to("meta")
    inputs = to(CASES[name].inputs(), "meta", model.dtype)
    with Looks() as watched:
        with torch.no_grad():
            model.eval()(**inputs)
        loss_of(model.train()(**inputs)).backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
    assert watched.seen == []


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.looks is not None])
def test_what_has_to_look_is_known(name, afar):
    """Where a row of the table is no longer needed, it goes."""
    expected = step(name)
    afar()
    with Looks() as watched:
        found = step(name)
    assert watched.seen or "packed" in CASES[name].looks
    for key, value in expected.items():
        if key != "scores":
            assert_close(found[key], value, f"{name}, {key}")


def test_the_lengths_of_a_packed_batch_are_asked_for_once(afar, monkeypatch):
    afar()
    asked = []
    original = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self, *rest: asked.append(self) or original(self, *rest))
    with recurrent_path("fused"):
        step("lstm-additive-context")
    # For the encoder of the inference, and for that of the training, of two layers and directions each.
    assert [one.tolist() for one in asked].count([max(1, length) for length in LENGTHS]) == 2


def test_what_is_watched_for():
    values, mask = torch.arange(3.0), torch.tensor([True, False, True])
    with Looks() as watched:
        bool(mask.all())
        values[mask]
        values[mask] = 1
        mask.nonzero()
        torch.equal(values, values)
        values.sum().item()
        values[torch.tensor([0, 2])].sum()
    assert watched.seen == [
        "_local_scalar_dense", "index", "index_put_", "nonzero", "equal", "_local_scalar_dense"
    ]  # fmt: skip
    with Looks() as watched:
        torch.zeros(2).to("meta")
    assert len(watched.seen) == 1


def test_what_must_hold_is_left_to_the_device(afar):
    right = torch.tensor([True, False])
    with pytest.raises(ValueError, match="it is 3"):
        require(right, "it must be 2", lambda: "it is 3")
    with pytest.raises(ValueError, match="it must be 2"):
        require(right, "it must be 2")
    require(right.to("meta"), "it must be 2")
    assert may_look(right) and not may_look(right.to("meta"))
    afar()
    with Looks() as watched, pytest.raises(RuntimeError, match="it must be 2"):
        require(right, "it must be 2", lambda: pytest.fail("looked"))
    assert watched.seen == []


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("plain", [True, False], ids=["plain", "hooked"])
def test_the_loss_of_a_large_vocabulary(afar, monkeypatch, plain, smoothing):
    monkeypatch.setattr(linear_cross_entropy, "SCORES_AT_ONCE", 3 * 13)  # blocks of three steps
    layer = torch.nn.Linear(4, 13).double()
    if not plain:
        layer.register_forward_hook(lambda module, given, found: found)
    targets = torch.tensor([3, -100, 12, 0, -100, -100, 5, 1])

    def found() -> list[torch.Tensor]:
        features = torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
        loss = linear_cross_entropy.linear_cross_entropy(features, targets, layer, smoothing)
        return [loss.detach(), *torch.autograd.grad(loss, [features, *layer.parameters()])]

    expected = found()
    afar()
    with Looks() as watched:
        actual = found()
    assert watched.seen == []
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other)


def test_one_step_with_its_state_needs_no_packing(afar):
    """A token of a generation, for sequences of which some have ended."""
    torch.manual_seed(0)
    layer = RecurrentLayer(configure("lstm"), 0).double()
    for parameter in layer.parameters():
        parameter.data.normal_()
    inputs, mask = torch.randn(3, 1, 5, dtype=torch.float64), torch.tensor([[1], [0], [1]])
    state = tuple(torch.randn(3, 1, 4, dtype=torch.float64) for _ in range(2))
    with recurrent_path("reference"):
        expected = layer.read(inputs, Steps.of(mask, 1), state, True)
    afar()
    with Looks() as watched, recurrent_path("fused"):
        found = layer.read(inputs, Steps.of(mask, 1), state, True)
    assert watched.seen == [] and layer.num_states == len(found[2])
    for one, other in zip([*found[:2], *found[2]], [*expected[:2], *expected[2]], strict=True):
        assert_close(one, other)
    # On the CPU lengths are where packing takes them from; here there are none to be had.
    layer.to("meta").read(inputs.to("meta"), Steps.of(mask.to("meta"), 1), tuple(h.to("meta") for h in state), True)
