"""The flags of a command, read into dataclasses, and a help that says of each flag what it does and its default."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from transformers import HfArgumentParser

from .unknown_words import refuse_unknown_words


__all__ = [
    "CommandParser",
    "FlagsFormatter",
    "NamedFlagsParser",
    "add_sections",
    "flags_of",
    "title_of",
    "useful_flags_of",
]


# The help texts of this package say "Default: X."; those of transformers have several ways.
SAYS_DEFAULT = re.compile(r"default:|defaults to|by default|\(default", re.IGNORECASE)


class FlagsFormatter(argparse.RawDescriptionHelpFormatter):
    """Shows a flag by its one name with underscores, and its default where the help text does not say it.

    A flag that is on by default has a second one, `--no_NAME`, which is not listed: the first one names it.
    """

    def add_argument(self, action: argparse.Action) -> None:
        if not _turns_off(action):
            super().add_argument(action)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.dest == "help":
            return super()._format_action_invocation(action)
        name = next(name for name in action.option_strings if "-" not in name.lstrip("-"))
        if action.nargs in (0, "?"):
            return name
        metavar = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        return f"{name} {metavar} ..." if action.nargs == "+" else f"{name} {metavar}"

    def _get_help_string(self, action: argparse.Action) -> str:
        said = (action.help or "").strip()
        if not action.option_strings or action.required or SAYS_DEFAULT.search(said):
            return said
        if action.default is True:
            return f"{said} Default: on; --{action.dest} false turns it off."
        if action.default is False:
            return f"{said} Default: off."
        if action.default in (None, argparse.SUPPRESS, ""):
            return said
        shown = str(action.default)
        # A separator, such as a space or a comma, would be lost between other words.
        shown = shown if any(map(str.isalnum, shown)) else repr(shown)
        return f"{said} Default: {shown.replace('%', '%%')}."


class NamedFlagsParser(HfArgumentParser):
    """Reads flags into dataclasses, and says of a word that no flag takes what was probably meant."""

    def parse_args_into_dataclasses(self, args: Sequence[str] | None = None, **options: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Parse as `HfArgumentParser` does.

        Raises:
            ValueError: a word belongs to no flag, or a value is not what a dataclass takes.
        """
        refuse_unknown_words(self, sys.argv[1:] if args is None else args)
        return super().parse_args_into_dataclasses(args, **options)


class CommandParser(NamedFlagsParser):
    """Reads the flags of a command; its help lists them below the title of their dataclass.

    Args:
        groups: The argument dataclasses.
        usage: What follows the name of the program in the first line of the help, such as `DATA [--flag value ...]`.
        description: What the command does, with examples; its lines stay as they are.
    """

    def __init__(self, groups: Iterable[type], *, usage: str, description: str | None) -> None:
        self.groups = tuple(groups)
        super().__init__(
            self.groups,  # type: ignore[arg-type]
            usage=f"%(prog)s {usage}",
            description=description,
            formatter_class=FlagsFormatter,
        )

    def format_help(self) -> str:
        """The usage, the description, and the arguments: those outside of the dataclasses first."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, [])
        formatter.add_text(self.description)
        of_groups = {name for group in self.groups for name in flags_of(group)}
        _add_section(formatter, "arguments", [action for action in self._actions if action.dest not in of_groups])
        add_sections(formatter, self, self.groups)
        formatter.add_text(self.epilog)
        return formatter.format_help()


def add_sections(formatter: argparse.HelpFormatter, parser: argparse.ArgumentParser, groups: Sequence[type]) -> None:
    """Add to `formatter` a section for each of the dataclasses, with its flags as `parser` knows them.

    What a dataclass only refuses, because another one that it is made of has it, is left out: its `REFUSED`.
    """
    for group in groups:
        names = useful_flags_of(group)
        _add_section(formatter, title_of(group), [action for action in parser._actions if action.dest in names])


def flags_of(group: type) -> set[str]:
    """The names of the flags that a dataclass of arguments has."""
    return {field.name for field in dataclasses.fields(group)}


def useful_flags_of(group: type) -> set[str]:
    """The names of the flags that may be given: all but those of its `REFUSED`."""
    return flags_of(group) - set(getattr(group, "REFUSED", ()))


def title_of(group: type) -> str:
    """The first sentence of a dataclass's docstring, without its full stop."""
    return " ".join((group.__doc__ or "").split()).split(". ")[0].rstrip(".")


def _add_section(formatter: argparse.HelpFormatter, title: str, actions: Sequence[argparse.Action]) -> None:
    formatter.start_section(title)
    formatter.add_arguments(actions)
    formatter.end_section()


def _turns_off(action: Any) -> bool:
    return action.nargs == 0 and action.const is False
