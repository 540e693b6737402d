"""Small runs in processes of their own that say what they are doing, so that they can be killed while they do it."""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import transformers
from transformers import TrainerState

from hf_rnn.tasks import run as run_module
from hf_rnn.training.safe_trainer import SafeTrainer
from tests.tasks import small_language_runs, small_runs, small_similarity_runs


SAVING = {"save_strategy": "steps", "save_steps": 3, "eval_strategy": "steps", "eval_steps": 3}
# What is run, and its flags; the trainer, the order of the rows and the averages are those that the package has.
RUNS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "rows in random order": (small_runs.run, {"bucket_by_length": False}),
    "batches of similar length": (small_runs.run, {}),
    "the average of the weights": (small_runs.run, {"weight_average_decay": 0.9}),
    "accumulated gradients": (small_runs.run, {"gradient_accumulation_steps": 2, "num_train_epochs": 4}),
    "pairs, one of a group in a batch": (
        small_similarity_runs.run,
        {"loss": "multiple_negatives", "num_train_epochs": 6},
    ),
    "streams, the state carried": (small_language_runs.run, {"random_windows": True, "num_train_epochs": 1}),
    "streams, averaged since the loss rose": (
        small_language_runs.run,
        {"nt_asgd_patience": 1, "learning_rate": 3.0, "num_train_epochs": 1},
    ),
}


def write_data(name: str, folder: Path) -> dict[str, str]:
    """The flags that name the data of the run `name`, which are written into `folder`."""
    run, _ = RUNS[name]
    if run is small_language_runs.run:
        splits = {"train": 20, "validation": 4, "test": 4}
        return {
            f"{split}_file": small_language_runs.write_text(folder, f"{split}.txt", count)
            for split, count in splits.items()
        }
    return (small_runs.write_reviews if run is small_runs.run else small_similarity_runs.write_questions)(folder)


def train(
    name: str, output: str, flags: dict[str, Any], said: Connection | None = None, die: str | None = None
) -> None:
    """The run `name`, in a process of its own.

    Args:
        output: Its folder; its messages are appended to `messages.txt` in the folder above.
        flags: Beside those of `RUNS`.
        said: Is told "begin step", "end step" and so on: also of "evaluation" and "writing" (of a checkpoint).
        die: Kill yourself while the second checkpoint is written: "before its optimizer", "before its random state",
            "half its trainer state".
    """
    # What the server has imported is not looked through again and again.
    gc.freeze()
    run_module.plot_learning_curves = lambda *args: None
    handler = logging.FileHandler(Path(output).parent / "messages.txt")
    logging.getLogger("hf_rnn").addHandler(handler)
    transformers.utils.logging.disable_progress_bar()
    for method, phase in {"training_step": "step", "evaluate": "evaluation", "_save_checkpoint": "writing"}.items():
        if said is not None:
            _announce(method, phase, said)
    if die is not None:
        _die_while_writing(die)
    run, own = RUNS[name]
    run(Path(output), **SAVING, **own, **flags)


def _announce(method: str, phase: str, said: Connection) -> None:
    original = getattr(SafeTrainer, method)

    def announced(*args: Any, **kwargs: Any) -> Any:
        said.send(f"begin {phase}")
        result = original(*args, **kwargs)
        said.send(f"end {phase}")
        return result

    setattr(SafeTrainer, method, announced)


def _die_while_writing(place: str) -> None:
    places: dict[str, tuple[type, str]] = {
        "before its optimizer": (SafeTrainer, "_save_optimizer_and_scheduler"),
        "before its random state": (SafeTrainer, "_save_rng_state"),
        "half its trainer state": (TrainerState, "save_to_json"),
    }
    owner, method = places[place]
    original, calls = getattr(owner, method), []

    def dying(self: Any, path: str) -> None:
        calls.append(path)
        if len(calls) < 2:
            return original(self, path)
        if owner is TrainerState:
            original(self, path)
            os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

    setattr(owner, method, dying)
