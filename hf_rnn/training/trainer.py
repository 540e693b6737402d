"""transformers' Trainer for recurrent networks: length buckets, flushed denormals, losses right under accumulation."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any, cast

import datasets
import torch
from accelerate.utils import DistributedType
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers.trainer_utils import EvalLoopOutput

from ..kernels.threads import computing_threads
from ..models.modeling_conv import ConvEncoderModel
from ..models.modeling_rnn import RecurrentPreTrainedModel
from ..models.truncated_bptt import require_truncation, truncated_backpropagation
from .arguments import NEW_LEARNING_RATE, PRETRAINED_LEARNING_RATE, RECURRENT_LEARNING_RATE
from .samplers import LengthBucketSampler, SortedByLengthSampler
from .shared_batches import num_repeated, share_batches
from .step_loss import StepLossTrainer
from .task_of_model import counted_as
from .techniques.adversarial import adversarial_step, require_embedding_table
from .techniques.averaging import WeightAverage
from .techniques.class_weights import class_weights_of
from .techniques.denormals import flushed_denormals
from .techniques.layer_groups import decay_learning_rates, layer_groups
from .techniques.schedules import slanted_triangular_schedule
from .techniques.unfreezing import gradual_unfreezing
from .techniques.wide_scales import fit_scales, wide_part_of
from .train_figure import TrainFigure


__all__ = ["RecurrentTrainer", "example_lengths"]


def example_lengths(dataset: Any, column: str = "length") -> Sequence[int] | None:
    """Tokens of each example: those of `column`, else counted in `input_ids`; None where there is neither."""
    if not isinstance(dataset, datasets.Dataset):
        return None
    if column in dataset.column_names:
        # Sliced: a column that is iterated over is read a row at a time.
        return list(dataset[column][:])
    if "input_ids" in dataset.column_names:
        return [len(ids) for ids in dataset["input_ids"]]
    return None


class RecurrentTrainer(StepLossTrainer):
    """As `transformers.Trainer`, and:

    - with `args.bucket_by_length` batches hold texts of similar length, in training (resumable in the middle of an
      epoch) and in evaluation, where predictions still come in the dataset's order (`compute_metrics` alone is given
      them by length);
    - with a tokenizer and no `data_collator` it pads by [`PaddingCollator`], as the stock one and far sooner;
    - several processes share each batch, and no row comes twice in an epoch (see `sharing.py`): they learn what one
      process learns from their batches together;
    - denormal numbers are flushed while it trains, in every thread, and the mode is restored afterwards;
    - torch computes with `args.torch_threads` threads while it trains and evaluates, by default one for a model with a
      recurrence (see `threads.py`), and with as many as before afterwards;
    - with `args.weight_average_decay` what is evaluated, saved and ends up in the model is the average of the weights
      over the steps; a checkpoint also holds the weights to go on from;
    - with `args.discriminative_lr_decay`, `args.gradual_unfreezing` and `args.slanted_triangular` it fine-tunes as
      ULMFiT does (see `layer_groups.py`, `unfreezing.py` and `schedules.py`);
    - with `args.bptt_steps` the gradient of the state stops after so many steps (see `models/truncated_bptt.py`);
    - with `args.max_grad_value` each number of the gradient is clipped to that size, behind the norm;
    - with `args.adversarial_epsilon` it also learns each batch with perturbed embeddings (see `adversarial.py`);
    - what it leaves in its folder is whole, whatever happens (see `safe_trainer.py`);
    - of a classifier with a wide part each evaluation of a training chooses what that counts (see `wide_scales.py`);
    - before each evaluation it logs what share of the batches since the last one was right (see `train_figure.py`);
    - the loss is the mean over the labels of a whole step, under gradient accumulation and over several processes;
      that of a stock model, a mean over a micro-batch, is weighed by its labels;
    - what it pushes to a Hub is complete, and never the optimizer's state (see `pushing.py`).

    What is not given follows from the model, and rows may be texts: see [`ReadyTrainer`], whose arguments these are.

    Example:
        >>> trainer = RecurrentTrainer(model, train_dataset=reviews, processing_class=tokenizer)  # doctest: +SKIP
        >>> trainer.train()  # doctest: +SKIP

    Raises:
        ValueError: an argument does not go with the model (`label_smoothing_factor` with a language model or a CRF),
            with the data (a label that the model does not know) or with what was given in its place.
    """

    # Those of a recurrent model that starts at random, and of one that was trained before, unless another is given.
    new_learning_rate = NEW_LEARNING_RATE
    recurrent_learning_rate = RECURRENT_LEARNING_RATE

    def _set_up(self, model: Any) -> None:
        if self.args.learning_rate is None:
            self.args.learning_rate = self._default_learning_rate(model)
        # Stock classification heads take `num_items_in_batch`, as any `forward(**kwargs)`, and do not heed it.
        self._loss_is_mean = not isinstance(model, RecurrentPreTrainedModel)
        # Have the labels of a step counted in any case.
        self.model_accepts_loss_kwargs = True
        # How the targets of a step are counted, where they are numbers or several labels.
        self._counted = None if self._loss_is_mean else counted_as(model)
        self._check(model)
        self._class_weights = class_weights_of(model, self.args.class_weights, self.train_dataset)
        # Only while it trains: afterwards the model itself is what was chosen.
        self._average: WeightAverage | None = None
        self.add_callback(TrainFigure())

    @property
    def _figure(self) -> TrainFigure:
        # The one of a checkpoint takes the place of that which was added.
        return next(each for each in self.callback_handler.callbacks if isinstance(each, TrainFigure))

    def _default_learning_rate(self, model: Any) -> float:
        recurrent = [module for module in model.modules() if isinstance(module, RecurrentPreTrainedModel)]
        if recurrent and not any(module.config.name_or_path for module in recurrent):
            return self.new_learning_rate
        small = recurrent or any(isinstance(module, ConvEncoderModel) for module in model.modules())
        return self.recurrent_learning_rate if small else PRETRAINED_LEARNING_RATE

    def _check(self, model: Any) -> None:
        """Refuse a technique that the model, or what was given, cannot have."""
        if self.args.adversarial_epsilon is not None:
            require_embedding_table(model)
        if self.args.bptt_steps is not None:
            require_truncation(model, self.args.bptt_steps)
        kind = self.accelerator.distributed_type
        if self.args.max_grad_value is not None and kind in (DistributedType.DEEPSPEED, DistributedType.FSDP):
            raise ValueError(
                f"`max_grad_value`={self.args.max_grad_value} must be absent with {kind.value}, which keeps parts of "
                "the gradient elsewhere; `max_grad_norm` works there."
            )
        made = {"discriminative_lr_decay": self.optimizer, "slanted_triangular": self.lr_scheduler}
        for option, given in made.items():
            if given is not None and getattr(self.args, option):
                raise ValueError(
                    f"`{option}` shapes what the trainer makes itself, but `optimizers` has a {type(given).__name__}."
                )

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> Any:
        """See `transformers.Trainer.train`."""
        if self.model is None:
            # A search has freed the model of the trial before; its threads depend on what the model is.
            self.model = self.call_model_init(trial)
        self._figure.clear()
        self._average = self._new_average()
        if self._average is not None:
            self.add_callback(self._average)
        try:
            with self._threads(), flushed_denormals(), self._unfreezing():
                output = super().train(resume_from_checkpoint, trial, ignore_keys_for_eval)
            if self._average is not None and not self.args.load_best_model_at_end:
                self._average.assign(self.accelerator.unwrap_model(self.model))
            return output
        finally:
            if self._average is not None:
                self.remove_callback(self._average)
            self._average = None

    def _new_average(self) -> WeightAverage | None:
        decay = self.args.weight_average_decay
        return WeightAverage(decay) if decay else None

    def _threads(self) -> contextlib.AbstractContextManager[int]:
        return computing_threads(self.accelerator.unwrap_model(self.model), self.args.torch_threads)

    def _unfreezing(self) -> contextlib.AbstractContextManager[None]:
        return gradual_unfreezing(self) if self.args.gradual_unfreezing else contextlib.nullcontext()

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """See `transformers.Trainer.create_optimizer`."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_new and self.args.discriminative_lr_decay is not None:
            groups = layer_groups(self.accelerator.unwrap_model(model or self.model))
            decay_learning_rates(optimizer, groups, self.args.discriminative_lr_decay)
        return optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """See `transformers.Trainer.create_scheduler`."""
        if self.args.slanted_triangular and self.lr_scheduler is None:
            optimizer = cast(torch.optim.Optimizer, optimizer or self.optimizer)
            self.lr_scheduler = slanted_triangular_schedule(optimizer, num_training_steps)
            self._created_lr_scheduler = True
        return super().create_scheduler(num_training_steps, optimizer)

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> torch.Tensor:
        """See `transformers.Trainer.training_step`."""
        step = functools.partial(super().training_step, model, inputs, *args, **kwargs)
        bare = self.accelerator.unwrap_model(self.model)
        with self._figure.watching(model, bare, inputs), truncated_backpropagation(bare, self.args.bptt_steps):
            if self.args.adversarial_epsilon is None:
                return step()
            return adversarial_step(step, bare, self.args.adversarial_epsilon)

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        if self.control.should_evaluate or self._figure.is_due:
            found = self._figure.take(self.accelerator)
            if found:
                # After a log transformers takes what was asked for as done; the step has its loss still to log.
                asked = self.control.should_log
                self.log(found)
                self.control.should_log = asked
        super()._maybe_log_save_evaluate(*args, **kwargs)

    # Called before the optimizer's step, once the gradient of all accumulated batches is there, unscaled and clipped
    # to `max_grad_norm`. What is reported is the norm before both.
    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)
        if self.args.max_grad_value is not None:
            torch.nn.utils.clip_grad_value_(model.parameters(), self.args.max_grad_value)
        return norm

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        if self._average is None:
            return contextlib.nullcontext()
        return self._average.applied(self.accelerator.unwrap_model(self.model))

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """See `transformers.Trainer.save_model`."""
        with self._averaged():
            super().save_model(output_dir, _internal_call)
        if self._average is not None and _internal_call and output_dir is not None and self.args.should_save:
            self._average.save(self.accelerator.unwrap_model(self.model), output_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self._average is not None:
            self._average.load(self.accelerator.unwrap_model(model or self.model), resume_from_checkpoint)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[Any] | None:
        # Unused columns are gone from the dataset that is passed in; the trainer's own still has `length`.
        lengths = (
            example_lengths(self.train_dataset, self.args.length_column_name) if self.args.bucket_by_length else None
        )
        if lengths is None:
            try:
                return super()._get_train_sampler(train_dataset)
            except ValueError as error:
                strategy = self.args.train_sampling_strategy
                raise ValueError(
                    f"`train_sampling_strategy` is {strategy!r}, which the rows of `train_dataset` do not allow: "
                    f"{error} It may be 'random' or 'sequential'."
                ) from error
        # RecurrentTrainingArguments always have a `data_seed`.
        batch_size = self.args.train_batch_size * self.args.world_size
        return LengthBucketSampler(lengths, batch_size, seed=self.args.data_seed)  # type: ignore[arg-type]

    def get_train_dataloader(self) -> DataLoader[Any]:
        """See `transformers.Trainer.get_train_dataloader`."""
        loader = super().get_train_dataloader()
        share_batches(loader, self.args.train_batch_size)
        return loader

    def _get_dataloader(self, *args: Any, **kwargs: Any) -> DataLoader[Any]:
        if kwargs.get("is_training"):
            return super()._get_dataloader(*args, **kwargs)
        # Every row is evaluated: what `dataloader_drop_last` drops is of training.
        drop_last, self.args.dataloader_drop_last = self.args.dataloader_drop_last, False
        try:
            return super()._get_dataloader(*args, **kwargs)
        finally:
            self.args.dataloader_drop_last = drop_last

    def _get_eval_sampler(self, eval_dataset: Dataset[Any]) -> Sampler[Any] | None:
        # The order can be restored where all predictions are in one array.
        sortable = self.args.bucket_by_length and self.args.eval_do_concat_batches
        lengths = example_lengths(eval_dataset, self.args.length_column_name) if sortable else None
        return super()._get_eval_sampler(eval_dataset) if lengths is None else SortedByLengthSampler(lengths)

    def prediction_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> tuple[Any, Any, Any]:
        """See `transformers.Trainer.prediction_step`; the loss is that of the batch of all processes."""
        loss, logits, labels = super().prediction_step(model, inputs, *args, **kwargs)
        if self.args.world_size == 1 or loss is None or "labels" not in inputs:
            return loss, logits, labels
        repeated = num_repeated(self.accelerator, len(inputs["labels"]))
        if not repeated:
            return self.accelerator.reduce(loss, "mean"), logits, labels
        own = len(inputs["labels"]) - repeated[self.args.process_index]
        inputs = {name: value[:own] for name, value in self._prepare_inputs(inputs).items()}
        count = self._number_of_targets(inputs)
        total = torch.zeros_like(loss)
        if count:
            with torch.no_grad(), self.compute_loss_context_manager():
                total = self.compute_loss(model, inputs) * count
        total, count = self.accelerator.reduce((total, count))
        return total / count.clamp(min=1), logits, labels

    def evaluate(self, eval_dataset: Any = None, *args: Any, **kwargs: Any) -> dict[str, float]:
        """See `transformers.Trainer.evaluate`. While it trains a classifier with a wide part, each evaluation first
        chooses what this and the network count, see `wide_scales.py`.
        """
        if eval_dataset is None and self.is_in_train and wide_part_of(self.accelerator.unwrap_model(self.model)):
            self._choose_wide_scales()
        return super().evaluate(eval_dataset, *args, **kwargs)

    def _choose_wide_scales(self) -> None:
        model = self.accelerator.unwrap_model(self.model)
        found: list[Any] = []
        for alone in ((1.0, 0.0), (0.0, 1.0)):
            model.wide.scales.copy_(torch.tensor(alone))
            found.append(self.predict(cast(Any, self.eval_dataset)))
        scales = fit_scales(found[0].predictions, found[1].predictions, found[0].label_ids, model.config.problem_type)
        model.wide.scales.copy_(torch.tensor(scales))

    def evaluation_loop(self, dataloader: DataLoader[Any], *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """See `transformers.Trainer.evaluation_loop`; predictions and labels are in the order of the dataset."""
        with self._threads(), self._averaged():
            output = super().evaluation_loop(dataloader, *args, **kwargs)
        # `dataloader.sampler` will not do: accelerate has a bare sequential one there. Several processes have
        # another sampler of batches around this one.
        batches = getattr(dataloader.batch_sampler, "batch_sampler", dataloader.batch_sampler)
        sampler = getattr(batches, "sampler", None)
        if not isinstance(sampler, SortedByLengthSampler):
            return output
        place = torch.empty_like(sampler.order)
        place[sampler.order] = torch.arange(len(place))
        index = place.numpy()
        return output._replace(
            predictions=_reorder(output.predictions, index), label_ids=_reorder(output.label_ids, index)
        )


def _reorder(arrays: Any, index: Any) -> Any:
    if arrays is None:
        return None
    if isinstance(arrays, tuple | list):
        return type(arrays)(_reorder(array, index) for array in arrays)
    return arrays[index]
