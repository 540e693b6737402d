"""Files of labelled texts whose labels are known by construction: they are read as they are meant, or refused."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from hf_rnn.data.readers.label_forms import MULTI, REGRESSION, SINGLE
from hf_rnn.data.readers.texts import DataArguments, load_text_classification
from tests.properties.generating import generated


TEXT_HEADERS = ("text", "Review", "review_text", "Avaliação", "COMENTARIO", "tweet text", "headline", "column_0", "v2")
LABEL_HEADERS = ("label", "Class", "sentimento", "Rótulo", "star_rating", "airline_sentiment", "column_1", "v1")
SAYING_NOTHING = ("column_1", "v1")
NAMES = ("good", "bad", "very good", "não", "100 %", "C++", "Sci/Tech", "it's", "NA", "None", "x.y", "O", "日本")
WORDS = ("the", "film", "was", "long", "e", "não", "gostei", "great", "boring", "plot", "NA", "42", "&amp;", "–")
FLAGS = ("`label_delimiter`", "`problem_type`", "`label_column_name`", "`text_column_names`")


@dataclass(frozen=True)
class Labels:
    """Attributes:
    cells: What stands in the file, for each row; a tuple stands in several columns.
    problem_type: What the labels are.
    meant: For each row the name, the set of names, or the number.
    columns: The headers, where there are several columns.
    flags: What has to be given, too.
    joined: Whether the cells are names with something between them.
    """

    cells: list[Any]
    problem_type: str
    meant: list[Any]
    columns: tuple[str, ...] = ()
    flags: tuple[tuple[str, str], ...] = ()
    joined: bool = False


def spaced(draw: Callable[..., Any], name: str) -> str:
    return draw(st.sampled_from(("", " "))) + name + draw(st.sampled_from(("", " ", "\t")))


@st.composite
def classes(draw: Callable[..., Any], rows: int) -> Labels:
    """One class a text: names, integers, codes with zeros before them, whole floats, booleans."""
    kind = draw(st.sampled_from(("names", "integers", "codes", "floats", "booleans")))
    if kind == "booleans":
        false, true = draw(st.sampled_from((("False", "True"), ("no", "yes"), ("não", "sim"), ("N", "Y"))))
        spell = draw(st.sampled_from((str, str.lower, str.upper)))
        meant = [draw(st.sampled_from((false, true))) for _ in range(rows)]
        meant[:2] = [false, true]
        shown = {name: spell(name) for name in (false, true)}
        # Spelled in one way they keep it, but for those that Python has, too.
        names = {name: name if false == "False" else shown[name] for name in shown}
        return Labels([shown[name] for name in meant], SINGLE, [names[name] for name in meant])
    if kind == "names":
        pool = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True))
    elif kind == "codes":
        pool = ["01", "1", "007"][: draw(st.integers(2, 3))]
    else:
        pool = [str(n) for n in draw(st.lists(st.integers(-20, 120), min_size=2, max_size=8, unique=True))]
    meant = [*pool[:2], *(draw(st.sampled_from(pool)) for _ in range(rows - 2))]
    if kind == "floats":
        return Labels([f"{name}.0" for name in meant], SINGLE, meant)
    return Labels([spaced(draw, name) for name in meant], SINGLE, meant)


@st.composite
def several(draw: Callable[..., Any], rows: int) -> Labels:
    """Several labels a text: joined, lists of Python and of JSON, vectors, a column of 0 and 1 for each."""
    pool = draw(st.lists(st.sampled_from(NAMES), min_size=3, max_size=5, unique=True))
    chosen = [draw(st.lists(st.sampled_from(pool), unique=True)) for _ in range(rows)]
    # Every label occurs, and every row says something: an empty cell is another matter.
    chosen = [list(pool), [pool[0]], *([*row] or [pool[1]] for row in chosen[2:])]
    form = draw(st.sampled_from(("joined", "python", "json", "vectors", "columns")))
    meant = [set(row) for row in chosen]
    if form == "joined":
        mark = draw(st.sampled_from((",", ";", "|")))
        given = draw(st.booleans())
        flags = (("label_delimiter", mark),) if given else ()
        return Labels([mark.join(row) for row in chosen], MULTI, meant, flags=flags, joined=True)
    if form in ("python", "json"):
        write: Callable[[Any], str] = str if form == "python" else json.dumps
        return Labels([write(row) for row in chosen], MULTI, meant)
    vectors = [[int(name in row) for name in pool] for row in chosen]
    if form == "columns":
        return Labels([tuple(map(str, vector)) for vector in vectors], MULTI, meant, tuple(pool))
    return Labels([str(vector) for vector in vectors], MULTI, meant, flags=(("class_names", ",".join(pool)),))


@st.composite
def numbers(draw: Callable[..., Any], rows: int) -> Labels:
    """Numbers, one of which has decimals."""
    meant = [2.5, *(draw(st.integers(-400, 400)) / 4 for _ in range(rows - 1))]
    return Labels([str(number) for number in meant], REGRESSION, meant)


@st.composite
def files(draw: Callable[..., Any]) -> tuple[list[str], list[list[str]], list[int], Labels]:
    """The headers, the rows, which of them are empty, and what the labels of the others are."""
    rows = draw(st.integers(6, 24))
    labels: Labels = draw(st.one_of(classes(rows), several(rows), numbers(rows)))
    texts = [" ".join(draw(st.lists(st.sampled_from(WORDS), min_size=4, max_size=9))) for _ in range(rows)]
    texts = [f"the {text} {'abcdefghijklmnopqrstuvwxyz'[row]}" for row, text in enumerate(texts)]
    headers = [draw(st.sampled_from(TEXT_HEADERS)), *(labels.columns or (draw(st.sampled_from(LABEL_HEADERS)),))]
    empty = draw(st.lists(st.integers(2, rows - 1), max_size=2, unique=True))
    table = []
    for row, (text, cell) in enumerate(zip(texts, labels.cells, strict=True)):
        cells = list(cell) if isinstance(cell, tuple) else [cell]
        table.append(["" if row in empty else text, *cells])
    if draw(st.booleans()):
        headers.insert(0, draw(st.sampled_from(("Unnamed: 0", "id", "index"))))
        table = [[str(row), *cells] for row, cells in enumerate(table)]
    order = draw(st.permutations(range(len(headers))))
    return [headers[i] for i in order], [[cells[i] for i in order] for cells in table], empty, labels


@pytest.mark.reliability(
    section="Properties",
    fault="files of labelled texts (header × form of the labels × empty cells) give the labels that they were made of",
    mutation="vectors of 0 and 1 read as lists of class numbers",
)
@generated(60, 10_000, file=files())
def test_labels_are_read_as_they_are_meant_or_refused_by_a_flag(
    file: tuple[list[str], list[list[str]], list[int], Labels],
) -> None:
    headers, table, empty, labels = file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([headers, *table])
        try:
            data = load_text_classification(DataArguments(train_file=str(path), **dict(labels.flags)))
        except ValueError as error:
            assert any(flag in str(error) for flag in FLAGS), error
            # A column whose name says nothing may be asked for, and joined names may be one name each.
            asked = "`label_column_name`" in str(error) and not set(headers).isdisjoint(SAYING_NOTHING)
            assert asked or (labels.joined and not labels.flags), error
            return
    meant = [label for row, label in enumerate(labels.meant) if row not in empty]
    assert data.problem_type == labels.problem_type
    assert (
        data.splits["train"]["label"][:] == pytest.approx(meant) if data.label_names is None else named(data) == meant
    )


def named(data: Any) -> list[Any]:
    """The names that were read for each row."""
    names, rows = data.label_names, data.splits["train"]["label"][:]
    if data.problem_type == SINGLE:
        return [names[label] for label in rows]
    return [{name for name, one in zip(names, row, strict=True) if one} for row in rows]
