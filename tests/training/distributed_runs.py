"""Small runs of every task, in one process or as one of several: `distributed_runs.py FOLDER [TASK …]`.

In FOLDER each run has a folder of its own name; beside it every process leaves the weights it ended with.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from hf_rnn.training.trainer import RecurrentTrainer
from tests.tasks import small_language_runs, small_runs, small_similarity_runs, small_tagging_runs


GLOBAL_BATCH = 8
STEPS = 50
WORDS = small_runs.SMALL


class LeavesWeights(TrainerCallback):
    """Saves what this process has learnt."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        torch.save({name: weight.clone() for name, weight in kwargs["model"].state_dict().items()}, self.path)


def texts(output: Path, data: Path, **values: Any) -> None:
    small_runs.run(output, **small_runs.write_reviews(data, train=83, validation=21), config_overrides=WORDS, **values)


def texts_in_random_order(output: Path, data: Path, **values: Any) -> None:
    texts(output, data, bucket_by_length=False, **values)


def tags(output: Path, data: Path, **values: Any) -> None:
    overrides = small_tagging_runs.SMALL
    small_tagging_runs.run(
        output, **small_tagging_runs.write_news(data, train=61), config_overrides=overrides, **values
    )


def pairs(output: Path, data: Path, **values: Any) -> None:
    files = small_similarity_runs.write_questions(data, train=77)
    small_similarity_runs.run(output, **{"loss": "contrastive", "config_overrides": WORDS, **files, **values})


def in_batch_negatives(output: Path, data: Path, **values: Any) -> None:
    pairs(output, data, loss="multiple_negatives", **values)


def language_model(output: Path, data: Path, **values: Any) -> None:
    text = small_language_runs.write_text(data, count=90)
    options = {"validation_split_percentage": 10, "do_predict": False, "config_overrides": WORDS}
    small_language_runs.run(output, train_file=text, **options, **values)


TASKS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (texts, texts_in_random_order, tags, pairs, in_batch_negatives, language_model)
}


def main(folder: str, *names: str) -> None:
    rank, processes = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    made = RecurrentTrainer.__init__
    for name in names or TASKS:
        path = Path(folder) / f"{name}.rank{rank}.pt"

        def watched(self: RecurrentTrainer, *args: Any, path: Path = path, **kwargs: Any) -> None:
            made(self, *args, **kwargs)
            self.add_callback(LeavesWeights(path))

        RecurrentTrainer.__init__ = watched  # type: ignore[method-assign]
        TASKS[name](
            Path(folder) / name,
            # Each process has files of its own, as on another machine.
            Path(folder) / f"data{rank}" / name,
            per_device_train_batch_size=GLOBAL_BATCH // processes,
            per_device_eval_batch_size=GLOBAL_BATCH // processes,
            max_steps=STEPS,
            eval_strategy="steps",
            eval_steps=STEPS // 2,
            save_strategy="steps",
            save_steps=STEPS // 2,
            logging_steps=1,
            do_eval=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
