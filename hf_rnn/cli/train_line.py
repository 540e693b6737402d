"""The words after `hf-rnn train`: which task, which data or recipe, and what is done unless a flag says otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from ..data.images.folders import split_folders
from ..data.readers.files import expand_path, names_files
from ..data.readers.sequences.reader import SequenceDataArguments
from ..data.readers.series.arguments import SeriesDataArguments
from ..data.readers.sources import HOLD_OUT_PERCENTAGE, SourceArguments
from ..data.readers.tables.class_folders import find_class_folders
from ..data.readers.tables.opening import COLUMNAR_EXTENSIONS, JSON_EXTENSIONS, TABLE_EXTENSIONS
from ..data.readers.tables.sources import COMPRESSED_FILE_TYPES, extension_of
from ..tasks.recipes import find_recipe, published_recipes, read_recipe
from ..tasks.registry import TASK_NAMES, find_task
from ..tasks.task import Task
from .run_folder import UNNAMED


__all__ = ["TrainLine"]


SPLIT_FLAGS = ("--train_file", "--validation_file", "--test_file")
TARGET_FLAGS = ("--train_target_file", "--validation_target_file", "--test_target_file")
# Files with these endings have columns, and are never the lines of one side.
TABLES = {*TABLE_EXTENSIONS, *JSON_EXTENSIONS, *COLUMNAR_EXTENSIONS} - {".txt", ""}
HELP_WORDS = ("-h", "--help", "--help-all")


@dataclass(frozen=True)
class TrainLine:
    """Attributes:
    task: What is trained.
    words: `[recipe.json] [--flag value …]`, as `tasks.recipes.parse_arguments` takes them.
    defaults: Flags and values that hold unless `words` give others.
    wants_help, wants_all_help: Whether the flags are only to be shown, and whether all of them.
    """

    task: Task
    words: list[str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    wants_help: bool = False
    wants_all_help: bool = False

    @classmethod
    def of(cls, arguments: list[str]) -> TrainLine:
        """Understand `TASK DATA… [flags]`, `TASK RECIPE [flags]` or `RECIPE [flags]`.

        Raises:
            ValueError: the first word is neither a task nor a recipe, or a recipe does not name its task.
        """
        flags = next((place for place, word in enumerate(arguments) if word.startswith("-")), len(arguments))
        names, rest = arguments[:flags], arguments[flags:]
        task, names = _task_and_data(names)
        defaults: dict[str, Any] = {"output_dir": UNNAMED, "do_train": True, "do_eval": True}
        if _reads_data(task):
            defaults |= {"hold_out_percentage": HOLD_OUT_PERCENTAGE}
        if any(word in HELP_WORDS for word in rest):
            return cls(task, [], defaults, wants_help=True, wants_all_help="--help-all" in rest)
        if names and _is_recipe(names[0], task):
            if len(names) > 1:
                raise ValueError(f"`DATA`={names[1]!r} cannot follow the recipe {names[0]!r}: it names its own data.")
            # A recipe says itself what is done and what is held out.
            return cls(task, [str(find_recipe(names[0])), *rest], {"output_dir": UNNAMED})
        if _reads_series(task):
            # The parts of the time are those of one table, and the last of them tests.
            return cls(task, [*_series_flags(names), *rest], {**defaults, "do_predict": True})
        if names and _reads_pictures(task):
            if len(names) > 1:
                raise ValueError(f"`DATA`={names[1]!r} is one name too many after a folder of pictures.")
            defaults["do_predict"] = "test" in split_folders(names[0])
            return cls(task, ["--image_folder", names[0], *rest], defaults)
        targets = _aligned(names) if _reads_targets(task) else []
        names = names[::2] if targets else names
        if len(names) > 2 or "--test_file" in rest:
            defaults["do_predict"] = True
        of_data = [*_data_flags(names, are_files=bool(targets)), *_pairs(TARGET_FLAGS, targets)]
        return cls(task, [*of_data, *rest], defaults)


def _task_and_data(names: list[str]) -> tuple[Task, list[str]]:
    first = names[0] if names else ""
    if find_recipe(first) is None:
        try:
            return find_task(first), names[1:]
        except ValueError as error:
            if first and Path(first).exists():
                raise ValueError(
                    f"{first!r} is there to learn from, but no task stands before it: text-classification {first}, or "
                    f"another of {', '.join(TASK_NAMES)}."
                ) from error
            raise ValueError(
                f"{first!r} must be a task ({', '.join(TASK_NAMES)}) or a recipe: a JSON file, or one of "
                f"{', '.join(published_recipes())}."
            ) from error
    named = read_recipe(first).get("task")
    if named is None:
        raise ValueError(f"The recipe {first!r} names no `task`; give it first: TASK {first}")
    return find_task(str(named)), names


def _is_recipe(name: str, task: Task) -> bool:
    """Whether `name` is a recipe and not data: a JSON object that names a flag, or the name of a published one."""
    path = find_recipe(name)
    if path is None or (Path(name).exists() and not name.endswith(".json")):
        return False
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        # Rows, one a line, are no JSON document; whether they are rows is for the reader to say.
        return False
    known = {action.dest for action in HfArgumentParser(task.groups)._actions}  # type: ignore[arg-type]
    return isinstance(values, dict) and bool(values.keys() & (known | {"task"}))


def _reads_data(task: Task) -> bool:
    return any(issubclass(group, SourceArguments) for group in task.groups)


def _reads_series(task: Task) -> bool:
    return any(issubclass(group, SeriesDataArguments) for group in task.groups)


def _series_flags(names: list[str]) -> list[str]:
    if len(names) > 1:
        raise ValueError(
            f"`DATA`={names[1]!r} is one name too many: series are divided by time, within one table (`train_part`, "
            "`validation_part`, `test_part`)."
        )
    return _pairs(SPLIT_FLAGS, names)


def _reads_pictures(task: Task) -> bool:
    return any(hasattr(group, "image_folder") for group in task.groups)


def _reads_targets(task: Task) -> bool:
    return any(issubclass(group, SequenceDataArguments) for group in task.groups)


def _aligned(names: list[str]) -> list[str]:
    """The files of targets among `names`, each of them behind its sources: `train.en train.de dev.en dev.de`, also
    compressed. There are none where the names are others.
    """
    sources, targets = names[::2], names[1::2]
    found = [_go_together(one, other) for one, other in zip(sources, targets, strict=False)]
    return targets if names and len(sources) == len(targets) and all(found) else []


def _go_together(source: str, target: str) -> bool:
    """Say whether two names differ in their endings alone, and neither is a table's: `train.en.gz train.de.gz`."""
    endings = [extension_of(name) for name in (source, target)]
    stems = [_stem(name, ending) for name, ending in zip((source, target), endings, strict=True)]
    return stems[0] == stems[1] and endings[0] != endings[1] and not TABLES & set(endings)


def _stem(name: str, ending: str) -> str:
    """The name without its ending and that of a compression."""
    compressed = Path(name).suffix.lower() in COMPRESSED_FILE_TYPES
    return (str(Path(name).with_suffix("")) if compressed else name)[: -len(ending) or None]


def _data_flags(names: list[str], *, are_files: bool) -> list[str]:
    """The flags that read what was named: files of rows or text, or else a dataset of the Hub or a folder of one.

    Args:
        are_files: Whether the names are known to be those of files.
    """
    if len(names) > len(SPLIT_FLAGS):
        raise ValueError(f"`DATA`={names[3]!r} is one name too many after a training, a validation and a test file.")
    is_dataset = bool(names) and not are_files and not names_files(names[0])
    if is_dataset and len(names) > 1 and find_class_folders(expand_path(names[0])) is not None:
        # Folders of classes may be splits beside each other as files may.
        is_dataset = False
    if is_dataset:
        return ["--dataset_name", *names[:1], *_pairs(SPLIT_FLAGS[1:], names[1:])]
    return _pairs(SPLIT_FLAGS, names)


def _pairs(flags: tuple[str, ...], names: list[str]) -> list[str]:
    return [word for flag, name in zip(flags, names, strict=False) for word in (flag, name)]
