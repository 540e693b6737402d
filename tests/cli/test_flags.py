"""The help of every command says of each flag what it does and its default."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from transformers import HfArgumentParser, TrainingArguments

from hf_rnn.cli import flags
from hf_rnn.cli.flags import CommandParser, FlagsFormatter, title_of
from hf_rnn.training.length import OPEN_LENGTH


# These rooms have the dataclasses of arguments.
ROOMS = ("benchmark", "cli", "data", "hyperparameter_search", "insight", "tasks", "training")
# A text that begins so says nothing to a reader who does not know yet what the flag is.
RIDDLE = re.compile(
    r"(A|An|The|What|Of|Which|Whether|Where|When|How|Why|By|For|From|In|At|On|With|Without|As|That|This|These|Its|It|Only"
    r"|Same|Also|Default|Defaults)\b"
)
# The parsers of these commands are made without a dataclass.
PLAIN_COMMANDS = ("bundle_checkpoint", "bundled", "demo", "explain", "export", "push", "quantize", "summary")


def argument_groups() -> list[type]:
    """Find every dataclass of arguments in `ROOMS`: one that has a field with a help text."""
    found: dict[str, type] = {}
    for room in ROOMS:
        package = importlib.import_module(f"hf_rnn.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # These modules belong to a process that measures, or to a library that may not be installed.
            if ".workers." in module.name or ".peer_" in module.name:
                continue
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value) and own_fields(value):
                    found[f"{value.__module__}.{value.__name__}"] = value
    return [group for _, group in sorted(found.items())]


def own_fields(group: type) -> list[dataclasses.Field[Any]]:
    """The fields with a help text that is not transformers' own."""
    stock = {field.name: field.metadata.get("help") for field in dataclasses.fields(TrainingArguments)}
    fields = [field for field in dataclasses.fields(group) if "help" in field.metadata]
    return [field for field in fields if field.metadata["help"] != stock.get(field.name)]


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The actions by the name of what they set, the first for each: the second turns a flag off."""
    return {action.dest: action for action in reversed(parser._actions)}


def shown(action: argparse.Action) -> str:
    """What the help says of a flag."""
    return FlagsFormatter("hf-rnn")._expand_help(action)


def assert_plain(name: str, text: str) -> None:
    """Hold a help text to be a sentence that begins with what the flag does or is."""
    assert text, f"{name} has no help text"
    assert text[0].isupper() and text.endswith("."), f"{name} is no sentence: {text!r}"
    assert not RIDDLE.match(text), f"{name} begins with a riddle: {text!r}"


def parser_of(command: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser that a command makes."""
    made: list[argparse.ArgumentParser] = []

    def parse_args(self: argparse.ArgumentParser, *args: Any) -> None:
        made.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    with pytest.raises(KeyboardInterrupt):
        importlib.import_module(f"hf_rnn.cli.{command}").main([])
    return made[0]


def test_there_are_groups_to_look_at() -> None:
    names = {group.__name__ for group in argument_groups()}
    assert names >= {"ModelArguments", "RecurrentTrainingArguments", "PredictArguments", "SearchArguments"}


@pytest.mark.parametrize("group", argument_groups(), ids=lambda group: group.__name__)
def test_every_flag_says_what_it_does_and_its_default(group: type) -> None:
    actions = actions_of(HfArgumentParser(group))
    for field in own_fields(group):
        text = shown(actions[field.name])
        assert_plain(f"{group.__name__}.{field.name}", field.metadata["help"])
        if field.default is dataclasses.MISSING:
            continue
        assert "Default: " in text, f"{group.__name__}.{field.name} does not say its default: {text!r}"
        if field.default is not None:
            named = (
                {True: "on", False: "off"}.get(field.default, field.default) if field.type is bool else field.default
            )
            # An open length, which nobody gives, is said in words.
            named = "10, and up to 300" if field.name == "num_train_epochs" and named == OPEN_LENGTH else named
            assert re.search(rf"Default: '?{re.escape(str(named))}", text), text


@pytest.mark.parametrize("group", argument_groups(), ids=lambda group: group.__name__)
def test_the_title_of_a_group_is_one_phrase(group: type) -> None:
    title = title_of(group)
    assert title[0].isupper() and "HfArgumentParser" not in title
    assert not title.startswith(("Which ", "What ", "How ", "Where ", "For "))


@pytest.mark.parametrize("command", PLAIN_COMMANDS)
def test_every_flag_of_a_plain_command_does_so_too(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for action in parser_of(command, monkeypatch)._actions:
        if action.dest == "help":
            continue
        assert_plain(f"{command} {action.dest}", action.help or "")
        if action.option_strings and not action.required:
            assert "Default: " in shown(action), f"{command} {action.dest} does not say its default"


@dataclasses.dataclass
class Arguments:
    """The flags of a test. They do nothing."""

    words: bool = dataclasses.field(default=True, metadata={"help": "Count the words."})
    loud: bool = dataclasses.field(default=False, metadata={"help": "Say it loudly."})
    share: float = dataclasses.field(default=0.5, metadata={"help": "Share to take, such as 50 %%."})
    joined_by: str = dataclasses.field(default=" ", metadata={"help": "Separator of words."})
    seeds: int = dataclasses.field(default=0, metadata={"help": "Compare with the default configuration."})
    name: str | None = dataclasses.field(default=None, metadata={"help": "Name of it. Default: none."})


def lines_of(text: str) -> Iterator[str]:
    return (" ".join(line.split()) for line in re.split(r"\n(?=  -|\S)", text))


def test_the_help_shows_one_name_for_each_flag_and_its_default() -> None:
    parser = CommandParser((Arguments,), usage="DATA [--flag value ...]", description="Do it.\n\n    as here")
    parser.add_argument("data", help="Rows to read.")
    text = parser.format_help()
    assert "DATA [--flag value ...]\n\nDo it.\n\n    as here\n" in text
    assert "\nThe flags of a test:\n" in text
    assert list(lines_of(text))[-6:] == [
        "--words Count the words. Default: on; --words false turns it off.",
        "--loud Say it loudly. Default: off.",
        "--share SHARE Share to take, such as 50 %. Default: 0.5.",
        "--joined_by JOINED_BY Separator of words. Default: ' '.",
        "--seeds SEEDS Compare with the default configuration. Default: 0.",
        "--name NAME Name of it. Default: none.",
    ]
    given = parser.parse_args(["rows.csv", "--words", "false"])
    assert (given.data, given.words) == ("rows.csv", False)
    assert flags.flags_of(Arguments) == {"words", "loud", "share", "joined_by", "seeds", "name"}
