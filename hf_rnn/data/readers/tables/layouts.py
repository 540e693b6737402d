"""The layout of a table of text, found from a sample of its rows: delimiter, quotes, header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO

from .dialects import BACKSLASHES, DOUBLE, NO_QUOTES, PADDED, SINGLE, Quoting, Trial, shown_delimiter, try_reading
from .headers import column_names, has_header, is_row_of_names
from .labelled_lines import COLUMNS, are_labelled
from .options import ONE_COLUMN, ReadingArguments
from .quoting import UndecidedQuotes, are_padded, choose_quoting, repeated_values
from .sources import Source
from .titles import find_titles


__all__ = ["PROMISED_DELIMITERS", "Layout", "Sample", "find_layout", "take_sample"]

PROMISED_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
DELIMITERS = (",", ";", "\t", "|")
# The delimiter is looked for in so many lines, the quotes in so many characters, the header in so many rows.
HEAD_LINES = 2000
SAMPLE_CHARACTERS = 2**21
HEADER_ROWS = 1000
# What is said shows so many names of columns, and so much of each.
HEADER_COLUMNS, NAME_CHARACTERS = 5, 30
# Rows without a promised delimiter are those of a table where so many of them have the same number of cells.
FEWEST_GOOD_ROWS = 3
# In so many lines the same number of tabs is no accident.
MANY_LINES = 20
_ALLOWED: dict[str, tuple[Quoting, ...]] = {
    "auto": (DOUBLE, *BACKSLASHES, SINGLE, NO_QUOTES, PADDED),
    "double": (DOUBLE, *BACKSLASHES, PADDED),
    "single": (SINGLE,),
    "none": (NO_QUOTES,),
}
# What Excel writes above the rows to say what its delimiter is.
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    """The first lines of a file, each with its end.

    Attributes:
        lines: Up to `SAMPLE_CHARACTERS`.
        is_cut: Whether the file goes on.
    """

    lines: list[str]
    is_cut: bool


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are written.

    Attributes:
        delimiter, quoting: How cells are separated and quoted.
        names: Of the columns.
        has_header: Whether the first row is one of names.
        skipped_lines: The lines above the first row: titles, and the one that names the delimiter.
        known_values: The column with the fewest values, by its number, and the values; None where none repeat.
        needs_quotes: Whether the rows of the sample cannot be read without quotes, or have cells of several lines.
        is_given: Whether the user said what the quotes are.
        has_labels_in_front: Whether each row is a line with its labels in front, see `labelled_lines`.
        findings: What was found that the extension does not promise, each with the flag that says otherwise.
    """

    delimiter: str
    quoting: Quoting
    names: tuple[str, ...]
    has_header: bool
    skipped_lines: int = 0
    known_values: tuple[int, frozenset[str]] | None = None
    needs_quotes: bool = False
    is_given: bool = False
    has_labels_in_front: bool = False
    findings: tuple[tuple[str, str], ...] = ()


def take_sample(stream: IO[str]) -> Sample:
    """The first lines of an open file."""
    lines: list[str] = []
    characters = 0
    while characters < SAMPLE_CHARACTERS:
        block = list(islice(stream, HEAD_LINES))
        if not block:
            return Sample(lines, is_cut=False)
        lines += block
        characters += sum(map(len, block))
    return Sample(lines, is_cut=True)


def find_layout(sample: Sample, source: Source, options: ReadingArguments) -> Layout:
    """The layout of a table.

    Args:
        sample: Its first lines.
        source: The file, for its extension and for errors.
        options: What the user says of it.

    Raises:
        FileError: there is no row, or the rows can be read in several ways: the message names the flag that decides.
    """
    lines, skipped, given = sample.lines, 0, options.delimiter_character
    if lines and (found := _SEPARATOR_LINE.fullmatch(lines[0])) is not None and len(lines) > 1:
        lines, skipped = lines[1:], 1
        given = found[1] if given is None else given
    if not any(line.strip() for line in lines):
        raise source.error("it has no rows: its lines are blank.")
    if given is None and are_labelled(lines):
        finding = ("as lines with labels in front (__label__)", "--delimiter")
        return Layout(ONE_COLUMN, NO_QUOTES, COLUMNS, False, has_labels_in_front=True, findings=(finding,))
    allowed = _ALLOWED[options.quotes]
    promised = PROMISED_DELIMITERS.get(source.extension)
    findings: list[tuple[str, str]] = []
    titles = 0 if options.no_header is not None else _titles(lines, given, promised, skipped, source, findings)
    lines, skipped = lines[titles:], skipped + titles
    delimiter = _delimiter(lines, allowed, promised, source, sample.is_cut) if given is None else given
    try:
        trial, needs_quotes = choose_quoting(lines, delimiter, allowed, sample.is_cut)
    except UndecidedQuotes as undecided:
        raise source.error(
            "a cell in quotes with delimiters or line ends in it, or cells of their own with quotes in them? "
            "`--quotes double` (or single) reads it as one cell, `--quotes none` reads quotes as characters.",
            undecided.line + skipped + 1,
        ) from undecided
    if not trial.rows:
        raise source.error(
            f"the first row cannot be read ({trial.problem}); `--quotes none` reads quotes as characters.", skipped + 1
        )
    rows = trial.rows[:HEADER_ROWS]
    is_header, is_certain = has_header(rows) if options.no_header is None else (not options.no_header, True)
    names = column_names(rows[0], is_header)
    if delimiter != promised and options.delimiter is None:
        findings.append((_shown_columns(delimiter), "--delimiter"))
    if trial.quoting != DOUBLE and options.quotes == "auto":
        findings.append((f"with {trial.quoting}", "--quotes"))
    if not is_certain or not (is_header or options.no_header):
        findings.append(_of_header(names, is_header))
    return Layout(
        delimiter,
        trial.quoting,
        tuple(names),
        is_header,
        skipped,
        repeated_values(trial.rows[is_header:]),
        needs_quotes,
        options.quotes != "auto",
        findings=tuple(findings),
    )


