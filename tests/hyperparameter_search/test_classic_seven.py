"""The search `classic_seven`, from its recipe to the model of the best trial, on a few rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

import hf_rnn_command
from tests.documents.tiny import write_corpora


RECIPE = Path(hf_rnn_command.__file__).parent / "hf_rnn" / "recipes" / "search" / "classic_seven.json"


@pytest.mark.slow
def test_the_search_ends_with_the_notebooks_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpora(tmp_path)
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    small = "--n_trials 3 --num_train_epochs 1 --max_train_samples 24 --validation_split_size 8 --output_dir out"
    hf_rnn_command.main(["search", str(RECIPE), *small.split()])
    found = json.loads((tmp_path / "out" / "search.json").read_text(encoding="utf-8"))
    best = found["best"]["parameters"]
    assert found["trials"]["finished"] == 3 and len(best) == 7 and best.keys() == found["space"].keys()
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out" / "best")
    assert model.config.classifier_norm == "batch" and model.config.single_logit
    dense = [module for module in model.classifier.modules() if isinstance(module, torch.nn.Linear)]
    assert [layer.out_features for layer in dense] == [
        best["classifier_hidden_sizes[0]"],
        best["classifier_hidden_sizes[1]"],
        1,
    ]
    assert sum(isinstance(module, torch.nn.BatchNorm1d) for module in model.classifier.modules()) == 2
    assert [layer.hidden_size for layer in model.model.layers] == [best["hidden_sizes[0]"], best["hidden_sizes[1]"]]
    results = json.loads((tmp_path / "out" / "best" / "results.json").read_text(encoding="utf-8"))
    assert results["metrics"]["validation"]["accuracy"] == found["best"]["value"]
