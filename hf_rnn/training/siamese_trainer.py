"""Trainer for siamese networks: the loss is one of embeddings, the batches those that it wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import torch
from torch import nn
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import PreTrainedTokenizerBase

from ..data.batches.duplicates import row_groups
from ..data.batches.pair_collator import PairCollator
from ..extras import MissingExtraError
from ..losses.objective import SimilarityObjective
from ..metrics.names import CLASSIFIER
from ..metrics.pairs import similarity_metrics_for
from .honoured_flags import Only
from .pair_sampler import GroupedPairSampler
from .raw_rows import all_labels
from .task_of_model import DefaultMetrics, Head, head_of, label_of
from .trainer import RecurrentTrainer


__all__ = ["SiameseTrainer"]


class SiameseTrainer(RecurrentTrainer):
    """A [`RecurrentTrainer`] for a siamese network and rows of two inputs and `labels`.

    The loss is a mean over a batch, and with gradient accumulation, or several processes, the mean of those of its
    micro-batches, each weighed by its rows. So a loss of single pairs is that of one large batch; in-batch negatives,
    and what CoSENT compares, are those of one micro-batch. In evaluation an objective that takes negatives from the
    batch has no loss, because batches of similar length would make it another one.

    What is not given follows from the pairs: texts in the columns `text`, `text_b` and `label` are tokenised, the
    `groups` of losses that need them are those of equal texts, and an evaluation measures
    [`PairClassificationMetric`] of labels 0 and 1 and [`ScoreCorrelationMetric`] of scores.

    Args:
        loss: One of `hf_rnn.losses` for pairs or for duplicates, such as `CoSENTLoss()`, a [`SimilarityObjective`] of
            several, or any `torch.nn.Module` that is called as `loss(a, b, labels)`, with the embeddings of each side,
            (batch, features), and labels or scores, (batch), and returns their mean, a scalar.
        groups: The group of each training row; no two of a group come into a batch. Losses that take negatives from
            the batch need it. Default: found by `row_groups` where the rows are a `datasets.Dataset`.
        predicts_embeddings: Whether evaluations hand over the embeddings of both sides after the similarities, in the
            order of the rows, for metrics that compare each text with all others.
        args, kwargs: As [`RecurrentTrainer`] takes them.

    Raises:
        ValueError: the loss is none of pairs, or takes negatives from the batch of rows that have no `groups`; or as
            [`RecurrentTrainer`].

    Example:
        >>> SiameseTrainer(model, train_dataset=pairs, processing_class=tokenizer, loss=CoSENTLoss())  # doctest: +SKIP
    """

    # The name is not `objective`: transformers calls so what a search has found.
    pair_objective: SimilarityObjective

    def __init__(
        self,
        *args: Any,
        loss: nn.Module,
        groups: Sequence[int] | None = None,
        predicts_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        # This comes before all else: the flags and metrics depend on it.
        self.pair_objective = SimilarityObjective.of(loss)
        self.groups = groups
        self.predicts_embeddings = predicts_embeddings
        super().__init__(*args, **kwargs)
        # The forward of the model takes no labels, by which the Trainer would know what they are called.
        self.label_names = ["labels"]

    def _set_up(self, model: Any) -> None:
        super()._set_up(model)
        if self.pair_objective.of_logits and head_of(model) != "pairs":
            raise ValueError(
                f"`loss` is one of a classifier of pairs, and `model` is a {type(model).__name__}; it must be a "
                "SiameseForPairClassification."
            )
        if self.pair_objective.in_batch and self.groups is None and self.train_dataset is not None:
            if not isinstance(self.train_dataset, datasets.Dataset):
                raise ValueError("`groups` is None; with in-batch negatives it must say which rows are duplicates.")
            self.groups = row_groups(self.train_dataset)

    def _head(self, model: Any) -> Head | None:
        return head_of(model)

    def _allowed_flags(self, model: Any) -> dict[str, Only]:
        allowed = super()._allowed_flags(model)
        allowed |= {
            "label_smoothing_factor": Only(0, "for pairs, whose losses have a `label_smoothing` where they have any,"),
            "label_names": Only(self.args.label_names and ["labels"], "for pairs"),
            "remove_unused_columns": Only(True, "for pairs, whose model takes no other columns,"),
        }
        if self.groups is not None:
            reason = "with a loss that takes negatives from the batch"
            allowed["auto_find_batch_size"] = Only(False, reason)
            allowed["train_sampling_strategy"] = Only("random", reason)
        if self.compute_loss_func is not None:
            raise ValueError("`compute_loss_func` was given; for pairs give a `loss`.")
        return allowed

    def _default_collator(self, tokenizer: PreTrainedTokenizerBase) -> Any:
        return PairCollator(tokenizer)

    def _default_metrics(self, rows: Any) -> DefaultMetrics | None:
        kind = _kind_of_labels(rows)
        if kind is None:
            return None
        try:
            metrics = similarity_metrics_for(kind)
        except MissingExtraError:
            return None
        classifier = CLASSIFIER if self.pair_objective.of_logits else ""
        return DefaultMetrics(metrics, "spearman" if kind == "scores" else f"{classifier}roc_auc")

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """See `transformers.Trainer.compute_loss`."""
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = self.pair_objective(outputs.embeddings, outputs.embeddings_b, labels, outputs.logits)
        if num_items_in_batch is not None:
            loss = self._weighed(loss, labels, num_items_in_batch)
        if self.predicts_embeddings:
            # In this order, and nothing else.
            outputs = {name: outputs[name] for name in ("logits", "embeddings", "embeddings_b")}
        return (loss, outputs) if return_outputs else loss

    def prediction_step(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """See `transformers.Trainer.prediction_step`."""
        if self.predicts_embeddings:
            kwargs["ignore_keys"] = []
        loss, logits, labels = super().prediction_step(*args, **kwargs)
        return None if self.pair_objective.in_batch else loss, logits, labels

    def _get_eval_sampler(self, eval_dataset: Dataset[Any]) -> Sampler[Any] | None:
        # The metrics know the texts by their order.
        return SequentialSampler(eval_dataset) if self.predicts_embeddings else super()._get_eval_sampler(eval_dataset)  # type: ignore[arg-type]

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[Any] | None:
        if self.groups is None:
            return super()._get_train_sampler(train_dataset)
        processes = self.args.world_size
        batch_size = self.args.train_batch_size * processes
        return GroupedPairSampler(self.groups, batch_size, seed=self.args.data_seed, parts=processes)  # type: ignore[arg-type]


def _kind_of_labels(rows: Any) -> str | None:
    """`"labels"`, 0 and 1, or `"scores"`; None where they are all the same, so that there is nothing to tell apart."""
    if label_of(rows) is None or isinstance(rows, dict):
        return None
    found = set(map(float, all_labels(rows)))
    if len(found) < 2:
        return None
    return "labels" if found == {0.0, 1.0} else "scores"
