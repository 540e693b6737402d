"""Trainer of models that read a source and write a target."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from transformers.trainer_utils import EvalLoopOutput

from ..models.modeling_seq2seq import RecurrentForSeq2SeqLM
from .arguments import NEW_TRANSFORMER_LEARNING_RATE
from .trainer import RecurrentTrainer


__all__ = ["SequenceTrainer"]

logger = logging.getLogger(__name__)


class SequenceTrainer(RecurrentTrainer):
    """A [`RecurrentTrainer`] for an encoder-decoder and rows of `input_ids` and `labels`, ours or of transformers.

    With `args.label_smoothing_factor` the loss of training is smoothed; that of evaluations is not, so that runs can
    be compared.

    Args:
        written_figures: Given the model and the rows, the figures of what it writes for them; they are measured at
            each evaluation of `eval_dataset` while it trains. Default: none, and the loss alone is measured.
        args, kwargs: As [`RecurrentTrainer`] takes them.
    """

    def __init__(
        self, *args: Any, written_figures: Callable[[Any, Any], Mapping[str, float]] | None = None, **kwargs: Any
    ) -> None:
        self.written_figures = written_figures
        self._writes = False
        super().__init__(*args, **kwargs)

    def _default_learning_rate(self, model: Any) -> float:
        is_new_transformer = not isinstance(model, RecurrentForSeq2SeqLM) and not model.config.name_or_path
        return NEW_TRANSFORMER_LEARNING_RATE if is_new_transformer else super()._default_learning_rate(model)

    def _set_up(self, model: Any) -> None:
        super()._set_up(model)
        self._smoothing = self.args.label_smoothing_factor if isinstance(model, RecurrentForSeq2SeqLM) else 0.0
        if self._smoothing and model.config.sampled_softmax is not None:
            logger.warning(
                "`label_smoothing_factor`=%s changes nothing with `sampled_softmax`=%s, which compares a label with a "
                "few tokens; leave one of the two out.",
                self._smoothing,
                model.config.sampled_softmax,
            )
        if self._smoothing:
            # The model smooths the labels itself, without the scores of all tokens at all steps in memory.
            self.label_smoother = None

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """See `transformers.Trainer.compute_loss`."""
        if isinstance(self.accelerator.unwrap_model(model), RecurrentForSeq2SeqLM):
            smoothing = self._smoothing if model.training else 0.0
            inputs = {**inputs, "skip_logits": True, "smoothing": smoothing, "use_cache": False}
        if model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        smoother, self.label_smoother = self.label_smoother, None
        try:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        finally:
            self.label_smoother = smoother

    def evaluate(self, eval_dataset: Any = None, *args: Any, **kwargs: Any) -> dict[str, float]:
        """See `transformers.Trainer.evaluate`; with `written_figures` those come on top while it trains."""
        self._writes = eval_dataset is None and self.is_in_train and self.written_figures is not None
        try:
            return super().evaluate(eval_dataset, *args, **kwargs)
        finally:
            self._writes = False

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> EvalLoopOutput:
        """See `transformers.Trainer.evaluation_loop`. The written figures are among its metrics, so that every
        callback is told of them: early stopping by one of them would find none.
        """
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        if self._writes and self.written_figures is not None:
            with self._averaged():
                found = self.written_figures(self.accelerator.unwrap_model(self.model), self.eval_dataset)
            cast(dict[str, float], output.metrics).update(
                {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
            )
        return output
