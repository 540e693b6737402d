"""Trainer for siamese networks: the loss is one of embeddings, the batches those that it wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset, Sampler

from ..losses.objective import SimilarityObjective
from .pair_sampler import GroupedPairSampler
from .trainer import RecurrentTrainer


class SiameseTrainer(RecurrentTrainer):
    """
    As [`RecurrentTrainer`], for a siamese network and rows of two inputs and `labels`.

    The loss is a mean over a batch, and with gradient accumulation, or several processes, the mean of those of its
    micro-batches, each weighed by its rows. So a loss of single pairs is that of one large batch; in-batch negatives,
    and what CoSENT compares, are those of one micro-batch. In evaluation an objective that takes negatives from the
    batch has no loss, because batches of similar length would make it another one.

    Args:
        objective: What is trained to.
        groups: Of each training row; no two of a group come into a batch. Needed where `objective.in_batch`.
        args, kwargs: Of `RecurrentTrainer`.

    Raises:
        ValueError: the objective takes negatives from the batch, and there are no `groups`.
    """

    # The name is not `objective`: transformers calls so what a search has found.
    pair_objective: SimilarityObjective

    def __init__(
        self, *args: Any, objective: SimilarityObjective, groups: Sequence[int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if objective.in_batch and groups is None:
            raise ValueError("`groups` is None; with in-batch negatives it must say which rows are duplicates.")
        self.pair_objective = objective
        self.groups = groups
        # The forward of the model takes no labels, by which the Trainer would know what they are called.
        self.label_names = ["labels"]

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
        return (loss, outputs) if return_outputs else loss

    def prediction_step(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """See `transformers.Trainer.prediction_step`."""
        loss, logits, labels = super().prediction_step(*args, **kwargs)
        return None if self.pair_objective.in_batch else loss, logits, labels

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[Any] | None:
        if self.groups is None:
            return super()._get_train_sampler(train_dataset)
        processes = self.args.world_size
        batch_size = self.args.train_batch_size * processes
        return GroupedPairSampler(self.groups, batch_size, seed=self.args.data_seed, parts=processes)  # type: ignore[arg-type]


__all__ = ["SiameseTrainer"]
