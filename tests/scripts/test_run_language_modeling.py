"""scripts/run_language_modeling.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from transformers import pipeline

from hf_rnn.runs.results import read_results
from tests.tasks.small_language_runs import write_text
from tests.tasks.small_runs import SMALL


def test_from_a_recipe_to_a_model_with_its_card(tmp_path: Path, run_script: Callable[..., Any]) -> None:
    recipe = {
        "train_file": Path(write_text(tmp_path)).name,
        "validation_split_percentage": 10,
        "test_split_percentage": 10,
        "dataset_title": "generated lines",
        "tokenizer_kind": "character",
        "model_type": "gru",
        "config_overrides": {**SMALL, "weight_dropout": 0.1},
        "num_train_epochs": 2,
        "learning_rate": 0.01,
        "per_device_train_batch_size": 4,
        "block_size": 30,
        "output_dir": "out",
        "do_train": True,
        "do_eval": True,
        "do_predict": True,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    done = run_script("run_language_modeling", "recipe.json", "--num_train_epochs", "3")
    assert done.returncode == 0, done.stderr
    assert "special tokens" not in done.stderr and "differ from the model config" not in done.stderr
    results = read_results(tmp_path / "out" / "results.json")
    assert (results["training"]["epochs"], results["recipe"]) == (3, "recipe.json")
    for split in ("validation", "test"):
        (line,) = (line for line in done.stdout.splitlines() if line.strip().startswith(f"{split}: "))
        assert f"perplexity {results['metrics'][split]['perplexity']:.4f}" in line
    assert 'pipeline("text-generation", model="out", trust_remote_code=True)' in done.stdout
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.pipeline_tag == "text-generation"
    # What the card's snippet says.
    assert '"Once upon a time"' in card.text
    write = pipeline("text-generation", model=str(tmp_path / "out"))
    assert write("Once upon a time", max_new_tokens=5)[0]["generated_text"].startswith("Once upon a time")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--train_file text.txt --block_size 0", "`block_size`=0 must be at least 1"),
        ("--train_file text.txt", "There is no validation split"),
        ("--train_file text.txt --nt_asgd_patience 0", "`nt_asgd_patience`=0 must be at least 1"),
        ("--train_file text.txt --bptt 3", "--bptt"),
    ],
)
def test_bad_input_ends_with_what_is_wrong(
    tmp_path: Path, refusal: Callable[[str, str], str], line: str, message: str
) -> None:
    write_text(tmp_path)
    assert message in refusal("run_language_modeling", line)
