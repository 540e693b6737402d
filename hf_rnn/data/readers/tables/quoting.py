"""Are the quotes of a file quotes, or characters like any others? The rows tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from .dialects import BACKSLASHES, DOUBLE, NO_QUOTES, PADDED, SINGLE, Quoting, Trial, try_reading
from .options import ONE_COLUMN


__all__ = ["UndecidedQuotes", "are_padded", "choose_quoting", "looks_like_rows", "repeated_values"]

_ENDS = re.compile("\r\n|\r|\n")
# A run of backslashes with no quote behind it; it is looked at from its first one only.
BACKSLASH_RUN = re.compile(r'(?<!\\)\\+(?!["\\])')
# A column whose values repeat has at most this many different ones for each row.
REPEATED_SHARE = 0.5
# So many cells that would swallow whole rows are no accident.
MANY = 3
# The share of the rows of the best way that quotes by RFC 4180 must reach where no way reads all.
NEARLY = 0.9


class UndecidedQuotes(Exception):
    """Rows that can be read with and without quotes; `line` (from 0) is the first that differs."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def choose_quoting(lines: list[str], delimiter: str, allowed: Sequence[Quoting], is_cut: bool) -> tuple[Trial, bool]:
    """The sample, read with the quotes that its rows speak for; and whether it cannot be read without quotes.

    Cells that are quoted by RFC 4180 are preferred. Quotes are characters where rows have another number of cells with
    them, or where they would join rows that look like all others.

    Args:
        lines: A sample, with line ends.
        delimiter: What stands between the cells.
        allowed: The ways of quoting that the user leaves open.
        is_cut: Whether the file goes on after the sample.

    Raises:
        UndecidedQuotes: both ways give rows, which are not the same.
    """

    @cache
    def read(quoting: Quoting) -> Trial:
        return try_reading(lines, delimiter, quoting, is_cut)

    if PADDED in allowed and are_padded(lines, delimiter) and read(PADDED).fits:
        return read(PADDED), True
    allowed = [quoting for quoting in allowed if quoting != PADDED]
    if DOUBLE in allowed and not any('"' in line or "'" in line for line in lines):
        return read(DOUBLE), False
    plain = read(NO_QUOTES) if NO_QUOTES in allowed and read(NO_QUOTES).fits else None
    needs_quotes = not read(NO_QUOTES).fits
    if plain is not None and read(SINGLE).fits and _are_single(read(SINGLE), plain):
        return read(SINGLE), needs_quotes
    if DOUBLE in allowed and read(DOUBLE).fits:
        if plain is not None and _are_characters(read(DOUBLE), plain):
            return plain, needs_quotes
        return read(DOUBLE), needs_quotes or bool(read(DOUBLE).long_rows)
    fitting = {quoting: read(quoting) for quoting in allowed if read(quoting).fits}
    for quoting in BACKSLASHES:
        if quoting in fitting and any('\\"' in line for line in lines):
            return fitting[_backslashes(lines, fitting, quoting)], needs_quotes
    if fitting:
        return plain if plain is not None else next(iter(fitting.values())), needs_quotes
    # The reader names the row at which the best way ends.
    best = max(map(read, allowed), key=lambda trial: (trial.quoting != SINGLE, len(trial.rows)))
    double = read(DOUBLE) if DOUBLE in allowed else best
    return double if len(double.rows) >= NEARLY * len(best.rows) else best, needs_quotes


def are_padded(lines: Sequence[str], delimiter: str) -> bool:
    """Whether nearly every row has a space between a delimiter and the quote that opens the next cell."""
    if delimiter == ONE_COLUMN:
        return False
    padded = re.compile(rf'{re.escape(delimiter)} +"')
    # The first row may be one of names without quotes.
    rows = [line for line in lines[1:] if line.strip()]
    return bool(rows) and sum(padded.search(line) is not None for line in rows) >= NEARLY * len(rows)


def _backslashes(lines: list[str], fitting: dict[Quoting, Trial], found: Quoting) -> Quoting:
    """Whether a backslash escapes quotes alone, or itself, too."""
    everything, quotes = BACKSLASHES
    if everything not in fitting or quotes not in fitting:
        return found
    others = [run for line in lines for run in BACKSLASH_RUN.findall(line)]
    return everything if all(len(run) % 2 == 0 for run in others) else quotes


