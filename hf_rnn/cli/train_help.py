"""The texts that `hf-rnn train --help`, `hf-rnn train TASK --help` and `--help-all` print."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import HfArgumentParser

from ..tasks.recipes import published_recipes
from ..tasks.registry import TASK_NAMES, find_task
from ..tasks.task import Task
from .flags import FlagsFormatter, add_sections, useful_flags_of


__all__ = ["flags_text", "usage_text"]


# People use these flags first; the help shows them in this order, as far as a task has them.
FIRST_FLAGS = (
    "image_folder",
    "train_file",
    "validation_file",
    "test_file",
    "dataset_name",
    "train_target_file",
    "source_column",
    "target_column",
    "text_column_names",
    "text_column_name",
    "label_column_name",
    "label_delimiter",
    "problem_type",
    "target_columns",
    "time_column",
    "series_column",
    "known_future_columns",
    "context_length",
    "prediction_length",
    "train_part",
    "validation_part",
    "test_part",
    "quantiles",
    "hold_out_percentage",
    "affine",
    "turned_classes",
    "max_train_samples",
    "model_type",
    "model_name_or_path",
    "config_overrides",
    "embedding_vectors",
    "tokenizer_kind",
    "vocab_size",
    "max_seq_length",
    "max_source_length",
    "max_target_length",
    "num_beams",
    "figures",
    "loss",
    "output_dir",
    "num_train_epochs",
    "learning_rate",
    "per_device_train_batch_size",
    "early_stopping_patience",
    "class_weights",
    "seed",
    "push_to_hub",
)
# The flags that come before them for `hf-rnn distill`.
TEACHER_FLAGS = (
    "teacher_name_or_path",
    "unlabelled_file",
    "distillation_weight",
    "distillation_temperature",
    "teacher_temperatures",
    "teacher_cache",
)
USAGE = """usage: hf-rnn train TASK DATA [VALIDATION [TEST]] [--flag value ...]
       hf-rnn train RECIPE [--flag value ...]

  hf-rnn train text-classification reviews.csv
  hf-rnn train token-classification train.conll dev.conll --model_type gru
  hf-rnn train imdb_bilstm --seed 2

DATA is a file of rows or of text, several ('part*.csv', a folder), or a
dataset of the Hub. Without VALIDATION a tenth of the training rows is held out.
The run is written into runs/NAME."""


def usage_text() -> str:
    """Write the usage, the tasks with their aliases, and the published recipes."""
    tasks = []
    for name in TASK_NAMES:
        aliases = find_task(name).aliases
        tasks.append(f"  {name}")
        if aliases:
            tasks.append(f"      also {', '.join(aliases)}")
    listed = _wrapped(published_recipes())
    return "\n".join(
        [USAGE, "", "Tasks:", *tasks, "", "Recipes:", listed, "", "The flags of a task: hf-rnn train TASK --help"]
    )


def flags_text(task: Task, defaults: Mapping[str, Any], command: str = "train", *, all_of_them: bool) -> str:
    """Describe the flags of a task: those that people use first, or every one, grouped by its argument dataclass.

    Args:
        defaults: Flag → what holds unless it is given, where that is not the dataclass's own default.
        command: That of `hf-rnn` whose flags they are.
    """
    parser = HfArgumentParser(task.groups)  # type: ignore[arg-type]
    parser.set_defaults(**defaults)
    columns = min(shutil.get_terminal_size().columns, 100)
    program = f"hf-rnn {command} {task.name}"
    formatter = FlagsFormatter(program, width=columns)
    if all_of_them:
        add_sections(formatter, parser, task.groups)
    else:
        known = {name for group in task.groups for name in useful_flags_of(group)}
        actions = {action.dest: action for action in reversed(parser._actions) if action.dest in known}
        formatter.start_section("flags that people use first")
        first = (*(TEACHER_FLAGS if command == "distill" else ()), *FIRST_FLAGS)
        formatter.add_arguments([actions[name] for name in first if name in actions])
        formatter.end_section()
        formatter.add_text(f"All of them: {program} --help-all")
    if task.kind.inputs == "series":
        data = " DATA"
    else:
        data = " DATA [VALIDATION [TEST]]" if "hold_out_percentage" in defaults else " [FOLDER]"
    usage = f"usage: {program}{data} [--flag value ...]\n"
    if any("train_target_file" in useful_flags_of(group) for group in task.groups):
        usage += f"       {program} train.en train.de [dev.en dev.de] [--flag value ...]\n"
    return f"{usage}\n{formatter.format_help().rstrip()}"


def _wrapped(names: Sequence[str]) -> str:
    lines, width = [" "], 78
    for name in names:
        if len(lines[-1]) + len(name) + 2 > width:
            lines.append(" ")
        lines[-1] += f" {name}"
    return "\n".join(lines)
