"""The layers between a word's vector and its label: emissions, a CRF if there is one, and the labels of pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import nn
from transformers import initialization as init

from .configuration_checks import check_crf
from .configuration_rnn import RecurrentConfig
from .crf import FORBIDDEN, ConditionalRandomField, allowed_transitions
from .heads import ClassificationHead
from .looks import may_look, require
from .losses import classification_loss, divided, step_loss


__all__ = ["OF_STEPS", "TaggingHead", "bioes_states", "inside", "merge_scores"]


# The problem types of which each output of a step is a target by itself.
OF_STEPS = ("regression", "multi_label_classification")


def bioes_states(labels: Sequence[str]) -> dict[str, str]:
    """The states in BIOES that stand for `labels` in BIO, each with its label: S-PER for B-PER, E-PER for I-PER …

    Raises:
        ValueError: for a label that is not of BIO.
    """
    allowed_transitions(labels, "BIO")
    last = {"B": "S", "I": "E"}
    states = {}
    for label in labels:
        prefix, _, entity = label.partition("-")
        states[label] = label
        if prefix in last and f"I-{entity}" in labels:
            states[f"{last[prefix]}-{entity}"] = label
        elif prefix == "B":
            # An entity without an I- is of one word.
            del states[label]
            states[f"S-{entity}"] = label
    return states


def inside(labels: Sequence[str]) -> dict[str, str]:
    """What the further pieces of a word have: I-PER after B-PER, where there is that label; else the word's own."""
    own = {label: label for label in labels}
    return own | {label: f"I-{label[2:]}" for label in labels if label[:2] == "B-" and f"I-{label[2:]}" in own}


def merge_scores(scores: torch.Tensor, into: torch.Tensor) -> torch.Tensor:
    """Scores (…, sources) to (…, targets), the best of the sources that lead to each by `into` (sources, targets);
    `FORBIDDEN` where none does. The best target is that of the best source, which a sum would not give.
    """
    return scores.unsqueeze(-1).masked_fill(~into, -torch.inf).amax(-2).clamp(min=FORBIDDEN)


class TaggingHead(nn.Module):
    """(batch, words, features) to emissions, to a loss, and to scores of labels.

    With the `problem_type` `"regression"` the emissions are numbers, and with `"multi_label_classification"` logits of
    labels that do not exclude each other; they are the scores as well.

    Args:
        config: The model's configuration; `id2label` gives the labels.
    """

    state_labels: torch.Tensor
    inside_labels: torch.Tensor

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        if config.single_logit:
            raise ValueError("`single_logit` is True, which is for classifiers of two labels; a tagger needs False.")
        names = cast(dict[int, str], config.id2label)
        labels = [str(names[index]) for index in range(config.num_labels or 0)]
        bioes = config.label_scheme == "BIOES"
        states = bioes_states(labels) if bioes else {label: label for label in labels}
        allowed = None if config.label_scheme is None else allowed_transitions(list(states), config.label_scheme)
        self.crf = ConditionalRandomField(len(states), allowed) if config.crf else None
        self.classifier = ClassificationHead(config, config.step_size, len(states))
        self._tables = {
            "state_labels": _table(states.values(), labels),
            "inside_labels": _table(inside(labels).values(), labels),
        }
        for name, table in self._tables.items():
            self.register_buffer(name, table.clone(), persistent=False)

    @property
    def of_steps(self) -> str | None:
        """The problem type, where it is one of `OF_STEPS`; None where each word has one label.

        Raises:
            ValueError: it is, and there is a CRF.
        """
        # The type may have been set after the model was made.
        kind = self.config.problem_type
        check_crf(self.crf is not None, None, kind)
        return kind if kind in OF_STEPS else None

    def forward(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Emissions (batch, words, states), zero at the padding, for words (batch, words, features)."""
        if not may_look(mask):
            found = self.classifier(features.flatten(0, 1))
            emissions = found.view(*mask.shape, found.shape[1])
            return emissions.masked_fill(~mask.unsqueeze(2), 0)
        found = self.classifier(features[mask])
        emissions = found.new_zeros(*mask.shape, found.shape[1])
        emissions[mask] = found
        return emissions

    def loss(
        self,
        emissions: torch.Tensor,
        labels: torch.Tensor,
        mask: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """The negative log-likelihood of `labels` (batch, words), -100 where there is none, by the labelled words or
        by `num_items_in_batch`; of targets that are numbers or several labels see `losses.step_loss`.
        """
        if self.of_steps is not None:
            return step_loss(emissions, labels, mask, self.of_steps, num_items_in_batch)
        labels = labels.masked_fill(~mask, -100)
        if self.crf is None:
            # Nothing is picked out where that would be a look: how many words there are depends on the values.
            picked, own = ((x[mask] if may_look(mask) else x.flatten(0, 1)) for x in (emissions, labels))
            return classification_loss(picked, own, "single_label_classification", num_items_in_batch)
        labelled = labels != -100
        num_labels = self.state_labels.shape[1]
        wrong = labelled & ((labels < 0) | (labels >= num_labels))
        allowed = f"it must be in [0, {num_labels}), or -100."
        require(~wrong, f"`labels`: {allowed}", lambda: f"`labels` holds {int(labels[wrong][0])}; {allowed}")
        possible = self.state_labels.T[labels.clamp(min=0)] | ~labelled.unsqueeze(2)
        total = -self.crf(_at_least_float32(emissions), possible, mask).sum()
        if num_items_in_batch is None:
            num_items_in_batch = labelled.sum().clamp(min=1)
        return divided(total, num_items_in_batch)

    def scores(self, emissions: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores (batch, words, labels) of a word's first piece and of its further ones.

        With a CRF they are max-marginals: the best sequence through each label, less the best of all, so that their
        argmax is the Viterbi path. Without, they are logits. The argmax of a further piece is the I- of its word's.
        Numbers, and logits of several labels, are the emissions for every piece.
        """
        if self.of_steps is not None:
            return emissions, emissions
        best = emissions
        if self.crf is not None and not self.training:
            best = self.crf.max_marginals(_at_least_float32(emissions), mask)
        of_words = merge_scores(best, self.state_labels)
        return of_words, merge_scores(of_words, self.inside_labels)

    def log_probabilities(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """log p(label) (batch, words, labels) of each word, whatever labels the others have: by the CRF's marginals,
        the states of a label summed; without a CRF the log-softmax of the emissions. Anything at the padding.
        """
        emissions = _at_least_float32(emissions)
        if self.crf is None:
            of_states = torch.log_softmax(emissions, dim=2)
        else:
            of_states = self.crf.log_marginals(emissions, mask)
        return of_states.unsqueeze(3).masked_fill(~self.state_labels, -torch.inf).logsumexp(2)

    def initialize(self) -> None:
        """The tables, which follow from the labels and are in no checkpoint."""
        for name, table in self._tables.items():
            init.copy_(getattr(self, name), table)


def _at_least_float32(emissions: torch.Tensor) -> torch.Tensor:
    # Sums over a long sentence lose too much in half precision.
    return emissions.float() if emissions.dtype in (torch.float16, torch.bfloat16) else emissions


def _table(targets: Iterable[str], labels: Sequence[str]) -> torch.Tensor:
    # (targets, labels): True where the two are the same.
    rows = [[target == label for label in labels] for target in targets]
    return torch.tensor(rows, dtype=torch.bool, device="cpu")
