"""Minutes of training, kept through interruptions."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState


__all__ = ["TrainingClock"]


class TrainingClock(TrainerCallback, ExportableState):
    """Counts the time spent in training, evaluations in between included; each checkpoint holds what had been spent,
    so that a resumed run reports all of it (with `restore_callback_states_from_checkpoint`). Every entry of the log
    history has the `minutes` until then.

    Args:
        seconds: Spent before.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self._started: float | None = None

    @property
    def minutes(self) -> float:
        return self.total() / 60

    def total(self) -> float:
        """Seconds up to now."""
        return self.seconds + (0.0 if self._started is None else time.perf_counter() - self._started)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._started = time.perf_counter()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.seconds, self._started = self.total(), None

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        # The last entry is what has just been logged; curves are drawn from it.
        state.log_history[-1]["minutes"] = round(self.minutes, 3)

    def state(self) -> dict[str, Any]:
        return {"args": {"seconds": self.total()}, "attributes": {}}
