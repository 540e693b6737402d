"""What `hf-rnn train --help`, `hf-rnn train TASK --help` and `--help-all` print."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import HfArgumentParser

from ..tasks.recipes import published_recipes
from ..tasks.registry import TASK_NAMES, find_task
from ..tasks.task import Task


__all__ = ["flags_text", "usage_text"]


# Those that people use first, as far as a task has them, in the order of the help.
FIRST_FLAGS = (
    "train_file",
    "validation_file",
    "test_file",
    "dataset_name",
    "text_column_names",
    "text_column_name",
    "label_column_name",
    "label_delimiter",
    "problem_type",
    "hold_out_percentage",
    "max_train_samples",
    "model_type",
    "model_name_or_path",
    "config_overrides",
    "embedding_vectors",
    "tokenizer_kind",
    "vocab_size",
    "max_seq_length",
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
USAGE = """usage: hf-rnn train TASK DATA [VALIDATION [TEST]] [--flag value ...]
       hf-rnn train RECIPE [--flag value ...]

  hf-rnn train text-classification reviews.csv
  hf-rnn train token-classification train.conll dev.conll --model_type gru
  hf-rnn train imdb_bilstm --num_train_epochs 3

DATA is a file of rows or of text, several ('part*.csv', a folder), or a
dataset of the Hub. Without VALIDATION a tenth of the training rows is held out.
The run is written into runs/NAME."""


def usage_text() -> str:
    """The usage, the tasks with their aliases, and the published recipes."""
    tasks = []
    for name in TASK_NAMES:
        aliases = find_task(name).aliases
        tasks.append(f"  {name}" + (f" (also {', '.join(aliases)})" if aliases else ""))
    listed = _wrapped(published_recipes())
    return "\n".join(
        [USAGE, "", "Tasks:", *tasks, "", "Recipes:", listed, "", "The flags of a task: hf-rnn train TASK --help"]
    )


class FlagsFormatter(argparse.HelpFormatter):
    """Shows a flag by its one name with underscores, and its default where the help does not say it."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        name = next(name for name in action.option_strings if "-" not in name.lstrip("-"))
        metavar = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        return f"{name} {metavar}" if action.nargs != "?" else name

    def _get_help_string(self, action: argparse.Action) -> str:
        said = (action.help or "").strip()
        if action.default in (None, argparse.SUPPRESS, "") or "default" in said.lower():
            return said
        return f"{said} Default: %(default)s."


def flags_text(task: Task, defaults: Mapping[str, Any], *, all_of_them: bool) -> str:
    """The flags of a task: those that people use first, or every one, grouped by its argument dataclass.

    Args:
        defaults: Flag → what holds unless it is given, where that is not the dataclass's own default.
    """
    columns = min(shutil.get_terminal_size().columns, 100)
    formatter = FlagsFormatter(f"hf-rnn train {task.name}", width=columns)
    if all_of_them:
        for group in task.groups:
            formatter.start_section(_title(group))
            formatter.add_arguments(_actions((group,), defaults))
            formatter.end_section()
    else:
        actions = {action.dest: action for action in _actions(task.groups, defaults)}
        formatter.start_section("flags that people use first")
        formatter.add_arguments([actions[name] for name in FIRST_FLAGS if name in actions])
        formatter.end_section()
        formatter.add_text(f"All of them: hf-rnn train {task.name} --help-all")
    data = " DATA [VALIDATION [TEST]]" if "hold_out_percentage" in defaults else ""
    return f"usage: hf-rnn train {task.name}{data} [--flag value ...]\n\n{formatter.format_help().rstrip()}"


def _actions(groups: Sequence[type], defaults: Mapping[str, Any]) -> list[argparse.Action]:
    parser = HfArgumentParser(groups)  # type: ignore[arg-type]
    parser.set_defaults(**defaults)
    # A flag that is on by default has a second one that turns it off, with nothing to say.
    return [action for action in parser._actions if action.dest in _fields(groups) and action.help is not None]


def _fields(groups: Sequence[type]) -> set[str]:
    return {field.name for group in groups for field in dataclasses.fields(group)}


def _title(group: type) -> str:
    """The first sentence of the dataclass's docstring, after its name."""
    described = " ".join((group.__doc__ or "").split()).split(". ")[0].rstrip(".")
    return f"{group.__name__}: {described}"


def _wrapped(names: Sequence[str]) -> str:
    lines, width = [" "], 78
    for name in names:
        if len(lines[-1]) + len(name) + 2 > width:
            lines.append(" ")
        lines[-1] += f" {name}"
    return "\n".join(lines)
