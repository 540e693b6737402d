"""Tagged sentences in JSON that are no rows of a table: texts with entities by characters, and lists of pairs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..tables.json_rows import LINE_EXTENSIONS, flattened
from ..tables.opening import OpenFile
from ..tables.rows import BadRow
from .layout import TAG_NAMES, TOKEN_NAMES
from .lines import text_lines
from .sentences import TOKENS, Sentence
from .span_shapes import SpanReader, has_spans
from .spans import SpannedText, align_all


__all__ = ["listed_inputs", "read_json_sentences"]

logger = logging.getLogger(__name__)

# Where a file is one object, the list of its rows stands under one of these.
WRAPPERS = ("annotations", "data", "examples", "sentences", "rows", "documents")
# A file has the form of one of its first rows: some may have no entities yet.
HEAD = 100


class _Value(NamedTuple):
    place: str
    value: Any


def read_json_sentences(
    file: OpenFile, text_key: str | None = None, span_key: str | None = None
) -> list[Sentence] | None:
    """The sentences of a json or jsonl file; None where its rows have columns, as a table.

    They are texts with entities by characters, as doccano, Label Studio, Prodigy, spaCy and others write them (see
    `span_shapes`), whose words are cut and tagged by `spans.align_all`; lists of pairs ``[["EU", "B-ORG"], …]``, or of
    objects ``[{"word": "EU", "tag": "B-ORG"}, …]``; or ``[words, tags]``.

    Args:
        file: The file.
        text_key, span_key: What the user calls the columns of the texts and of the entities.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON, or a row has another form than the first ones; the message names its line or item.
    """
    path = file.source.shown
    values = _values(file, path)
    if values is None:
        return None
    # tecoholic's annotator writes null for a text that was skipped.
    values = [each for each in values if each.value is not None]
    head = values[:HEAD]
    if any(has_spans(value, text_key, span_key) for _, value in head):
        return _with_spans(values, path, SpanReader(text_key, span_key))
    if head and all(isinstance(value, list) for _, value in head):
        return _of_lists(values, path)
    return None


def listed_inputs(file: OpenFile) -> list[Mapping[str, Any] | BadRow] | None:
    """The texts or the tokens of a json or jsonl file of tagged sentences whose rows are lists, or whose rows are one
    value of several; None for any other file.

    A text with its entities, ``["…", {"entities": […]}]``, gives its ``text``, annotated or not; pairs of a word and
    its tag, and ``[words, tags]``, give their ``tokens``. What is neither keeps its place as a `BadRow`.

    Raises:
        ValueError: a row has another form than the first ones.
    """
    if not _may_be_lists(file):
        return None
    values = _values(file, file.source.shown) or []
    head = [value for _, value in values[:HEAD] if value is not None]
    if any(map(_is_spacy, head)) or (head and all(isinstance(value, dict) for value in head)):
        return [_text_of(value) for _, value in values]
    if not head or not _is_sentence(head[0]):
        return None
    if (other := next((each for each in values if not isinstance(each.value, list | None)), None)) is not None:
        raise ValueError(f"{other.place}: expected a list, as in the first rows; found {str(other.value)[:100]!r}.")
    read = iter(_of_lists([each for each in values if each.value is not None], file.source.shown))
    return [_NULL if value is None else {TOKENS: next(read).tokens} for _, value in values]


# What the rows of lists have in the place of one that somebody has skipped.
_NULL = BadRow("the row is null")


def _may_be_lists(file: OpenFile) -> bool:
    """Whether the rows of a file are not the objects of a table: one on each line, or those of one list."""
    lines = (line for line in text_lines(file, errors="surrogateescape") if line.strip())
    line, second = next(lines, ""), next(lines, None)
    first = _parsed(line)
    if isinstance(first, dict) and (second is not None or file.source.extension in LINE_EXTENSIONS):
        return False
    if isinstance(first, list) and second is not None:
        return True
    whole = _parsed("\n".join([line, second or "", *lines])) if first is None else first
    if isinstance(whole, list):
        return not all(isinstance(row, dict) for row in whole)
    # "columns" and "data" are how pandas splits a table.
    rows = _wrapped(whole) if isinstance(whole, dict) and "columns" not in whole else None
    if rows is None:
        return False
    is_only_list = sum(isinstance(part, list) for part in whole.values()) == 1
    return not (is_only_list and all(isinstance(row, dict) for row in rows))


def _is_spacy(value: Any) -> bool:
    """Whether a value is spaCy's ``["text", {"entities": [[0, 5, "PER"]]}]``."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)


