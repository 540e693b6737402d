"""Is the first row one of names, or of data?"""

from __future__ import annotations

import re
from collections.abc import Sequence


__all__ = ["HEADER_WORDS", "column_names", "has_header", "is_row_of_names"]

# Words in the names of columns, in English and Portuguese.
HEADER_WORDS = frozenset(
    """
    text texts sentence sentences review reviews content comment comments tweet tweets message document body title
    description summary question question1 question2 answer premise hypothesis token tokens tag tags label labels class
    classes category sentiment rating stars score target polarity id index split date author lang language
    texto textos frase sentença sentenca avaliação avaliacao comentário comentario mensagem documento título titulo
    descrição descricao resumo pergunta resposta classe rótulo rotulo categoria sentimento nota estrelas polaridade
    alvo
    """.split()
)
_WORDS = re.compile(r"[^\W\d_]+\d?")
WORDS_OF_A_NAME = 3
_SENTENCE_END = re.compile(r"[.!…][\"'»”)]*\s*$")
_QUESTION_END = re.compile(r"[?:][\"'»”)]*\s*$")
_IDENTIFIER = re.compile(r"[^\W\d][\w.-]*")
# So many values stand below a name: numbers, or texts of several words each.
FEWEST_VALUES = 4
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")


def is_row_of_names(row: Sequence[str]) -> bool:
    """Whether a cell of `row` is a usual name of a column."""
    for cell in row:
        words = _WORDS.findall(cell.casefold())
        if 0 < len(words) <= WORDS_OF_A_NAME and not HEADER_WORDS.isdisjoint(words):
            return True
    return False


def has_header(rows: Sequence[Sequence[str]]) -> tuple[bool, bool]:
    """Whether the first row holds names, and whether that is certain.

    It is a row of data where its value comes again in a column of few values, or where it is a number in a column of
    numbers and no cell is a usual name, or where all of its cells are sentences as those below are. Otherwise it is a
    row of names; that is certain where a cell is a usual name, or a single word above numbers, or where all are single
    words, one of them above texts of several.
    """
    first, others = rows[0], rows[1:]
    if not others or (first in others and len(first) > 1 and is_row_of_names(first)):
        # Files that were joined one below the other repeat their header.
        return True, is_row_of_names(first)
    columns = [[value for value in values if value] for values in zip(*others, strict=True)]
    numbers = [bool(values) and all(map(_NUMBER.fullmatch, values)) for values in columns]
    few = [len(set(values)) <= max(2, len(values) / 2) for values in columns]
    repeated = any(
        cell in values and is_few for cell, values, is_few in zip(first, columns, few, strict=True) if cell.strip()
    )
    if list(first) == [str(number) for number in range(len(first))] and len(first) > 1 and not all(numbers):
        # As pandas writes columns without names.
        return True, False
    if repeated:
        return False, True
    if is_row_of_names(first):
        return True, True
    are_numbers = [bool(_NUMBER.fullmatch(cell)) for cell in first]
    if any(map(all, zip(are_numbers, numbers, strict=True))) or all(map(_is_sentence_of, first, columns)):
        return False, True
    named = any(
        of_numbers and len(values) >= FEWEST_VALUES and _IDENTIFIER.fullmatch(cell)
        for cell, values, of_numbers in zip(first, columns, numbers, strict=True)
    )
    filled = all(len(values) >= FEWEST_VALUES for values in columns)
    return True, bool(named) or (filled and _are_identifiers(first) and any(map(_are_long, columns)))


def _is_sentence_of(cell: str, values: Sequence[str]) -> bool:
    """Whether a cell is a sentence as the `values` below it are: not much shorter, and no question above answers."""
    words = len(cell.split())
    is_sentence = words > WORDS_OF_A_NAME or (words > 1 and _SENTENCE_END.search(cell) is not None)
    if not is_sentence or not values or 2 * len(cell) < sorted(map(len, values))[len(values) // 2]:
        return False
    asks = _QUESTION_END.search(cell) is not None
    return not asks or 2 * sum(_QUESTION_END.search(value) is not None for value in values) > len(values)


def _are_identifiers(row: Sequence[str]) -> bool:
    return all(map(_IDENTIFIER.fullmatch, row)) and len({*row}) == len(row)


def _are_long(values: Sequence[str]) -> bool:
    return all(len(value.split()) > 1 for value in values)


def column_names(first: Sequence[str], is_header: bool) -> list[str]:
    """The names in a header, without white space around them; ``Unnamed: 0`` for an empty one, as pandas says."""
    if not is_header:
        return [f"column_{number}" for number in range(len(first))]
    return [cell.strip() or f"Unnamed: {number}" for number, cell in enumerate(first)]
