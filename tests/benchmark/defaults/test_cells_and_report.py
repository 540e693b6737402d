"""Which cells are wanted, how they are kept, and what the document of them says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.defaults.cells import chosen_cells
from hf_rnn.benchmark.defaults.report import (
    best_cheap,
    collect_cells,
    read_cell,
    read_defaults,
    verdict,
    write_cell,
)
from hf_rnn.benchmark.document import write_document
from hf_rnn.runs.results import ResultsError
from tests.benchmark.defaults_documents import cell


def names(only: str | None, order: str = "small-first") -> list[str]:
    return [each.name for each in chosen_cells(only, order)]


def test_small_cells_come_first() -> None:
    every = names(None)
    assert every[0] == "trec:50" and every[-1] == "pt-ner:all"
    assert len(every) == len(set(every)) == 10 * 5 + 2 * 3
    assert names("book-words,trec:200,trec:all") == [
        "book-words:50000",
        "trec:200",
        "book-words:200000",
        "book-words:all",
        "trec:all",
    ]
    assert names("book-words,trec:200", "by-corpus") == [
        "trec:200",
        "book-words:50000",
        "book-words:200000",
        "book-words:all",
    ]


@pytest.mark.parametrize(
    ("only", "order", "message"),
    [
        ("mars:50", "small-first", "`only` names 'mars'; it may name: trec"),
        ("trec:77", "small-first", "`only` names the size '77' of 'trec'; it may be: 50, 200, 1000, 5000, all"),
        (None, "by-name", "`order`='by-name' must be one of small-first, by-corpus"),
    ],
)
def test_cells_that_there_are_not_are_refused(only: str | None, order: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chosen_cells(only, order)


def test_a_cell_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "trec-200.json"
    write_cell(cell(), path)
    assert read_cell(path) == cell()
    for changes, message in (
        ({"seed": "0"}, "`seed` must be int"),
        ({"schema_version": 1}, "`schema_version` must be 2, not 1"),
        ({"draws": [{"default": "high", "baselines": {}, "peers": {}}]}, "`draws.0.default` must be float"),
        (
            {"peers": {"spacy": {"status": "lazy"}}},
            "`peers.spacy.status` must be one of measured, missing, slow, failed",
        ),
        ({"baselines": [{"name": "x"}]}, "baselines.0"),
        ({"figure": float("nan")}, "default.figure"),
    ):
        with pytest.raises(ResultsError, match=message):
            write_cell(cell(**changes), path)
    assert [file.name for file in tmp_path.iterdir()] == ["trec-200.json"] and read_cell(path) == cell()


def test_the_document_has_each_origin_once(tmp_path: Path) -> None:
    write_cell(cell("alexa", "50", "numbers", commit="fedcba98"), tmp_path / "alexa-50.json")
    write_cell(cell("trec", "all"), tmp_path / "trec-all.json")
    write_cell(cell("trec", "200"), tmp_path / "trec-200.json")
    (tmp_path / "trec-50.json.part").write_text("{")
    document = collect_cells(tmp_path)
    assert [(each["corpus"], each["size"], each["origin"]) for each in document["cells"]] == [
        ("trec", "200", 0),
        ("trec", "all", 0),
        ("alexa", "50", 1),
    ]
    assert [each["commit"] for each in document["origins"]] == ["0123456789abcdef", "fedcba98"]
    write_document(document, tmp_path / "defaults.json")
    assert read_defaults(tmp_path / "defaults.json") == document
    (tmp_path / "trec-all.json").write_text("{")
    with pytest.raises(ResultsError, match="trec-all.json is not JSON"):
        collect_cells(tmp_path)
    with pytest.raises(ValueError, match="holds no cell; measure some with --data FOLDER first"):
        collect_cells(tmp_path / "none")


def test_a_damaged_document_is_refused(tmp_path: Path) -> None:
    write_cell(cell(), tmp_path / "trec-200.json")
    document: Any = collect_cells(tmp_path)
    del document["cells"][0]["default"]["figure"]
    (tmp_path / "defaults.json").write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=r"cells.0.*figure"):
        read_defaults(tmp_path / "defaults.json")


def test_the_best_that_only_counts_is_chosen_without_the_costly_peers() -> None:
    assert best_cheap(cell()) == ("NB-SVM", 0.77, 2.5)
    first = {"name": "TF-IDF", "figure": 0.78, "seconds": 0.4, "options": {}}
    assert best_cheap(cell(baselines=[first])) == ("TF-IDF", 0.78, 0.4)
    alone = cell(baselines=[], peers={"minilm": cell()["peers"]["minilm"]})
    assert best_cheap(alone) is None and verdict(alone) is None
    counting = cell(peers={"counting": cell()["peers"]["counting"]})
    assert best_cheap(counting) == ("TF-IDF, all rows", 0.76, 2.5)
    ngrams = [{"name": f"order {order}", "figure": order, "seconds": 1.0, "options": {}} for order in (2.5, 2.1, 2.3)]
    book = cell("book-characters", "all", "characters", baselines=ngrams, peers={}, figure=2.2, standard_error=None)
    assert best_cheap(book) == ("order 2.1", 2.1, 1.0) and verdict(book) == "worse"


@pytest.mark.parametrize(
    ("figure", "error", "expected"),
    [(0.79, 0.01, "better"), (0.779, 0.01, "even"), (0.761, 0.01, "even"), (0.75, 0.01, "worse")],
)
def test_the_default_is_even_within_one_standard_error(figure: float, error: float, expected: str) -> None:
    assert verdict(cell(figure=figure, standard_error=error)) == expected