def _text_of(value: Any) -> Mapping[str, Any] | BadRow:
    if isinstance(value, dict):
        return flattened(value)
    if _is_spacy(value):
        return {"text": value[0]}
    return _NULL if value is None else BadRow(f"expected a text and its entities, found {str(value)[:100]!r}")


def _is_sentence(value: Any) -> bool:
    """Whether a value is pairs of a word and its tag, or a list of words and one of tags."""
    if not isinstance(value, list) or not value:
        return False
    if _is_pairs(value) or _pairs_of_objects(value) is not None:
        return True
    return len(value) == 2 and all(isinstance(part, list) for part in value) and len(value[0]) == len(value[1])


def _values(file: OpenFile, path: str) -> list[_Value] | None:
    """Every value with its place; None if the first line is a row with a list of words."""
    lines = [(number, line) for number, line in enumerate(text_lines(file), start=1) if line.strip()]
    if not lines:
        return []
    first = _parsed(lines[0][1])
    if isinstance(first, dict) and not has_spans(first) and _wrapped(first) is None:
        if any(map(_is_words, first.values())):
            return None
    # A list on a line may be the whole file, or the first of its sentences.
    if first is None or len(lines) == 1:
        whole = _parsed("\n".join(line for _, line in lines))
        if isinstance(whole, dict) and not has_spans(whole):
            whole = _wrapped(whole)
        if isinstance(whole, list) and whole and not _is_pairs(whole) and not has_spans(whole):
            return [_Value(f"{path}, item {i} (from 0)", each) for i, each in enumerate(whole)]
        if first is None:
            # Neither a list nor an object a line: the reader of tables says what is wrong.
            return None
    values = []
    for number, line in lines:
        try:
            values.append(_Value(f"{path}, line {number}", json.loads(line)))
        except json.JSONDecodeError as error:
            raise ValueError(f"The file {path!r}, line {number}: not valid JSON ({error.msg}).") from error
    return values


def _parsed(text: str) -> Any:
    """The value, or None where it is no JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _wrapped(value: dict[str, Any]) -> list[Any] | None:
    """The rows of a file that is one object."""
    lists = (value[key] for key in WRAPPERS if isinstance(value.get(key), list))
    return next((found for found in lists if found and not _is_words(found)), None)


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, list) and _is_words(item) and len(item) == 2 for item in value
    )


def _with_spans(values: Sequence[_Value], path: str, reader: SpanReader) -> list[Sentence]:
    texts: list[SpannedText] = []
    for place, value in values:
        if (text := reader.read(value, place)) is not None:
            texts.append(text)
    for what, count in reader.left_out.items():
        logger.warning("%s: %d %s are left out.", path, count, what)
    return align_all(texts)


def _of_lists(values: Sequence[_Value], path: str) -> list[Sentence]:
    if all(_is_pairs(value) or _pairs_of_objects(value) is not None for _, value in values):
        pairs = [(place, _pairs_of_objects(value) or value) for place, value in values]
        return [Sentence([word for word, _ in each], [tag for _, tag in each], place) for place, each in pairs]
    sentences = []
    for place, value in values:
        if not (len(value) == 2 and all(isinstance(part, list) for part in value) and len(value[0]) == len(value[1])):
            raise ValueError(
                f"{place}: expected a sentence as pairs of a word and its tag, or as a list of words and one of tags; "
                f"found {str(value)[:100]!r}."
            )
        sentences.append(Sentence(value[0], value[1], place))
    return sentences


def _pairs_of_objects(value: Any) -> list[list[str]] | None:
    """``[{"word": "EU", "tag": "B-ORG"}]`` as pairs; None if it is something else."""
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        return None
    token = next((name for name in TOKEN_NAMES if all(isinstance(item.get(name), str) for item in value)), None)
    tag = next((name for name in TAG_NAMES if all(isinstance(item.get(name), str) for item in value)), None)
    return None if token is None or tag is None else [[item[token], item[tag]] for item in value]