def _are_characters(quoted: Trial, plain: Trial) -> bool:
    """Whether quotes are characters in rows that can be read both ways."""
    if quoted.width != plain.width:
        # Stray quotes join rows, and leave the first as it is.
        return False
    if quoted.long_rows and plain.delimiter != ONE_COLUMN:
        return _join_rows(quoted, plain)
    if quoted.long_rows:
        return False
    within = False
    for row in plain.rows:
        for cell in row:
            if cell.startswith('"') and (cell == '"' or not cell.endswith('"') or '""' in cell[1:-1]):
                # A delimiter cut a cell in two, or a quote in it is written twice.
                return False
            within = within or ('"' in cell and not cell.startswith('"'))
    return within


def _join_rows(quoted: Trial, plain: Trial) -> bool:
    """Whether cells of several lines join what are rows of their own."""
    joined, others = _parts(quoted, plain)
    if _are_wrapped(others, '"') or any('""' in cell.strip('"') for row in joined for cell in row):
        return False
    known = repeated_values(others)
    if known is not None:
        return looks_like_rows(joined, known)
    if plain.delimiter == "\t" and repeated_values(plain.rows) is not None:
        # Hardly a text has a tab in each of its lines.
        return True
    if len(quoted.long_rows) >= MANY:
        return True
    if _has_spaces(joined) and not _has_spaces(others):
        # In a text a space follows a comma.
        return False
    raise UndecidedQuotes(quoted.starts[quoted.long_rows[0]])


def _are_single(quoted: Trial, plain: Trial) -> bool:
    """Whether cells are quoted with single quotes, in rows that can be read without any."""
    others = _parts(quoted, plain)[1]
    if quoted.width != plain.width:
        raise UndecidedQuotes(quoted.starts[0])
    if quoted.long_rows and not others:
        raise UndecidedQuotes(quoted.starts[quoted.long_rows[0]])
    return _are_wrapped(others, "'")


def _parts(quoted: Trial, plain: Trial) -> tuple[list[list[str]], list[list[str]]]:
    """The rows that are read without quotes: those within a longer one that is read with them, and the others."""
    ends = [*quoted.starts[1:], plain.starts[-1] + 1]
    inside = {line for row in quoted.long_rows for line in range(quoted.starts[row], ends[row])}
    placed = list(zip(plain.rows, plain.starts, strict=True))
    return [row for row, start in placed if start in inside], [row for row, start in placed if start not in inside]


def _has_spaces(rows: Iterable[Sequence[str]]) -> bool:
    """Whether a cell but the first of a row begins with a space."""
    return any(cell.startswith(" ") for row in rows for cell in row[1:])


def repeated_values(rows: Sequence[list[str]]) -> tuple[int, frozenset[str]] | None:
    """The last column with the fewest different values (labels, as a rule), and these; None where none repeat."""
    columns = [frozenset(values) for values in zip(*rows, strict=True)]
    if not columns or len(rows) < 2:
        return None
    column = min(range(len(columns)), key=lambda number: (len(columns[number]), -number))
    return (column, columns[column]) if len(columns[column]) <= REPEATED_SHARE * len(rows) else None


def looks_like_rows(rows: Iterable[Sequence[str]], known: tuple[int, frozenset[str]]) -> bool:
    """Whether each row has, in the column of few values, one of them."""
    column, values = known
    return all(row[column] in values for row in rows)


def _are_wrapped(rows: Sequence[list[str]], quote: str) -> bool:
    """Whether a column, its first row too, has nothing but cells in quotes, and empty ones."""
    cell = re.compile(f"{quote}(?:[^{quote}]|{quote}{quote})*{quote}")
    columns = [[value for value in column if value] for column in zip(*rows, strict=True)]
    are_wrapped = [bool(column) and all(map(cell.fullmatch, column)) for column in columns]
    return any(are_wrapped) if len(rows) > 1 else bool(rows) and all(are_wrapped)


def split_lines(cell_text: str) -> list[str]:
    """The lines of a text that have more than white space."""
    return [line for line in _ENDS.split(cell_text) if line.strip()]
