"""Truncated back-propagation inside a sequence: values as without it, gradients as those of a loop over chunks."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hf_rnn import BiLstmConfig, BiLstmForSequenceClassification, DanConfig, DanForSequenceClassification
from hf_rnn.models.paths import PATHS
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from hf_rnn.models.truncated_bptt import require_truncation, truncated_backpropagation
from tests.models.common import LAYOUTS, LENGTHS, RECURRENT, batch_of, configure, forced_path, sentences
from tests.models.seq2seq import JOINTS, build_seq2seq


FEATURES, UNITS = 5, 4


def make_layer(variant: str, **options) -> RecurrentLayer:
    torch.manual_seed(0)
    layer = RecurrentLayer(configure(variant, embedding_size=FEATURES, hidden_size=UNITS, **options), 0).double()
    for parameter in layer.parameters():
        parameter.data.normal_(std=0.5)
    return layer.train()


def start_of(layer: RecurrentLayer, batch: int) -> tuple[torch.Tensor, ...]:
    shape = (batch, layer.num_directions, layer.hidden_size)
    return tuple(torch.randn(shape, dtype=torch.float64).requires_grad_() for _ in range(layer.num_states))


def loop(layer: RecurrentLayer, inputs: torch.Tensor, mask: torch.Tensor, start, length: int):
    """The equations, a step and a row at a time; the state is cut free wherever a chunk of positions begins."""
    batch, time, _ = inputs.shape
    outputs = torch.zeros(batch, time, layer.num_directions * layer.hidden_size, dtype=inputs.dtype)
    rows = []
    for direction in range(layer.num_directions):
        weights = layer.cell.weights(direction)
        projected = layer.cell.project(inputs, weights)
        of_direction = []
        for row in range(batch):
            state = tuple(part[row : row + 1, direction] for part in start)
            order = range(time) if direction == 0 else range(time - 1, -1, -1)
            chunk = order[0] // length
            for step in order:
                if step // length != chunk:
                    state, chunk = tuple(part.detach() for part in state), step // length
                if mask[row, step]:
                    state = layer.cell.step(projected[row : row + 1, step], weights, state)
                    first = direction * layer.hidden_size
                    outputs[row, step, first : first + layer.hidden_size] = state[0]
            of_direction.append(state)
        rows.append(tuple(torch.cat(parts) for parts in zip(*of_direction, strict=True)))
    return layer._merge(outputs), tuple(torch.stack(parts, dim=1) for parts in zip(*rows, strict=True))


def gradients(layer: RecurrentLayer, inputs, start, outputs, finals) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    parts = (outputs, *finals)
    loss = sum((part * torch.randn(part.shape, dtype=part.dtype, generator=generator)).sum() for part in parts)
    wanted = {"inputs": inputs, **{f"start {index}": part for index, part in enumerate(start)}}
    wanted |= dict(layer.named_parameters())
    # A start that stands before a chunk of padding alone has no gradient.
    found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(wanted, found, strict=True))


class Elements(TorchDispatchMode):
    """Counts the elements of what every operation makes."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.count += sum(part.numel() for part in tree_leaves(made) if isinstance(part, torch.Tensor))
        return made


def backward_elements(time: int) -> int:
    layer = make_layer("lstm")
    inputs = torch.randn(1, time, FEATURES, dtype=torch.float64, requires_grad=True)
    # The forward pass, too: where operations are counted, a layer takes another path, which the backward pass repeats.
    with truncated_backpropagation(layer, 2), Elements() as elements:
        outputs = layer(inputs, Steps.of(torch.ones(1, time, dtype=torch.bool), 1))[0]
        elements.count = 0
        outputs.sum().backward()
    return elements.count


def test_the_backward_pass_grows_with_the_text_and_not_with_its_square():
    short, longer, longest = map(backward_elements, (100, 200, 400))
    assert (longest - longer) / (longer - short) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("variant", RECURRENT)
