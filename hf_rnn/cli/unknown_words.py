"""Says of words on a command line that no flag takes what was probably meant."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence


__all__ = ["refuse_unknown_words"]


# Flags that scripts for transformers 4 and other libraries give, and what there is here.
GONE = {
    "overwrite_output_dir": "transformers 5 has it no more: name another `--output_dir`, or remove the folder",
    "no_cuda": "transformers 5 calls it `--use_cpu`",
    "lr": "it is called `--learning_rate`",
    "batch_size": "it is called `--per_device_train_batch_size`",
}
HELP = "`--help` lists the flags"


def refuse_unknown_words(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Refuse a command line that holds a word no flag takes.

    Args:
        parser: Knows the flags.
        words: The command line.

    Raises:
        ValueError: there is such a word; the message says what was probably meant.
    """
    known = {option for action in parser._actions for option in action.option_strings}
    for word in words:
        # argparse would take a short one for the beginning of several flags.
        flag = word.split("=")[0]
        if _name(flag) in GONE and flag.startswith("--") and flag not in known:
            raise ValueError(f"There is no flag `{flag}`; {GONE[_name(flag)]}.")
    left = parser.parse_known_args(list(words))[1]
    flags = [word for word in left if word.startswith("--")]
    if flags:
        raise ValueError(_said_of_flag(known, flags[0].split("=")[0]))
    if left:
        raise ValueError(_said_of_word(parser, list(words), left[0]))


def _name(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _said_of_flag(known: set[str], flag: str) -> str:
    meant = _meant(known, _name(flag))
    return f"There is no flag `{flag}`; " + (f"did you mean `--{meant}`? " if meant else "") + f"{HELP}."


def _meant(known: set[str], name: str) -> str | None:
    """The shortest flag that holds `name`, or else the one that is spelt like it; None where there is neither."""
    # The forms with hyphens and those that turn a flag off are second names.
    names = sorted(
        {_name(option) for option in known if not option.startswith("--no")}, key=lambda one: (len(one), one)
    )
    holding = [option for option in names if name in option]
    return next(iter([*holding, *difflib.get_close_matches(name, names, n=1)]), None)


def _said_of_word(parser: argparse.ArgumentParser, words: list[str], word: str) -> str:
    """What there is to say of a word that stands after the value of a flag, or where no flag is."""
    place = _place_of(words, word)
    flag, values = _flag_before(words, place)
    takes_lists = any(f"--{flag}" in action.option_strings and _takes_commas(action) for action in parser._actions)
    if takes_lists:
        return (
            f"`{word}` belongs to no flag; values of `--{flag}` are separated by commas: --{flag} {','.join(values)}"
        )
    if values:
        return f"`{word}` belongs to no flag: `--{flag}` takes one value; quote a value that holds spaces. {HELP}."
    return f"`{word}` belongs to no flag; {HELP}."


def _place_of(words: list[str], word: str) -> int:
    """The place of a word that no flag takes: not the one right behind a flag, where it is that flag's value."""
    places = [index for index, one in enumerate(words) if one == word]
    return next((index for index in places if index == 0 or not words[index - 1].startswith("--")), places[0])


def _flag_before(words: list[str], place: int) -> tuple[str, list[str]]:
    """The last flag before a place, and the words from there to the next flag."""
    before = [index for index in range(place) if words[index].startswith("--")]
    if not before:
        return "", []
    flag, _, value = words[before[-1]].lstrip("-").partition("=")
    values = [value] if value else []
    for word in words[before[-1] + 1 :]:
        if word.startswith("--"):
            break
        values.append(word)
    return flag, values


def _takes_commas(action: argparse.Action) -> bool:
    return "separated by commas" in (action.help or "")
