"""What a model reads of a text, or of a pair: its arguments, and which characters stand behind each step."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..data.tokenizers.training import LONE_SURROGATE
from ..models.backbone import RecurrentModel
from ..models.embeddings import RecurrentEmbeddings
from ..models.encoding import NO_LIMIT
from ..models.modeling_siamese import SiamesePreTrainedModel
from ..models.tokenizer_lock import tokenizer_lock


__all__ = ["Reading", "check_text", "embedding_layer", "read", "shown"]


logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Reading:
    """A step is what the network's first layer reads at once: a token or, in a model of words, a word. Special tokens,
    such as [CLS], are among the inputs and not among the steps.

    Attributes:
        texts: The text, or the two of a pair.
        inputs: The model's arguments, each (1, time).
        rows: (steps), which row of the embeddings' output a step is in: 1 for the second text of a siamese network.
        places: (steps), where in its row.
        pieces: (steps), where in `input_ids`, or in those of its text, the first token of the step stands.
        text_index: (steps), 0 for the text, 1 for the second of a pair.
        spans: (steps, 2), its first character in its text and the one after its last.
        words: (words), the step each word begins with.
        cut: Whether a text is longer than the tokenizer's `model_max_length`, and so not read to its end.
    """

    texts: tuple[str, ...]
    inputs: dict[str, torch.Tensor]
    rows: np.ndarray
    places: np.ndarray
    pieces: np.ndarray
    text_index: np.ndarray
    spans: np.ndarray
    words: np.ndarray
    cut: bool

    @property
    def tokens(self) -> tuple[str, ...]:
        """What is written at each step. Several bytes of one character each have that character."""
        return tuple(
            self.texts[index][start:end] for index, (start, end) in zip(self.text_index, self.spans, strict=True)
        )


def embedding_layer(model: PreTrainedModel) -> nn.Module:
    """The layer whose output is all that a model knows of its tokens: of ours the embeddings, spelling and capitals
    included; of another model the table of its token vectors.

    Raises:
        ValueError: `model` has none.
    """
    backbone = next((part for part in model.modules() if isinstance(part, RecurrentModel)), None)
    layer = model.get_input_embeddings() if backbone is None else backbone.embeddings
    if not isinstance(layer, nn.Module):
        raise ValueError(f"`model` is a {type(model).__name__}, which has no embeddings of tokens.")
    return layer


def read(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, text_pair: str | None = None
) -> Reading:
    """`text`, or the pair, as `model` reads it; siamese networks read two texts one by one, others in one sequence.

    Raises:
        ValueError: a text is not a string, is not valid Unicode, or has no token; a siamese network without a
            `text_pair`; `tokenizer` cannot tell where tokens stand; `model` has no embeddings of tokens.
    """
    siamese = isinstance(model, SiamesePreTrainedModel)
    if siamese and text_pair is None:
        raise ValueError("`text_pair` is None; a siamese network compares two texts.")
    if not tokenizer.is_fast:
        raise ValueError(
            f"`tokenizer` is a {type(tokenizer).__name__}; it must be a fast one, of the tokenizers library, which "
            "knows where in the text its tokens stand."
        )
    texts = _checked(text, text_pair)
    layer = embedding_layer(model)
    sequences = [[given] for given in texts] if siamese else [list(texts)]
    parts = [_Sequence(tokenizer, given, model.device) for given in sequences]
    found = [step for row, part in enumerate(parts) for step in part.steps(layer, row)]
    for index, name in enumerate(("text", "text_pair")[: len(texts)]):
        if not any(step.text_index == index for step in found):
            raise ValueError(f"`{name}`={shown(texts[index])} has no token to contribute anything.")
    words = [step.word for step in found]
    inputs = {name + "_b" * row: ids for row, part in enumerate(parts) for name, ids in part.inputs.items()}
    return Reading(
        texts,
        inputs,
        rows=np.array([step.row for step in found]),
        places=np.array([step.place for step in found]),
        pieces=np.array([step.piece for step in found]),
        text_index=np.array([step.text_index for step in found]),
        spans=np.array([step.span for step in found]),
        words=np.array([number for number, word in enumerate(words) if number == 0 or word != words[number - 1]]),
        cut=any(part.cut for part in parts),
    )


def _checked(text: Any, text_pair: Any) -> tuple[str, ...]:
    given = {"text": text} if text_pair is None else {"text": text, "text_pair": text_pair}
    for name, value in given.items():
        check_text(name, value)
    return tuple(given.values())


def check_text(name: str, value: Any) -> None:
    """Raises:
    ValueError: `value`, of the argument `name`, is not a string or not valid Unicode.
    """
    if not isinstance(value, str):
        raise ValueError(f"`{name}` is {value!r}; it must be a string.")
    if LONE_SURROGATE.search(value):
        raise ValueError(f"`{name}`={shown(value)} has half of a surrogate pair, and so is not valid Unicode.")


def shown(text: str) -> str:
    """`text` as errors repeat it: its beginning."""
    return repr(text if len(text) <= 50 else text[:50] + "…")


@dataclass(frozen=True)
class _Step:
    row: int
    place: int
    piece: int
    text_index: int
    span: tuple[int, int]
    word: tuple[int, int]  # which text's, and its number there


class _Sequence:
    """A text, or both of a pair, as a tokenizer makes one sequence of them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], device: torch.device) -> None:
        limited = tokenizer.model_max_length < NO_LIMIT
        with tokenizer_lock(tokenizer):
            encoded: Any = tokenizer(*texts, truncation=limited, return_overflowing_tokens=False)
        # One text has types that are all 0, as by default; a classifier of pairs takes none of the second.
        unwanted = {"token_type_ids"} if len(texts) == 1 else set()
        names = [name for name in tokenizer.model_input_names if name in encoded and name not in unwanted]
        self.inputs = {name: torch.tensor([encoded[name]], dtype=torch.long, device=device) for name in names}
        self.encoding = encoded.encodings[0]
        self.cut = bool(self.encoding.overflowing)
        if self.cut:
            logger.warning(
                "The text is cut at the tokenizer's `model_max_length`, %d tokens: the rest is not read.",
                tokenizer.model_max_length,
            )

    def steps(self, layer: nn.Module, row: int) -> list[_Step]:
        """The steps that this sequence is in row `row` of the output of `layer`."""
        place_of = self._places(layer)
        found: dict[int, _Step] = {}
        pieces = zip(self.encoding.sequence_ids, self.encoding.word_ids, self.encoding.offsets, strict=True)
        for piece, (sequence, word, (start, end)) in enumerate(pieces):
            if sequence is None:
                continue
            place, index = place_of[piece], row + sequence
            if place in found:
                before = found[place]
                found[place] = _Step(row, place, before.piece, index, (before.span[0], end), before.word)
            else:
                found[place] = _Step(row, place, piece, index, (start, end), (index, piece if word is None else word))
        return list(found.values())

    def _places(self, layer: nn.Module) -> list[int]:
        ids = self.inputs["input_ids"]
        if isinstance(layer, RecurrentEmbeddings) and ids.shape[1]:
            words = layer.find_words(ids, torch.ones_like(ids, dtype=torch.bool))
            if words is not None:
                return cast(list[int], words.of_piece[0].tolist())
        return list(range(ids.shape[1]))
