"""The tables say what the document says."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.benchmark.defaults.report import collect_cells, write_cell
from hf_rnn.benchmark.defaults.tables import BLOCKS
from hf_rnn.benchmark.document import Document
from tests.benchmark.defaults_documents import cell


@pytest.fixture
def document(tmp_path: Path) -> Document:
    """TREC better, even and worse; a book without a standard error; a tagger whose peer failed."""
    ngrams = [{"name": "Kneser-Ney n-grams", "figure": 2345.67, "seconds": 12.3, "options": {}}]
    failed = {"spacy": {"status": "failed", "reason": "spacy: ended with code 1"}}
    slow = {"spacy": {"status": "slow", "reason": "spacy: no answer for 600 seconds"}}
    cells = [
        cell("trec", "50", figure=0.9),
        cell("trec", "200", figure=0.775),
        cell("trec", "all", figure=0.7, train_size=4333, commit="fedcba9876543210", date="2026-11-30T10:00:00+00:00"),
        cell("book-words", "200000", "words", figure=1234.56, standard_error=None, baselines=ngrams, peers={}),
        cell("conll", "50", "tags", baselines=[], peers=failed, seconds=123.4, other_load_cores=1.75),
        cell("snips", "50", "tags", baselines=[], peers=slow),
    ]
    for each in cells:
        write_cell(each, tmp_path / f"{each['corpus']}-{each['size']}.json")
    return collect_cells(tmp_path)


def row(table: str, start: str) -> list[str]:
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_summary_marks_what_is_better_and_worse(document: Document) -> None:
    text = BLOCKS["summary"](document)
    assert row(text, "TREC") == [
        "TREC questions, 6 classes",
        "accuracy",
        "**0.900** / 0.770",
        "0.775 / 0.770",
        "",
        "",
        "0.700 ▼ / 0.770",
    ]
    assert row(text, "CoNLL-2003 entities") == ["CoNLL-2003 entities", "strict F1", "0.800", "", "", "", ""]
    assert row(text, "A book in words") == [
        "A book in words",
        "perplexity",
        "",
        "**1,234.6** / 2,345.7",
        "",
    ]
    assert "| Corpus | Figure | 50 rows | 200 rows | 1,000 rows | 5,000 rows | all |" in text
    assert "| Corpus | Figure | 50,000 characters | 200,000 characters | all |" in text
    assert "Of 6 cells: 2 better, 1 even, 1 worse." in text
    assert "a processor, 2 cores; other programs took up to 1.8 cores meanwhile." in text
    assert text.endswith("2026-11-29 to 2026-11-30, code of 01234567, fedcba98.\n")


def test_the_long_tables_have_seconds_and_megabytes(document: Document) -> None:
    lines = [line for line in BLOCKS["texts"](document).splitlines() if line.startswith("| TREC")]
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        "TREC questions, 6 classes",
        "4,333",
        "accuracy",
        "0.700 ± 0.010 (23 s, 2.6 MB)",
        "0.770 (NB-SVM, 2.5 s)",
        "0.760 (2.5 s)",
        "0.770 (2.5 s, 1.5 MB)",
        "not installed",
        "0.900 (20 s, 1.5 MB)",
        "worse",
    ]
    assert row(BLOCKS["tags"](document), "CoNLL")[3:] == ["0.800 ± 0.010 (123 s, 2.6 MB)", "none", "failed", ""]
    assert row(BLOCKS["tags"](document), "Snips")[-2] == "over 10 minutes"
    assert row(BLOCKS["language"](document), "A book")[3:] == [
        "1,234.6 (23 s, 2.6 MB)",
        "2,345.7 (Kneser-Ney n-grams, 12 s)",
        "better",
    ]
    assert len(BLOCKS["pairs"](document).splitlines()) == 2, "a heading and no row"
