"""The part of a Trainer that makes the loss of a whole step of micro-batches, and counts what it is a mean over."""

from __future__ import annotations

from typing import Any, cast

import torch

from ..inference.steps import steps_of
from ..losses.class_weights import label_weights, weighted_cross_entropy
from ..models.losses import known_targets
from .ready_trainer import ReadyTrainer


__all__ = ["StepLossTrainer"]


class StepLossTrainer(ReadyTrainer):
    """A [`ReadyTrainer`] whose loss is the mean over the labels of a whole step, under gradient accumulation and over
    several processes.
    """

    # The trainer that knows the model sets these: whether the model gives a mean over a micro-batch whatever it is
    # told, how its targets are counted where they are numbers or several labels, and the weights of its classes.
    _loss_is_mean: bool
    _counted: str | None
    _class_weights: torch.Tensor | None

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """See `transformers.Trainer.compute_loss`."""
        if self._class_weights is not None and model.training:
            return self._class_weighted_loss(model, inputs, return_outputs, num_items_in_batch)
        if num_items_in_batch is None or not self._loss_is_mean or self.compute_loss_func is not None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"]
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True)
        loss = self._weighed(loss, labels, num_items_in_batch)
        return (loss, outputs) if return_outputs else loss

    def _class_weighted_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool,
        num_items_in_batch: torch.Tensor | int | None,
    ) -> Any:
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = weighted_cross_entropy(
            outputs["logits"],
            labels,
            cast(torch.Tensor, self._class_weights),
            self.args.label_smoothing_factor,
            num_items_in_batch,
        )
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            # The weights of all processes are counted together, and their gradients are averaged.
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list[Any], torch.Tensor | int | None]:
        """See `transformers.Trainer.get_batch_samples`; with weights of the classes the sum of those is counted."""
        batches, number = super().get_batch_samples(*args, **kwargs)
        if self._class_weights is None or not batches:
            return batches, number
        total = sum((label_weights(batch["labels"], self._class_weights) for batch in batches), torch.zeros(()))
        total = total.to(self.args.device)
        if self.args.average_tokens_across_devices and self.args.world_size > 1:
            total = self.accelerator.gather(total).sum()
        return batches, total

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> torch.Tensor | int | None:
        """Count what is a target, of numbers and of several labels; transformers counts all that is not -100."""
        number = super()._get_num_items_in_batch(batch_samples, device)
        if self._counted is None or number is None:
            return number
        return self._counted_together(batch_samples, device)

    def _counted_together(self, batches: list[Any], device: torch.device) -> torch.Tensor:
        """The targets of all batches of a step, those of other processes among them if the loss is theirs, too."""
        total = torch.stack([self._number_of_targets(batch) for batch in batches]).sum().to(device)
        if self.args.average_tokens_across_devices and self.args.world_size > 1:
            total = self.accelerator.gather(total).sum()
        # A step without any target has a sum of 0, which no number of targets may turn into 0 / 0.
        return total.clamp(min=1)

    def _number_of_targets(self, inputs: dict[str, Any]) -> torch.Tensor:
        """The labels of a batch that the loss has terms of."""
        labels = inputs["labels"]
        known = known_targets(labels, self._counted)
        mask = inputs.get("attention_mask")
        if mask is not None and steps_of(self.accelerator.unwrap_model(self.model)) is not None:
            known = known & mask.bool().view(*mask.shape, *(1 for _ in labels.shape[2:]))
        return known.sum()

    def _weighed(
        self, loss: torch.Tensor, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int
    ) -> torch.Tensor:
        """The part in the loss of a whole step of `loss`, a mean over the `labels` of a micro-batch."""
        counted = labels[..., 1:] if self._loss_shifts_labels else labels
        share = (counted != -100).sum().to(loss.dtype) / num_items_in_batch
        if self.args.average_tokens_across_devices:
            # The labels of all processes are counted together, and their gradients are averaged.
            share = share * self.accelerator.num_processes
        return share * loss
