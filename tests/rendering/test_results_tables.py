"""Tables of results: which figures they show, and in which order."""

from __future__ import annotations

from typing import Any

from hf_rnn.rendering.results_tables import results_table
from tests.results_document import results_document


def language_model(name: str, **metrics: dict[str, float]) -> dict[str, Any]:
    return results_document(name=name, task="text-generation", metrics=metrics)


def models(table: str) -> list[str]:
    return [line.split("|")[1].strip(" `") for line in table.splitlines()[2:]]


def test_the_highest_accuracy_comes_first() -> None:
    low, high = (
        results_document(name=name, metrics__test={"accuracy": a}) for name, a in (("low", 0.8), ("high", 0.9))
    )
    none = results_document(name="a", metrics={"validation": {"accuracy": 0.95}})
    assert models(results_table([none, low, high])) == ["high", "low", "a"]


def test_the_lowest_perplexity_comes_first() -> None:
    rows = [
        language_model("a", validation={"perplexity": 50.0}),
        language_model("high", test={"perplexity": 141.06, "loss": 4.9492, "bits_per_character": 1.3081}),
        language_model("low", test={"perplexity": 90.0, "loss": 4.4998, "bits_per_character": 1.1893}),
    ]
    table = results_table(rows)
    assert models(table) == ["low", "high", "a"]
    heading, _, first, *_ = table.splitlines()
    assert "| Test perplexity | Test loss | Test bits per character | Validation perplexity |" in heading
    assert "| 90.0000 | 4.4998 | 1.1893 |" in first


def test_the_same_figures_are_in_the_order_of_the_names() -> None:
    rows = [language_model(name, test={"perplexity": 90.0}) for name in ("b", "a")]
    assert models(results_table(rows)) == ["a", "b"]


def test_baselines_of_the_runs_follow_once() -> None:
    baseline = {
        "name": "TF-IDF",
        "metrics": {"test": {"accuracy": 0.75}, "validation": {"accuracy": 0.5}},
        "seconds": 1.0,
        "options": {},
    }
    rows = [
        results_document(name=name, metrics__test={"accuracy": accuracy}) | {"baselines": [baseline]}
        for name, accuracy in (("low", 0.7), ("high", 0.9))
    ]
    table = results_table(rows)
    assert models(table) == ["high", "low", "TF-IDF"]
    heading, _, first, _, last = ([cell.strip() for cell in line.split("|")] for line in table.splitlines())
    place = heading.index("Test accuracy")
    assert (first[place], last[place], len(last)) == ("0.9000", "0.7500", len(heading))
