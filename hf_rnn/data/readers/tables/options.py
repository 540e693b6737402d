"""How a file is read where it is not to be found out: the flags that every command which reads files has."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field, fields
from typing import Any, Literal


__all__ = ["ONE_COLUMN", "ReadingArguments", "reading_flags"]

# A file of one column has no delimiter.
ONE_COLUMN = ""
NAMED_DELIMITERS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "pipe": "|",
    "space": " ",
    "none": ONE_COLUMN,
}


@dataclass
class ReadingArguments:
    """The form of the files; each part of it is found out from their content where it is not given."""

    encoding: str | None = field(
        default=None,
        metadata={
            "help": "Encoding of the files, such as utf-8, cp1252, latin-1 or utf-16. Default: found from "
            "their bytes, and said where it is not UTF-8."
        },
    )
    delimiter: str | None = field(
        default=None,
        metadata={
            "help": "Character between the cells of a row: one character, or comma, semicolon, tab, pipe or "
            "space; none reads each row as one cell. Default: found from the rows, and said where "
            "the extension promises another."
        },
    )
    quotes: Literal["auto", "double", "single", "none"] = field(
        default="auto",
        metadata={
            "help": "Quotes around cells: double (\"), single (') or none, where quotes are characters like "
            "any others. Default: auto, found from the rows."
        },
    )
    no_header: bool | None = field(
        default=None,
        metadata={
            "help": "Read the first row as data, with columns named column_0, column_1 …; `--no_header "
            "false` reads it as names. Default: found from the rows, and said where it is no row of "
            "names.",
            "nargs": "?",
            "const": True,
        },
    )

    def __post_init__(self) -> None:
        self.check_reading()

    def check_reading(self) -> None:
        """Raise a ValueError that names the flag which cannot be followed."""
        if self.encoding is not None:
            try:
                known = codecs.lookup(self.encoding)
            except (LookupError, ValueError) as error:
                raise ValueError(
                    f"`encoding`={self.encoding!r} must be an encoding that Python knows, such as utf-8 or cp1252."
                ) from error
            if not getattr(known, "_is_text_encoding", True):
                raise ValueError(f"`encoding`={self.encoding!r} must be one of text, such as utf-8 or cp1252.")
        if self.delimiter is not None and (
            len(self.delimiter_character or "") > 1 or self.delimiter_character in ("\r", "\n", '"')
        ):
            raise ValueError(
                f"`delimiter`={self.delimiter!r} must be one character, or one of {', '.join(NAMED_DELIMITERS)}."
            )
        if self.quotes not in ("auto", "double", "single", "none"):
            raise ValueError(f"`quotes`={self.quotes!r} must be auto, double, single or none.")

    @property
    def delimiter_character(self) -> str | None:
        """`delimiter` as one character; `ONE_COLUMN` for none, None where it is to be found."""
        if self.delimiter is None:
            return None
        return NAMED_DELIMITERS.get(self.delimiter, self.delimiter or ONE_COLUMN)


def reading_flags(arguments: ReadingArguments) -> dict[str, Any]:
    """The flags of reading alone, of arguments that have more: for another file that is read in the same way."""
    return {flag.name: getattr(arguments, flag.name) for flag in fields(ReadingArguments)}