@pytest.mark.parametrize("length", [1, 3])
def test_gradients_are_those_of_a_loop_over_chunks(variant, bidirectional, path, length):
    if variant == "bilstm" and not bidirectional:
        pytest.skip("a BiLSTM reads in both directions")
    layer = make_layer(variant, bidirectional=bidirectional)
    for layout in LAYOUTS:
        mask = batch_of(sentences(), layout)[0]["attention_mask"]
        assert mask.shape[1] > length
        inputs = torch.randn(*mask.shape, FEATURES, dtype=torch.float64, requires_grad=True)
        start = start_of(layer, len(LENGTHS))
        by_hand = loop(layer, inputs, mask, start, length)
        wanted = gradients(layer, inputs, start, *by_hand)
        with forced_path(path), truncated_backpropagation(layer, length):
            outputs, _, finals = layer.read(inputs, Steps.of(mask, layer.num_directions), start, True)
        torch.testing.assert_close(outputs, by_hand[0])
        torch.testing.assert_close(finals, by_hand[1])
        for name, value in gradients(layer, inputs, start, outputs, finals).items():
            torch.testing.assert_close(value, wanted[name], msg=f"{name} of {layout}")


def classifier(**options) -> BiLstmForSequenceClassification:
    torch.manual_seed(0)
    config = BiLstmConfig(vocab_size=20, embedding_size=4, hidden_size=3, num_hidden_layers=2, dropout=0.0, **options)
    return BiLstmForSequenceClassification(config).double()


def test_a_cut_behind_the_end_changes_nothing_and_one_inside_does() -> None:
    model, ids = classifier().train(), torch.randint(1, 20, (3, 12))
    found = []
    for steps in (None, 12, 4):
        model.zero_grad()
        with truncated_backpropagation(model, steps):
            output = model(ids, labels=torch.tensor([0, 1, 0]))
        output.loss.backward()
        found.append((output.loss.item(), model.model.layers[0].cell.weight_hh_l0.grad.clone()))
    assert found[0][0] == found[1][0] == pytest.approx(found[2][0], abs=1e-12)
    assert torch.equal(found[0][1], found[1][1])
    assert (found[0][1] - found[2][1]).abs().max() > 1e-6


def test_outside_of_training_gradients_are_whole() -> None:
    model, ids = classifier().eval(), torch.randint(1, 20, (3, 12))
    found = []
    for steps in (None, 4):
        model.zero_grad()
        with truncated_backpropagation(model, steps):
            model(ids, labels=torch.tensor([0, 1, 0])).loss.backward()
        found.append(model.model.layers[0].cell.weight_hh_l0.grad.clone())
    assert torch.equal(*found)
    assert all(layer.bptt_steps is None for layer in model.model.layers)


def kept_numbers(steps: int | None, time: int) -> int:
    """How many numbers a forward pass keeps for the backward pass, without those of the weights."""
    model = classifier().train()
    weights = {parameter.data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if tensor.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes() // 8
        # An address is given again to another tensor once this one is gone.
        alive.append(tensor)
        return tensor

    alive: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        with truncated_backpropagation(model, steps), forced_path("reference"):
            model(torch.randint(1, 20, (1, time)), labels=torch.tensor([1]))
    return sum(kept.values())


def test_far_less_is_kept() -> None:
    whole, cut = kept_numbers(None, 400), kept_numbers(20, 400)
    assert cut < whole / 3


def test_models_without_it_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="`bptt_steps`=5 must be absent for a DanForSequenceClassification"):
        require_truncation(DanForSequenceClassification(DanConfig(vocab_size=9)), 5)
    with pytest.raises(ValueError, match="`bptt_steps`=5 must be absent .* with `weight_dropout`"):
        require_truncation(classifier(weight_dropout=0.5), 5)
    with pytest.raises(ValueError, match="`bptt_steps`=5 must be absent for a GruForSeq2SeqLM"):
        require_truncation(build_seq2seq("gru", next(iter(JOINTS))), 5)
    require_truncation(classifier(), 5)
