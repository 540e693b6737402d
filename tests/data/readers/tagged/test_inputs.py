"""A model that tags is asked what training reads, whatever the form of a tagged file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.data.readers.row_stream import BadRow, open_rows
from hf_rnn.data.readers.sentences import TokenDataArguments, load_token_classification
from hf_rnn.inference.inputs import find_columns


# Each sentence is a text whose words stand between spaces, with the tag of each word.
SENTENCES = [
    (["Ana", "Silva", "lives", "in", "Paris"], ["B-PER", "I-PER", "O", "O", "B-LOC"]),
    (["Bob", "works", "at", "Acme", "there"], ["B-PER", "O", "O", "B-ORG", "O"]),
    (["nobody", "knows", "Rome", "well", "here"], ["O", "O", "B-LOC", "O", "O"]),
] * 4
WORDS = [words for words, _ in SENTENCES]
TEXTS = [" ".join(words) for words in WORDS]


def entities(words: list[str], tags: list[str]) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    start = 0
    for word, tag in zip(words, tags, strict=True):
        end = start + len(word)
        if tag.startswith("B-"):
            found.append((start, end, tag[2:]))
        elif tag.startswith("I-"):
            found[-1] = (found[-1][0], end, tag[2:])
        start = end + 1
    return found


SPANS = [entities(*sentence) for sentence in SENTENCES]


def an_object_a_line(values: Iterable[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def label_studio(text: str, spans: list[tuple[int, int, str]]) -> dict[str, Any]:
    values = [{"start": start, "end": end, "text": text[start:end], "labels": [kind]} for start, end, kind in spans]
    result = [{"type": "labels", "value": value} for value in values]
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": result}]}


def in_columns(divider: str) -> str:
    return "\n".join("".join(f"{w}{divider}{t}\n" for w, t in zip(*one, strict=True)) for one in SENTENCES)


def token_rows(numbers: Callable[[int, int], str]) -> str:
    rows = [
        f"{numbers(index, position)},{word},{tag}\n"
        for index, one in enumerate(SENTENCES)
        for position, (word, tag) in enumerate(zip(*one, strict=True))
    ]
    return "Sentence #,Word,Tag\n" + "".join(rows)


SPACY = [[text, {"entities": spans}] for text, spans in zip(TEXTS, SPANS, strict=True)]
PAIRS = [[list(pair) for pair in zip(*one, strict=True)] for one in SENTENCES]
OBJECTS = [[{"word": word, "tag": tag} for word, tag in sentence] for sentence in PAIRS]
LISTS = [[words, tags] for words, tags in SENTENCES]
ROWS = [{"doc": {"palavras": words, "ner_tags": tags}} for words, tags in SENTENCES]

FILES_OF_TEXTS = {
    "spacy.json": json.dumps(SPACY),
    "indented.json": json.dumps(SPACY, indent=1),
    "spacy.jsonl": an_object_a_line(SPACY),
    "ner_annotator.json": json.dumps({"classes": ["PER", "LOC", "ORG"], "annotations": SPACY}),
    "label_studio.json": json.dumps([label_studio(*one) for one in zip(TEXTS, SPANS, strict=True)]),
    "doccano.jsonl": an_object_a_line({"text": t, "label": spans} for t, spans in zip(TEXTS, SPANS, strict=True)),
    "wrapped.json": json.dumps(
        {"classes": ["PER"], "data": [{"text": t, "entities": s} for t, s in zip(TEXTS, SPANS, strict=True)]}
    ),
    "prodigy.jsonl": an_object_a_line(
        {
            "text": text,
            "tokens": [{"text": word, "id": place} for place, word in enumerate(text.split())],
            "spans": [{"start": start, "end": end, "label": kind} for start, end, kind in spans],
        }
        for text, spans in zip(TEXTS, SPANS, strict=True)
    ),
}
FILES_OF_TOKENS = {
    "pairs.json": json.dumps(PAIRS),
    "pairs.jsonl": an_object_a_line(PAIRS),
    "objects.json": json.dumps(OBJECTS),
    "objects.jsonl": an_object_a_line(OBJECTS),
    "lists.json": json.dumps(LISTS),
    "lists.jsonl": an_object_a_line(LISTS),
    "nested.jsonl": an_object_a_line(ROWS),
    "kaggle.csv": token_rows(lambda index, position: "" if position else f"Sentence: {index}"),
    "numbers.csv": token_rows(lambda index, _: str(index)),
    "empty_rows.csv": "Word,Tag\n"
    + ",\n".join("".join(f"{w},{t}\n" for w, t in zip(*one, strict=True)) for one in SENTENCES),
    "columns.csv": in_columns(","),
    "columns.tsv": in_columns("\t"),
    "columns.txt": in_columns(" "),
    "tabs.txt": in_columns("\t"),
    "columns.conll": in_columns(" "),
    "slashes.txt": "".join(" ".join(f"{w}/{t}" for w, t in zip(*one, strict=True)) + "\n" for one in SENTENCES),
    "cells.csv": "tokens,ner_tags\n" + "".join(f'"{words}","{tags}"\n' for words, tags in SENTENCES),
}


def asked(path: Path) -> list[Any]:
    """What a tagger is asked of each row."""
    rows = list(open_rows(str(path), tagged=True).rows())
    columns = find_columns(rows, ("tokens", "text"))
    return [columns.input_of(row) for row in rows]


@pytest.mark.parametrize("name", [*FILES_OF_TEXTS, *FILES_OF_TOKENS])
def test_a_tagger_is_asked_every_file_that_one_is_trained_on(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text({**FILES_OF_TEXTS, **FILES_OF_TOKENS}[name], encoding="utf-8")
    trained = load_token_classification(TokenDataArguments(train_file=str(path), hold_out_percentage=0))
    assert list(trained.splits["train"]["tokens"]) == WORDS
    # Entities by their characters are of a text, and so are the answers.
    assert asked(path) == (TEXTS if name in FILES_OF_TEXTS else WORDS)


def test_the_rows_that_nobody_has_annotated_keep_their_places(tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    path.write_text(json.dumps([[TEXTS[0], {}], None, [TEXTS[1], {"entities": []}], 7]), encoding="utf-8")
    assert asked(path) == [
        TEXTS[0],
        BadRow("the row is null"),
        TEXTS[1],
        BadRow("expected a text and its entities, found '7'"),
    ]
    path.write_text(json.dumps([PAIRS[0], None, PAIRS[1]]), encoding="utf-8")
    assert asked(path) == [WORDS[0], BadRow("the row is null"), WORDS[1]]


def test_rows_that_only_look_like_tagged_ones_stay_what_they_are(tmp_path: Path) -> None:
    files = {
        "split.json": (json.dumps({"columns": ["text", "label"], "data": [["a b", "x"], ["c d", "y"]]}), "a b"),
        "wrapped.json": (json.dumps({"data": [{"text": "a b", "label": "x"}]}), "a b"),
        "short.txt": ("so it\n\nis not\n", "so it"),
        "prose.txt": ("one two three\n\nfour five\n" * 10, "one two three"),
    }
    for name, (written, first) in files.items():
        path = tmp_path / name
        path.write_text(written, encoding="utf-8")
        assert asked(path)[0] == first


def test_the_column_of_the_tokens_of_a_table_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(FILES_OF_TOKENS["numbers.csv"].replace("Word", "Termo"), encoding="utf-8")
    stream = open_rows(str(path), tagged=True, token_column="Termo")
    assert list(stream.rows()) == [{"Termo": words} for words in WORDS]
    assert find_columns(list(stream.rows()), ("tokens", "text"), "Termo").names == ("Termo",)


def test_a_model_of_texts_refuses_lists_of_words_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(FILES_OF_TOKENS["pairs.json"], encoding="utf-8")
    rows = list(open_rows(str(path)).rows())
    for given, begin in ((None, "Give `text_column_name`"), ("tokens", "`text_column_name`='tokens' holds lists of")):
        with pytest.raises(ValueError, match="ask a tagger, or write each text as a string") as refused:
            find_columns(rows, ("text",), given)
        assert str(refused.value).startswith(begin)


def test_texts_in_brackets_are_texts_for_a_model_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,[music plays]\n2,[applause]\n", encoding="utf-8")
    rows = list(open_rows(str(path)).rows())
    for given in (None, "text"):
        columns = find_columns(rows, ("text", "pair"), given)
        assert [columns.input_of(row) for row in rows] == ["[music plays]", "[applause]"]


def test_a_sentence_of_another_form_than_the_first_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(an_object_a_line([*PAIRS, "no sentence"]), encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"a\.jsonl, line 13: expected a list, as in the first rows; found 'no sentence"
    ):
        open_rows(str(path), tagged=True)
