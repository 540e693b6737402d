"""Every text of these scripts in two languages, beside each other; the code is written once.

Cada texto destes scripts em duas línguas, lado a lado; o código é escrito uma vez só.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


LANGUAGES = ("en", "pt")
Say = Callable[..., None]


def command_line(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option of all scripts, `--lang`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="of the text / do texto (default: en)")
    return parser


def speaker(lang: str) -> Say:
    """Make what prints one of an English and a Portuguese text, its fields filled in as by `str.format`."""

    def say(english: str, portuguese: str, *values: Any, **named: Any) -> None:
        print((english if lang == "en" else portuguese).format(*values, **named))

    return say
