"""What is read of a run of the default command."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.defaults.command import CommandError, command_line, read_run
from hf_rnn.benchmark.defaults.corpora import find_corpus
from hf_rnn.data.readers.conll import write_conll
from hf_rnn.runs.folder import PREDICTIONS_FILE, RESULTS_FILE, TAGS_FILE
from hf_rnn.runs.results import write_results
from tests.results_document import results_document


TREC, QUORA, CONLL, BOOK = (find_corpus(key) for key in ("trec", "quora", "conll", "book-words"))


def leave(folder: Path, metrics: dict[str, float], predictions: str = "", **changes: Any) -> Path:
    both = {"validation": dict.fromkeys(metrics, 0.125), "test": metrics}
    write_results(results_document(metrics=both, **changes), folder / RESULTS_FILE)
    (folder / PREDICTIONS_FILE).write_text(predictions)
    return folder


def test_files_and_what_they_do_not_say_are_all_that_is_given() -> None:
    assert command_line(TREC, "a.csv", "b.csv") == ["train", "text-classification", "a.csv", "--test_file", "b.csv"]
    for corpus, flags in ((find_corpus("alexa"), "--problem_type regression"), (BOOK, "--tokenizer_kind word")):
        assert " ".join(command_line(corpus, "a", "b")).endswith(f" a --test_file b {flags}")


def test_figure_error_and_baselines_are_those_of_the_test_split(tmp_path: Path) -> None:
    rows = "row,label,prediction,score\n" + "0,a,a,0.9\n1,b,a,0.8\n2,a,a,0.7\n3,b,b,0.6\n"
    counted = {"name": "TF-IDF", "metrics": {"test": {"accuracy": 0.5, "loss": 1.0}}, "seconds": 0.3, "options": {}}
    found = read_run(TREC, leave(tmp_path, {"accuracy": 0.75, "loss": 0.6}, rows, baselines=[counted]))
    assert (found["figure"], found["standard_error"]) == (0.75, math.sqrt(0.75 * 0.25 / 4))
    assert found["baselines"] == [{"name": "TF-IDF", "figure": 0.5, "seconds": 0.3, "options": {}}]
    assert (found["size_bytes"], found["minutes"]) == (9_400_123, 21.37)
    assert found["rows"] == {"train": 20_000, "validation": 5_000}, "what it learned from, and chose by"


def test_a_classifier_of_pairs_goes_before_their_similarity(tmp_path: Path) -> None:
    pairs = "row,label,similarity,prediction,probability\n" + "".join(
        f"{row},{row % 2},{0.9 - row / 100},1,{0.2 + 0.6 * (row % 2)}\n" for row in range(20)
    )
    both = leave(tmp_path, {"roc_auc": 0.6, "classifier_roc_auc": 1.0}, pairs)
    # Its probabilities tell all pairs apart, in every resample.
    assert (read_run(QUORA, both)["figure"], read_run(QUORA, both)["standard_error"]) == (1.0, 0.0)
    without = "\n".join(line.rsplit(",", 1)[0] for line in pairs.splitlines())
    found = read_run(QUORA, leave(tmp_path, {"roc_auc": 0.6}, without))
    assert found["figure"] == 0.6 and found["standard_error"] > 0.05


def test_tags_are_read_by_sentence_and_texts_have_no_error(tmp_path: Path) -> None:
    words, true, said = ("Ana", "runs"), ("B-PER", "O"), ("B-PER", "B-LOC")
    rows = [list(zip(words, true, tags, strict=True)) for tags in (true, said) for _ in range(50)]
    leave(tmp_path, {"f1": 0.8})
    write_conll(tmp_path / TAGS_FILE, rows)
    # A resample of n wrong sentences of 100 has an F1 of 200 / (200 + n): the slope times √(100 · ½ · ½).
    assert read_run(CONLL, tmp_path)["standard_error"] == pytest.approx(200 / 250**2 * 5, rel=0.2)
    assert read_run(BOOK, leave(tmp_path, {"perplexity": 123.4}))["standard_error"] is None


def test_a_run_without_the_figure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="none of perplexity of the test split; it has loss"):
        read_run(BOOK, leave(tmp_path, {"loss": 1.0}))
