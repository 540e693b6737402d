"""Which columns of a table are the two texts of a pair, and which says whether they are alike."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cells import as_number, is_empty, percentage
from .column_names import TEXT_NAMES, is_index_name, name_key, usual_columns
from .columns import (
    described_columns,
    holds_texts,
    is_free_text,
    is_of_times,
    mean_words,
    sample_columns,
    zero_one_columns,
)
from .sources import comma_separated, require_column


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["PairColumns", "are_premises", "find_pair_columns", "is_score_name", "pair_of_texts"]

logger = logging.getLogger(__name__)

# The endings or beginnings of two names that are otherwise the same: question1 and question2, left_title and so on.
SIDES = (
    *(("1", "2"), ("a", "b"), ("left", "right"), ("first", "second"), ("one", "two"), ("x", "y"), ("0", "1")),
    *(("um", "dois"), ("primeira", "segunda"), ("primeiro", "segundo"), ("esquerda", "direita"), ("ltable", "rtable")),
    *(("", "pair"), ("", "2"), ("", "b")),
)
PREMISES, HYPOTHESES = ("premise", "premissa"), ("hypothesis", "hipotese")
# Names of the first and of the second text; each table has one of each.
FIRST_NAMES = (
    *("anchor", "ancora", *PREMISES, "query", "consulta", "busca", "searchquery", "searchterm", "question"),
    *("pergunta", "questao", "claim", "alegacao", "original", "reference", "referencia", "referenceanswer", "prompt"),
    *("context", "contexto", "source", "src", "origem", "fonte", "post", "utterance", "sentence", "frase", "sentenca"),
    *("text", "texto"),
)
SECOND_NAMES = (
    *("positive", "positiva", "positivo", "pos", *HYPOTHESES, "paraphrase", "parafrase", "duplicate", "passage"),
    *("passagem", "trecho", "document", "documento", "doc", "response", "resposta", "answer", "studentanswer"),
    *("producttitle", "evidence", "evidencia", "candidate", "candidato", "completion", "reply", "context", "contexto"),
    *("target", "tgt", "destino", "simplified", "reformulation", "title", "titulo", "text", "texto", "sentence"),
)
# As a file without a header gets them.
GENERATED_NAME = re.compile(r"column_\d+")
NEGATIVE_NAME = re.compile(r"(hard)?(neg|negative|negativo|negativa)s?\d*")
# The name that comes first is taken where a table has several, unless another holds scores.
LABEL_NAMES = (
    *("is_duplicate", "duplicate", "duplicado", "duplicada", "is_paraphrase", "paraphrase", "paráfrase"),
    *("similarity", "similarity_score", "similaridade", "relatedness_score", "relatedness", "score", "gold_score"),
    *("label", "labels", "gold_label", "rótulo", "entailment_judgment", "entailment_label", "entailment", "judgment"),
    *("is_match", "match", "matched", "is_similar", "similar", "equivalent", "equivalente", "same", "is_same"),
    *("relevance", "relevância", "relevant", "relevante", "quality", "class", "classe", "relation", "target"),
    *("gold", "rating", "nota", "pontuação", "grade", "y"),
)
SCORE_NAMES = (
    *("similarity", "similaridade", "relatedness", "score", "relevance", "relevância", "rating", "nota", "pontuação"),
    *("grade", "sim", "quality"),
)
# A column of more different names is none of classes.
MOST_CLASSES = 50
IDS = frozenset((0.0, 1.0, 2.0))


@dataclass(frozen=True)
class PairColumns:
    """The columns of pairs.

    Attributes:
        first, second: Those of the two texts.
        negatives: Those of texts that are not like the first one, where rows are triplets.
        label: What says whether the two are alike; None: no column does.
    """

    first: str
    second: str
    negatives: tuple[str, ...] = ()
    label: str | None = None


def find_pair_columns(texts: str | None, label: str | None, rows: Dataset, split: str) -> PairColumns:
    """The columns of pairs, found by their names or by what they hold; one line says which they are.

    Args:
        texts, label: What `text_column_names` and `label_column_name` name; None: they are found.
        rows: Those of the split that decides.
        split: What it is called.

    Raises:
        ValueError: there is no column of a given name, or none is certain; the message lists the columns.
    """
    sample = sample_columns(rows)
    if label is not None:
        require_column(label, "label_column_name", split, rows)
    named = comma_separated(texts, "text_column_names")
    if named is not None:
        for column in named:
            require_column(column, "text_column_names", split, rows)
        first, second, *given = named
        negatives = tuple(given)
    else:
        found = pair_of_texts({name: values for name, values in sample.items() if name != label})
        if found is None:
            raise ValueError(
                f"Give `text_column_names`, the columns of the two texts: the {split} split has no two columns with "
                f"usual names of pairs, nor two of texts alone; its columns are {described_columns(rows)}."
            )
        first, second = found
        negatives = ()
    if label in (first, second, *negatives):
        raise ValueError(f"`label_column_name`={label!r} is also one of `text_column_names`.")
    left = {name: values for name, values in sample.items() if name not in (first, second, *negatives)}
    if label is None and not negatives:
        negatives = tuple(
            name
            for name in left
            if NEGATIVE_NAME.fullmatch(name_key(name)) and holds_texts(left[name]) and named is None
        )
    others: list[str] = []
    if label is None and not negatives:
        label, others = _label_column(left, rows, split)
    columns = PairColumns(first, second, negatives, label)
    if label is None and not negatives:
        others = [name for name in left if not is_index_name(name)]
    if texts is None or label is None or others:
        _say(columns, others)
    return columns


def pair_of_texts(
    columns: Mapping[str, Sequence[Any]], first: str | None = None, by_name: bool = False
) -> tuple[str, str] | None:
    """The two columns of texts: two of usual names, or two whose names differ in their side alone, or the only two
    that hold texts of several words; None where neither is certain.

    Args:
        columns: Name → values, of a sample of the rows.
        first: The column of the first text, where it is known.
        by_name: Whether only names that say of themselves that they are a pair's count: rows may be no pairs.
    """
    texts = [name for name in columns if not is_index_name(name) and holds_texts(columns[name])]
    sides = {pair: stem for pair, stem in _sides(columns).items() if first in (None, pair[0])}
    strings = [name for name in columns if any(isinstance(value, str) for value in columns[name])]
    usual = [pair for pair, stem in sides.items() if {*pair} <= {*strings} and _is_usual_stem(stem)]
    if by_name:
        usual, texts = [pair for pair in usual if sides[pair]], []
    named = _named(columns, first)
    for pairs in (usual, named, [pair for pair in sides if {*pair} <= {*texts}]):
        if pairs:
            # Names of sources and of brands come in pairs, too, and are shorter.
            return max(pairs, key=lambda pair: mean_words(columns[pair[0]]))
    long = [name for name in texts if mean_words(columns[name]) >= 2 and not _is_label_like(name, columns[name])]
    if len(long) == 2 and first in (None, long[0]):
        return long[0], long[1]
    return None


def are_premises(columns: PairColumns) -> bool:
    """Whether the texts are those of natural language inference by their names."""
    return name_key(columns.first) in PREMISES and name_key(columns.second) in HYPOTHESES


def is_score_name(column: str) -> bool:
    """Whether a column of this name holds scores rather than classes."""
    return bool(usual_columns([column], SCORE_NAMES))


def _label_column(columns: Mapping[str, Sequence[Any]], rows: Dataset, split: str) -> tuple[str | None, list[str]]:
    """The column of the labels and others that may be it; None where no column is like one.

    Of those with a usual name one of scores comes first, because a score says more than a class.
    """
    named = [name for name in usual_columns(columns, LABEL_NAMES) if not is_free_text(columns[name])]
    if named:
        named.sort(key=lambda name: not _holds_scores(columns[name]))
        return named[0], named[1:]
    marks = zero_one_columns(columns)
    others = [name for name in columns if not is_index_name(name) and not is_of_times(name, columns[name])]
    found = [name for name in columns if name in marks or (name in others and _is_like_labels(columns[name]))]
    if len(found) > 1:
        raise ValueError(
            f"Give `label_column_name`: in the {split} split {', '.join(map(repr, found))} may all be the labels, and "
            f"none has a usual name; its columns are {described_columns(rows)}."
        )
    return (found[0] if found else None), []


def _say(columns: PairColumns, others: Sequence[str]) -> None:
    flags = "--text_column_names and --label_column_name name others"
    unread = f"; {', '.join(map(repr, others))} {'is' if len(others) == 1 else 'are'} not read" if others else ""
    if columns.label is not None:
        said = f"labels from {columns.label!r}{unread}"
    elif columns.negatives:
        said = f"and texts that are not alike from {', '.join(map(repr, columns.negatives))}"
    else:
        said = f"and each row is a pair that is alike, because no column of labels is found{unread}"
    logger.warning("Pairs are read from %r and %r, %s (%s).", columns.first, columns.second, said, flags)


def _named(columns: Mapping[str, Any], first: str | None) -> list[tuple[str, str]]:
    """The pair of the most usual first and second name, where there is one of each."""
    keys = {name_key(name): name for name in reversed(list(columns))}
    for one in (keys[key] for key in FIRST_NAMES if key in keys):
        second = next((keys[key] for key in SECOND_NAMES if key in keys and keys[key] != one), None)
        if second is not None and first in (None, one):
            return [(one, second)]
    return []


def _sides(columns: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The pairs of columns whose names differ in their side alone, and what they have in common."""
    found: dict[tuple[str, str], str] = {}
    for one, other in ((one, other) for one in columns for other in columns if one != other):
        if GENERATED_NAME.fullmatch(one) and GENERATED_NAME.fullmatch(other):
            # Columns without names are numbered, which says nothing of them.
            continue
        a, b = name_key(one), name_key(other)
        for left, right in SIDES:
            ending, beginning = a.removesuffix(left), a.removeprefix(left)
            if a.endswith(left) and b == ending + right and (left or ending):
                found[one, other] = ending
            elif left and a.startswith(left) and b == right + beginning:
                found[one, other] = beginning
    return found


def _is_usual_stem(stem: str) -> bool:
    return len(stem) <= 1 or bool(usual_columns([stem], TEXT_NAMES))


def _holds_scores(values: Sequence[Any]) -> bool:
    numbers = [as_number(value) for value in values if not is_empty(value)]
    return None not in numbers and len(set(numbers)) > 2 and not set(numbers) <= IDS


def _is_like_labels(values: Sequence[Any]) -> bool:
    """Whether a column repeats few different values, or holds numbers with decimals."""
    filled = [value for value in values if not is_empty(value)]
    different = {str(value).strip() for value in filled}
    numbers = [as_number(value) for value in filled]
    fractions = None not in numbers and any(number is not None and number % 1 for number in numbers)
    fractions = fractions or (bool(filled) and all(percentage(value) is not None for value in filled))
    return fractions or (2 <= len(different) <= MOST_CLASSES and 2 * len(different) <= len(filled))


def _is_label_like(name: str, values: Sequence[Any]) -> bool:
    return bool(usual_columns([name], LABEL_NAMES)) and not is_free_text(values)