def _titles(
    lines: list[str],
    given: str | None,
    promised: str | None,
    skipped: int,
    source: Source,
    findings: list[tuple[str, str]],
) -> int:
    """How many lines stand above the header; it is added to the `findings`.

    Raises:
        FileError: the lines look like titles, and it is not certain that they are.
    """
    delimiters = [one for one in DELIMITERS if one == promised] + [one for one in DELIMITERS if one != promised]
    titles = find_titles(lines, delimiters if given is None else [given])
    if titles is None:
        return 0
    shown = f" ({titles.shown!r})" if titles.shown else ""
    if not titles.is_certain:
        raise source.error(
            f"this line looks like the header, and those above it{shown} like a title; delete the lines above it, or "
            "give `--no_header false` if the first line is the header.",
            skipped + titles.lines + 1,
        )
    lines_above = "line" if titles.lines == 1 else f"{titles.lines} lines"
    findings.append((f"without the {lines_above} above the header{shown}", "--no_header false"))
    return titles.lines


def _of_header(names: Sequence[str], is_header: bool) -> tuple[str, str]:
    """What is said of a header that is not certain, or of one that is not there."""
    if is_header:
        return f"with the first row as names of columns ({_shown_names(names)})", "--no_header"
    listed = ", ".join(names) if len(names) <= HEADER_COLUMNS else f"{names[0]} to {names[-1]}"
    return f"without a header (the columns are {listed})", "--no_header false"


def _shown_names(names: Sequence[str]) -> str:
    shown = [repr(name if len(name) <= NAME_CHARACTERS else f"{name[:NAME_CHARACTERS]}…") for name in names]
    return ", ".join(shown[:HEADER_COLUMNS]) + (", …" if len(shown) > HEADER_COLUMNS else "")


def _shown_columns(delimiter: str) -> str:
    if delimiter == ONE_COLUMN:
        return "as one column"
    return f"with the delimiter {shown_delimiter(delimiter)}"


def _delimiter(
    lines: list[str], allowed: Sequence[Quoting], promised: str | None, source: Source, is_cut: bool
) -> str:
    head = lines[:HEAD_LINES]
    is_cut = is_cut or len(head) < len(lines)
    trials = {
        one: [
            try_reading(head, one, quoting, is_cut)
            for quoting in allowed
            if quoting != PADDED or are_padded(head, one)
        ]
        for one in DELIMITERS
    }
    qualities = {one: max(map(_quality, tried)) for one, tried in trials.items()}
    best = max(qualities.values())
    if best == 0:
        return _ragged_delimiter(trials, promised)
    fitting = [one for one, quality in qualities.items() if quality == best]
    if len(fitting) == 1:
        return fitting[0]
    if "\t" in fitting and len(head) >= MANY_LINES:
        # No text has as many tabs in each row.
        return "\t"
    named = [one for one in fitting if any(_quality(trial) and _has_usual_cell(trial) for trial in trials[one])]
    if len(named) == 1:
        return named[0]
    shown = " and ".join(map(shown_delimiter, fitting))
    raise source.error(f"{shown} stand equally often in each row; name the one between the cells by `--delimiter`.")


def _quality(trial: Trial) -> int:
    """0: this is no way to read the rows; 1: it cuts through quotes; 2: it is one."""
    if not trial.fits or trial.width < 2:
        return 0
    if trial.quoting.character == '"':
        return 2
    return 1 if any(cell[:1] == '"' != cell[-1:] or cell == '"' for row in trial.rows for cell in row if cell) else 2


def _has_usual_cell(trial: Trial) -> bool:
    return any(is_row_of_names([cell]) and len(cell.split()) == 1 for cell in trial.rows[0])


def _ragged_delimiter(trials: dict[str, list[Trial]], promised: str | None) -> str:
    """The delimiter of rows with different numbers of cells, of which the reader names the first; or none."""
    good = {one: max((len(t.rows) for t in tried if t.width > 1), default=0) for one, tried in trials.items()}
    if promised is not None and (good[promised] or any(trial.fits for trial in trials[promised])):
        return promised
    best = max(good, key=lambda one: good[one])
    return best if good[best] >= FEWEST_GOOD_ROWS else ONE_COLUMN
