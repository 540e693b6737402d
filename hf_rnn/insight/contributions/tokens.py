"""Measures what each token of a text contributes to a model's answer: integrated gradients (Sundararajan et al. 2017,
https://arxiv.org/abs/1703.01365), computed by captum,

    contribution of step t = (x_t − b_t) · ∫₀¹ ∂F / ∂x_t (b + α (x − b)) dα

for the score F, the embeddings x of the text and those of a baseline b. They are complete: their sum is F(x) − F(b).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import ModelOutput

from ...extras import require_extra
from ...models.embeddings import RecurrentEmbeddings
from ..evaluation import evaluation_mode
from ..reading import Reading, embedding_layer, read
from .coloured_text import coloured_figure, coloured_html
from .integration import Line
from .targets import Target, TargetName, find_target
from .wide import wide_part, wide_steps


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["Contributions", "token_contributions"]


logger = logging.getLogger(__name__)

# The sum of the contributions may be off by this share of what it should be.
TOLERANCE = 0.01
# Steps of the integral are added up to this, and only while all of them together read no more tokens than that.
MAX_STEPS = 800
MAX_TOKENS = 4_000_000
# Tokens that are read at once, which bounds the memory.
TOKENS_AT_ONCE = 8192


@dataclass(frozen=True, eq=False)
class Contributions:
    """Attributes:
    texts: The text, or the two of a pair.
    tokens: What is written at each token; words, in a model of words. Special tokens are not among them: they
        stand in the baseline, too, and contribute nothing.
    text_index: (tokens), in which text it is: 0, or 1 for the second of a pair.
    spans: (tokens, 2), its first character in its text and the one after its last.
    values: (tokens), what each contributes to the score, float64.
    target: The label; for a similarity how it is computed.
    score_name: What the score is: "log-odds" (natural logarithm), "logit", "number" or "similarity"; see
        `targets.find_target`.
    score: The score of the text.
    baseline_score: The score of the baseline.
    completeness_error: |sum of `values` − (`score` − `baseline_score`)| / |`score` − `baseline_score`|; where
        contributions of both signs cancel, a share of a hundredth of their sum without the signs instead.
    num_steps: Steps of the integral.
    word: For a tagger, the token at which the word begins whose label is `target`.
    cut: Whether a text is longer than the tokenizer's `model_max_length`, and its end was not read.
    """

    texts: tuple[str, ...]
    tokens: tuple[str, ...]
    text_index: np.ndarray
    spans: np.ndarray
    values: np.ndarray
    target: str
    score_name: str
    score: float
    baseline_score: float
    completeness_error: float
    num_steps: int
    word: int | None = None
    cut: bool = False

    def html(self) -> str:
        """The text as HTML, to stand in a page; see `coloured_text.coloured_html`."""
        return coloured_html(self)

    def figure(self) -> Figure:
        """The text as a picture; see `coloured_text.coloured_figure`."""
        return coloured_figure(self)


def token_contributions(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    text_pair: str | None = None,
    target: TargetName | None = None,
    n_steps: int = 50,
    internal_batch_size: int | None = None,
) -> Contributions:
    """Measure what each token contributes to a model's answer.

    The baseline is a text of the same length with the same special tokens and nothing else: zeros, which is what our
    layers read at padding; for other models the vector of their padding token. Of a pair both texts are so replaced.

    Steps of the integral are added, where it is steep, until the contributions add up to 1 %; at most 800, and of a
    text of more than 5,000 tokens no more than read 4 million tokens together. If they still do not add up, a warning
    says by how much. A text of any length is read whole (the tokenizer's `model_max_length` aside: a warning says that
    the text was cut), a few steps at a time, so that memory grows with its length alone.

    Args:
        model: A sequence classifier, a tagger or a siamese network: ours, or any of transformers that looks its
            tokens up in one table. It is computed in evaluation mode and left as it was.
        tokenizer: The model's, a fast one.
        text_pair: The second text, for siamese networks and classifiers of pairs.
        target: The label, by name or number; of a tagger the number of a word, or a tuple of it and a label. By
            default the label that the model gives; of a tagger that of the first word that is not "O".
        n_steps: Steps of the integral to begin with, in Gauss-Legendre parts of five.
        internal_batch_size: Steps that are computed together; by default as many as have 8,192 tokens.

    Raises:
        ValueError: for a text without a token, a target that does not exist, or another kind of model; the message
            names the argument.
        MissingExtraError: captum is not installed.
    """
    require_extra("insight", "What tokens contribute", "captum")
    for name, value in (("n_steps", n_steps), ("internal_batch_size", internal_batch_size)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f"`{name}`={value!r} must be an integer of at least 1.")
    reading = read(model, tokenizer, text, text_pair)
    # cuDNN differentiates nothing in evaluation mode.
    with evaluation_mode(model), torch.backends.cudnn.flags(enabled=False):
        path = _Path(model, reading, target)
        tokens = path.inputs.shape[1] * path.inputs.shape[2]
        together = internal_batch_size or max(1, TOKENS_AT_ONCE // tokens)
        line = Line(path, path.baseline, path.inputs, together)
        found = line.integrate(n_steps, min(MAX_STEPS, MAX_TOKENS // tokens), TOLERANCE)
    if found.error > TOLERANCE:
        logger.warning(
            "The contributions to %r are off by %.1f %% with %d steps, more than %.0f %%; give more `n_steps`.",
            path.target.label,
            100 * found.error,
            found.steps,
            100 * TOLERANCE,
        )
    word = path.target.word
    return Contributions(
        reading.texts,
        reading.tokens,
        reading.text_index,
        reading.spans,
        found.values[reading.rows, reading.places],
        path.target.label,
        path.target.score_name,
        found.end,
        found.start,
        found.error,
        found.steps,
        None if word is None else int(reading.words[word]),
        reading.cut,
    )


class _Path:
    """The straight line from the baseline's embeddings to the text's.

    The network computes on what stands on the line as if its embedding layer had put it out. (captum's
    `LayerIntegratedGradients` would, too, but mixes up the two texts of a siamese network, which are one batch.)
    What each token contributes to the logits of a wide part are further features of it, zero in the baseline.

    Attributes:
        inputs, baseline: (1, rows, time, features), the ends of the line.
    """

    def __init__(self, model: PreTrainedModel, reading: Reading, target: TargetName | None) -> None:
        self.model, self.reading, self.layer = model, reading, embedding_layer(model)
        with torch.no_grad():
            outputs, embeddings = self._recorded()
            self.target: Target = find_target(model, reading, outputs, target)
            self.size, self.wide = embeddings.shape[-1], wide_part(model)
            self.inputs = embeddings.unsqueeze(0)
            self.baseline = self.inputs.clone()
            self.baseline[0, reading.rows, reading.places] = self._nothing(embeddings)
            if self.wide is not None:
                steps = wide_steps(self.wide, self.layer, reading.inputs, embeddings.shape[1]).unsqueeze(0)
                self.inputs = torch.cat([self.inputs, steps], dim=-1)
                self.baseline = torch.cat([self.baseline, torch.zeros_like(steps)], dim=-1)

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """The scores (points) at points (points, rows, time, features) of the line."""
        inputs = {name: ids.expand(len(points), -1) for name, ids in self.reading.inputs.items()}
        # A siamese network reads all first texts, then all second ones.
        rows = points.transpose(0, 1).flatten(0, 1)
        with ExitStack() as stack:
            stack.enter_context(_replaced(self.layer, rows[..., : self.size]))
            if self.wide is not None:
                logits = rows[..., self.size :].sum(1) + self.wide.completed(self.wide.bias)
                stack.enter_context(_replaced(self.wide, logits))
            return self.target.score(self.model(**inputs, return_dict=True))

    def _recorded(self) -> tuple[ModelOutput, torch.Tensor]:
        found: list[torch.Tensor] = []
        handle = self.layer.register_forward_hook(lambda module, arguments, output: found.append(output))
        try:
            outputs = self.model(**self.reading.inputs, return_dict=True)
        finally:
            handle.remove()
        if len(found) != 1:
            raise ValueError(
                f"`model` is a {type(self.model).__name__}, which looks its tokens up {len(found)} times; it must do "
                "so once."
            )
        return outputs, found[0]

    def _nothing(self, embeddings: torch.Tensor) -> torch.Tensor:
        padding = getattr(self.model.config, "pad_token_id", None)
        if isinstance(self.layer, RecurrentEmbeddings) or padding is None:
            return torch.zeros_like(embeddings[0, 0])
        vector: torch.Tensor = self.layer(torch.tensor([[padding]], device=embeddings.device))[0, 0]
        return vector


@contextmanager
def _replaced(layer: nn.Module, output: torch.Tensor) -> Iterator[None]:
    handle = layer.register_forward_hook(lambda module, arguments, found: output)
    try:
        yield
    finally:
        handle.remove()
