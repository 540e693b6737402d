"""A run says how its BLEU and chrF were computed, in its results and on its card."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import sacrebleu

from hf_rnn.hub.model_card import model_card
from hf_rnn.runs.results import read_results
from tests.tasks.small_sequence_runs import run, write_numbers


def test_the_signatures_are_those_of_the_figures(tmp_path: Path) -> None:
    options = {"figures": "translation", "lowercase_figures": True, "dataset_notes": "Numbers."}
    run(tmp_path / "out", **options, **write_numbers(tmp_path / "data"))
    results = read_results(tmp_path / "out" / "results.json")
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    written, wanted = ([row[name].lower() for row in rows] for name in ("hypothesis", "reference"))
    bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
    figures = {"bleu": bleu.corpus_score(written, [wanted]).score, "chrf": chrf.corpus_score(written, [wanted]).score}
    for name, value in figures.items():
        assert results["metrics"]["test"][name] == pytest.approx(value)
    signatures = [f"{metric.get_signature()}|lower-cased before" for metric in (bleu, chrf)]
    note = "Numbers. Signatures of sacrebleu: BLEU {}, chrF {}.".format(*signatures)
    assert results["dataset"]["notes"] == note
    assert note in model_card(results, license="mit", language="en").text


def test_exact_matches_need_no_signature(tmp_path: Path) -> None:
    results = run(tmp_path / "out", figures="exact", do_train=False, **write_numbers(tmp_path / "data"))
    assert results["dataset"]["notes"] is None
