"""scripts/run_token_classification.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from transformers import pipeline

from hf_rnn.runs.results import read_results
from tests.tasks.small_tagging_runs import SMALL, write_news


def test_from_a_recipe_to_a_model_with_its_card(tmp_path: Path, run_script: Callable[..., Any]) -> None:
    recipe = {
        "train_file": "train.jsonl",
        "validation_file": "validation.jsonl",
        "test_file": "test.jsonl",
        "dataset_title": "generated news",
        "model_type": "gru",
        "config_overrides": SMALL,
        "piece_vocab_size": 300,
        "num_train_epochs": 9,
        "learning_rate": 0.05,
        "per_device_train_batch_size": 8,
        "output_dir": "not_here",
        "do_train": True,
        "do_predict": True,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    write_news(tmp_path)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    done = run_script("run_token_classification", "recipe.json", "--output_dir", "out", "--num_train_epochs", "4")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "not_here").exists()
    results = read_results(tmp_path / "out" / "results.json")
    assert (results["training"]["epochs"], results["recipe"]) == (4, "recipe.json")
    for split in ("train", "validation", "test"):
        (line,) = (line for line in done.stdout.splitlines() if line.strip().startswith(f"{split}: "))
        assert f"f1 {results['metrics'][split]['f1']:.4f}" in line
        assert "f1_PER" not in line
    assert 'pipeline("token-classification", model="out", trust_remote_code=True)' in done.stdout
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.pipeline_tag == "token-classification"
    assert "generated news" in card.text
    assert "By type of entity, on the test split:" in card.text
    # What the card's snippet says, and the files it speaks of.
    tagger = pipeline("token-classification", model=str(tmp_path / "out"), aggregation_strategy="simple")
    assert isinstance(tagger("Maria moved from Lisbon to New York ."), list)
    for name in ("predictions.conll", "confusion.json", "learning_curves.png"):
        assert (tmp_path / "out" / name).stat().st_size > 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--train_file train.jsonl --label_column_name tags", "there is no column 'tags' in the train split"),
        ("--train_file train.jsonl --model_type transformer", "`model_type`='transformer' must be one of bilstm"),
        ("--train_file train.jsonl --tag_scheme bilingual", "tag_scheme"),
        ("--train_file train.jsonl --tokenizer_kind word", "--tokenizer_kind"),
    ],
)
def test_bad_input_ends_with_what_is_wrong(
    tmp_path: Path, refusal: Callable[[str, str], str], line: str, message: str
) -> None:
    write_news(tmp_path)
    assert message in refusal("run_token_classification", line)
