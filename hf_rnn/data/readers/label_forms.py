"""The form in which a column holds labels: names, numbers, lists, joined names, vectors of 0 and 1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .cells import as_list, as_number, is_empty, is_number, percentage, says_nothing, without_accents
from .columns import MOST_CLASSES, is_free_text


__all__ = ["MULTI", "PROBLEM_TYPES", "REGRESSION", "SINGLE", "LabelForm", "find_form", "is_no_label", "vectors_form"]

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"
PROBLEM_TYPES = (SINGLE, MULTI, REGRESSION)
# What may stand between the names of a cell, the usual first.
DELIMITERS = (",", ";", "|")
# The spellings of false and true; the names of the first are those that Python gives to booleans.
BOOLEANS = (
    ("False", "True"),
    ("no", "yes"),
    ("f", "t"),
    ("n", "y"),
    ("off", "on"),
    ("não", "sim"),
    ("falso", "verdadeiro"),
)
# The spellings of false and true that may stand for each other: several of a kind in one column are one answer.
_FALSE = frozenset("false no off nao falso falsa f n 0".split())
_TRUE = frozenset("true yes on sim verdadeiro verdadeira t y s v 1".split())
# What vectors are written with; numpy leaves the zero after the point out.
ZERO, ONE = ("0", "0.", "0.0", "false"), ("1", "1.", "1.0", "true")
# A column of so many rows is free text, or numbers each row, where most of its values differ.
MANY_ROWS = 100
# Joined names are recognised where this share of them occurs in other cells, too.
RECURRING = 0.9
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))(?:\.0*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?")
_SPACED_VECTOR = re.compile(r"[01]( [01])+")
# A class of one row is spoken of where there are so many rows; so many are named.
ROWS_WITH_CLASSES, SHOWN_CLASSES = 20, 5


@dataclass(frozen=True)
class LabelForm:
    """How the cells of a label column are read.

    Attributes:
        problem_type: One of `PROBLEM_TYPES`.
        in_brackets: Whether cells are lists that were written as text.
        delimiter: What stands between the names of a cell; None: a text is one name.
        vector_size: The length of vectors that say 0 or 1 of each label, or hold several numbers; None: cells hold
            the labels themselves.
        whole_numbers: Whether labels are integers, so that ``1.0`` is ``1``.
        booleans: Spelling in lower case → name, where the labels are booleans.
        decimal_comma: Whether numbers have a comma in place of the point.
        remarks: What a person should know of the choice, each with the flag that overrules it.
    """

    problem_type: str
    in_brackets: bool = False
    delimiter: str | None = None
    vector_size: int | None = None
    whole_numbers: bool = False
    booleans: Mapping[str, str] = field(default_factory=dict)
    decimal_comma: bool = False
    remarks: tuple[str, ...] = ()

    def lacks_label(self, value: Any) -> bool:
        """Whether a cell says nothing. A text without any label is an answer where several are allowed."""
        if self.problem_type == MULTI and self.vector_size is None:
            return False
        return is_no_label(value)

    def names(self, value: Any) -> list[str] | None:
        """The labels in a cell; None where it cannot be read."""
        items = self._items(value)
        if items is None:
            return None
        found = [self._name(item) for item in items]
        return None if None in found else [name for name in found if name is not None]

    def vector(self, value: Any) -> list[float] | None:
        """The vector of 0.0 and 1.0 in a cell; None where it is none of `vector_size`."""
        items = self._items(value)
        if items is None or len(items) != self.vector_size or not all(map(_is_zero_or_one, items)):
            return None
        return [float(str(item).strip().casefold() in ONE) for item in items]

    def numbers(self, value: Any) -> list[float] | None:
        """The `vector_size` finite numbers in a cell; None where it holds others."""
        if not isinstance(value, list) or len(value) != self.vector_size:
            return None
        found = [self.number(item) for item in value]
        return None if None in found else [number for number in found if number is not None]

    def number(self, value: Any) -> float | None:
        """The finite number in a cell; None where it is none."""
        if self.decimal_comma and isinstance(value, str):
            value = value.strip().replace(",", ".")
        number = as_number(value)
        return percentage(value) if number is None else number

    def _items(self, value: Any) -> list[Any] | None:
        if self.problem_type != MULTI:
            return None if isinstance(value, list) else [value]
        if isinstance(value, list):
            return value
        if is_empty(value):
            return []
        if not isinstance(value, str):
            return [value]
        if self.in_brackets:
            return as_list(value)
        if self.delimiter is None:
            return [value]
        return [part for part in map(str.strip, value.split(self.delimiter)) if part]

    def _name(self, item: Any) -> str | None:
        if is_empty(item) or not isinstance(item, str | int | float):
            return None
        text = str(item).strip()
        if self.booleans and _folded(text) in self.booleans:
            return self.booleans[_folded(text)]
        whole = _WHOLE.fullmatch(text) if self.whole_numbers else None
        return whole.group(1) if whole else text


def is_no_label(value: Any) -> bool:
    """Whether a cell of a label column says nothing: it is empty, or spells out that there is no value."""
    return says_nothing(value)


def vectors_form(values: Sequence[Any], size: int, problem_type: str | None) -> LabelForm:
    """The form of cells that are lists, made of `size` columns: 0 or 1 of a label each; or, where all are numbers, and
    each column has others, numbers that are learnt together.

    Args:
        values: The cells; None where a column is empty.
        size: The number of columns.
        problem_type: The one that was asked for; None: what the cells tell.
    """
    rows = [value for value in values if value is not None]
    numbers = all(is_number(item) for row in rows for item in row)
    # One 2 among the marks of a label is a mistake, and no number.
    marks = any(all(map(_is_zero_or_one, column)) for column in zip(*rows, strict=True))
    if problem_type == REGRESSION or (problem_type is None and rows and numbers and not marks):
        remarks = () if problem_type else (f"{size} columns of numbers, so this is a regression of all of them",)
        return LabelForm(REGRESSION, vector_size=size, remarks=remarks)
    return LabelForm(MULTI, vector_size=size)


def find_form(
    values: Sequence[Any],
    column: str,
    *,
    problem_type: str | None = None,
    delimiter: str | None = None,
    known: Collection[str] = (),
) -> LabelForm:
    """The form of the labels in `values`.

    Args:
        values: The cells of the column in the split that decides.
        column: Its name.
        problem_type: The one that was asked for; None: what the cells tell. Decimal numbers are for regression, other
            numbers, texts and booleans name classes, lists and joined names are several labels.
        delimiter: What was said to stand between the names of a cell, which makes them several labels.
        known: The names of the labels, where they are known: cells that are such names are not looked into, and any
            number of different values is as good.

    Raises:
        ValueError: the arguments contradict each other, or the cells may mean two things; the message names the flag
            that decides.
    """
    if problem_type not in (None, *PROBLEM_TYPES):
        raise ValueError(f"`problem_type`={problem_type!r} must be None or one of {PROBLEM_TYPES}.")
    if delimiter is not None and problem_type not in (None, MULTI):
        raise ValueError(
            f"`label_delimiter`={delimiter!r} separates several labels of a text, and `problem_type`={problem_type!r} "
            f"allows one; leave one out, or give {MULTI}."
        )
    filled = [value for value in values if not is_no_label(value)]
    if problem_type == REGRESSION:
        return _of_numbers(filled, asked=True)
    are_known = known and all(not isinstance(value, list) and str(value).strip() in known for value in filled)
    if problem_type == SINGLE or (are_known and problem_type is None and delimiter is None):
        return _of_names(filled, asked=problem_type is not None)
    several = _of_lists(filled, column, problem_type, delimiter)
    if several is None and problem_type == MULTI:
        several = LabelForm(MULTI)
    if several is not None:
        return _with_vectors(several, filled)
    are_percentages = bool(filled) and all(percentage(value) is not None for value in filled)
    if are_percentages or (all(map(is_number, filled)) and not all(_is_integer(value) for value in filled)):
        return _of_numbers(filled)
    if not known:
        _check_names(filled, column)
    return _of_names(filled)


def _of_numbers(filled: Sequence[Any], asked: bool = False) -> LabelForm:
    comma = any(not is_number(value) for value in filled) and all(
        is_number(value) or (isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip())) for value in filled
    )
    remarks = ["the comma in numbers such as 3,5 is a decimal one"] if comma else []
    if not asked:
        kind = "numbers with decimals" if any(map(is_number, filled)) or comma else "percentages"
        remarks.append(f"{kind}, so this is a regression (--problem_type {SINGLE}: classes)")
    return LabelForm(REGRESSION, decimal_comma=comma, remarks=tuple(remarks))


def _of_names(filled: Sequence[Any], asked: bool = False) -> LabelForm:
    remarks = []
    texts = [str(value) for value in filled]
    if any(text != text.strip() for text in texts):
        remarks.append("white space around a label is no part of it")
    names = {text.strip() for text in texts}
    whole = bool(names) and all(map(_WHOLE.fullmatch, names))
    if whole and any("." in name for name in names):
        remarks.append("1.0 is the class 1")
    if whole and len(names) > 2 and not asked:
        remarks.append(f"{len(names)} whole numbers, each a class (--problem_type regression: numbers)")
    booleans = _booleans(names)
    if booleans and len(names) > len(set(booleans.values())):
        remarks.append(f"booleans, however they are spelled: {' and '.join(dict.fromkeys(booleans.values()))}")
    folded = Counter(_folded(name) for name in names)
    if not booleans and (twins := [name for name in sorted(names) if folded[_folded(name)] > 1]):
        remarks.append(f"{', '.join(map(repr, twins))} differ by case or accents alone and are different classes")
    if not booleans and (spelt := _spellings(names)):
        remarks.append(
            f"{' and '.join(', '.join(map(repr, one)) for one in spelt)} may be spellings of one answer each and are "
            "different classes; write each in one way"
        )
    rows = Counter(text.strip() for text in texts)
    single = sorted(name for name in names if rows[name] == 1)
    if single and len(single) < len(names) and len(texts) >= ROWS_WITH_CLASSES:
        shown = ", ".join(map(repr, single[:SHOWN_CLASSES])) + (" …" if len(single) > SHOWN_CLASSES else "")
        remarks.append(f"{len(single)} of {len(names)} classes have one row each: {shown}")
    return LabelForm(SINGLE, whole_numbers=whole, booleans=booleans, remarks=tuple(remarks))


def _spellings(names: set[str]) -> list[list[str]]:
    """The spellings of no, and those of yes, where one of the two has several among the names, such as No and N.

    Letters alone are no such spellings, nor are numbers beside other names. What differs by case is said elsewhere.
    """
    found = [sorted(name for name in names if _folded(name) in one) for one in (_FALSE, _TRUE)]
    if not all(found):
        return []
    have_others = sum(map(len, found)) < len(names)
    spellings = [{*map(_folded, one)} for one in found]
    return [
        one
        for one, spelt in zip(found, spellings, strict=True)
        if len(spelt) > 1 and any(len(name) > 1 or (name.isdecimal() and not have_others) for name in spelt)
    ]


def _booleans(names: set[str]) -> dict[str, str]:
    folded = {_folded(name) for name in names}
    for false, true in BOOLEANS:
        if folded and folded <= {_folded(false), _folded(true)}:
            python = false == "False"
            if python or len(names) > len(folded):
                return {_folded(false): false, _folded(true): true}
    return {}


def _folded(text: str) -> str:
    """Leave case and accents out."""
    return without_accents(text.casefold())


def _of_lists(filled: Sequence[Any], column: str, problem_type: str | None, delimiter: str | None) -> LabelForm | None:
    """The form of several labels a cell; None where a cell has one."""
    if any(isinstance(value, list) for value in filled):
        return LabelForm(MULTI)
    texts = [value.strip() for value in filled if isinstance(value, str)]
    listed = [text for text in texts if _is_list(text)]
    if listed and len(listed) == len(filled):
        return LabelForm(MULTI, in_brackets=True, remarks=("lists, so a text may have several labels",))
    if listed and delimiter is None:
        other = next(value for value in filled if not (isinstance(value, str) and _is_list(value.strip())))
        raise ValueError(
            f"Column `{column}` holds lists of labels, such as {listed[0]!r}, and other values, such as {other!r}. "
            f"Write them alike, or give `problem_type` {SINGLE} to take each as the name of a class."
        )
    if delimiter is not None:
        return LabelForm(MULTI, delimiter=delimiter)
    if len(texts) < len(filled):
        return None
    if problem_type == MULTI:
        usual = max(DELIMITERS, key=lambda mark: sum(mark in text for text in texts))
        return LabelForm(MULTI, delimiter=usual, remarks=(f"several labels separated by {usual!r}",))
    return _of_joined_names(texts, column)


def _is_list(text: str) -> bool:
    """Whether `text` is a list by more than its brackets: a class may be called ``[spam]``."""
    items = as_list(text)
    return items is not None and (not items or len(items) > 1 or text[1:-1].strip()[0] in "'\"" or is_number(items[0]))


def _of_joined_names(texts: Sequence[str], column: str) -> LabelForm | None:
    """The form of cells such as ``a,b``, by whether the names in them occur in other cells as well."""
    if texts and all(map(_SPACED_VECTOR.fullmatch, texts)):
        return LabelForm(MULTI, delimiter=" ")
    different = sorted(set(texts))
    if all(map(_DECIMAL_COMMA.fullmatch, different)) and any("," in text for text in different):
        raise ValueError(
            f"Column `{column}` holds values such as {next(text for text in different if ',' in text)!r}, which "
            f"may be several labels or a number with a decimal comma. Give `label_delimiter` ',' or `problem_type` "
            f"{REGRESSION}."
        )
    for mark in DELIMITERS:
        cells = [{part.strip() for part in text.split(mark)} for text in different]
        uses = Counter(part for cell in cells for part in cell)
        parts = [part for cell, text in zip(cells, different, strict=True) if mark in text for part in cell]
        recurring = sum(uses[part] > 1 for part in parts)
        if not recurring or "" in uses:
            continue
        example = next(text for text in different if mark in text)
        if recurring < RECURRING * len(parts):
            raise ValueError(
                f"Column `{column}` holds values such as {example!r}, which may be one label or several. Give "
                f"`label_delimiter` {mark!r} for several, or `problem_type` {SINGLE} for one."
            )
        remark = f"values such as {example!r}, so a text may have several labels (--problem_type {SINGLE}: one)"
        return LabelForm(MULTI, delimiter=mark, remarks=(remark,))
    return None


def _with_vectors(form: LabelForm, filled: Sequence[Any]) -> LabelForm:
    """`form`, read as vectors where every cell has as many items, 0 or 1 each, and that cannot be labels 0 and 1."""
    cells = [form._items(value) for value in filled]
    items = [item for cell in cells for item in cell or ()]
    sizes = {len(cell) if cell is not None else 0 for cell in cells}
    if len(sizes) == 1 and (size := sizes.pop()) > 1 and all(map(_is_zero_or_one, items)):
        remark = f"vectors of {size} values that say 0 or 1 of each label (their names: --class_names)"
        return LabelForm(MULTI, form.in_brackets, form.delimiter, vector_size=size, remarks=(remark,))
    whole = bool(items) and all(isinstance(item, str | int | float) and _is_integer(item) for item in items)
    return LabelForm(MULTI, form.in_brackets, form.delimiter, whole_numbers=whole, remarks=form.remarks)


def _is_zero_or_one(item: Any) -> bool:
    return str(item).strip().casefold() in (*ZERO, *ONE)


def _is_integer(value: Any) -> bool:
    return isinstance(value, bool) or (number := as_number(value)) is None or number.is_integer()


def _check_names(filled: Sequence[Any], column: str) -> None:
    """Raise a ValueError where the cells are hardly names of classes: free texts, a number each, mostly decimals."""
    numbers = [value for value in filled if is_number(value)]
    others = [value for value in filled if not is_number(value)]
    if 2 * len(numbers) > len(filled) and not all(map(_is_integer, numbers)):
        raise ValueError(
            f"Column `{column}` holds numbers with decimals, such as {numbers[0]!r}, and {others[0]!r}. Correct "
            f"that, or give `problem_type` {SINGLE} to take each value as the name of a class."
        )
    different = len({str(value).strip() for value in filled})
    if not others and different > MOST_CLASSES:
        raise ValueError(
            f"Column `{column}` holds {different} different whole numbers. Give `problem_type` {REGRESSION}, or "
            f"{SINGLE} to take each as a class, or another `label_column_name`."
        )
    texts = [value for value in filled if isinstance(value, str)]
    many = len(filled) > MANY_ROWS and 2 * different > len(filled)
    if len(texts) > 1 and (many or (different > 2 and is_free_text(texts))):
        raise ValueError(
            f"Column `{column}` holds {different} different values in {len(filled)} rows, such as {texts[0][:60]!r}; "
            f"these are no classes. Give another `label_column_name`, or `problem_type` {SINGLE} to take each as one."
        )
