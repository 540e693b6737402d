"""Holding a graph equal to the model it was written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..models.bridge import unflat_state
from ..models.cache_rnn import RecurrentCache
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_rnn import RecurrentForTokenClassification
from ..models.modeling_seq2seq import RecurrentForSeq2SeqLM
from ..models.modeling_siamese import SiameseForPairClassification


__all__ = ["TOLERANCE", "Parity", "ParityError", "check_parity"]


TOLERANCE = 1e-5
# Longest text of each batch. A row has from no token at all to this many.
LENGTHS = (1, 2, 7, 31, 200, 900)
LARGEST_BATCH = 9


class ParityError(RuntimeError):
    """A graph that does not compute what its model does."""


@dataclass(frozen=True)
class Parity:
    """Attributes:
    largest_difference: That of any output of the graph from the model's, over the largest of that batch (over 1, where
        that is less).
    shapes: (batch, time) of what was compared.
    """

    largest_difference: float
    shapes: list[tuple[int, int]]


def check_parity(
    model: Any, session: Any, decoder: Any = None, *, tolerance: float = TOLERANCE, seed: int = 0
) -> Parity:
    """Compare a graph with its model on random ids: batches of unequal lengths with empty texts among them, padding on
    the right, on the left and in between, and anything standing there; of a language model from random states, of a
    classifier of pairs with second texts of another time that share some tokens with the first, or all of them; of an
    encoder-decoder all that the encoder gives, and what the decoder makes of random tokens and states with it.

    Args:
        model: On the CPU, in float32 and in evaluation mode.
        session: An `onnxruntime.InferenceSession` of its graph, of an encoder-decoder the encoder's.
        decoder: That of an encoder-decoder's second graph.
        tolerance: What `Parity.largest_difference` may reach.

    Raises:
        ParityError: if it is larger; or an axis of an input or output that should be dynamic is not.
    """
    _check_dynamic(session)
    if decoder is not None:
        _check_dynamic(decoder, ("input_ids",))
    random = np.random.default_rng(seed)
    found = Parity(0.0, [])
    # Scores of every token at every step are many numbers, and a state makes long texts of short ones.
    for length in LENGTHS[:-1] if isinstance(model, RecurrentForCausalLM | RecurrentForSeq2SeqLM) else LENGTHS:
        for padding in ("right", "left", "anywhere"):
            batch = int(random.integers(1, LARGEST_BATCH + 1))
            ids = random.integers(0, _vocab_size(model), (batch, length))
            mask = _mask(random, batch, length, padding)
            others = _second_texts(random, ids, mask) if isinstance(model, SiameseForPairClassification) else ()
            if decoder is None:
                difference = _difference(model, session, ids, mask, *others)
            else:
                difference = _sequence_difference(model, session, decoder, ids, mask)
            if not difference <= tolerance:
                raise ParityError(
                    f"The graph differs from the model by {difference:.3g} on a batch of shape {ids.shape} with "
                    f"padding {padding}; `tolerance` is {tolerance}."
                )
            found = Parity(max(found.largest_difference, difference), [*found.shapes, (batch, length)])
    return found


def _check_dynamic(session: Any, one_step: Sequence[str] = ()) -> None:
    for value in session.get_inputs():
        # A state has as many numbers as there are units, and a decoder reads one token.
        whole = value.type == "tensor(int64)" and value.name not in one_step
        axes = value.shape if whole else value.shape[:1]
        if not all(isinstance(size, str) for size in axes):
            raise ParityError(
                f"The graph's input {value.name} has shape {value.shape}; batch and time must be dynamic."
            )
    for value in session.get_outputs():
        if not isinstance(value.shape[0], str):
            raise ParityError(f"The graph's output {value.name} has shape {value.shape}; the batch must be dynamic.")


def _vocab_size(model: Any) -> int:
    return int(getattr(model.config, "encoder", model.config).vocab_size)


def _mask(random: np.random.Generator, batch: int, length: int, padding: str) -> np.ndarray:
    if padding == "anywhere":
        return random.integers(0, 2, (batch, length))
    lengths = random.integers(0, length + 1, (batch, 1))
    # The longest text and an empty one, where there is room for both.
    lengths[0], lengths[-1] = 0, length
    mask = (np.arange(length) < lengths).astype(np.int64)
    return mask if padding == "right" else mask[:, ::-1].copy()


def _second_texts(random: np.random.Generator, ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # The ids and the mask of a side that goes on for up to three columns more; a third of it is as the first side is,
    # a third has its tokens at other places, and every third text is the same.
    shape = (len(ids), ids.shape[1] + int(random.integers(0, 4)))
    wide = random.integers(0, 1 + ids.max(), shape)
    wide_mask = _mask(random, *shape, str(random.choice(["right", "left", "anywhere"])))
    kept = np.where(random.random(ids.shape) < 0.5, ids, random.permuted(ids, axis=1))
    place = random.random(ids.shape) < 0.67
    wide[:, : ids.shape[1]] = np.where(place, kept, wide[:, : ids.shape[1]])
    wide[::3, : ids.shape[1]] = ids[::3]
    wide_mask[::3] = 0
    wide_mask[::3, : ids.shape[1]] = mask[::3]
    return wide, wide_mask


@torch.no_grad()
def _difference(model: Any, session: Any, ids: np.ndarray, mask: np.ndarray, *others: np.ndarray) -> float:
    given = {"input_ids": ids, "attention_mask": mask}
    given |= dict(zip(("input_ids_b", "attention_mask_b"), others, strict=False))
    if isinstance(model, RecurrentForCausalLM):
        given |= _random_state(session, ids)
    names = [output.name for output in session.get_outputs()]
    answers = dict(zip(names, session.run(names, given), strict=True))
    expected = _expected(model, given, names[0])
    # numpy's maximum is nan where any of them is.
    return float(np.max([_distance(model, answers[name], value.numpy()) for name, value in expected.items()]))


@torch.no_grad()
def _sequence_difference(model: Any, encoder: Any, decoder: Any, ids: np.ndarray, mask: np.ndarray) -> float:
    sources = {"input_ids": ids, "attention_mask": mask}
    found = model.get_encoder()(*(torch.from_numpy(value) for value in sources.values()))
    names = [output.name for output in encoder.get_outputs()]
    answers = dict(zip(names, encoder.run(names, sources), strict=True))
    starts = [
        part
        for state in model.model.decoder.start(unflat_state(found.initial_state, model.model.shapes))
        for part in state
    ]
    states = [name for name in names if name.startswith("past.")]
    expected = {"memory": found.last_hidden_state, "source_keys": found.source_keys, "context": found.pooler_output}
    expected |= {name: part.squeeze(1) for name, part in zip(states, starts, strict=True)}
    differences = [_distance(model, answers[name], expected[name].numpy()) for name in names]
    random = np.random.default_rng(int(ids.sum()))
    target = random.integers(0, model.config.vocab_size, (len(ids), 1))
    given = sources | answers | _random_state(decoder, ids) | {"input_ids": target}
    taken = {value.name: given[value.name] for value in decoder.get_inputs()}
    names = [output.name for output in decoder.get_outputs()]
    answers = dict(zip(names, decoder.run(names, taken), strict=True))
    expected = _decoded(model, found, given, states)
    return float(np.max([*differences, *(_distance(model, answers[name], expected[name].numpy()) for name in names)]))


def _decoded(model: Any, found: Any, given: dict[str, np.ndarray], states: list[str]) -> dict[str, torch.Tensor]:
    # The expectation is what the model says of every output of its decoder's graph; `states` are the inputs that are
    # states, the layers' in their order.
    layers: dict[str, list[torch.Tensor]] = {}
    for name in states:
        layers.setdefault(name.split(".")[1], []).append(torch.from_numpy(given[name]).unsqueeze(1))
    outputs = model(
        encoder_outputs=found,
        attention_mask=torch.from_numpy(given["attention_mask"]),
        decoder_input_ids=torch.from_numpy(given["input_ids"]),
        cache=RecurrentCache([tuple(parts) for parts in layers.values()]),
        use_cache=True,
        output_attentions=True,
    )
    reached = [part.squeeze(1) for layer in outputs.cache.states for part in layer]
    expected = {"logits": outputs.logits}
    expected |= {name.replace("past", "present"): part for name, part in zip(states, reached, strict=True)}
    return expected if outputs.cross_attentions is None else expected | {"weights": outputs.cross_attentions[0][:, 0]}


def _random_state(session: Any, ids: np.ndarray) -> dict[str, np.ndarray]:
    # Another one for each batch.
    random = np.random.default_rng(int(ids.sum()))
    states = [value for value in session.get_inputs() if value.name.startswith("past.")]
    return {value.name: random.normal(size=(len(ids), value.shape[1])).astype(np.float32) for value in states}


def _expected(model: Any, given: dict[str, np.ndarray], name: str) -> dict[str, torch.Tensor]:
    # The expectation is what the model says of `name`; for a language model, what it says of every output.
    ids, mask, *parts = (torch.from_numpy(value) for value in given.values())
    if isinstance(model, SiameseForPairClassification):
        return {name: getattr(model(**{key: torch.from_numpy(value) for key, value in given.items()}), name)}
    if not isinstance(model, RecurrentForCausalLM):
        return {name: getattr(model(ids, mask), name)}
    each = len(parts) // len(model.model.layers)
    parts = [part.unsqueeze(1) for part in parts]
    state = RecurrentCache([tuple(parts[index : index + each]) for index in range(0, len(parts), each)])
    outputs = model(ids, mask, cache=state)
    reached = [part.squeeze(1) for layer in outputs.cache.states for part in layer]
    names = [past.replace("past", "present") for past in list(given)[2:]]
    return {"logits": outputs.logits, **dict(zip(names, reached, strict=True))}


def _distance(model: Any, answer: np.ndarray, expected: np.ndarray) -> float:
    if isinstance(model, RecurrentForTokenClassification):
        # A step of padding more or less says nothing.
        width = max(expected.shape[1], answer.shape[1])
        expected, answer = (np.pad(x, ((0, 0), (0, width - x.shape[1]), (0, 0))) for x in (expected, answer))
    # There is nothing to compare where the model itself overflows, as recurrences of relu may.
    finite = np.isfinite(expected)
    largest = np.abs(expected, where=finite, out=np.zeros_like(expected)).max()
    differences = np.subtract(answer, expected, where=finite, out=np.zeros_like(expected))
    return float(np.abs(differences).max() / max(1.0, float(largest)))
