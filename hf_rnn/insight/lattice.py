"""The lattice of a conditional random field over a sentence: every label at every word, and the way through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.modeling_rnn import RecurrentForTokenClassification
from ..models.tagging import bioes_states
from .evaluation import evaluation_mode
from .figures import name_steps, new_figure, width_for
from .steps import NotApplicableError, as_array, label_names, read_text


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["TagLattice", "tag_lattice"]


@dataclass(frozen=True)
class TagLattice:
    """A sentence of T words (or tokens, in a model of these) and the S states of a CRF. The score of a path is the sum
    of its `emissions`, the `transition` at each step, `start` of its first state and `end` of its last.

    Attributes:
        words: (T).
        states: (S), their names: the labels, or with `label_scheme="BIOES"` what stands for them inside of the CRF.
        labels: (S), the label that each state is answered as.
        emissions: (T, S), what the network says of each word alone.
        start, transition, end: (S), (S before, S after), (S): learnt scores; what the scheme forbids has -10,000.
        marginals: (T, S), the probability of each state given the whole sentence; each row's sum is 1.
        path: (T), the states of the most probable path (Viterbi).
        log_probability: The log-probability of that path.
        total_tokens: The tokens of the whole text, those that were cut off by `max_tokens` included.
    """

    words: tuple[str, ...]
    states: tuple[str, ...]
    labels: tuple[str, ...]
    emissions: np.ndarray
    start: np.ndarray
    transition: np.ndarray
    end: np.ndarray
    marginals: np.ndarray
    path: np.ndarray
    log_probability: float
    total_tokens: int

    @property
    def tags(self) -> tuple[str, ...]:
        """(T), the labels along the path: the tagger's answer."""
        return tuple(self.labels[state] for state in self.path)

    def figure(self) -> Figure:
        """Words from left to right, states from top to bottom; marginals as colour, the best path as a line."""
        figure = new_figure(width_for(self.words) + 1.0, 1.6 + 0.24 * len(self.states))
        axes = figure.subplots()
        image = axes.imshow(self.marginals.T, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.plot(range(len(self.path)), self.path, color="C1", marker="o", markersize=4, linewidth=1.5)
        axes.set_yticks(range(len(self.states)), [state.replace("$", r"\$") for state in self.states], fontsize=8)
        axes.set_yticks(np.arange(0.5, len(self.states) - 1), minor=True)
        axes.grid(which="minor", axis="y", color="0.88", linewidth=0.5)
        axes.tick_params(which="minor", length=0)
        name_steps(axes, self.words)
        figure.colorbar(image, ax=axes, pad=0.01, fraction=0.03, label="p(state | sentence)")
        return figure


@torch.no_grad()
def tag_lattice(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, max_tokens: int | None = None
) -> TagLattice:
    """Emissions, transitions, marginals (by forward-backward) and the best path of a tagger's CRF over `text`.

    Args:
        max_tokens: The first of them are read, as if the text ended there; None: all.

    Raises:
        NotApplicableError: the model is no tagger of hf_rnn with a CRF.
        ValueError: `text` is no string or has no token, or `max_tokens` is below 1.
    """
    if not isinstance(model, RecurrentForTokenClassification):
        raise NotApplicableError(f"`model` is a {type(model).__name__}; it must be a tagger of hf_rnn with a CRF.")
    crf = model.head.crf
    if crf is None:
        raise NotApplicableError(
            "`model` is a tagger with `crf=False`: it scores each word alone, there is no lattice."
        )
    read = read_text(model, tokenizer, text, max_tokens)
    with evaluation_mode(model):
        emissions = model(**read.inputs).emissions
    # Double precision is needed: probabilities of long sentences are small.
    emissions, rules = emissions.double(), [rule.double() for rule in crf.rules()]
    mask = torch.ones(emissions.shape[:2], dtype=torch.bool, device=emissions.device)
    path, score = crf.viterbi(emissions, mask)
    names = label_names(model)
    states = bioes_states(names) if model.config.label_scheme == "BIOES" else {name: name for name in names}
    start, transition, end = map(as_array, rules)
    return TagLattice(
        words=read.steps,
        states=tuple(states),
        labels=tuple(states.values()),
        emissions=as_array(emissions[0]),
        start=start,
        transition=transition,
        end=end,
        marginals=as_array(crf.marginals(emissions, mask)[0]),
        path=as_array(path[0]),
        log_probability=float(score[0] - crf.log_partition(emissions, mask)[0]),
        total_tokens=read.total_tokens,
    )
