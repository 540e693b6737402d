"""transformers' Trainer, taking rows, arguments and models as people have them."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import EarlyStoppingCallback, PreTrainedTokenizerBase, TrainerCallback, TrainingArguments
from transformers.trainer_utils import SaveStrategy

from ..data.batches.collator import PaddingCollator
from ..data.batches.steps import NO_TARGET
from ..data.batches.tags import IGNORED_LABEL
from ..inference.steps import steps_of
from .accepted_arguments import accepted_arguments, replaced, without_evaluation
from .arguments import RecurrentTrainingArguments, read_class_weights
from .honoured_flags import Only, flags_of, refuse_flags, refuse_split_batches
from .length import choose_length, forget_length
from .raw_rows import are_raw, tokenize_rows
from .safe_trainer import SafeTrainer
from .task_of_model import DefaultMetrics, Head, default_metrics, head_of, set_problem_type


__all__ = ["ReadyTrainer"]


class ReadyTrainer(SafeTrainer):
    """A [`SafeTrainer`] in which whatever is not given follows from the model:

    - with a tokenizer the datasets may hold texts and names of labels (see [`tokenize_rows`]), and rows are padded by
      [`PaddingCollator`];
    - an evaluation measures by the metrics of the model's task, where the extra `train` is installed, and the best
      checkpoint is the best by them;
    - without an `eval_dataset` nothing is evaluated, and the last checkpoint is kept instead of the best;
    - without `args.num_train_epochs` and `args.max_steps` the length follows from the updates of an epoch (see
      `length.py`), and of checkpoints that are equally good the last is the best;
    - `args.early_stopping_patience` is heeded;
    - a flag that the model or the task cannot honour is refused before anything is trained.

    Args:
        model, data_collator, train_dataset, eval_dataset, processing_class, model_init, compute_loss_func,
            compute_metrics, callbacks, optimizers, optimizer_cls_and_kwargs, preprocess_logits_for_metrics: As
            `transformers.Trainer` takes them.
        args: [`RecurrentTrainingArguments`], or transformers' own, which mean what they mean there; then what is ours
            has its defaults. Default: all defaults.
        class_weights: `"balanced"`, or a number for each class: how much its labels count in the training loss, which
            is torch's cross-entropy with these weights (see [`weighted_cross_entropy`]). The loss of evaluations stays
            the model's own, so that runs can be compared. Default: `args.class_weights`.
        problem_type: `"single_label_classification"`, `"multi_label_classification"` or `"regression"`, which goes
            into the model's configuration. Default: that of the configuration, or of the labels.

    Raises:
        ValueError: an argument does not go with the model, with the data, such as a label that the model does not
            know, or with what was given in its place; the message names it.
    """

    args: RecurrentTrainingArguments
    # Whether the training has a length that nobody gave.
    _length_is_chosen = False

    def __init__(
        self,
        model: Any = None,
        args: TrainingArguments | None = None,
        data_collator: Any = None,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: Any = None,
        model_init: Callable[..., Any] | None = None,
        compute_loss_func: Callable[..., Any] | None = None,
        compute_metrics: Callable[..., dict[str, float]] | None = None,
        callbacks: list[TrainerCallback] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
        optimizer_cls_and_kwargs: tuple[Any, dict[str, Any]] | None = None,
        preprocess_logits_for_metrics: Callable[..., torch.Tensor] | None = None,
        *,
        class_weights: str | Sequence[float] | None = None,
        problem_type: str | None = None,
    ) -> None:
        args = accepted_arguments(args, self.arguments_class)
        if eval_dataset is None:
            args = without_evaluation(args)
        if class_weights is not None:
            args = replaced(args, class_weights=read_class_weights(class_weights))
        super().__init__(
            model=model,
            args=args,
            data_collator=data_collator,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            processing_class=processing_class,
            model_init=model_init,
            compute_loss_func=compute_loss_func,
            compute_metrics=compute_metrics,
            callbacks=callbacks,
            optimizers=optimizers,
            optimizer_cls_and_kwargs=optimizer_cls_and_kwargs,
            preprocess_logits_for_metrics=preprocess_logits_for_metrics,
        )
        model = self.accelerator.unwrap_model(self.model)
        if problem_type is not None:
            set_problem_type(model.config, problem_type)
        self.train_dataset = self._tokenized(self.train_dataset, "train_dataset", whole=False)
        self.eval_dataset = self._tokenized(self.eval_dataset, "eval_dataset")
        if data_collator is None and isinstance(self.processing_class, PreTrainedTokenizerBase):
            self.data_collator = self._default_collator(self.processing_class)
        if compute_metrics is None and self.eval_dataset is not None and not self.args.prediction_loss_only:
            self._measure_by(self._default_metrics(self.eval_dataset))
        self._set_up(model)
        refuse_flags(self.args, self._allowed_flags(model))
        refuse_split_batches(self.args)

    def _set_up(self, model: Any) -> None:
        """Take over what a kind of trainer adds; called once rows, metrics and collator are there."""

    def _allowed_flags(self, model: Any) -> dict[str, Only]:
        return flags_of(model, self.args, self.compute_metrics)

    def _default_collator(self, tokenizer: PreTrainedTokenizerBase) -> Any:
        model = self.accelerator.unwrap_model(self.model)
        padding = None if head_of(model) != "tokens" else IGNORED_LABEL if steps_of(model) is None else NO_TARGET
        return PaddingCollator(tokenizer, label_padding=padding)

    def _default_metrics(self, rows: Any) -> DefaultMetrics | None:
        return default_metrics(self.accelerator.unwrap_model(self.model), rows)

    def _measure_by(self, metrics: DefaultMetrics | None) -> None:
        if metrics is None:
            return
        self.compute_metrics = metrics.compute_metrics
        if self.preprocess_logits_for_metrics is None:
            self.preprocess_logits_for_metrics = metrics.preprocess_logits_for_metrics
        if isinstance(self.args, RecurrentTrainingArguments) and self.args.load_best_model_at_end:
            self.args = copy.copy(self.args)
            self.args.select_by(metrics.metric)

    def _tokenized(self, rows: Any, name: str, whole: bool = True) -> Any:
        """`rows`, or what a model reads of them where they are texts; of several datasets each."""
        if isinstance(rows, dict):
            return {key: self._tokenized(each, name, whole) for key, each in rows.items()}
        model = self.accelerator.unwrap_model(self.model)
        head = self._head(model)
        if head is None or not are_raw(rows, head):
            return rows
        return tokenize_rows(rows, name, head, model.config, self.processing_class, whole=whole)

    def _head(self, model: Any) -> Head | None:
        head = head_of(model)
        # Rows of pairs are those of a [`SiameseTrainer`].
        return None if head == "pairs" else head

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """See `transformers.Trainer.get_eval_dataloader`; the dataset may hold texts."""
        return super().get_eval_dataloader(self._tokenized(eval_dataset, "eval_dataset"))

    def get_test_dataloader(self, test_dataset: Any) -> DataLoader[Any]:
        """See `transformers.Trainer.get_test_dataloader`; the dataset may hold texts."""
        return super().get_test_dataloader(self._tokenized(test_dataset, "test_dataset"))

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """See `transformers.Trainer.train`."""
        forget_length(self.args)
        self._length_is_chosen = False
        with self._early_stopping():
            return super().train(*args, **kwargs)

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """See `transformers.Trainer.evaluate`. Early stopping heeds those evaluations of a training alone that measure
        its metric: not one afterwards, of other rows or under another prefix, nor those of further `eval_dataset`s.
        """
        name = str(self.args.metric_for_best_model)
        wanted = name if name.startswith("eval_") else f"eval_{name}"
        heeded = self.is_in_train and wanted.startswith(f"{metric_key_prefix}_")
        with contextlib.nullcontext() if heeded else self._without_early_stopping():
            return super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)

    @contextlib.contextmanager
    def _without_early_stopping(self) -> Iterator[None]:
        callbacks = self.callback_handler.callbacks
        found = [(place, each) for place, each in enumerate(callbacks) if isinstance(each, EarlyStoppingCallback)]
        for _, callback in found:
            callbacks.remove(callback)
        try:
            yield
        finally:
            for place, callback in found:
                callbacks.insert(place, callback)

    def set_initial_training_values(self, args: Any, dataloader: DataLoader[Any]) -> Any:
        """See `transformers.Trainer.set_initial_training_values`; a length that is open is chosen first."""
        values = super().set_initial_training_values(args, dataloader)
        _, steps, *_ = values
        # A batch size that did not fit into the memory has others.
        forget_length(args)
        self._length_is_chosen = choose_length(args, steps)
        if self._length_is_chosen:
            values = super().set_initial_training_values(args, dataloader)
        self._heed_patience()
        return values

    def _heed_patience(self) -> None:
        """Stop by `early_stopping_patience`, unless a callback does already."""
        patience = self.args.early_stopping_patience
        if patience is not None and not self._stops_early():
            self.add_callback(EarlyStoppingCallback(patience))

    def _stops_early(self) -> bool:
        return any(isinstance(callback, EarlyStoppingCallback) for callback in self.callback_handler.callbacks)

    @contextlib.contextmanager
    def _early_stopping(self) -> Iterator[None]:
        """Take away what `_heed_patience` has added, once it has trained."""
        is_own = self._stops_early()
        try:
            yield
        finally:
            if not is_own:
                # The callback is removed by its class: what a checkpoint has of it takes its place.
                self.remove_callback(EarlyStoppingCallback)

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """See `transformers.Trainer._determine_best_metric`. In a training of a length that was chosen, what is as
        good as the best takes its place: on few validation rows many are, and the first have learned least.
        """
        best = self.state.best_metric
        is_best: bool = super()._determine_best_metric(metrics, trial)
        if is_best or not self._length_is_chosen or best is None:
            return is_best
        name = str(self.args.metric_for_best_model)
        if metrics[name if name.startswith("eval_") else f"eval_{name}"] != best:
            return False
        if self.args.save_strategy != SaveStrategy.NO:
            self.state.best_global_step = self.state.global_step
        return True
