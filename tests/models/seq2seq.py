"""Tiny encoder-decoders, and their equations written out with plain tensor operations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedModel

import hf_rnn  # noqa: F401  (registers the families)
from tests.models.common import perturbed


SOURCE_TOKENS, TARGET_TOKENS = 11, 13
START = 1
# What joins encoder and decoder, by a name: every attention with every feeding, and what there is without attention.
JOINTS: dict[str, dict[str, object]] = {
    **{
        f"{attention}-{feeding}": {"attention": attention, "input_feeding": feeding}
        for attention in ("additive", "dot", "general")
        for feeding in (None, "attended", "context")
    },
    "vector": {"attention": None},
    "vector-each-step": {"attention": None, "context_at_each_step": True},
}
# One of each way in which a decoder is computed.
WAYS = ("general-None", "dot-attended", "additive-context", "vector-each-step")


def configure_seq2seq(family: str = "lstm", joint: str = "general-None", **options):
    """A configuration; `encoder` and `decoder` add to what the parts have."""
    of_encoder, of_decoder = (dict(options.pop(name, {})) for name in ("encoder", "decoder"))
    encoder = {"model_type": family, "vocab_size": SOURCE_TOKENS, "embedding_size": 5, "hidden_size": 3}
    encoder |= {"num_hidden_layers": 2, "bidirectional": True}
    decoder = {"model_type": family, "vocab_size": TARGET_TOKENS, "embedding_size": 4, "hidden_size": 6}
    decoder |= {"num_hidden_layers": 2}
    values = {"decoder_start_token_id": START, **JOINTS[joint], **options}
    return AutoConfig.for_model(
        f"{family}-encoder-decoder", encoder=encoder | of_encoder, decoder=decoder | of_decoder, **values
    )


def build_seq2seq(family: str = "lstm", joint: str = "general-None", seed: int = 0, **options) -> PreTrainedModel:
    """Build a float64 model with weights so large that what it writes depends on what it has read."""
    model = perturbed(AutoModelForSeq2SeqLM, configure_seq2seq(family, joint, **options), seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter *= 2
    return model


def tokens(lengths: list[int], number: int, seed: int = 1) -> list[torch.Tensor]:
    """Ids (time) for each of the lengths, none of them the padding."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, number, (length,), generator=generator) for length in lengths]


def lstm_step(x, state, w_x, w_h, b_x, b_h):
    """Hochreiter & Schmidhuber 1997 with a forget gate: i, f, o = σ(…), c' = f c + i tanh(…), h' = o tanh(c')."""
    h, c = state
    i, f, g, o = (w_x @ x + b_x + w_h @ h + b_h).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, state, w_x, w_h, b_x, b_h):
    """Cho et al. 2014, with the reset gate behind the product: h' = (1 − z) n + z h."""
    (h,) = state
    (r, z, n), (r_h, z_h, n_h) = (w_x @ x + b_x).chunk(3), (w_h @ h + b_h).chunk(3)
    z = (z + z_h).sigmoid()
    n = (n + (r + r_h).sigmoid() * n_h).tanh()
    return ((1 - z) * n + z * h,)


STEPS = {"lstm": (lstm_step, 2), "gru": (gru_step, 1)}


def layer_step(layer, x: torch.Tensor, state, suffix: str = ""):
    """One step of a layer of a model, with the weights that it has under torch's names."""
    step, _ = STEPS[layer.cell.kernel]
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return step(x, state, *(getattr(layer.cell, name + suffix) for name in names))


def read_by_hand(encoder, source: torch.Tensor):
    """The states h_j of an encoder of two directions, a list, and each layer's final state, its parts [→; ←]; of one
    without a recurrence the embeddings and, in place of a state, their mean behind its dense layers.
    """
    steps = list(encoder.network.embeddings.word_embeddings.weight[source])
    finals = []
    if encoder.network.config.cell == "none":
        vector = sum(steps) / len(steps)
        for layer in encoder.network.dense:
            if isinstance(layer, torch.nn.Linear):
                vector = (layer.weight @ vector + layer.bias).clamp(min=0)
        return steps, [[vector]]
    for layer in encoder.network.layers:
        parts = STEPS[layer.cell.kernel][1]
        directions, ends = [], []
        for suffix, order in (("", range(len(steps))), ("_reverse", reversed(range(len(steps))))):
            state = tuple(torch.zeros(layer.hidden_size, dtype=torch.float64) for _ in range(parts))
            outputs = {}
            for j in order:
                state = layer_step(layer, steps[j], state, suffix)
                outputs[j] = state[0]
            directions.append(outputs)
            ends.append(state)
        steps = [torch.cat([directions[0][j], directions[1][j]]) for j in range(len(steps))]
        finals.append([torch.cat(both) for both in zip(*ends, strict=True)])
    return steps, finals


