"""Ctrl-C and SIGTERM end a training with a checkpoint, from which the same command goes on."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


__all__ = ["CheckpointOnSignal", "TrainingInterrupted"]


SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(KeyboardInterrupt):
    """A signal has stopped the training after its checkpoint was written.

    Args:
        number: That of the signal.
        step: That of the checkpoint.
        output: The folder of the run.
    """

    def __init__(self, number: int, step: int, output: str) -> None:
        self.signal = number
        super().__init__(
            f"Stopped by {signal.Signals(number).name} after step {step}; its checkpoint is in {output}. "
            "Run the same command again to go on from there."
        )


class CheckpointOnSignal(TrainerCallback):
    """Has a checkpoint written at the end of the step in which SIGINT or SIGTERM arrives, and then raises
    [`TrainingInterrupted`]. A second signal ends the process at once, as it would without this callback.

    While the last step of an epoch is done, the epoch's evaluation is done first: a resumed run does not repeat it.
    Of several processes, which do not get a signal in the same step, none heeds it; neither does a thread that is not
    the main one, where Python allows no handlers.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if args.world_size > 1 or threading.current_thread() is not threading.main_thread():
            return
        self._previous = {number: signal.signal(number, self._receive) for number in SIGNALS}

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.received is not None and not float(state.epoch or 0.0).is_integer():
            control.should_save = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.received is not None:
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.received is not None:
            raise TrainingInterrupted(self.received, state.global_step, args.output_dir or ".")

    def restore(self) -> None:
        """Put the handlers back that were there before the training."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self.restore()
