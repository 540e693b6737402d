"""scripts/run_one_shot.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from hf_rnn.runs.results import read_results


def test_from_a_recipe_to_a_model_with_its_card(run_script: Callable[..., Any], tmp_path: Path) -> None:
    recipe = {
        "config_overrides": {"image_size": 8, "hidden_sizes": [4], "kernel_sizes": [3], "pool_sizes": [2]},
        "loss_options": {"multiple_negatives": {"symmetric": True}},
        "train_letters": 40,
        "pairs_per_letter": 2,
        "dataset_title": "drawn letters",
        "language": "zxx",
        "num_train_epochs": 9,
        "per_device_train_batch_size": 20,
        "per_device_eval_batch_size": 500,
        "output_dir": "not_here",
        "do_train": True,
        "do_predict": True,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    done = run_script("run_one_shot", "recipe.json", "--output_dir", "out", "--num_train_epochs", "1")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "not_here").exists()
    results = read_results(tmp_path / "out" / "results.json")
    assert (results["training"]["epochs"], results["recipe"]) == (1, "recipe.json")
    assert set(results["metrics"]) == {"validation", "test"}
    (line,) = (line for line in done.stdout.splitlines() if line.strip().startswith("test: "))
    for name in ("accuracy_5_way_1_shot", "pixels_20_way_1_shot", "pair_roc_auc"):
        assert f"{name} {results['metrics']['test'][name]:.4f}" in line
    assert 'OneShotVerifier.from_model(AutoModel.from_pretrained("out", trust_remote_code=True))' in done.stdout
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert (card.data.pipeline_tag, card.data.language) == ("image-feature-extraction", "zxx")
    assert "Trained on drawn letters" in card.text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--loss hinge", "`loss`='hinge' must be of contrastive"),
        ("--model_type gru", "--model_type"),
    ],
)
def test_bad_input_ends_with_what_is_wrong(run_script: Callable[..., Any], line: str, message: str) -> None:
    done = run_script("run_one_shot", "--output_dir", "out", "--use_cpu", *line.split())
    assert done.returncode != 0
    assert message in done.stderr
