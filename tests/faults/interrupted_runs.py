"""Runs that a signal stops after a few steps: `interrupted_runs.py program FOLDER [NUMBER]`, a trainer with no command
around it, or `interrupted_runs.py command FOLDER [NUMBER]`, a run as one of several processes, of which the second is
sent the signal.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import TrainerCallback

from hf_rnn import BiLstmConfig, BiLstmForSequenceClassification
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.ready_trainer import ReadyTrainer
from hf_rnn.training.trainer import RecurrentTrainer
from tests.tasks import small_runs


STEPS, STOPPED = 12, 4


class Signals(TrainerCallback):
    """Sends this process a signal while a step is done.

    Args:
        number: That of the signal; 0: none.
        step: The steps before that step.
    """

    def __init__(self, number: int, step: int = STOPPED - 1) -> None:
        self.number, self.step = number, step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.number and state.global_step == self.step:
            os.kill(os.getpid(), self.number)
            self.number = 0


def program(folder: Path, number: int) -> None:
    """Train, and go on where a checkpoint is there."""
    torch.manual_seed(0)
    rows = [{"input_ids": [1 + row % 9] * 3, "labels": row % 2} for row in range(20)]
    config = BiLstmConfig(vocab_size=20, embedding_size=4, hidden_size=4, pad_token_id=0)
    arguments = RecurrentTrainingArguments(
        str(folder),
        max_steps=STEPS,
        save_strategy="no",
        eval_strategy="no",
        load_best_model_at_end=False,
        per_device_train_batch_size=4,
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = RecurrentTrainer(
        BiLstmForSequenceClassification(config),
        arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        callbacks=[Signals(number)],
    )
    trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")))
    trainer.save_model()


def command(folder: Path, number: int) -> None:
    """A small run of texts, in every process that there is."""
    rank = os.environ.get("RANK", "0")
    made = ReadyTrainer.__init__

    def watched(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        self.add_callback(Signals(number if rank == "1" else 0))

    ReadyTrainer.__init__ = watched  # type: ignore[method-assign]
    data = small_runs.write_reviews(folder / f"data{rank}")
    small_runs.run(folder / "run", **data, max_steps=STEPS, do_predict=False, per_device_train_batch_size=4)


if __name__ == "__main__":
    {"program": program, "command": command}[sys.argv[1]](Path(sys.argv[2]), int([*sys.argv, "0"][3]))
