"""transformers' Trainer, leaving checkpoints that are whole, or saying what happened and where to go on."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ..checksums import CHECKSUMS_FILE, check_files, write_checksums
from ..progress import without_weight_bars
from ..runs.checkpoints import (
    STATE_FILE,
    check_checkpoint,
    last_whole_checkpoint,
    set_aside_earlier_checkpoints,
    set_aside_unfinished_checkpoints,
)
from ..runs.fingerprint import ChangedRunError, check_fingerprint, is_without_fingerprint, write_fingerprint
from ..runs.lock import run_lock
from .arguments import RecurrentTrainingArguments
from .pushing_trainer import PushingTrainer
from .resuming.interruption import RESUME, checkpoint_on_signal
from .resuming.run_facts import MAY_CHANGE, facts_of


__all__ = ["CheckpointError", "SafeTrainer"]


logger = logging.getLogger(__name__)


class CheckpointError(OSError):
    """A checkpoint or a model could not be written; the message names the last whole checkpoint."""


class SafeTrainer(PushingTrainer):
    """A [`PushingTrainer`] whose runs can be killed and gone on from:

    - a checkpoint ends with the checksums of its files, and none that is damaged or unfinished is gone on from:
      `resume_from_checkpoint=True` takes the last whole one;
    - a training that starts anew leaves those of an earlier one in its folder aside, under other names;
    - a checkpoint says what its training hangs on (see `runs/fingerprint.py`), and none is gone on from with other
      rows, another model or other arguments; only the steps may become more;
    - Ctrl-C and SIGTERM end it with a checkpoint (see `resuming/interruption.py`);
    - one that cannot be written, as when the disk is full, is removed again; those before it stay;
    - a loss or a gradient that is not a finite number stops it before the weights are touched;
    - another process that trains into the same `output_dir` is refused.

    Attributes:
        given: Further facts that the training hangs on, in the sections of a fingerprint.
        how_to_go_on: What is said of it after a signal.
        may_change: The training arguments that may be others when a run goes on.

    Raises:
        ChangedRunError: a run was to go on with something else, which the message names.
        CheckpointError: a checkpoint or the model could not be written.
        DamagedFileError: the checkpoint that `resume_from_checkpoint` names is damaged.
        FloatingPointError: a loss or a gradient is not a finite number.
        FolderInUseError: another process trains into `output_dir`.
        TrainingInterrupted: a signal has stopped it.
    """

    arguments_class: type[RecurrentTrainingArguments] = RecurrentTrainingArguments
    given: Mapping[str, Mapping[str, Any]] = {}
    how_to_go_on = RESUME
    may_change: frozenset[str] = MAY_CHANGE
    # None while a trial of a search trains, which leaves no checkpoints.
    _facts: Mapping[str, Mapping[str, Any]] | None = None

    def train(
        self, resume_from_checkpoint: str | bool | None = None, trial: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """See `transformers.Trainer.train`."""
        output = self._output()
        with run_lock(output) if self.args.should_save else contextlib.nullcontext():
            if resume_from_checkpoint is True:
                resume_from_checkpoint = last_whole_checkpoint(output)
                if resume_from_checkpoint is None:
                    raise ValueError(f"`resume_from_checkpoint` is True; {output!r} has no whole checkpoint.")
            elif resume_from_checkpoint:
                # The folder of a run has the state of its training, too, and nothing to go on with.
                check_checkpoint(resume_from_checkpoint)
            self._facts = self._all_facts() if trial is None else None
            if resume_from_checkpoint:
                self._check_unchanged(resume_from_checkpoint)
            # Each process has made its choice before one of them renames anything.
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                set_aside_unfinished_checkpoints(output)
                if not resume_from_checkpoint:
                    set_aside_earlier_checkpoints(output)
            with checkpoint_on_signal(self, trial):
                return super().train(resume_from_checkpoint, trial, *args, **kwargs)

    def _all_facts(self) -> dict[str, dict[str, Any]]:
        own = facts_of(self, self.accelerator.unwrap_model(self.model))
        return {section: {**own.get(section, {}), **self.given.get(section, {})} for section in {**own, **self.given}}

    def _check_unchanged(self, checkpoint: str) -> None:
        if self._facts is not None:
            check_fingerprint(checkpoint, self._facts)
        if is_without_fingerprint(checkpoint) and self.args.should_log:
            logger.warning(
                "%s does not say what it was trained on, as checkpoints of earlier versions: nobody checks that data "
                "and arguments are the same.",
                checkpoint,
            )

    def _init_training_state(
        self, max_steps: int, per_epoch: int, epochs: int, resume_from_checkpoint: str | None, trial: Any
    ) -> tuple[int, int]:
        if resume_from_checkpoint is not None:
            self._compare_length(resume_from_checkpoint, max_steps)
        return super()._init_training_state(max_steps, per_epoch, epochs, resume_from_checkpoint, trial)

    def _compare_length(self, checkpoint: str, steps: int) -> None:
        """Refuse a training that is to be shorter than before, and say what it means that it is to be longer."""
        before = json.loads((Path(checkpoint) / STATE_FILE).read_text(encoding="utf-8"))["max_steps"]
        if steps < before:
            raise ChangedRunError(
                f"The training was to have {before:,} steps, and is to have {steps:,} now: `num_train_epochs` and "
                "`max_steps` may only become more when a run goes on. To train for fewer, name another `output_dir`, "
                "or start anew in this one with `resume_from_checkpoint` false."
            )
        if steps > before and self.args.should_log:
            logger.warning(
                "The training was to have %s steps, and has %s now. From here on the learning rate follows the "
                "schedule of %s steps: the model will not be the one that so many would have made from the start.",
                f"{before:,}",
                f"{steps:,}",
                f"{steps:,}",
            )

    def _load_best_model(self) -> None:
        check_files(str(self.state.best_model_checkpoint))
        super()._load_best_model()

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        # What is tied to another weight is not in the file, and nothing is missing.
        tied = getattr(self.accelerator.unwrap_model(self.model), "all_tied_weights_keys", None) or {}
        missing = [name for name in load_result.missing_keys if name not in tied]
        super()._issue_warnings_after_load(load_result._replace(missing_keys=missing))

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """See `transformers.Trainer.training_step`."""
        loss = super().training_step(*args, **kwargs)
        self._require_finite("loss", float(loss.mean()), self.state.global_step + 1)
        return loss

    # Called before the optimizer's step, whether gradients are clipped or not.
    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)
        # An overflow is nothing unusual with a scaler (float16): it leaves such steps out.
        if getattr(self.accelerator, "scaler", None) is None:
            self._require_finite("norm of the gradient", float(norm), self.state.global_step + 1)
        return norm

    def _evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        metrics = super()._evaluate(*args, **kwargs)
        for name, value in metrics.items():
            if name.endswith("_loss"):
                self._require_finite(name, value, self.state.global_step)
        return metrics

    def _require_finite(self, what: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            raise FloatingPointError(
                f"The {what} is {value} at step {step}; training has stopped. {self._where_to_go_on()} A smaller "
                "`learning_rate` or `max_grad_norm` may help; so may a look at the data of that step."
            )

    # The part of each process is written before the main process writes the file that says that all are.
    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        folder = Path(self._get_output_dir(trial), f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}")
        with self._explained(folder):
            if self.args.should_save:
                # One that is written over is unfinished from the beginning.
                (folder / STATE_FILE).unlink(missing_ok=True)
                (folder / CHECKSUMS_FILE).unlink(missing_ok=True)
            super()._save_checkpoint(model, trial)
            if self.args.should_save:
                if self._facts is not None:
                    write_fingerprint(folder, self._facts)
                write_checksums(folder)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """See `transformers.Trainer.save_model`."""
        explained = contextlib.nullcontext() if _internal_call else self._explained(Path(output_dir or self._output()))
        with without_weight_bars(), explained:
            super().save_model(output_dir, _internal_call)
            if self.args.should_save:
                _share_weights(Path(output_dir or self._output()))

    @contextlib.contextmanager
    def _explained(self, folder: Path) -> Iterator[None]:
        """Say where to go on when `folder` cannot be written; a checkpoint that is unfinished then is removed."""
        try:
            yield
        # torch reports a full disk as a RuntimeError.
        except (OSError, RuntimeError, SafetensorError) as error:
            is_checkpoint = folder.name.startswith(f"{PREFIX_CHECKPOINT_DIR}-")
            if is_checkpoint and not (folder / STATE_FILE).is_file():
                shutil.rmtree(folder, ignore_errors=True)
            raise CheckpointError(
                f"{str(folder)!r} could not be written: {error}. {self._where_to_go_on()} If the disk is full, make "
                "space first."
            ) from error

    def _where_to_go_on(self) -> str:
        last = last_whole_checkpoint(self._output())
        if last is None:
            return "There is no whole checkpoint: the run has to start anew."
        return f"The last whole checkpoint is {last!r}: started again with it, the run goes on from there."

    def _output(self) -> str:
        return self.args.output_dir or "."


def _share_weights(folder: Path) -> None:
    """Let weights be read by whom the umask says: safetensors writes them for their owner alone."""
    umask = os.umask(0)
    os.umask(umask)
    for path in folder.glob("*.safetensors"):
        path.chmod(0o666 & ~umask)
