"""scripts/run_text_classification.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from transformers import pipeline

from hf_rnn.runs.results import read_results
from tests.tasks.small_runs import SMALL, write_reviews


def test_from_a_recipe_to_a_model_with_its_card(run_script: Callable[..., Any], tmp_path: Path) -> None:
    recipe = {
        "train_file": "train.csv",
        "validation_file": "validation.csv",
        "test_file": "test.csv",
        "dataset_title": "synthetic reviews",
        "model_type": "gru",
        "config_overrides": SMALL,
        "num_train_epochs": 9,
        "output_dir": "not_here",
        "do_train": True,
        "do_predict": True,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    write_reviews(tmp_path)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))

    done = run_script("run_text_classification", "recipe.json", "--output_dir", "out", "--num_train_epochs", "2")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "not_here").exists()
    results = read_results(tmp_path / "out" / "results.json")
    assert results["training"]["epochs"] == 2
    assert results["recipe"] == "recipe.json"
    for split in ("train", "validation", "test"):
        (line,) = (line for line in done.stdout.splitlines() if line.strip().startswith(f"{split}: "))
        assert f"accuracy {results['metrics'][split]['accuracy']:.4f}" in line
    assert 'pipeline("text-classification", model="out", trust_remote_code=True)' in done.stdout
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.pipeline_tag == "text-classification"
    assert "synthetic reviews" in card.text
    assert pipeline("text-classification", model=str(tmp_path / "out"))("A great film.")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--train_file train.csv --label_column_name stars", "there is no column 'stars' in the train split"),
        ("--train_file train.csv --model_type transformer", "`model_type`='transformer' must be one of bilstm"),
        ("--train_file train.csv --learning_rate 0", "`learning_rate`=0.0 must be above 0"),
        ("--train_file train.csv --hidden_size 3", "--hidden_size"),
    ],
)
def test_bad_input_ends_with_what_is_wrong(
    tmp_path: Path, refusal: Callable[[str, str], str], line: str, message: str
) -> None:
    write_reviews(tmp_path)
    assert message in refusal("run_text_classification", line)
