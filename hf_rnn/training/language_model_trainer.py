"""Trainer of language models: truncated back-propagation through time, the state carried from window to window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers.trainer_utils import EvalLoopOutput

from ..data.batches.streams import collate_windows
from ..metrics.language import language_metrics
from ..metrics.text_loss import text_loss, window_of
from ..models.cache_rnn import RecurrentCache
from .arguments import LANGUAGE_LEARNING_RATE, LanguageTrainingArguments
from .honoured_flags import Only
from .samplers import StreamSampler
from .streams import streams_of, take_streams
from .techniques.averaging import NonMonotonicAverage, WeightAverage
from .trainer import RecurrentTrainer


__all__ = ["LanguageModelTrainer"]


class LanguageModelTrainer(RecurrentTrainer):
    """A [`RecurrentTrainer`] for a recurrent language model and texts that are read as parallel streams.

    The documents of a text are read in another order in each epoch.

    Truncated back-propagation through time (Werbos 1990; Mikolov et al. 2010): a batch is one window of
    `per_device_train_batch_size` streams. It starts from the state in which the window before it ended, through which
    no gradient flows, and from zeros at the beginning of an epoch. With gradient accumulation, and with several
    processes, each micro-batch has streams of its own, so that the gradient is that of one large batch. The loss is a
    mean over the tokens; each token weighs the same, whatever the length of its window.

    A checkpoint holds the state as well, and a resumed run goes on from it, bit for bit.

    Evaluation reads whole texts, see `text_loss`: `loss` (nats a token), `perplexity`, `bits_per_character`.

    Args:
        args, kwargs: Those of `RecurrentTrainer`; its arguments are [`LanguageTrainingArguments`], `train_dataset` and
            `eval_dataset` [`TokenStreams`].

    Raises:
        ValueError: `train_dataset` has not as many streams as one step of the optimizer reads.
    """

    args: LanguageTrainingArguments
    arguments_class = LanguageTrainingArguments
    new_learning_rate = LANGUAGE_LEARNING_RATE
    recurrent_learning_rate = LANGUAGE_LEARNING_RATE
    # Which tokens of its text an evaluation predicts hangs on the number of streams.
    may_change = RecurrentTrainer.may_change - {"per_device_eval_batch_size"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("data_collator", collate_windows)
        super().__init__(*args, **kwargs)
        take_streams(self.args, self.train_dataset)
        self._train_batch_size = self.args.train_batch_size
        # A row is a window, not columns of which some could be dropped.
        self.args.remove_unused_columns = False
        # The state of each micro-batch of a step, by its first stream.
        self._states: dict[int, RecurrentCache] = {}
        streams: Any = self.train_dataset
        if streams is not None and streams.num_columns != streams_of(self.args):
            raise ValueError(
                f"`train_dataset` has {streams.num_columns} streams; it must have {streams_of(self.args)}: "
                "`per_device_train_batch_size` times `gradient_accumulation_steps` times the number of processes."
            )

    def _allowed_flags(self, model: Any) -> dict[str, Only]:
        for name in ("compute_metrics", "compute_loss_func", "preprocess_logits_for_metrics"):
            if getattr(self, name) is not None:
                raise ValueError(f"`{name}` was given; a language model has the loss and the metrics of its text.")
        reason = "for a language model, which is evaluated on its whole text in the precision of its weights,"
        whole = {"batch_eval_metrics": False, "eval_do_concat_batches": True, "include_for_metrics": []}
        whole |= {"fp16_full_eval": False, "bf16_full_eval": False}
        streams = "for a language model, whose streams are read in their order,"
        ordered = {"auto_find_batch_size": False, "train_sampling_strategy": "random", "dataloader_drop_last": False}
        return (
            super()._allowed_flags(model)
            | {name: Only(value, reason) for name, value in whole.items()}
            | {name: Only(value, streams) for name, value in ordered.items()}
        )

    def _default_metrics(self, rows: Any) -> None:
        return None

    def _new_average(self) -> WeightAverage | None:
        patience = self.args.nt_asgd_patience
        return super()._new_average() if patience is None else NonMonotonicAverage(patience)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[Any] | None:
        streams: Any = self.train_dataset
        return StreamSampler(streams, self.args.block_size, self.args.data_seed, self.args.random_windows)

    def _get_eval_sampler(self, eval_dataset: Dataset[Any]) -> Sampler[Any] | None:
        return StreamSampler(eval_dataset, window_of(eval_dataset))  # type: ignore[arg-type]

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """See `transformers.Trainer.compute_loss`."""
        inputs = dict(inputs)
        column, start = inputs.pop("column"), inputs.pop("start")
        state = None if start == 0 else self._states[column]
        options = {"cache": state, "use_cache": True, "skip_logits": True}
        loss, outputs = super().compute_loss(model, {**inputs, **options}, return_outputs=True)
        self._states[column] = RecurrentCache(
            [tuple(part.detach() for part in layer) for layer in outputs.cache.states]
        )
        loss = loss * (inputs["input_ids"].shape[1] / self._mean_window)
        return (loss, outputs) if return_outputs else loss

    @property
    def _mean_window(self) -> float:
        streams: Any = self.train_dataset
        return float(len(streams) / len(StreamSampler(streams, self.args.block_size)))

    def evaluation_loop(
        self,
        dataloader: DataLoader[Any],
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """See `transformers.Trainer.evaluation_loop`; every process reads the whole text."""
        streams: Any = dataloader.dataset
        handler = self.callback_handler
        handler.eval_dataloader = dataloader
        model = self.accelerator.unwrap_model(self.model)
        with self._threads(), self._averaged():
            nats = text_loss(
                model,
                streams,
                on_window=lambda: handler.on_prediction_step(self.args, self.state, self.control),
            )
        figures = language_metrics(nats, len(streams), streams.predicted_characters)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in figures.items()}
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=metrics, num_samples=len(streams))  # type: ignore[arg-type]

    # A checkpoint gets here what only a resumed run needs.
    def _save_rng_state(self, output_dir: str) -> None:
        tensors = {
            f"{column}.{layer}.{part}": tensor.clone()
            for column, cache in self._states.items()
            for layer, state in enumerate(cache.states)
            for part, tensor in enumerate(state)
        }
        # The main process may not have made it yet.
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        save_file(tensors, self._state_file(output_dir))
        super()._save_rng_state(output_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        path = self._state_file(resume_from_checkpoint)
        if not path.is_file():
            raise FileNotFoundError(f"{str(path)!r} is not there: this checkpoint does not say where its text was.")
        self._states = _caches(load_file(path))

    def _state_file(self, folder: str) -> Path:
        return Path(folder) / f"stream_state_{self.args.process_index}.safetensors"


def _caches(tensors: dict[str, torch.Tensor]) -> dict[int, RecurrentCache]:
    parts: dict[int, dict[int, dict[int, torch.Tensor]]] = {}
    for name, tensor in tensors.items():
        column, layer, part = (int(number) for number in name.split("."))
        parts.setdefault(column, {}).setdefault(layer, {})[part] = tensor
    return {
        column: RecurrentCache([tuple(state[part] for part in sorted(state)) for _, state in sorted(layers.items())])
        for column, layers in parts.items()
    }
