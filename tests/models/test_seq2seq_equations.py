"""Encoder, bridge, attention and decoder equal a computation by hand, and so do their gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from hf_rnn.models import attention
from tests.models.common import assert_close
from tests.models.seq2seq import JOINTS, SOURCE_TOKENS, TARGET_TOKENS, WAYS, build_seq2seq, by_hand, tokens


(SOURCE,), (TARGET,) = tokens([5], SOURCE_TOKENS), tokens([4], TARGET_TOKENS, seed=2)
LABELS = torch.tensor([[3, 12, 7, 2]])
COPIED = {"encoder": {"hidden_sizes": [2, 3]}, "decoder": {"hidden_sizes": [4, 6]}, "bridge": "copy"}
BAG = {"model_type": "dan", "bidirectional": False}
# What else the equations depend on: bridges, numbers of layers, widths, other families and tables.
OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "no bridge": ("additive-context", {"bridge": "none"}),
    "copied states": ("general-attended", COPIED),
    "deeper encoder": ("general-attended", {"encoder": {"num_hidden_layers": 3}}),
    "deeper decoder": ("vector", {"encoder": {"num_hidden_layers": 1}, "decoder": {"hidden_sizes": [3, 5, 6]}}),
    "one layer": ("dot-None", {"encoder": {"num_hidden_layers": 1}, "decoder": {"num_hidden_layers": 1}}),
    "wide readout": ("general-attended", {"readout_size": 9}),
    "readout of a vector": ("vector", {"readout_size": 9}),
    "wide comparison": ("additive-None", {"attention_size": 7}),
    "tied": ("additive-attended", {"tie_word_embeddings": True}),
    "shared": (
        "dot-attended",
        {"share_embeddings": True, "encoder": {"vocab_size": TARGET_TOKENS, "embedding_size": 4}},
    ),
    "encoder of a GRU": ("general-context", {"encoder": {"model_type": "gru"}}),
    "bag of words": ("vector", {"encoder": {**BAG, "num_hidden_layers": 0}}),
    "bag with attention": ("general-attended", {"encoder": {**BAG, "hidden_sizes": [7, 3]}}),
    "context of a bag": ("additive-context", {"encoder": {**BAG, "num_hidden_layers": 0}, "bridge": "none"}),
    "decoder of a GRU": ("general-context", {"decoder": {"model_type": "gru"}}),
}
MORE_OF_GRU = ("no bridge", "copied states", "tied", "bag of words", "bag with attention")
CASES = [
    *(pytest.param(family, joint, {}, id=f"{family}-{joint}") for family in ("lstm", "gru") for joint in JOINTS),
    *(pytest.param("lstm", joint, options, id=f"lstm-{name}") for name, (joint, options) in OPTIONS.items()),
    *(pytest.param("gru", *OPTIONS[name], id=f"gru-{name}") for name in MORE_OF_GRU),
]


def read(model, **options):
    return model(SOURCE.unsqueeze(0), decoder_input_ids=TARGET.unsqueeze(0), **options)


@pytest.mark.parametrize(("family", "joint", "options"), CASES)
def test_scores_weights_and_gradients_are_those_of_the_equations(family, joint, options):
    model = build_seq2seq(family, joint, **options)
    outputs = read(model, labels=LABELS, output_attentions=True)
    expected = by_hand(model, SOURCE, TARGET)
    assert_close(outputs.logits[0], expected.logits)
    backbone = model.model(SOURCE.unsqueeze(0), decoder_input_ids=TARGET.unsqueeze(0))
    assert_close(backbone.last_hidden_state[0], expected.attended)
    if expected.weights is None:
        assert outputs.cross_attentions is None
    else:
        (weights,) = outputs.cross_attentions
        assert_close(weights[0, 0], expected.weights)
    loss = functional.cross_entropy(expected.logits, LABELS[0])
    assert_close(outputs.loss, loss)
    parameters = dict(model.named_parameters())
    found, wanted = (
        torch.autograd.grad(each, list(parameters.values()), allow_unused=True, materialize_grads=True)
        for each in (outputs.loss, loss)
    )
    for name, one, other in zip(parameters, found, wanted, strict=True):
        assert_close(one, other, name)


@pytest.mark.parametrize("joint", WAYS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_gradients_are_those_of_finite_differences(family, joint):
    small = {"num_hidden_layers": 1}
    model = build_seq2seq(family, joint, encoder=small, decoder=small)
    table = model.model.encoder.network.get_input_embeddings().weight.detach()
    written = model.get_input_embeddings().weight.detach()

    def scores(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return model(inputs_embeds=source, decoder_inputs_embeds=target).logits

    inputs = (each.unsqueeze(0).clone().requires_grad_() for each in (table[SOURCE[:3]], written[TARGET[:2]]))
    assert torch.autograd.gradcheck(scores, tuple(inputs))


@pytest.mark.parametrize("joint", JOINTS)
def test_a_target_read_in_parts_equals_the_whole(joint):
    model = build_seq2seq("lstm", joint)
    whole = read(model, use_cache=True)
    source, first = SOURCE.unsqueeze(0), None
    parts = []
    for part in TARGET.unsqueeze(0).split([1, 2, 1], dim=1):
        found = model(source, decoder_input_ids=part, cache=first, use_cache=True)
        parts.append(found.logits)
        first = found.cache
    assert_close(torch.cat(parts, 1), whole.logits)
    assert first.get_seq_length() == whole.cache.get_seq_length() == len(TARGET)
    for layer, other in zip(first.states, whole.cache.states, strict=True):
        for part, wanted in zip(layer, other, strict=True):
            assert_close(part, wanted)


def test_many_steps_are_compared_in_blocks(monkeypatch):
    model = build_seq2seq("gru", "additive-None")
    expected = read(model).logits
    blocks = []
    layer = model.model.decoder.attention.weight
    layer.register_forward_pre_hook(lambda _, inputs: blocks.append(inputs[0].shape[1]))
    monkeypatch.setattr(attention, "NUMBERS_AT_ONCE", 3 * len(SOURCE) * model.config.compared_size)
    assert_close(read(model).logits, expected)
    assert blocks == [3, 1]


def test_the_states_of_all_layers():
    for joint in WAYS:
        model = build_seq2seq("lstm", joint)
        outputs = read(model, output_hidden_states=True)
        assert [tuple(state.shape) for state in outputs.encoder_hidden_states] == [(1, 5, 5), (1, 5, 6), (1, 5, 6)]
        assert [tuple(state.shape) for state in outputs.decoder_hidden_states] == [(1, 4, 4), (1, 4, 6), (1, 4, 6)]
        assert_close(outputs.encoder_hidden_states[-1], outputs.encoder_last_hidden_state)
        assert_close(outputs.decoder_hidden_states[0][0], model.get_input_embeddings().weight[TARGET])
