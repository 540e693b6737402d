"""Small runs of texts and of tagged sentences that learn from a teacher."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from transformers import HfArgumentParser

from hf_rnn.tasks.distillation.arguments import DistillationArguments
from hf_rnn.tasks.run import TrainingTask
from hf_rnn.tasks.text_classification.task import run_text_classification
from hf_rnn.tasks.token_classification.task import run_token_classification
from tests.tasks import small_runs, small_tagging_runs


TAGS = ("O", *(f"{prefix}-{kind}" for kind in sorted(small_tagging_runs.NAMES) for prefix in "BI"))
CLASSES = ("negative", "positive")
OPINIONS = {"negative": ("bad", "dull", "awful"), "positive": ("good", "fine", "superb")}
FILLERS = ("the", "film", "plot", "actor", "of", "and", "was", "with", "it", "scene", "this")
TASKS = ("texts", "tags")


def names(labels: Sequence[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(labels)), "label2id": {name: index for index, name in enumerate(labels)}}


def run(task: str, output: Path, **changes: Any) -> dict[str, Any]:
    """A run of the task, with the flags of distillation."""
    if task == "texts":
        parser = HfArgumentParser((*small_runs.GROUPS, DistillationArguments))
        return run_text_classification(*parser.parse_dict(small_runs.flags(output, **changes)))
    overrides = {} if "model_name_or_path" in changes else {"config_overrides": small_tagging_runs.SMALL}
    values = small_runs.flags(output, **{**overrides, **changes})
    del values["min_frequency"]
    parser = HfArgumentParser((*small_tagging_runs.GROUPS, DistillationArguments))
    return run_token_classification(*parser.parse_dict(values))


def news(count: int, seed: int) -> list[list[str]]:
    return [tokens for tokens, _ in small_tagging_runs.generate_tagged(count, seed)]


def reviews(count: int, seed: int) -> list[tuple[str, str]]:
    """Texts of which one word says whether they are good."""
    generator = random.Random(seed)
    rows = []
    for index in range(count):
        words = generator.choices(FILLERS, k=generator.randint(3, 30))
        words.insert(generator.randint(0, 3), generator.choice(OPINIONS[CLASSES[index % 2]]))
        rows.append((" ".join(words), CLASSES[index % 2]))
    return rows


def texts(count: int, seed: int) -> list[str]:
    return [text for text, _ in reviews(count, seed)]


class Caught(Exception):
    """Ends a run when its data are ready, and carries them."""


def catching(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TrainingTask]:
    """A function that starts a run and gives what would be trained on."""

    def catch(task: TrainingTask, *args: Any, **kwargs: Any) -> None:
        raise Caught(task)

    def found(kind: str, output: Path, **changes: Any) -> TrainingTask:
        monkeypatch.setattr("hf_rnn.tasks.task.run_task", catch)
        with pytest.raises(Caught) as caught:
            run(kind, output, **changes)
        task: TrainingTask = caught.value.args[0]
        return task

    return found
