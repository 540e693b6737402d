"""Tell what the labels of pairs are: 1 and 0, words for them, scores of any range, or classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .cells import as_number, percentage, without_accents
from .label_forms import is_no_label


__all__ = ["KINDS", "Kind", "PairLabels", "find_pair_labels"]

Kind = Literal["labels", "scores", "classes", "positives"]
KINDS = ("labels", "scores", "classes")
# Words for 1, without accents and separators; with one of `NEGATIONS` before it, each is a word for 0.
ALIKE = frozenset(
    "yes sim true verdadeiro verdadeira duplicate duplicated isduplicate duplicado duplicada paraphrase isparaphrase "
    "parafrase same equal igual iguais equivalent equivalente equivalentes similar issimilar semelhante semelhantes "
    "alike match matched matching ismatch related relevant relevante positive positivo positiva".split()
)
NEGATIONS = ("isnot", "not", "non", "no", "nao", "un", "ir", "dis", "in")
DIFFERENT = frozenset(
    "no nao false falso falsa different diferente diferentes distinct distinto distinta negative negativo negativa "
    "dissimilar unmatched mismatch".split()
)
# Single letters are words only beside each other.
LETTERS = ({"y": 1.0, "n": 0.0}, {"s": 1.0, "n": 0.0}, {"t": 1.0, "f": 0.0}, {"v": 1.0, "f": 0.0})
# Two names that say what follows from what, and so are classes and no likeness.
INFERENCE = re.compile(r"(not|non|nao)?(entail|contradict|neutral|acarret|implica)\w*|none")
# The scales that people rate by; the narrowest is taken that holds the scores and is not twice as wide.
SCALES = ((0, 1), (-1, 1), (0, 2), (1, 3), (0, 3), (1, 4), (0, 4), (1, 5), (0, 5), (1, 7), (1, 10), (0, 10), (0, 100))
MOST_CLASSES = 50
# What datasets of inference write for a pair without a label.
NO_CLASS = ("-", "-1")
# In the name of a column, as `_word` has it.
_UNLIKENESS = re.compile(
    r"^(dist|distancia|unlike|unlikeness|dissimilar|differ|different|difference|diferente|diferenca)$"
    r"|distance$|dissimilarity$"
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class PairLabels:
    """How the cells of a label column are read.

    Attributes:
        kind: `"labels"`, `"scores"`, `"classes"`, or `"positives"`, where all pairs are alike.
        names: The classes in the order of their ids.
        words: Word → 1 or 0, where words stand for them.
        bounds: The lowest and the highest score.
        remark: What a person should know of the choice, with the flag that overrules it.
    """

    kind: Kind
    names: tuple[str, ...] = ()
    words: dict[str, float] | None = None
    bounds: tuple[float, float] = (0.0, 1.0)
    remark: str | None = None

    def lacks_label(self, cell: Any) -> bool:
        """Whether a cell says nothing."""
        return is_no_label(cell) or (self.kind == "classes" and str(cell).strip() in NO_CLASS)

    def value(self, cell: Any) -> float | None:
        """The label of a cell: a class id, 1 or 0, or the score scaled to 0 and 1; None where it is none of these."""
        if self.kind == "classes":
            name = _class_name(cell)
            return float(self.names.index(name)) if name in self.names else None
        if self.words is not None:
            return self.words.get(_word(cell))
        number = _number(cell)
        low, high = self.bounds
        allowed = {"labels": (low, high), "positives": (high,)}.get(self.kind)
        if number is None or not low <= number <= high or (allowed is not None and number not in allowed):
            return None
        return (number - low) / (high - low)

    @property
    def allowed(self) -> str:
        """The values that a cell may have, for the message of one that has none of them."""
        if self.kind == "classes":
            return f"one of {', '.join(map(repr, self.names))}"
        if self.words is not None:
            return f"one of {', '.join(map(repr, self.words))}"
        low, high = self.bounds
        if self.kind == "scores":
            return f"a number from {low:g} to {high:g}; `score_range` sets another range"
        numbers = f"{high:g}" if self.kind == "positives" else f"{low:g} or {high:g}"
        return f"{numbers}, as in the split that decides"


def find_pair_labels(
    cells: Sequence[Any],
    column: str,
    split: str = "train",
    *,
    kind: str | None = None,
    bounds: tuple[float, float] | None = None,
    ids_are_classes: bool = False,
    known: Sequence[str] | None = None,
    must_fit: bool = False,
) -> PairLabels:
    """Tell by the labels of the training pairs what they are.

    Numbers are labels where they are 0 and 1, or -1 and 1; class ids where they are 0, 1 and 2 and nothing says that
    they are scores; scores otherwise. Words are labels where they can mean only 1 and 0, else classes where they are
    three or more, or speak of inference. Labels that are all 1 make positives.

    Args:
        cells: Those that are not empty; of a ClassLabel its names.
        column: What the column is called.
        split: What the split that decides is called.
        kind: One of `KINDS`, where it was given (`label_kind`).
        bounds: The range of scores, where it was given (`score_range`).
        ids_are_classes: Whether the texts are premises and hypotheses, and the column is none of scores by its name.
        known: The classes of a trained model in the order of their ids.
        must_fit: Whether the labels must be of these; else they are so only where none is another one.

    Raises:
        ValueError: what the labels mean is not certain; the message names what to give.
    """
    if kind is None and _UNLIKENESS.search(_word(column)):
        raise ValueError(
            f"Column `{column}` tells by its name how unlike the texts are, and 1 must mean alike. Turn its values "
            "round, such as 1 - distance; or give `label_kind` labels or scores if higher does mean more alike."
        )
    numbers = [_number(cell) for cell in cells]
    if known is not None and (must_fit or {_class_name(cell) for cell in cells} <= {*known, *NO_CLASS}):
        return _classes(cells, column, split, known)
    if kind == "classes":
        return _classes(cells, column, split, None)
    if None not in numbers:
        found = {number for number in numbers if number is not None}
        return _of_numbers(found, column, split, kind, bounds, ids_are_classes)
    words = {_word(cell): str(cell).strip() for cell, number in zip(cells, numbers, strict=True) if number is None}
    if kind == "scores" or bounds is not None or any(number is not None for number in numbers):
        raise ValueError(
            f"Column `{column}` of the {split} split holds numbers and also {_listed(list(words.values()))}; it must "
            "be 0 or 1, or a score (a finite number), or names alone. `label_column_name` names another column."
        )
    meaning = _meaning(set(words))
    if meaning is not None:
        if set(meaning.values()) == {1.0}:
            return PairLabels("positives", words=meaning, remark=_positives_remark(column))
        if set(meaning.values()) == {0.0}:
            raise _nothing_alike(column, split, ", ".join(words.values()))
        said = ", ".join(
            f"{words[word]!r} is {value:g}" for word, value in sorted(meaning.items(), key=lambda x: x[1])
        )
        return PairLabels("labels", words=meaning, remark=f"{said} (--label_kind classes trains a class for each)")
    if kind != "labels" and (len(words) > 2 or (len(words) == 2 and all(map(INFERENCE.fullmatch, words)))):
        return _classes(cells, column, split, None)
    raise ValueError(
        f"Column `{column}` of the {split} split holds {_listed(list(words.values()))}: which of these means alike? "
        "Write 1 for pairs that are alike and 0 for others, or give `label_kind` classes, or `label_column_name`."
    )


def _of_numbers(
    found: set[float],
    column: str,
    split: str,
    kind: str | None,
    bounds: tuple[float, float] | None,
    ids_are_classes: bool,
) -> PairLabels:
    if bounds is None and kind != "scores":
        if found == {0.0, 1.0}:
            return PairLabels("labels")
        if found == {-1.0, 1.0}:
            remark = "1 means alike and -1 not (--label_kind scores reads them as scores)"
            return PairLabels("labels", bounds=(-1.0, 1.0), remark=remark)
        if found == {1.0}:
            return PairLabels("positives", remark=_positives_remark(column))
        ids = found - {-1.0}
        if kind is None and ids_are_classes and 2.0 in ids and ids <= {0.0, 1.0, 2.0}:
            return _classes(sorted(map(int, ids)), column, split, None)
        if kind == "labels":
            raise ValueError(
                f"`label_kind`='labels', but column `{column}` of the {split} split holds "
                f"{_listed([f'{number:g}' for number in sorted(found)])}; it must be 0 and 1."
            )
    elif kind == "labels" or (bounds is not None and found <= {0.0, 1.0} and bounds != (0.0, 1.0)):
        low, high = bounds or (0.0, 1.0)
        raise ValueError(f"`score_range`='{low:g},{high:g}': column `{column}` holds labels, 0 and 1.")
    if len(found) == 1:
        raise _nothing_alike(column, split, f"{min(found):g}")
    low, high = bounds or _scale(min(found), max(found))
    remark = f"scores from {low:g} to {high:g} are scaled to 0 and 1 (--score_range sets another range"
    whole = all(number.is_integer() for number in found) and len(found) < MOST_CLASSES
    remark += ", --label_kind classes trains a class for each)" if whole else ")"
    return PairLabels("scores", bounds=(low, high), remark=None if bounds is not None else remark)


def _classes(cells: Sequence[Any], column: str, split: str, known: Sequence[str] | None) -> PairLabels:
    names = list(known or sorted({_class_name(cell) for cell in cells if str(cell).strip() not in NO_CLASS}))
    if not 2 <= len(names) <= max(MOST_CLASSES, len(known or ())):
        raise ValueError(
            f"Column `{column}` of the {split} split holds {len(names)} different names ({_listed(names)}); classes "
            f"of pairs must be 2 to {MOST_CLASSES}. `label_column_name` names another column."
        )
    other = "--label_kind scores reads them as scores" if None not in map(_number, names) else ""
    remark = f"each of {_listed(names)} is a class ({other or '--label_column_name names another column'})"
    return PairLabels("classes", names=tuple(names), remark=None if known else remark)


def _scale(low: float, high: float) -> tuple[float, float]:
    """The usual scale that numbers from `low` to `high` are of; where there is none, these two."""
    fitting = [(a, b) for a, b in SCALES if a <= low and high <= b and (high - low) * 2 >= b - a]
    return min(fitting, key=lambda scale: scale[1] - scale[0], default=(low, high))


def _meaning(words: set[str]) -> dict[str, float] | None:
    """Word → 1 or 0; None where one of them is no word for either."""
    for letters in LETTERS:
        if words == set(letters):
            return dict(letters)
    values = {word: _alike(word) for word in words}
    return None if None in values.values() else {word: value for word, value in values.items() if value is not None}


def _alike(word: str) -> float | None:
    if word in ALIKE:
        return 1.0
    negated = any(word.startswith(negation) and word.removeprefix(negation) in ALIKE for negation in NEGATIONS)
    return 0.0 if word in DIFFERENT or negated else None


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool):
        return float(cell)
    if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell.strip()):
        cell = cell.replace(",", ".")
    number = as_number(cell)
    return percentage(cell) if number is None else number


def _word(cell: Any) -> str:
    return "".join(mark for mark in without_accents(str(cell).casefold()) if mark.isalnum())


def _class_name(cell: Any) -> str:
    number = _number(cell)
    return str(int(number)) if number is not None and number.is_integer() else str(cell).strip()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:10]))
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def _positives_remark(column: str) -> str:
    return f"every pair is alike by column {column!r}; the others of a batch are the negatives"


def _nothing_alike(column: str, split: str, value: str) -> ValueError:
    return ValueError(
        f"Column `{column}` is {value} in every row of the {split} split; it must hold both 0 and 1, or different "
        "scores. `label_column_name` names another column."
    )
