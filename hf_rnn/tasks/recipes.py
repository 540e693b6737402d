"""Command lines that may begin with a recipe: a JSON file of arguments, which the flags after it override."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser


def parse_arguments(
    parser: HfArgumentParser, command_line: Sequence[str] | None = None
) -> tuple[tuple[Any, ...], str | None]:
    """
    Parse `[recipe.json] [--flag value …]`.

    A recipe is a JSON object of flag names and values; a nested object (`config_overrides`) is passed on as JSON text.

    Returns:
        One instance of each of the parser's dataclasses, and the path of the recipe, if there is one.

    Raises:
        FileNotFoundError: there is no such recipe.
        ValueError: it is not a JSON object, or names an argument that does not exist.
    """
    arguments = list(sys.argv[1:] if command_line is None else command_line)
    recipe = arguments.pop(0) if arguments and arguments[0].endswith(".json") else None
    if recipe is not None:
        values = _read(recipe, {action.dest for action in parser._actions})
        for action in parser._actions:
            # What the recipe gives need not be given again.
            action.required = action.required and action.dest not in values
        parser.set_defaults(**values)
    return tuple(parser.parse_args_into_dataclasses(arguments, look_for_args_file=False)), recipe


def _read(recipe: str, known: set[str]) -> dict[str, Any]:
    path = Path(recipe)
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe {recipe!r}.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"The recipe {recipe!r} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise ValueError(f"The recipe {recipe!r} must be a JSON object of arguments and values.")
    unknown = sorted(values.keys() - known)
    if unknown:
        raise ValueError(f"The recipe {recipe!r} names `{unknown[0]}`, which is not an argument of this script.")
    return {name: _as_given(value) for name, value in values.items()}


def _as_given(value: Any) -> Any:
    # argparse checks the type of a default only where it is text.
    if isinstance(value, bool | int | float):
        return str(value)
    return json.dumps(value) if isinstance(value, dict) else value


__all__ = ["parse_arguments"]
