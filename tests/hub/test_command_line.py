"""What the training scripts print and write when a run has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from hf_rnn.hub.command_line import train_and_report
from hf_rnn.training.arguments import ModelArguments, RecurrentTrainingArguments, ReportArguments
from tests.results_document import results_document


GROUPS = (ModelArguments, ReportArguments, RecurrentTrainingArguments)


def test_the_run_gets_its_arguments_and_its_figures_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    figures = {"f1": 0.61234, "f1_PER": 0.7, "precision_PER": 0.7, "recall_PER": 0.7, "support_PER": 3.0}
    results = results_document(task="token-classification", metrics={"validation": {"f1": 0.5}, "test": figures})
    given: list[Any] = []

    def run(*arguments: Any, recipe: str | None) -> dict[str, Any]:
        given.extend([*arguments, recipe])
        return results

    path = tmp_path / "recipe.json"
    values = {"model_type": "gru", "license": "mit", "language": "pt", "seed": 3, "dataset_license_note": "Ask."}
    path.write_text(json.dumps(values))
    line = [str(path), "--seed", "5", "--output_dir", str(tmp_path), "--use_cpu"]
    monkeypatch.setattr("sys.argv", ["script.py", *line])
    train_and_report(GROUPS, run)

    model, report, training, named = given
    assert (model.model_type, report.language, training.seed, named) == ("gru", "pt", 5, str(path))
    # The figures of each type are in results.json and in the card.
    assert capsys.readouterr().out.splitlines() == [
        "validation: f1 0.5000",
        "      test: f1 0.6123",
        f"Model, results.json and learning curves are in {tmp_path}; the card: {tmp_path / 'README.md'}",
        f'Use it: pipeline("token-classification", model="{tmp_path}", trust_remote_code=True)',
    ]
    card = ModelCard.load(tmp_path / "README.md")
    assert (card.data.license, card.data.language) == ("mit", "pt")
    assert "Ask." in card.text
    assert "| PER | 3 | 0.7000 |" in card.text
