"""Counts how much of the training batches a model gets right, from the scores that their losses are computed of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState
from transformers.trainer_utils import IntervalStrategy

from ..data.batches.tags import IGNORED_LABEL
from ..metrics.language import perplexity
from ..models.crf import ConditionalRandomField
from ..models.label_threshold import label_threshold
from ..models.losses import infer_problem_type
from ..models.modeling_rnn import RecurrentForCausalLM, RecurrentForTokenClassification
from ..models.tagging import merge_scores
from ..models.words import Words
from .task_of_model import has_crf, head_of


__all__ = ["TrainFigure"]


# The best path of a CRF takes about a twentieth of a training step: it is found for one batch of so many.
BATCHES_PER_PATH = 4
# What the two sums of a batch are: a numerator and a denominator.
Sums = tuple[torch.Tensor | float, torch.Tensor | float]


class TrainFigure(TrainerCallback, ExportableState):
    """The figure of the batches since the last evaluation, which the log calls `accuracy`, `f1_micro` or `perplexity`
    beside the `eval_accuracy` … of that evaluation, as transformers calls the losses `loss` and `eval_loss`.

    Each batch is measured while it is learnt, with dropout, and by the weights of its own step, as Keras does. So the
    figure costs no pass over the rows. Early on it is below what the weights at the end of the epoch would reach; with
    much dropout the figure on validation may be the better one.

    - A classifier of one label, and a tagger: `accuracy`. With a CRF it is that of the best path, of every fourth
      batch. Items without a label (-100) do not count.
      That of a classifier with a wide part is the network's own, which learns by itself.
    - A classifier of several labels a text: `f1_micro`, at the threshold of the configuration.
    - A recurrent language model: `perplexity`, unless its training loss is another than that of its tokens: with
      `sampled_softmax`, `activation_penalty` or `temporal_activation_penalty`.
    - Others have none: the loss of a regression is its squared error, and pairs are ranked as a whole.

    A checkpoint holds the sums, so that a resumed epoch goes on with them.

    Attributes:
        total, count: The sums so far, whose quotient is the figure; of a perplexity, its logarithm.
        name: What they are of, `"accuracy"` …; empty before the first batch.
        batches: How many batches there were since the last evaluation.
        is_due: Whether an epoch has ended in a training that evaluates nothing.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.total: torch.Tensor | float = 0.0
        self.count: torch.Tensor | float = 0.0
        self.name, self.batches, self.is_due = "", 0, False

    @contextlib.contextmanager
    def watching(self, model: nn.Module, bare: nn.Module, inputs: Mapping[str, Any]) -> Iterator[None]:
        """Count what `model` answers to a batch the first time that it is called in the block.

        Args:
            model: As it is trained, perhaps wrapped for several processes.
            bare: The model itself.
            inputs: Those of the batch, with its `labels`.
        """
        name = _figure_of(bare)
        self.batches += 1
        if not name or (has_crf(bare) and (self.batches - 1) % BATCHES_PER_PATH):
            yield
            return

        def count(_: nn.Module, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
            handle.remove()
            found = _sums(bare, name, inputs, kwargs, outputs)
            if found is not None:
                self.name = name
                self.total, self.count = self.total + found[0], self.count + found[1]

        handle = model.register_forward_hook(count, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def take(self, accelerator: Any) -> dict[str, float]:
        """Give the figure by its name in a log, and begin anew; nothing where no batch had one.

        Args:
            accelerator: That of the Trainer, which adds the sums of all processes.
        """
        sums = torch.tensor([float(self.total), float(self.count)], dtype=torch.float32, device=accelerator.device)
        total, count = accelerator.reduce(sums, "sum").tolist()
        name = self.name
        self.clear()
        if not count or not name:
            return {}
        figure = perplexity(total / count) if name == "perplexity" else total / count
        return {name: figure}

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.is_due = args.eval_strategy == IntervalStrategy.NO

    def state(self) -> dict[str, Any]:
        sums = {"total": float(self.total), "count": float(self.count)}
        return {"args": {}, "attributes": {**sums, "name": self.name, "batches": self.batches}}


def _figure_of(model: Any) -> str:
    """Name the figure of a kind of model; empty where it has none."""
    if isinstance(model, RecurrentForCausalLM):
        config = model.config
        other = config.sampled_softmax or config.activation_penalty or config.temporal_activation_penalty
        return "" if other else "perplexity"
    head = head_of(model)
    if head not in ("texts", "tokens") or model.config.num_labels == 1 or model.config.problem_type == "regression":
        return ""
    if model.config.problem_type == "multi_label_classification":
        return "f1_micro" if head == "texts" else ""
    return "accuracy"


@torch.no_grad()
def _sums(model: Any, name: str, inputs: Mapping[str, Any], kwargs: Mapping[str, Any], outputs: Any) -> Sums | None:
    if name == "perplexity":
        return _nats(kwargs, outputs)
    labels = inputs.get("labels")
    if labels is None:
        return None
    logits = outputs["logits"].detach()
    labels = labels.to(logits.device)
    if name == "f1_micro":
        chosen, truth = logits.sigmoid() >= label_threshold(model.config), labels > 0.5
        return 2 * (chosen & truth).sum(), chosen.sum() + truth.sum()
    if infer_problem_type(model.config.problem_type, logits.shape[-1], labels) != "single_label_classification":
        return None
    if has_crf(model):
        logits, labels = _best_path(model, inputs, outputs["emissions"].detach(), labels)
    labelled = labels != IGNORED_LABEL
    right = logits.argmax(-1).view(labels.shape) == labels
    return (right & labelled).sum(), labelled.sum()


def _nats(kwargs: Mapping[str, Any], outputs: Any) -> Sums | None:
    """The summed loss of the tokens that were predicted, and their number."""
    targets = kwargs.get("shift_labels")
    if targets is None:
        return None
    tokens = (targets != IGNORED_LABEL).sum()
    divisor = kwargs.get("num_items_in_batch")
    return outputs["loss"].detach() * (tokens if divisor is None else divisor), tokens


def _best_path(
    model: RecurrentForTokenClassification, inputs: Mapping[str, Any], emissions: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores (batch, words, labels) whose argmax is the CRF's best path, and the labels (batch, words)."""
    given = (inputs.get(name) for name in ("input_ids", "attention_mask", "inputs_embeds"))
    ids, mask = model.model.inputs_and_mask(*given)
    words = model.model.embeddings.find_words(ids, mask) or Words.each_a_piece(mask)
    crf = cast(ConditionalRandomField, model.head.crf)
    best = crf.max_marginals(emissions.float(), words.mask)
    return merge_scores(best, model.head.state_labels), words.from_pieces(labels).masked_fill(
        ~words.mask, IGNORED_LABEL
    )
