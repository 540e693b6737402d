"""Memory that is used again, and by whom it is held until then."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.kernels import workspace as module
from hf_rnn.kernels.workspace import workspace
from hf_rnn.models.paths import recurrent_path
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from tests.models.common import assert_close, batch_of, build, configure, forced_path, sentences


@pytest.fixture
def free(monkeypatch):
    """The pieces that nobody uses; none to begin with."""
    monkeypatch.setattr(module, "_free", [])
    return module._free


def test_a_piece_is_free_when_its_last_view_is_gone(free):
    tensor = workspace((3, 4), torch.float64)
    assert tensor.shape == (3, 4) and tensor.dtype == torch.float64
    view = tensor[1:, 2:]
    address = tensor.data_ptr()
    del tensor
    assert free == []
    del view
    assert [piece.data_ptr() for piece in free] == [address]
    assert workspace((24,), torch.float32).data_ptr() == address
    assert len(free) == 1


def test_the_smallest_piece_that_is_enough_is_taken(free):
    addresses = {}
    made = [workspace((size,), torch.float32) for size in (300, 100, 200)]
    for tensor in made:
        addresses[len(tensor)] = tensor.data_ptr()
    del tensor
    made.clear()
    assert workspace((101,), torch.float32).data_ptr() == addresses[200]
    assert workspace((200,), torch.float32).data_ptr() == addresses[200]
    assert workspace((50,), torch.float64).data_ptr() == addresses[100]


def test_where_all_are_too_small_a_larger_one_takes_the_smallest_ones_place(free):
    for sizes in ((10, 20), (30, 40), (5, 50)):
        made = [workspace((size,), torch.float64) for size in sizes]
        made.clear()
    assert sorted(len(piece) // 8 for piece in free) == [30, 50]


@pytest.mark.parametrize(("variant", "pieces"), [("lstm", 2), ("gru", 1)])
def test_a_layer_gives_its_memory_back_with_the_backward_pass(free, variant, pieces):
    layer = RecurrentLayer(configure(variant), 0)
    inputs = torch.randn(2, 3, 5)
    with forced_path("compiled"), torch.no_grad():
        layer.read(inputs, Steps.of(torch.ones(2, 3), 1))
    assert len(free) == 0, "nothing is kept where there is no backward pass"
    with recurrent_path("compiled"):
        outputs = layer.read(inputs, Steps.of(torch.ones(2, 3), 1))[0]
    loss = outputs.sum()
    assert len(free) == 0
    loss.backward(retain_graph=True)
    assert len(free) == 0
    loss.backward()
    assert len(free) == pieces


@pytest.mark.parametrize("variant", ["bilstm", "gru"])
def test_checkpointing_keeps_no_layers_memory_and_changes_no_gradient(free, variant):
    model = build(variant, hidden_sizes=[4, 3, 2]).train()
    batch, _ = batch_of(sentences(), "right")

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        with forced_path("compiled"):
            loss = model(**batch).logits.square().sum()
        given_back.append(len(free))
        loss.backward()
        return [parameter.grad for parameter in model.parameters()]

    given_back: list[int] = []
    expected = gradients()
    free.clear()
    model.activation_checkpointing_enable()
    for actual, wanted in zip(gradients(), expected, strict=True):
        assert_close(actual, wanted)
    # The gates, the cells of an LSTM, and the outputs of the last layer, which were pooled.
    assert given_back == [0, 3 if variant == "bilstm" else 2]


def test_a_batch_of_empty_texts_needs_none(free):
    empty = workspace((2, 0, 4), torch.float64)
    assert empty.shape == (2, 0, 4) and empty.dtype == torch.float64
    del empty
    assert free == []
