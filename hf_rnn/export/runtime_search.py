"""How an encoder-decoder writes: greedily or with beams, over the sessions of its two graphs, by numpy alone.

This file lies beside `runtime.py`, which imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


__all__ = ["Writing", "decoding", "write_tokens"]


# A score below all others, as in transformers.
LEAST = np.float32(-1e9)
# Reads a token of each row (rows), after the rows were put in an order (rows; None: they stay), and gives the scores
# of the next token (rows, tokens).
Step = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


@dataclass
class Writing:
    """How tokens are chosen.

    Attributes:
        start_token_id: What is read first.
        eos_token_ids: The tokens that end a text.
        forced_eos_token_ids: Those that a text which has not ended before must have as its last one; may be none.
        num_beams: 1: the likeliest token each time; above it as many texts are written side by side.
        length_penalty: The score of a text is its log-probability, divided by its length to this power.
        max_new_tokens: After how many tokens to stop.
    """

    start_token_id: int
    eos_token_ids: Sequence[int]
    forced_eos_token_ids: Sequence[int]
    num_beams: int
    length_penalty: float
    max_new_tokens: int

    def __post_init__(self) -> None:
        for name in ("num_beams", "max_new_tokens"):
            value: Any = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}`={value!r} must be a whole number from 1.")
        if not isinstance(self.length_penalty, int | float) or not np.isfinite(self.length_penalty):
            raise ValueError(f"`length_penalty`={self.length_penalty!r} must be a finite number.")

    @classmethod
    def of(cls, settings: dict[str, Any], options: dict[str, Any]) -> Writing:
        """As the settings of a model say, but for those `options` that are not None."""
        return cls(**settings | {name: value for name, value in options.items() if value is not None})

    def forced(self, scores: np.ndarray, length: int) -> np.ndarray:
        """The scores (rows, tokens) of the token number `length`, from 1: the last one may have to be an end."""
        if length < self.max_new_tokens or not self.forced_eos_token_ids:
            return scores
        scores = np.full_like(scores, -np.inf)
        scores[:, list(self.forced_eos_token_ids)] = 0
        return scores

    def ends(self, tokens: np.ndarray, length: int) -> np.ndarray:
        """Where a text is over with a token of `tokens`, its number `length`."""
        return np.isin(tokens, self.eos_token_ids) | (length == self.max_new_tokens)


def write_tokens(step: Step, rows: int, writing: Writing) -> list[list[int]]:
    """The tokens that `generate` of transformers writes for each row, without the first one, which is read.

    Args:
        step: Of `rows` times `num_beams` rows; the beams of a row stand side by side.
    """
    return (_greedy if writing.num_beams == 1 else _beams)(step, rows, writing)


def decoding(sessions: Sequence[Any], given: dict[str, np.ndarray], beams: int) -> Step:
    """Read sources, and give the function that goes on with their targets, a token of each of `beams` rows a source.

    Args:
        sessions: The encoder's and the decoder's. What the decoder takes, the encoder gives by the same names, but
            for the tokens and the mask.
        given: `input_ids` and `attention_mask` of the sources, (rows, source).
    """
    encoder, decoder = sessions
    names = [output.name for output in encoder.get_outputs()]
    given = given | dict(zip(names, encoder.run(names, given), strict=True))
    wanted = [value.name for value in decoder.get_inputs() if value.name != "input_ids"]
    held = {name: np.repeat(given[name], beams, axis=0) for name in wanted}
    state = [name for name in wanted if name.startswith("past.")]
    outputs = ["logits", *(name.replace("past", "present", 1) for name in state)]

    def step(tokens: np.ndarray, order: np.ndarray | None) -> np.ndarray:
        if order is not None:
            # The sources stay: the beams of a row are all of one.
            held.update({name: held[name][order] for name in state})
        logits, *reached = decoder.run(outputs, {"input_ids": tokens[:, None], **held})
        held.update(zip(state, reached, strict=True))
        return logits[:, -1]

    return step


def _greedy(step: Step, rows: int, writing: Writing) -> list[list[int]]:
    tokens = np.full(rows, writing.start_token_id)
    columns: list[np.ndarray] = []
    over = np.zeros(rows, dtype=bool)
    while not over.all():
        length = len(columns) + 1
        tokens = writing.forced(step(tokens, None), length).argmax(axis=1)
        columns.append(tokens)
        over |= writing.ends(tokens, length)
    return [_until_end(row, writing) for row in np.stack(columns, axis=1).tolist()]


def _until_end(row: list[int], writing: Writing) -> list[int]:
    # A row that was over before the others has gone on beside them.
    found = [place for place, token in enumerate(row) if token in writing.eos_token_ids]
    return row[: found[0] + 1] if found else row


def _beams(step: Step, rows: int, writing: Writing) -> list[list[int]]:
    # Beam search with the default `early_stopping=False` of transformers: a row is over when its best open beam, at
    # the length that it has, is no better than the worst of `num_beams` ended ones.
    beams = writing.num_beams
    # So many continuations that as many beams stay open if all of them could end.
    kept = max(2, 1 + len(writing.eos_token_ids)) * beams
    shape = (rows, beams, writing.max_new_tokens)
    running, ended = np.zeros(shape, dtype=np.int64), Ended.none(shape)
    running_scores = np.full(shape[:2], LEAST)
    running_scores[:, 0] = 0  # The beams are the same at first; only one may go on.
    tokens, order = np.full(rows * beams, writing.start_token_id), None
    better = np.ones((rows, 1), dtype=bool)
    for length in range(1, writing.max_new_tokens + 1):
        scores = writing.forced(_log_softmax(step(tokens, order)), length)
        scores = scores.reshape(rows, beams, -1) + running_scores[:, :, None]
        found = _best(scores.reshape(rows, -1), kept)
        beam, token = np.divmod(found, scores.shape[2])
        scores = np.take_along_axis(scores.reshape(rows, -1), found, axis=1)
        texts = np.take_along_axis(running, beam[:, :, None], axis=1)
        texts[:, :, length - 1] = token
        over = writing.ends(token, length)
        open_scores = scores + over * LEAST
        chosen = _best(open_scores, beams)
        running = np.take_along_axis(texts, chosen[:, :, None], axis=1)
        running_scores = np.take_along_axis(open_scores, chosen, axis=1)
        # Continuations behind the first `num_beams` only stand in for those that ended.
        over[:, beams:] = False
        scores = scores / length**writing.length_penalty + ~better * LEAST + ~over * LEAST
        ended = ended.joined(Ended(texts, scores, np.full_like(token, length)))
        better &= running_scores[:, :1] / length**writing.length_penalty > ended.scores[:, -1:]
        if not better.any():
            break
        tokens = np.take_along_axis(token, chosen, axis=1).ravel()
        order = (np.take_along_axis(beam, chosen, axis=1) + beams * np.arange(rows)[:, None]).ravel()
    return [text[:length].tolist() for text, length in zip(ended.texts[:, 0], ended.lengths[:, 0], strict=True)]


@dataclass
class Ended:
    """Texts that are over, of each row the best so far, the best first.

    Attributes:
        texts: (rows, texts, tokens), of which the first `lengths` are meant.
        scores: (rows, texts), as low as can be where there is none yet.
        lengths: (rows, texts).
    """

    texts: np.ndarray
    scores: np.ndarray
    lengths: np.ndarray

    @classmethod
    def none(cls, shape: tuple[int, int, int]) -> Ended:
        """Room for texts of this shape (rows, texts, tokens)."""
        none = np.zeros(shape, dtype=np.int64)
        return cls(none, np.full(shape[:2], LEAST), none[:, :, 0])

    def joined(self, others: Ended) -> Ended:
        """The best of both, as many as there are here."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        texts, scores, lengths = (np.concatenate(pair, axis=1) for pair in pairs)
        chosen = _best(scores, self.scores.shape[1])
        scores, lengths = (np.take_along_axis(values, chosen, axis=1) for values in (scores, lengths))
        return Ended(np.take_along_axis(texts, chosen[:, :, None], axis=1), scores, lengths)


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    # (rows, count): the places of the largest of `scores` (rows, places), the largest first, of equal ones the first.
    count = min(count, scores.shape[1])
    found = np.sort(np.argpartition(scores, -count, axis=1)[:, -count:], axis=1)
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
