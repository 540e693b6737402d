"""scripts/run_similarity.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from transformers import pipeline

from hf_rnn.runs.results import read_results
from tests.tasks.small_runs import SMALL
from tests.tasks.small_similarity_runs import write_questions


def test_from_a_recipe_to_a_model_with_its_card(tmp_path: Path, run_script: Callable[..., Any]) -> None:
    recipe = {
        **{name: Path(path).name for name, path in write_questions(tmp_path).items()},
        "dataset_title": "generated questions",
        "model_type": "gru",
        "config_overrides": SMALL,
        "min_frequency": 1,
        "num_train_epochs": 2,
        "learning_rate": 0.01,
        "per_device_train_batch_size": 8,
        "output_dir": "out",
        "do_train": True,
        "do_predict": True,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    done = run_script("run_similarity", "recipe.json", "--num_train_epochs", "3")
    assert done.returncode == 0, done.stderr
    results = read_results(tmp_path / "out" / "results.json")
    assert (results["training"]["epochs"], results["recipe"]) == (3, "recipe.json")
    for split in ("train", "validation", "test"):
        (line,) = (line for line in done.stdout.splitlines() if line.strip().startswith(f"{split}: "))
        assert f"roc_auc {results['metrics'][split]['roc_auc']:.4f}" in line
    # Pairs are read together by default, for a label; the same folder is a siamese network.
    assert 'pipeline("text-classification", model="out", trust_remote_code=True)' in done.stdout
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.pipeline_tag == "sentence-similarity"
    # What the card's snippet says.
    similarity = pipeline("sentence-similarity", model=str(tmp_path / "out"))
    snippet = {"text": "How do I learn to swim?", "text_pair": "What is the best way to learn swimming?"}
    assert json.dumps(snippet) in card.text
    assert -1 <= similarity(snippet)["score"] <= 1
    for name in ("predictions.csv", "learning_curves.png"):
        assert (tmp_path / "out" / name).stat().st_size > 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--train_file train.csv --label_column_name same", "there is no column 'same' in the train split"),
        ("--train_file train.csv --loss hinge", "`loss`='hinge' must be of contrastive"),
        ("--train_file train.csv --loss cosent", "There is no validation split"),
        ("--train_file train.csv --margin 1", "--margin"),
    ],
)
def test_bad_input_ends_with_what_is_wrong(
    tmp_path: Path, refusal: Callable[[str, str], str], line: str, message: str
) -> None:
    write_questions(tmp_path)
    assert message in refusal("run_similarity", line)
