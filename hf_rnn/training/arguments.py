"""The arguments of a training, which `transformers.HfArgumentParser` reads from a command line."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from transformers import TrainingArguments

from ..metrics.base import LOWER_IS_BETTER, is_error
from ..moved import moved_names
from .length import FEWEST_EPOCHS, MOST_EPOCHS, OPEN_LENGTH
from .streams import FEWEST_STREAMS, MOST_STREAMS
from .tracking import require_trackers


__all__ = [
    "LANGUAGE_LEARNING_RATE",
    "LanguageTrainingArguments",
    "NEW_LEARNING_RATE",
    "NEW_TRANSFORMER_LEARNING_RATE",
    "PRETRAINED_LEARNING_RATE",
    "RECURRENT_LEARNING_RATE",
    "RecurrentTrainingArguments",
]

if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)


# The first suits a recurrent model whose weights start at random, the second one that was trained before, the third a
# language model, with a rate that falls as a cosine does, the fourth a pretrained transformer.
NEW_LEARNING_RATE = 2e-3
RECURRENT_LEARNING_RATE = 1e-3
LANGUAGE_LEARNING_RATE = 4e-3
PRETRAINED_LEARNING_RATE = 2e-5
# That of an encoder-decoder of transformers that starts at random.
NEW_TRANSFORMER_LEARNING_RATE = 5e-4


@dataclass
class RecurrentTrainingArguments(TrainingArguments):
    """The training: transformers' own flags, with defaults for models that train in minutes, and further ones."""

    output_dir: str | None = field(
        default="output", metadata={"help": "Folder to write checkpoints and results into."}
    )
    learning_rate: float | None = field(  # type: ignore[assignment]
        default=None,
        metadata={
            "help": f"Highest learning rate of the schedule. Default: {NEW_LEARNING_RATE} for a new recurrent model, "
            f"{RECURRENT_LEARNING_RATE} for a trained one, {PRETRAINED_LEARNING_RATE} for others."
        },
    )
    num_train_epochs: float = field(
        default=OPEN_LENGTH,
        metadata={
            "help": "Number of passes over the training rows; early stopping may end them sooner. Default: 10, and up "
            "to 300 if 10 make less than 600 updates. Unless `early_stopping_patience` is given, training then stops "
            "after a third of the evaluations without a better one."
        },
    )
    per_device_train_batch_size: int = field(default=32, metadata={"help": "Number of rows in a training batch."})
    per_device_eval_batch_size: int = field(default=64, metadata={"help": "Number of rows in an evaluation batch."})
    eval_strategy: str | None = field(  # type: ignore[assignment]
        default=None,
        metadata={
            "help": "Evaluate on validation while training: no (never), steps (every `eval_steps`) or epoch "
            "(after each). Default: epoch; about fifteen times in all if `num_train_epochs` is not given and epochs "
            "are short."
        },
    )
    save_strategy: str | None = field(  # type: ignore[assignment]
        default=None,
        metadata={
            "help": "Write checkpoints: no (none), steps (every `save_steps`), epoch (after each) or best "
            "(after each evaluation that is the best so far). Default: as often as `eval_strategy` evaluates by "
            "default."
        },
    )
    save_total_limit: int | None = field(
        default=2, metadata={"help": "Number of checkpoints to keep: the best, and the last ones."}
    )
    load_best_model_at_end: bool = field(
        default=True, metadata={"help": "End with the checkpoint that is best on validation, not with the last."}
    )
    metric_for_best_model: str | None = field(
        default=None,
        metadata={
            "help": "Metric on validation that chooses the best checkpoint. Default: the main metric "
            "of the task, which `results.json` names."
        },
    )
    greater_is_better: bool | None = field(
        default=None,
        metadata={
            "help": "Count a higher value of `metric_for_best_model` as the better one. Default: off for "
            f"{', '.join(sorted(LOWER_IS_BETTER))}, on for others."
        },
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "Restore the patience and the minutes of the checkpoint in a resumed run."}
    )
    early_stopping_patience: int | None = field(
        default=None,
        metadata={
            "help": "Stop after this many evaluations without a better one. Default: never, if `num_train_epochs` or "
            "`max_steps` is given; else a third of the evaluations."
        },
    )
    bucket_by_length: bool = field(
        default=True,
        metadata={"help": "Make batches of rows of similar length, which need less padding; the model is the same."},
    )
    bf16: bool = field(
        default=False,
        metadata={
            "help": "Compute matrix products in bfloat16, the sums and all else in float32; the weights stay float32. "
            "On a CPU it pays where the processor has instructions for it (AMX; AVX512-BF16 of AMD), most for layers "
            "of hundreds of units; on others recurrent layers compute in float32. Default: off."
        },
    )
    weight_average_decay: float | None = field(
        default=None,
        metadata={
            "help": "Evaluate and keep an exponential moving average of the weights with this decay, such as "
            "0.998. Default: no average."
        },
    )
    max_grad_value: float | None = field(
        default=None,
        metadata={
            "help": "Clip each number of the gradient to this size, such as 0.5. The whole gradient is clipped to the "
            "norm `max_grad_norm` before; 0 turns that off. Default: clip only the norm."
        },
    )
    bptt_steps: int | None = field(
        default=None,
        metadata={
            "help": "Truncate back-propagation through time inside a text after this many steps, such as 512. The "
            "inner values are computed a second time instead of being kept, so very long texts need far less memory "
            "and up to twice the time. Default: the whole text."
        },
    )
    discriminative_lr_decay: float | None = field(
        default=None,
        metadata={
            "help": "Divide the learning rate by this number, such as 2.6, for each layer below the head. "
            "Default: one rate for all."
        },
    )
    gradual_unfreezing: bool = field(
        default=False,
        metadata={
            "help": "Train only the head in the first epoch, and one more layer from the top in each further epoch."
        },
    )
    slanted_triangular: bool = field(
        default=False,
        metadata={"help": "Raise the learning rate for a tenth of the steps, then lower it, instead of a scheduler."},
    )
    adversarial_epsilon: float | None = field(
        default=None,
        metadata={
            "help": "Train on each batch a second time, with its embeddings moved against the model by this "
            "share of their norm, such as 0.02. It takes twice the time. Default: off."
        },
    )
    class_weights: None | str | list[float] = field(
        default=None,
        metadata={
            "help": "Weigh the classes in the training loss: balanced lets rare classes count as much as "
            "others; or give a number for each class, separated by commas, such as 1,2.5. Default: "
            "all labels count the same."
        },
    )
    logging_steps: float = field(
        default=25, metadata={"help": "Number of steps between two points of the training-loss curve."}
    )
    torch_threads: int | None = field(
        default=None,
        metadata={
            "help": "Number of CPU threads of one torch operation. Default: 1 for a recurrent model, because more "
            "threads slow it down a hundred times on a busy machine; torch's own choice, or "
            "OMP_NUM_THREADS, for others."
        },
    )
    dataloader_pin_memory: bool = field(
        default=False, metadata={"help": "Pin the memory of batches, so that a GPU reads them faster."}
    )
    report_to: None | str | list[str] = field(
        default="none",
        metadata={
            "help": "Trackers to report to: tensorboard, trackio, wandb …, several of them, all (those that "
            "are installed) or none. Curves are drawn as PNG in any case."
        },
    )
    baseline: bool = field(
        default=True,
        metadata={
            "help": "Fit a cheap baseline on the same rows after the training, and show its figures beside the "
            "model's; it takes seconds. Default: on."
        },
    )

    def __post_init__(self) -> None:
        epochs = self.num_train_epochs
        if epochs != OPEN_LENGTH and not (math.isfinite(epochs) and epochs >= 0):
            raise ValueError(f"`num_train_epochs`={epochs} must be a finite number of at least 0, or absent.")
        if self.learning_rate is not None and self.learning_rate <= 0:
            raise ValueError(f"`learning_rate`={self.learning_rate} must be above 0.")
        if self.torch_threads is not None and not 1 <= self.torch_threads <= 4 * (os.cpu_count() or 1):
            raise ValueError(
                f"`torch_threads`={self.torch_threads} must be from 1 to {4 * (os.cpu_count() or 1)} on this machine."
            )
        if self.early_stopping_patience is not None and self.early_stopping_patience < 1:
            raise ValueError(
                f"`early_stopping_patience`={self.early_stopping_patience} must be at least 1, or absent."
            )
        if self.weight_average_decay is not None and not 0 < self.weight_average_decay < 1:
            raise ValueError(f"`weight_average_decay`={self.weight_average_decay} must be between 0 and 1, or absent.")
        clip = self.max_grad_value
        if clip is not None and not (math.isfinite(clip) and clip > 0):
            raise ValueError(f"`max_grad_value`={clip} must be a finite number above 0, or absent.")
        if self.bptt_steps is not None and self.bptt_steps < 1:
            raise ValueError(f"`bptt_steps`={self.bptt_steps} must be at least 1, or absent.")
        epsilon = self.adversarial_epsilon
        if epsilon is not None and not (math.isfinite(epsilon) and epsilon > 0):
            raise ValueError(f"`adversarial_epsilon`={epsilon} must be a finite number above 0, or absent.")
        self.class_weights = read_class_weights(self.class_weights)
        self._check_fine_tuning()
        self._settle_strategies()
        # The bounds of a length that is chosen; a task that knows its rows may set others.
        self.fewest_epochs, self.most_epochs = FEWEST_EPOCHS, MOST_EPOCHS
        if self.data_seed is None:
            # A run that is resumed inside an epoch would see other batches without it.
            self.data_seed = self.seed
        # The flags are kept as they were given: transformers takes an `eval_strategy`, which there is by default, for
        # `do_eval`.
        self._given_to_do = self.do_train or self.do_eval or self.do_predict
        # These are kept as they were given: transformers fills them in, with the loss.
        self._selection = (self.metric_for_best_model, self.greater_is_better)
        super().__post_init__()
        require_trackers(cast(list[str], self.report_to))

    def _settle_strategies(self) -> None:
        names = ("eval_strategy", "save_strategy")
        # A length that is chosen later may change what was not given (see `length.py`).
        self.open_strategies = frozenset(name for name in names if getattr(self, name) is None)
        for name in self.open_strategies:
            setattr(self, name, "epoch")

    def _check_fine_tuning(self) -> None:
        decay = self.discriminative_lr_decay
        if decay is not None and not (math.isfinite(decay) and decay >= 1):
            raise ValueError(f"`discriminative_lr_decay`={decay} must be a finite number of at least 1, or absent.")
        for name in ("lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps"):
            value = getattr(self, name)
            if self.slanted_triangular and value and value != getattr(type(self), name):
                raise ValueError(f"`{name}`={value!r} can't be given with `slanted_triangular`, another schedule.")
        if self.gradual_unfreezing and self.ddp_find_unused_parameters is None:
            # Several processes would wait for the gradients of what is frozen.
            self.ddp_find_unused_parameters = True

    @property
    def has_something_to_do(self) -> bool:
        """Whether one of `do_train`, `do_eval` and `do_predict` was given, or turned on since."""
        return self._given_to_do or self.do_train or self.do_predict

    def given_selection(self) -> dict[str, Any]:
        """`metric_for_best_model` and `greater_is_better` as they were given, not as transformers fills them in."""
        given = zip(("metric_for_best_model", "greater_is_better"), self._selection, strict=True)
        return {name: value for name, value in given if value is not None}

    def select_by(self, metric: str) -> None:
        """Call that checkpoint the best which is so by `metric`, unless another was given."""
        named, greater_is_better = self._selection
        self.metric_for_best_model = named or metric
        if greater_is_better is None:
            greater_is_better = not is_error(self.metric_for_best_model.removeprefix("eval_"))
        self.greater_is_better = greater_is_better


