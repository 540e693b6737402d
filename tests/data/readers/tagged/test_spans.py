"""Texts with entities by characters, as the tools of annotation write them, become words with tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.data.tokenizers.word_pieces import split_words, train_word_pieces
from hf_rnn.inference.tagging import words_of
from tests.data.readers.tagged.reading import read, sentence


TEXT = "Mr. Kofi Annan's plane left São Paulo."
SPANS = [(4, 14, "PER"), (28, 37, "LOC")]
EXPECTED = [
    sentence("Mr . Kofi/B-PER Annan/I-PER 's plane left São/B-LOC Paulo/I-LOC ."),
    sentence("It rained in Rome/B-LOC ."),
    sentence("Nothing ."),
]
TEXTS = [(TEXT, SPANS), ("It rained in Rome.", [(13, 17, "LOC")]), ("Nothing.", [])]


def lines(rows: Any) -> str:
    return "\n".join(map(json.dumps, rows))


def objects(start: str, end: str, kind: str, **more: Any) -> Any:
    return lambda text, spans: [{start: s, end: e, kind: k, **more} for s, e, k in spans]


def triples(text: str, spans: Any) -> Any:
    return [list(span) for span in spans]


def label_studio(text: str, spans: Any) -> dict[str, Any]:
    values = [{"start": s, "end": e, "text": text[s:e], "labels": [kind]} for s, e, kind in spans]
    results = [{"type": "labels", "from_name": "label", "to_name": "text", "value": value} for value in values]
    return {
        "id": 1,
        "data": {"text": text},
        "annotations": [{"was_cancelled": True, "result": []}, {"result": results}],
    }


def dataturks(text: str, spans: Any) -> dict[str, Any]:
    points = [{"label": [kind], "points": [{"start": s, "end": e - 1, "text": text[s:e]}]} for s, e, kind in spans]
    return {"content": text, "annotation": points}


FORMS: dict[str, Any] = {
    "doccano, label": lines({"id": 1, "text": t, "label": triples(t, s)} for t, s in TEXTS),
    "doccano, relations": lines(
        {"text": t, "entities": objects("start_offset", "end_offset", "label", id=3)(t, s), "relations": []}
        for t, s in TEXTS
    ),
    "label studio": json.dumps([label_studio(t, s) for t, s in TEXTS], indent=1),
    "label studio, min": json.dumps(
        [{"text": t, "label": [{"start": s, "end": e, "labels": [k]} for s, e, k in spans]} for t, spans in TEXTS]
    ),
    "spaCy 2": json.dumps([[t, {"entities": triples(t, s)}] for t, s in TEXTS]),
    "spaCy 2, annotator": json.dumps(
        {"classes": ["PER"], "annotations": [*([t, {"entities": triples(t, s)}] for t, s in TEXTS), None]}
    ),
    "spaCy 3": lines({"text": t, "spans": objects("start", "end", "label")(t, s)} for t, s in TEXTS),
    "spaCy 3, doc": json.dumps([{"text": t, "ents": objects("start", "end", "label")(t, s)} for t, s in TEXTS]),
    "hugging face": json.dumps([{"text": t, "entities": objects("start", "end", "entity")(t, s)} for t, s in TEXTS]),
    "dataturks": lines(dataturks(t, s) for t, s in TEXTS),
    "inclusive ends": lines(
        {"text": t, "entities": [{"start": s, "end": e - 1, "type": k, "text": t[s:e]} for s, e, k in spans]}
        for t, spans in TEXTS
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_words_and_tags(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    assert read(tmp_path / ("a.jsonl" if "\n{" in FORMS[name] else "a.json"), FORMS[name]) == EXPECTED
    assert ("taken for their last character" in caplog.text) == (name == "inclusive ends")
    assert "have no tags" not in caplog.text


def test_the_words_are_those_of_a_tagger_that_reads_the_text() -> None:
    words = [text[start:end] for text, _ in TEXTS for start, end in split_words(text)]
    assert words == [word for tokens, _ in EXPECTED for word in tokens]
    tokenizer = train_word_pieces([tokens for tokens, _ in EXPECTED] * 2, vocab_size=300, show_progress=False)
    for (text, _), (tokens, _) in zip(TEXTS, EXPECTED, strict=True):
        assert words_of(tokenizer, text) == tokens


def test_what_cannot_be_aligned_is_counted_with_an_example(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "Ann Roe saw Parisians in 😀 Rome ."
    spans = [
        *([0, 7, "PER"], [0, 3, "PER"], [12, 17, "LOC"], [27, 32, "LOC"], [90, 95, "LOC"], [8, 8, "X"], [-3, 2, "X"]),
        [7, 8, "X"],
    ]
    found = read(tmp_path / "a.jsonl", lines([{"text": "x", "label": []}, {"text": text, "label": spans}]))
    assert found[1] == sentence("Ann/B-PER Roe/I-PER saw Parisians in 😀 Rome/B-LOC .")
    place = f"{tmp_path}/a.jsonl, line 2"
    assert sorted(record.getMessage() for record in caplog.records) == [
        f"1 of 8 entities begin or end within a word, and have no tags; the first: {place}, LOC from 12 to 17, "
        "'Paris'.",
        f"1 of 8 entities hold no word, and have no tags; the first: {place}, X from 7 to 8, ' '.",
        f"1 of 8 entities overlap others, and have no tags; the first: {place}, PER from 0 to 3, 'Ann'.",
        f"3 of 8 entities are not within their text, and have no tags; the first: {place}, X from -3 to 2, ''.",
    ]


def test_a_text_that_is_not_what_the_file_says_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spans = [
        {"start": 0, "end": 3, "label": "PER", "text": "Ann"},
        {"start": 8, "end": 12, "label": "LOC", "text": "Bonn"},
    ]
    read(tmp_path / "a.json", json.dumps([{"text": "Ann saw Rome", "entities": spans}]))
    assert "1 of 2 entities are another text than the file says, and have tags; the first: " in caplog.text
    assert "item 0 (from 0), LOC from 8 to 12, 'Rome', for 'Bonn'." in caplog.text


def test_texts_that_nobody_has_annotated_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = [label_studio(*TEXTS[0]), {"data": {"text": "x"}, "annotations": []}]
    assert read(tmp_path / "a.json", json.dumps(tasks)) == EXPECTED[:1]
    assert "1 texts that nobody has annotated are left out" in caplog.text
    caplog.clear()
    rows = [{"text": "x", "label": None}, {"text": TEXT, "label": SPANS}]
    assert read(tmp_path / "b.jsonl", lines(rows)) == EXPECTED[:1]
    assert "1 texts without a list of entities are left out" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": TEXT, "label": SPANS}, {"words": 3}], "line 2: expected a text and a list of entities"),
        ([{"text": TEXT, "label": SPANS}, {"text": "x", "label": [[0, 1]]}], "line 2: expected a text and a list"),
    ],
)
def test_a_row_of_another_form_is_named(tmp_path: Path, rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.jsonl", lines(rows))


PAIRS = [[("Ann", "B-PER"), ("saw", "O")], [("Rome", "B-LOC")]]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([[["Ann", "B-PER"], ["saw", "O"]], [["Rome", "B-LOC"]]]),
        lines([[["Ann", "B-PER"], ["saw", "O"]], [["Rome", "B-LOC"]]]),
        json.dumps([[{"word": word, "tag": tag} for word, tag in pairs] for pairs in PAIRS]),
        lines([[["Ann", "saw"], ["B-PER", "O"]], [["Rome"], ["B-LOC"]]]),
        json.dumps([[["Ann", "saw"], ["B-PER", "O"]], [["Rome"], ["B-LOC"]]]),
        lines([{"tokens": ["Ann", "saw"], "tags": ["B-PER", "O"]}, {"tokens": ["Rome"], "tags": ["B-LOC"]}]),
    ],
)
def test_lists_of_words_and_tags(tmp_path: Path, content: str) -> None:
    expected = [sentence("Ann/B-PER saw"), sentence("Rome/B-LOC")]
    assert read(tmp_path / ("a.json" if "\n" not in content else "a.jsonl"), content) == expected
