"""Holding a graph equal to the model it was written from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..models.cache_rnn import RecurrentCache
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_rnn import RecurrentForTokenClassification
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


def check_parity(model: Any, session: Any, tolerance: float = TOLERANCE, seed: int = 0) -> Parity:
    """Compare a graph with its model on random ids: batches of unequal lengths with empty texts among them, padding on
    the right, on the left and in between, and anything standing there; of a language model from random states, of a
    classifier of pairs with second texts of another time that share some tokens with the first, or all of them.

    Args:
        model: On the CPU, in float32 and in evaluation mode.
        session: An `onnxruntime.InferenceSession` of its graph.
        tolerance: What `Parity.largest_difference` may reach.

    Raises:
        ParityError: if it is larger; or an axis of an input or output that should be dynamic is not.
    """
    _check_dynamic(session)
    random = np.random.default_rng(seed)
    found = Parity(0.0, [])
    # Scores of every token at every step are many numbers, and a state makes long texts of short ones.
    for length in LENGTHS[:-1] if isinstance(model, RecurrentForCausalLM) else LENGTHS:
        for padding in ("right", "left", "anywhere"):
            batch = int(random.integers(1, LARGEST_BATCH + 1))
            ids = random.integers(0, _vocab_size(model), (batch, length))
            mask = _mask(random, batch, length, padding)
            others = _second_texts(random, ids, mask) if isinstance(model, SiameseForPairClassification) else ()
            difference = _difference(model, session, ids, mask, *others)
            if not difference <= tolerance:
                raise ParityError(
                    f"The graph differs from the model by {difference:.3g} on a batch of shape {ids.shape} with "
                    f"padding {padding}; `tolerance` is {tolerance}."
                )
            found = Parity(max(found.largest_difference, difference), [*found.shapes, (batch, length)])
    return found


def _check_dynamic(session: Any) -> None:
    for value in session.get_inputs():
        # A state has as many numbers as there are units.
        axes = value.shape if value.type == "tensor(int64)" else value.shape[:1]
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


def _random_state(session: Any, ids: np.ndarray) -> dict[str, np.ndarray]:
    # Another one for each batch.
    random = np.random.default_rng(int(ids.sum()))
    states = [value for value in session.get_inputs() if value.type == "tensor(float)"]
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