def start_by_hand(model, finals) -> list[tuple[torch.Tensor, ...]]:
    """The decoder's state before its first step. The topmost layers are joined; below, the encoder's first serves."""
    config, bridge = model.config, model.model.encoder.bridge
    starts = []
    for number, layer in enumerate(model.model.decoder.layers):
        parts = STEPS[layer.cell.kernel][1]
        if config.bridge == "none":
            starts.append(tuple(torch.zeros(layer.hidden_size, dtype=torch.float64) for _ in range(parts)))
            continue
        below = len(model.model.decoder.layers) - number
        final = finals[max(0, len(finals) - below)]
        if config.bridge == "copy":
            starts.append(tuple(final))
            continue
        h, *c = bridge.layers[number]
        state = [(h.weight @ final[0] + h.bias).tanh()]
        # Without a c of its own the encoder gives h.
        state += [each.weight @ final[-1] + each.bias for each in c]
        starts.append(tuple(state))
    return starts


def attend_by_hand(model, s: torch.Tensor, memory: list[torch.Tensor]):
    """The context Σ_j a_j h_j and the weights a = softmax score(s, h_j)."""
    attention, keys = model.model.decoder.attention, model.model.encoder.key_layer
    scores = []
    for h in memory:
        if model.config.attention == "dot":
            scores.append(s @ h)
        elif model.config.attention == "general":
            scores.append(s @ (keys.weight @ h))
        else:
            hidden = (attention.query.weight @ s + keys.weight @ h + keys.bias).tanh()
            scores.append(attention.weight.weight[0] @ hidden)
    exponentials = [score.exp() for score in scores]
    weights = [each / sum(exponentials) for each in exponentials]
    return sum(weight * h for weight, h in zip(weights, memory, strict=True)), torch.stack(weights)


@dataclass
class ByHand:
    """Logits (target, tokens), attended states (target, features), weights (target, source) or None."""

    logits: torch.Tensor
    attended: torch.Tensor
    weights: torch.Tensor | None


def by_hand(model, source: torch.Tensor, target: torch.Tensor) -> ByHand:
    """What a model makes of one source (time) and of what its decoder reads (time)."""
    config, decoder = model.config, model.model.decoder
    memory, finals = read_by_hand(model.model.encoder, source)
    states = start_by_hand(model, finals)
    attended = torch.zeros(config.attended_size, dtype=torch.float64)
    # The encoder's pooled state is its last one, of both directions.
    only = finals[-1][0] if config.context_at_each_step else None
    every = []
    for token in target:
        context = only
        if config.input_feeding == "context":
            context, weights = attend_by_hand(model, states[-1][0], memory)
        fed = attended if config.input_feeding == "attended" else context
        x = decoder.embeddings.word_embeddings.weight[token]
        x = x if fed is None else torch.cat([x, fed])
        for number, layer in enumerate(decoder.layers):
            states[number] = layer_step(layer, x, states[number])
            x = states[number][0]
        if config.attends and config.input_feeding != "context":
            context, weights = attend_by_hand(model, x, memory)
        joined = x if context is None else torch.cat([context, x])
        attended = joined if isinstance(decoder.readout, torch.nn.Identity) else decoder.readout.weight @ joined
        attended = attended if context is None else attended.tanh()
        logits = model.lm_head.weight @ attended + model.lm_head.bias
        every.append((logits, attended, *([weights] if config.attends else [])))
    logits, attended, *weights = (torch.stack(parts) for parts in zip(*every, strict=True))
    return ByHand(logits, attended, weights[0] if weights else None)
