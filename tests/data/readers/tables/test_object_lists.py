"""Cells that are lists of objects are read where one text is in each, and refused with what to do where not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.data.readers.documents import LanguageDataArguments, load_language_data
from hf_rnn.data.readers.row_stream import BadRow, open_rows
from hf_rnn.data.readers.tables.object_lists import part_of
from hf_rnn.data.readers.texts import DataArguments, load_text_classification
from hf_rnn.inference.inputs import find_columns


TEXTS = [f"a text of number {number}" for number in range(8)]
ADVICE = (
    "'messages' holds lists of objects: name 'messages.role' or 'messages.content' where each row has one object, "
    "else write the text of each row to a column of its own"
)


def chats(path: Path, *more: dict[str, str]) -> str:
    rows = [
        {"messages": [{"role": "user", "content": text}, *more], "label": "xy"[number % 2]}
        for number, text in enumerate(TEXTS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def predicted(path: str, name: str | None = None) -> list[Any]:
    rows = list(open_rows(path).rows())
    columns = find_columns(rows, ("text", "pair"), name)
    return [columns.input_of(row) for row in rows]


def test_the_part_of_the_one_object_is_read_by_its_dotted_name(tmp_path: Path) -> None:
    path = chats(tmp_path / "a.jsonl")
    read = {"train_file": path, "hold_out_percentage": 0}
    labelled = load_text_classification(DataArguments(**read, text_column_names="messages.content"))
    assert labelled.splits["train"]["text"][:] == TEXTS
    language = load_language_data(LanguageDataArguments(**read, text_column_name="messages.content"))
    assert language.splits["train"] == TEXTS
    assert predicted(path, "messages.content") == TEXTS
    # A label may stand there, too.
    by_role = DataArguments(**read, text_column_names="messages.content", label_column_name="messages.role")
    with pytest.raises(ValueError, match="'user'"):
        load_text_classification(by_role)


@pytest.mark.parametrize("name", [None, "messages"])
def test_the_column_itself_is_refused_with_what_to_do(tmp_path: Path, name: str | None) -> None:
    path = chats(tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match="text_column_names`") as refused:
        load_text_classification(DataArguments(train_file=path, text_column_names=name))
    assert ADVICE in str(refused.value)
    with pytest.raises(ValueError, match="`text_column_name`") as refused:
        predicted(path, name)
    assert ADVICE in str(refused.value)


def test_a_part_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = chats(tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match=r"`text_column_names`: there is no column 'messages.text'") as refused:
        load_text_classification(DataArguments(train_file=path, text_column_names="messages.text"))
    assert ADVICE in str(refused.value)
    with pytest.raises(
        ValueError, match=r"`text_column_name`='message.content' must be one of the columns"
    ) as refused:
        predicted(path, "message.content")
    assert ADVICE in str(refused.value)


def test_of_several_objects_none_is_taken(tmp_path: Path) -> None:
    path = chats(tmp_path / "a.jsonl", {"role": "assistant", "content": "an answer"})
    problem = "2 objects have 'content', and one may; write the text of each row to a column of its own"
    with pytest.raises(ValueError, match=rf"`text_column_names`='messages.content', a.jsonl, line 1: {problem}"):
        load_text_classification(DataArguments(train_file=path, text_column_names="messages.content"))
    assert predicted(path, "messages.content") == [BadRow(problem)] * len(TEXTS)


def test_an_object_without_the_part_counts_for_nothing() -> None:
    assert part_of([{"role": "system"}, {"content": "a"}], "content") == "a"
    assert part_of([{"value": {"text": "a"}}], "value.text") == "a"
    assert (part_of(None, "content"), part_of([], "content"), part_of([{"role": "user"}], "content")) == (None,) * 3
    with pytest.raises(ValueError, match="it is 'a', which is no list of objects"):
        part_of("a", "content")