def read_class_weights(given: str | Sequence[float] | None) -> Any:
    """`"balanced"`, a list of numbers, or None.

    Raises:
        ValueError: `given` is something else, has a negative number or one that is not finite, or only zeros.
    """
    if given is None or given == "balanced":
        return given
    try:
        weights = [float(weight) for weight in (given.split(",") if isinstance(given, str) else given)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"`class_weights`={given!r} must be 'balanced' or a number for each class.") from error
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
        raise ValueError(f"`class_weights`={given!r} must be finite numbers of at least 0, not all of them 0.")
    return weights


@dataclass
class LanguageTrainingArguments(RecurrentTrainingArguments):
    """The training of a language model, in windows of truncated back-propagation through time."""

    learning_rate: float | None = field(
        default=None,
        metadata={
            "help": f"Highest learning rate of the schedule. Default: {LANGUAGE_LEARNING_RATE} for a recurrent model, "
            f"{PRETRAINED_LEARNING_RATE} for others."
        },
    )
    num_train_epochs: float = field(
        default=OPEN_LENGTH,
        metadata={
            "help": "Number of passes over the training text; early stopping may end them sooner. Default: 10, and up "
            "to 300 if 10 make less than 600 updates, up to 30 over a short text in characters. Unless "
            "`early_stopping_patience` is given, training then stops after a third of the evaluations without a "
            "better one."
        },
    )
    lr_scheduler_type: str = field(
        default="cosine",
        metadata={"help": "Schedule of the learning rate: cosine, linear, constant … Default: cosine."},
    )
    per_device_train_batch_size: int | None = field(  # type: ignore[assignment]
        default=None,
        metadata={
            "help": f"Number of streams of text that are read side by side in training. Default: {MOST_STREAMS}, and "
            f"down to {FEWEST_STREAMS} for a short text."
        },
    )
    per_device_eval_batch_size: int = field(
        default=1,
        metadata={
            "help": "Number of streams of text in the evaluations during training. 1 reads the whole text in "
            "one stream. More streams take less time, but predict the first tokens of each without "
            "those before them."
        },
    )
    block_size: int = field(
        default=70,
        metadata={"help": "Number of steps in a window, at whose ends back-propagation through time is truncated."},
    )
    random_windows: bool = field(
        default=False, metadata={"help": "End windows at random places, from half to one and a half of `block_size`."}
    )
    nt_asgd_patience: int | None = field(
        default=None,
        metadata={
            "help": "Average the weights (NT-ASGD) from the first evaluation that is no better than the best "
            "evaluation more than this many before it. AWD-LSTM takes 5, with `optim` sgd and a constant "
            "rate. Default: never."
        },
    )

    def __post_init__(self) -> None:
        if self.block_size < 1:
            raise ValueError(f"`block_size`={self.block_size} must be at least 1.")
        if self.bptt_steps is not None:
            raise ValueError(
                f"`bptt_steps`={self.bptt_steps} must be absent for a language model, whose windows are `block_size`."
            )
        if self.nt_asgd_patience is not None and self.nt_asgd_patience < 1:
            raise ValueError(f"`nt_asgd_patience`={self.nt_asgd_patience} must be at least 1, or absent.")
        if self.nt_asgd_patience is not None and self.weight_average_decay is not None:
            raise ValueError(
                f"`nt_asgd_patience`={self.nt_asgd_patience} and `weight_average_decay`={self.weight_average_decay} "
                "are two averages of the weights; give one."
            )
        # How many there are is settled when the text is known.
        self.streams_are_open = self.per_device_train_batch_size is None
        if self.per_device_train_batch_size is None:
            self.per_device_train_batch_size = MOST_STREAMS
        # A row is a window, not columns of which some could be dropped. Here it is no argument that a run differs by.
        self.remove_unused_columns = False
        super().__post_init__()
