"""The JSON that tools of annotation write: doccano, Label Studio, Prodigy, spaCy, and lists of words with tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .spans import SpannedText, TextSpan


__all__ = ["TEXT_KEYS", "SpanReader", "has_spans"]

TEXT_KEYS = ("text", "data", "sentence", "content")
SPAN_KEYS = ("entities", "label", "labels", "spans", "ents", "annotations", "annotation", "ner")
START_KEYS = ("start", "start_offset", "startOffset", "begin", "start_char", "start_idx")
END_KEYS = ("end", "end_offset", "endOffset", "end_char", "end_idx")
TYPE_KEYS = (
    "label",
    "labels",
    "type",
    "entity",
    "entity_group",
    "entity_type",
    "tag",
    "tag_name",
    "class",
    "category",
)


def has_spans(row: Any, text_key: str | None = None, span_key: str | None = None) -> bool:
    """Whether a value of JSON is a text with entities that are given by characters."""
    reader = SpanReader(text_key, span_key)
    return reader.parts(row) is not None


class SpanReader:
    """Reads texts with entities of one file, and counts what else is there.

    Args:
        text_key, span_key: What the user calls the columns; None: those with a usual name.
    """

    def __init__(self, text_key: str | None = None, span_key: str | None = None) -> None:
        self.text_keys = TEXT_KEYS if text_key is None else (text_key,)
        self.span_keys = SPAN_KEYS if span_key is None else (span_key,)
        self.left_out: Counter[str] = Counter()

    def parts(self, row: Any) -> tuple[str, Sequence[Any]] | None:
        """The text and the entities of a row, as they are written; None if it has another form."""
        if isinstance(row, list | tuple) and len(row) == 2 and isinstance(row[0], str):
            # spaCy's ("text", {"entities": [(0, 5, "PER")]}).
            spans = row[1].get("entities", row[1].get("spans")) if isinstance(row[1], Mapping) else None
            return (row[0], spans) if isinstance(spans, list) else None
        if not isinstance(row, Mapping):
            return None
        task = row.get("data")
        if isinstance(task, Mapping) and ("annotations" in row or "completions" in row):
            text = next((task[key] for key in (*self.text_keys, *task) if isinstance(task.get(key), str)), None)
            return None if text is None else (text, self._of_label_studio(row))
        text = next((row[key] for key in self.text_keys if isinstance(row.get(key), str)), None)
        if text is None:
            return None
        lists = [row[key] for key in self.span_keys if isinstance(row.get(key), list)]
        spans = next((found for found in lists if found and all(map(_is_span, found))), None)
        if spans is None and lists and not any(lists):
            spans = []
        return None if spans is None else (text, spans)

    def read(self, row: Any, place: str) -> SpannedText | None:
        """A row's text and entities; None, and counted, where nobody has annotated it.

        Raises:
            ValueError: it is neither.
        """
        found = self.parts(row)
        if found is None:
            if isinstance(row, Mapping) and any(isinstance(row.get(key), str) for key in self.text_keys):
                if all(row.get(key) is None for key in self.span_keys):
                    self.left_out["texts without a list of entities"] += 1
                    return None
            raise ValueError(
                f"{place}: expected a text and a list of entities, each with its start, its "
                f"end and its type, as in the first row; found {str(row)[:100]!r}."
            )
        text, spans = found
        if spans is _UNANNOTATED:
            self.left_out["texts that nobody has annotated"] += 1
            return None
        return SpannedText(text, tuple(self._spans(spans, place)), place)

    def _spans(self, spans: Sequence[Any], place: str) -> Iterator[TextSpan]:
        for span in spans:
            if not _is_span(span):
                raise ValueError(
                    f"{place}: expected an entity with its start, its end and its type, found {str(span)[:100]!r}."
                )
            yield self._span(span)

    def _span(self, span: Any) -> TextSpan:
        if not isinstance(span, Mapping):
            start, end, entity = span[:3]
            return TextSpan(start, end, str(entity))
        if "points" in span:
            # DataTurks, whose ends are those of the last characters.
            point = span["points"][0]
            span = {**point, "end": point["end"] + 1, "label": span["label"]}
        entity = _first(span, TYPE_KEYS)
        if isinstance(entity, list):
            if len(entity) > 1:
                self.left_out["further types of an entity that has several"] += len(entity) - 1
            entity = entity[0]
        text = span.get("text")
        return TextSpan(_first(span, START_KEYS), _first(span, END_KEYS), str(entity), text if text else None)

    def _of_label_studio(self, row: Mapping[str, Any]) -> Sequence[Any]:
        """The entities of the first annotation that was not cancelled."""
        given = row.get("annotations") or row.get("completions") or []
        kept = [one for one in given if isinstance(one, Mapping) and not one.get("was_cancelled")]
        if not kept:
            return _UNANNOTATED
        if len(kept) > 1:
            self.left_out["further annotations of a text that has several"] += len(kept) - 1
        results = [one for one in kept[0].get("result", []) if one.get("type", "labels") == "labels"]
        return [one.get("value") for one in results]


# What `parts` gives of a text that nobody has annotated; one with no entity has a list of its own.
_UNANNOTATED: list[Any] = []


def _first(span: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((span[key] for key in keys if span.get(key) not in (None, [])), None)


def _is_span(span: Any) -> bool:
    if isinstance(span, Mapping):
        if "points" in span:
            return bool(span["points"]) and bool(span.get("label"))
        ends = _first(span, START_KEYS), _first(span, END_KEYS)
        return all(_is_number(end) for end in ends) and _first(span, TYPE_KEYS) is not None
    is_triple = isinstance(span, list | tuple) and len(span) >= 3
    return is_triple and _is_number(span[0]) and _is_number(span[1]) and isinstance(span[2], str | int)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
