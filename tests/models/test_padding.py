"""A text's answer never depends on what it is batched with: any family, pooling, stack and layout of the padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import PreTrainedModel

from hf_rnn.models.paths import PATHS
from tests.models.common import (
    EMBEDDING_SIZE,
    LAYOUTS,
    LENGTHS,
    POOLINGS,
    RECURRENT,
    VARIANTS,
    alone,
    assert_close,
    batch_of,
    build,
    forced_path,
    sentences,
    shapes_of_stacks,
)


LABELS = torch.tensor([0, 1, 2, 1, 0, 2])
# A Dan has no last state.
POOLED = [(variant, pooling) for variant in VARIANTS for pooling in POOLINGS if (variant, pooling) != ("dan", "last")]
CASES = [
    pytest.param(variant, pooling, stack, id=f"{variant}-{pooling}-{'-'.join(map(str, stack.values()))}")
    for variant, pooling in POOLED
    for stack in shapes_of_stacks(variant)
]


def gradient(model: PreTrainedModel, *losses: torch.Tensor) -> torch.Tensor:
    """Differentiate the sum of the losses by every parameter: one vector, zero where a parameter took no part."""
    wanted = torch.autograd.grad(sum(losses), list(model.parameters()), allow_unused=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in wanted])


def summed_loss(model: PreTrainedModel, batch: dict[str, torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
    return model(**batch, labels=labels, num_items_in_batch=1).loss


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(("variant", "pooling", "stack"), CASES)
def test_alone_equals_in_a_batch(variant, pooling, stack, dtype):
    model = build(variant, pooling=pooling, **stack).to(dtype)
    texts = sentences()
    expected = [model(**alone(text)).logits for text in texts]
    single_losses = [summed_loss(model, alone(text), label.view(1)) for text, label in zip(texts, LABELS, strict=True)]
    expected_gradient = gradient(model, *single_losses)
    assert all(torch.isfinite(logits).all() for logits in expected)
    for layout in LAYOUTS:
        batch, _ = batch_of(texts, layout)
        assert_close(model(**batch).logits, torch.cat(expected), f"logits, {layout}")
        actual = gradient(model, summed_loss(model, batch, LABELS))
        assert_close(actual, expected_gradient, f"gradient, {layout}")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(
    ("variant", "stack"), [(variant, stack) for variant in VARIANTS for stack in shapes_of_stacks(variant)]
)
def test_steps_and_state_alone_equal_in_a_batch(variant, stack, dtype):
    model = build(variant, head=False, **stack).to(dtype)
    texts = sentences()
    singles = [model(**alone(text), use_cache=True, output_hidden_states=True) for text in texts]
    for layout in LAYOUTS:
        batch, places = batch_of(texts, layout)
        outputs = model(**batch, use_cache=True, output_hidden_states=True)
        padding = batch["attention_mask"] == 0
        for states in outputs.hidden_states:
            assert torch.equal(states[padding], torch.zeros_like(states[padding]))
        assert torch.equal(outputs.last_hidden_state, outputs.hidden_states[-1])
        for row, (single, place) in enumerate(zip(singles, places, strict=True)):
            for actual, wanted in zip(outputs.hidden_states, single.hidden_states, strict=True):
                assert_close(actual[row, place], wanted[0, : len(place)], f"steps, {layout}")
            if variant != "dan":
                assert_same_state(outputs.cache.states, single.cache.states, row, layout)


def assert_same_state(states, single_states, row: int, layout: str) -> None:
    for layer, single_layer in zip(states, single_states, strict=True):
        for part, single_part in zip(layer, single_layer, strict=True):
            assert_close(part[row], single_part[0], f"state, {layout}")


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_ids_stand_for_the_mask(variant):
    model = build(variant)
    batch, _ = batch_of(sentences(), "holes")
    batch["input_ids"][batch["attention_mask"] == 0] = model.config.pad_token_id
    assert torch.equal(model(batch["input_ids"]).logits, model(**batch).logits)
    bare = build(variant, pad_token_id=None)
    assert torch.equal(
        bare(batch["input_ids"]).logits, bare(batch["input_ids"], torch.ones_like(batch["input_ids"])).logits
    )
    assert not torch.allclose(bare(batch["input_ids"]).logits, bare(**batch).logits)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize(("variant", "pooling"), POOLED)
def test_garbage_at_the_padding_of_inputs_embeds_changes_nothing(variant, pooling, garbage, path):
    model = build(variant, pooling=pooling, vocab_size=None)
    for layout in LAYOUTS:
        mask = batch_of(sentences(), layout)[0]["attention_mask"]
        clean = torch.randn(*mask.shape, EMBEDDING_SIZE, dtype=torch.float64)
        dirty = clean.masked_fill(mask.unsqueeze(2) == 0, garbage)
        results = []
        for features in (clean.requires_grad_(), dirty.requires_grad_()):
            with forced_path(path):
                loss = summed_loss(model, {"inputs_embeds": features, "attention_mask": mask}, LABELS)
            (by_input,) = torch.autograd.grad(loss, features, retain_graph=True)
            results.append((loss, by_input, gradient(model, loss)))
        for wanted, actual in zip(*results, strict=True):
            assert torch.equal(actual, wanted)
        assert not results[1][1][mask == 0].any()


@pytest.mark.parametrize(("variant", "pooling"), POOLED)
@pytest.mark.parametrize("width", [0, 1, 3])
def test_a_batch_of_empty_texts_has_one_finite_answer(variant, pooling, width):
    model = build(variant, pooling=pooling)
    empty = torch.zeros(2, width, dtype=torch.long)
    outputs = model(empty, labels=torch.tensor([0, 1]), use_cache=True)
    assert torch.isfinite(outputs.logits).all()
    assert_close(outputs.logits, model(**alone(sentences([0])[0])).logits.expand(2, -1))
    assert torch.isfinite(gradient(model, outputs.loss)).all()
    if variant != "dan":
        assert not any(part.any() for layer in outputs.cache.states for part in layer)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("variant", "module"), [("lstm", nn.LSTM), ("gru", nn.GRU), ("elman-tanh", nn.RNN)])
def test_torch_with_packing_gives_the_same(variant, module, bidirectional):
    model = build(variant, head=False, bidirectional=bidirectional, num_hidden_layers=2)
    reference = module(EMBEDDING_SIZE, 4, num_layers=2, batch_first=True, bidirectional=bidirectional).double()
    reference.load_state_dict(
        {
            name.replace("_l0", f"_l{index}"): weight
            for index, layer in enumerate(model.layers)
            for name, weight in layer.cell.state_dict().items()
        }
    )
    # Packing does not take empty texts.
    texts = sentences([length for length in LENGTHS if length > 0])
    batch, _ = batch_of(texts, "right")
    embedded = model.get_input_embeddings()(batch["input_ids"])
    lengths = batch["attention_mask"].sum(1)
    packed, final = reference(pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False))
    wanted, _ = pad_packed_sequence(packed, batch_first=True)

    outputs = model(**batch, use_cache=True)
    assert_close(outputs.last_hidden_state, wanted)
    state = outputs.cache
    wanted_h, wanted_c = final if variant == "lstm" else (final, None)
    assert_close(torch.cat(state.h_n), wanted_h)
    if wanted_c is None:
        assert state.c_n is None
    else:
        assert_close(torch.cat(state.c_n), wanted_c)
    directions = 2 if bidirectional else 1
    assert_close(outputs.pooler_output, wanted_h[-directions:].transpose(0, 1).flatten(1))


@pytest.mark.parametrize("variant", RECURRENT)
def test_every_step_reads_only_its_own_side(variant):
    """A one-directional output ignores what follows; the backward half of a bidirectional one what precedes."""
    model = build(variant, head=False, bidirectional=True)
    (text,) = sentences([6])
    changed = text.clone()
    changed[3] = text[3] % 12 + 1
    before, after = (model(ids.unsqueeze(0)).last_hidden_state[0] for ids in (text, changed))
    forward_differs, backward_differs = ((before - after).abs() > 1e-9).unflatten(1, (2, 4)).any(2).T.tolist()
    assert forward_differs == [False, False, False, True, True, True]
    assert backward_differs == [True, True, True, True, False, False]
