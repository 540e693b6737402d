"""Ctrl-C and SIGTERM end a training with a checkpoint, from which it goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

import torch
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_jit_checkpoint import JITCheckpointCallback


__all__ = ["SAME_COMMAND", "TrainingInterrupted", "checkpoint_on_signal"]


SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALLED = 128
# A launcher of several processes passes a signal on that the terminal has sent them as well.
REPEATED_SECONDS = 2.0
# What is said of how to go on, of a run that a command makes, of a trainer in a program, and of a trial of a search.
SAME_COMMAND = "Run the same command again to go on from there."
RESUME = "To go on from there, train with `resume_from_checkpoint=True`."
SAME_SEARCH = "Run the same command again: the search goes on, and does this trial anew."


class TrainingInterrupted(SystemExit, KeyboardInterrupt):
    """A signal has stopped the training after its checkpoint was written. Uncaught, it ends the program with the exit
    status of the signal, 130 or 143, and without a traceback.

    Args:
        number: That of the signal.
        message: What was said of it.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(SIGNALLED + number)
        self.signal, self.message = number, message

    def __str__(self) -> str:
        return self.message


@contextlib.contextmanager
def checkpoint_on_signal(trainer: Any, trial: Any = None) -> Iterator[None]:
    """Inside the block SIGINT and SIGTERM have `trainer` write a checkpoint at the end of its step, say in one line
    how to go on, and raise [`TrainingInterrupted`]. A second signal ends the process at once, as it would outside.

    Several processes stop after the same step, whichever of them got the signal. In a thread that is not the main
    one, where Python allows no handlers, a process heeds the signals of the others alone.

    Args:
        trainer: A `transformers.Trainer`; its `how_to_go_on` is said. Its flag `enable_jit_checkpoint` changes
            nothing: transformers' own handler, after which a run counts as ended, is taken away.
        trial: That of a search; it has no checkpoints, and is left unfinished.
    """
    callback = _CheckpointOnSignal(trainer, trial)
    trainer.add_callback(callback)
    _take_away_jit(trainer)
    handles = threading.current_thread() is threading.main_thread()
    callback.previous = {number: signal.signal(number, callback.receive) for number in SIGNALS if handles}
    only_model = trainer.args.save_only_model
    try:
        yield
        callback.stop_at_the_end()
    finally:
        trainer.args.save_only_model = only_model
        callback.restore()
        trainer.remove_callback(callback)


def _take_away_jit(trainer: Any) -> None:
    found = trainer.pop_callback(JITCheckpointCallback)
    before = None if found is None or found.jit_manager is None else found.jit_manager._original_sigterm_handler
    if before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


class _CheckpointOnSignal(TrainerCallback):
    """While the last step of an epoch is done, the epoch's evaluation is done first: a resumed run does not repeat
    it.
    """

    def __init__(self, trainer: Any, trial: Any) -> None:
        self.trainer, self.trial = trainer, trial
        self.received = 0
        self.received_at = 0.0
        self.previous: dict[int, Any] = {}
        self.process = os.getpid()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._agree() and (self.trial is not None or not float(state.epoch or 0.0).is_integer()):
            self._stop(control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._agree():
            self._stop(control)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.received:
            self._end(f"its checkpoint is in {self._output()}. {self.trainer.how_to_go_on}")

    # A signal that comes while the last evaluation is done is heeded after it.
    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._agree():
            self._stop(control)

    def stop_at_the_end(self) -> None:
        """Stop where a signal came too late for a checkpoint: the last one holds what there is."""
        if self._agree():
            self._end(f"the last checkpoint is in {self._output()}. {self.trainer.how_to_go_on}")

    def _stop(self, control: TrainerControl) -> None:
        if self.trial is not None:
            self._end(SAME_SEARCH)
        # Without the optimizer's state nothing can go on.
        self.trainer.args.save_only_model = False
        control.should_save = True

    def _end(self, how: str) -> NoReturn:
        """Print what happened, in the first process alone, and raise; the others do when that has been done."""
        name, step = signal.Signals(self.received).name, self.trainer.state.global_step
        message = f"Stopped by {name} after step {step}; {how}"
        if self.trainer.args.process_index == 0:
            # A bar stands on the line below.
            tqdm.write(message, file=sys.stderr)
        self.trainer.accelerator.wait_for_everyone()
        if self.trial is not None:
            # Of a KeyboardInterrupt Optuna would record that the trial has ended.
            raise SystemExit(SIGNALLED + self.received)
        raise TrainingInterrupted(self.received, message)

    def _output(self) -> str:
        return self.trainer.args.output_dir or "."

    def _agree(self) -> int:
        """The number of the signal that one of the processes got, 0 for none; every process has to ask."""
        if self.trainer.args.world_size > 1:
            accelerator = self.trainer.accelerator
            numbers = accelerator.gather(torch.tensor([self.received], device=accelerator.device))
            self.received = int(numbers.max())
        return self.received

    def restore(self) -> None:
        """Put the handlers back that were there before the training."""
        for number, handler in self.previous.items():
            # There is no object for a handler that was not set by Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self.previous = {}

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note the signal; called by Python between two of its instructions."""
        if os.getpid() != self.process:
            # A worker that loads rows, forked with these handlers: it goes on until it is told to end.
            if number == signal.SIGTERM:
                os._exit(SIGNALLED + number)
            return
        if not self.received:
            self.received, self.received_at = number, time.monotonic()
        if self.trainer.args.world_size == 1:
            self.restore()
        elif time.monotonic() - self.received_at > REPEATED_SECONDS:
            self.restore()
            os.kill(self.process, number)
