"""Command lines that may begin with a recipe: a JSON file of arguments, which the flags after it override."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser


__all__ = ["find_recipe", "parse_arguments", "published_recipes", "read_recipe", "recorded_name"]


# The recipes of the published figures. Files beside them are named from here, in a way that every machine understands.
FOLDER = Path(__file__).resolve().parent.parent / "recipes"
FOLDER_VARIABLE = "HF_RNN_RECIPES"
# Version 0.1 had them here; its results name them so.
OLD_FOLDER = "scripts/recipes/"
TASK = "task"


def published_recipes() -> list[str]:
    """The names of the published recipes of trainings, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def find_recipe(name: str) -> Path | None:
    """The file of a recipe; None where there is none.

    Args:
        name: The file; or the name of a published recipe, such as `imdb_bilstm` or `search/imdb_bilstm`.
    """
    if name.endswith(".json") and Path(name).is_file():
        return Path(name)
    published = FOLDER / f"{name.removeprefix(OLD_FOLDER).removesuffix('.json')}.json"
    inside = published.resolve().is_relative_to(FOLDER)
    return published if inside and published.is_file() else None


def recorded_name(recipe: str) -> str:
    """Give the name by which results call a recipe: one that is published by its place in the package, any other as it
    was given.
    """
    path = find_recipe(recipe)
    if path is None or not path.resolve().is_relative_to(FOLDER):
        return recipe
    return path.resolve().relative_to(FOLDER.parent.parent).as_posix()


def read_recipe(recipe: str) -> dict[str, Any]:
    """The arguments and values of a recipe.

    Raises:
        FileNotFoundError: there is no such recipe.
        ValueError: it is not a JSON object.
    """
    path = find_recipe(recipe)
    if path is None:
        raise FileNotFoundError(
            f"There is no recipe {recipe!r}; those of the package are {', '.join(published_recipes())}."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"The recipe {recipe!r} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise ValueError(f"The recipe {recipe!r} must be a JSON object of arguments and values.")
    return values


def parse_arguments(
    parser: HfArgumentParser,
    command_line: Sequence[str] | None = None,
    *,
    defaults: Mapping[str, Any] | None = None,
) -> tuple[tuple[Any, ...], str | None]:
    """Parse `[recipe.json] [--flag value …]`.

    A recipe is a JSON object of flag names and values; a nested object (`config_overrides`) is passed on as JSON text.
    Its `task` says which command it is for, where that has no flag of this name.

    Args:
        command_line: Default: that of the process.
        defaults: Flags and values in place of the parser's own defaults; a recipe overrides them.

    Returns:
        One instance of each of the parser's dataclasses, and what results call the recipe, if there is one.

    Raises:
        FileNotFoundError: there is no such recipe.
        ValueError: it is not a JSON object, or names an argument that does not exist.
    """
    arguments = list(sys.argv[1:] if command_line is None else command_line)
    recipe = arguments.pop(0) if arguments and arguments[0].endswith(".json") else None
    os.environ.setdefault(FOLDER_VARIABLE, str(FOLDER))
    values = {name: _as_given(value) for name, value in (defaults or {}).items()}
    if recipe is not None:
        values |= _known(recipe, {action.dest for action in parser._actions})
    for action in parser._actions:
        # An argument that the recipe gives need not be given again.
        action.required = action.required and action.dest not in values
    parser.set_defaults(**values)
    parsed = tuple(parser.parse_args_into_dataclasses(arguments, look_for_args_file=False))
    return parsed, None if recipe is None else recorded_name(recipe)


def _known(recipe: str, known: set[str]) -> dict[str, Any]:
    values = read_recipe(recipe)
    unknown = sorted(values.keys() - known - {TASK})
    if unknown:
        raise ValueError(f"The recipe {recipe!r} names `{unknown[0]}`, which is not an argument of this script.")
    return {name: _as_given(value) for name, value in values.items() if name in known}


def _as_given(value: Any) -> Any:
    # argparse checks the type of a default only where it is text.
    if isinstance(value, bool | int | float):
        return str(value)
    return json.dumps(value) if isinstance(value, dict) else value
