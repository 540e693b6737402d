"""Shows what a model thinks while it reads: its classes after every token, or its next token at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_rnn import RecurrentForSequenceClassification
from ..models.wide import WidePart
from .evaluation import evaluation_mode
from .figures import MOST_NAMES, name_of, name_steps, new_figure, width_for
from .running_pooling import running_pooling
from .steps import NotApplicableError, as_array, label_names, layers_of, read_in_chunks, read_text, step_ends


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["NextTokens", "ReadingCurve", "next_tokens", "reading_curve"]


# So many beginnings of a text are read by the wide part together.
TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class ReadingCurve:
    """Attributes:
    steps: The tokens, or the words of a model of words.
    labels: Names of the classes.
    probabilities: (steps, labels), after each step: what the model answers to the text up to there.
    total_tokens: The tokens of the whole text, those that were cut off by `max_tokens` included.
    """

    steps: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: np.ndarray
    total_tokens: int

    def figure(self) -> Figure:
        """The probability of each class by token; of two classes the second, as the first is what remains of 1."""
        figure = new_figure(width_for(self.steps), 3.2)
        axes = figure.subplots()
        shown = range(1, 2) if len(self.labels) == 2 else range(len(self.labels))
        for label in shown:
            axes.plot(
                self.probabilities[:, label],
                label=self.labels[label].replace("$", r"\$"),
                color=f"C{label}",
                drawstyle="steps-post",
            )
        if len(self.labels) == 2:
            axes.axhline(0.5, color="black", linestyle="--", linewidth=0.8)
        axes.set(ylim=(-0.02, 1.02), ylabel="probability")
        axes.margins(x=0.01)
        axes.legend(fontsize="small")
        if len(self.steps) > MOST_NAMES:
            axes.set_xlabel("token")
        else:
            name_steps(axes, self.steps)
        return figure


@torch.no_grad()
def reading_curve(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, max_tokens: int | None = None
) -> ReadingCurve:
    """The class probabilities after each token of `text`, or each word where the model reads words.

    Each is computed from the state before it: the whole curve costs little more than one answer to the whole text, and
    memory beside it does not grow with the text.

    Args:
        model: A one-directional classifier of texts; a second direction has to begin anew at every token.
        max_tokens: The first of them are read; None: all.

    Raises:
        NotApplicableError: the model cannot read in this way, or has no classes (regression).
        ValueError: `text` is no string or has no token, or `max_tokens` is below 1.
    """
    if not isinstance(model, RecurrentForSequenceClassification):
        raise NotApplicableError(f"`model` is a {type(model).__name__}; it must be a classifier of texts of hf_rnn.")
    config, head = model.config, model.classifier
    layers_of(model.model)
    if config.bidirectional:
        raise NotApplicableError("`model` has `bidirectional`=True; to read token by token it must be False.")
    if config.problem_type == "regression" or config.num_labels == 1:
        raise NotApplicableError("`model` answers with a number; it must have classes.")
    read = read_text(model, tokenizer, text, max_tokens)
    with evaluation_mode(model):
        pooled_so_far = running_pooling(model.model.pooler)
        outputs = read_in_chunks(model.model, read)
        logits = torch.cat([head(pooled_so_far(output.last_hidden_state[0])) for output in outputs])
        if model.wide is not None:
            logits = model.wide.combined(
                logits, _wide_so_far(model.wide, read.inputs["input_ids"], step_ends(model, read))
            )
    several = config.problem_type == "multi_label_classification"
    probabilities = logits.sigmoid() if several else logits.softmax(1)
    return ReadingCurve(read.steps, label_names(model), as_array(probabilities), read.total_tokens)


def _wide_so_far(wide: WidePart, input_ids: torch.Tensor, step_ends: torch.Tensor) -> torch.Tensor:
    # (1, time) to (steps, labels): what the wide part says of the text up to each step, a part of the rows at a time.
    places = torch.arange(input_ids.shape[1], device=input_ids.device)
    logits = []
    for ends in step_ends.split(TEXTS_AT_ONCE):
        read = input_ids[:, : int(ends[-1]) + 1].expand(len(ends), -1)
        logits.append(wide(read, places[: read.shape[1]] <= ends.unsqueeze(1)))
    return torch.cat(logits)


@dataclass(frozen=True)
class NextTokens:
    """Attributes:
    tokens: The most probable ones, the most probable first, as text.
    probabilities: Theirs.
    """

    tokens: tuple[str, ...]
    probabilities: np.ndarray

    def figure(self) -> Figure:
        """A bar for each token."""
        figure = new_figure(6.0, 0.8 + 0.26 * len(self.tokens))
        axes = figure.subplots()
        bars = axes.barh(range(len(self.tokens)), self.probabilities, color="C0")
        axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
        axes.set_yticks(range(len(self.tokens)), [name_of(token) for token in self.tokens])
        axes.invert_yaxis()
        axes.set_xlabel("probability")
        axes.margins(x=0.12)
        return figure


@torch.no_grad()
def next_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, k: int = 10) -> NextTokens:
    """The `k` most probable tokens after `text`, all of which is read, with memory that does not grow with it.

    Raises:
        NotApplicableError: the model is no language model of hf_rnn.
        ValueError: `text` is no string or has no token, or `k` is below 1.
    """
    if not isinstance(model, RecurrentForCausalLM):
        raise NotApplicableError(f"`model` is a {type(model).__name__}; it must be a language model of hf_rnn.")
    if k < 1:
        raise ValueError(f"`k`={k} must be at least 1.")
    read = read_text(model, tokenizer, text)
    with evaluation_mode(model):
        for output in read_in_chunks(model, read, logits_to_keep=1):
            logits = output.logits[0, -1]
    found, ids = logits.softmax(0).topk(min(k, len(logits)))
    return NextTokens(tuple(str(tokenizer.decode([token])) for token in ids.tolist()), as_array(found))
