"""A finished run, small enough for tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from hf_rnn.training.curves import CURVES_FILE
from hf_rnn.training.describe import describe_model
from hf_rnn.training.results import write_results
from tests.results_document import results_document


WORDS = ["[PAD]", "[UNK]", "a", "fine", "film", "dull"]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run of a tiny BERT with code files and an `auto_map`, as a run of a model of the package has."""
    folder = tmp_path / "run"
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    model = BertForSequenceClassification(config)
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    saved = json.loads((folder / "config.json").read_text())
    saved["auto_map"] = {"AutoConfig": "configuration_rnn.BertConfig"}
    (folder / "config.json").write_text(json.dumps(saved))
    (folder / "configuration_rnn.py").write_text("raise RuntimeError\n")
    (folder / "optimizer.pt").write_bytes(b"state")
    (folder / CURVES_FILE).write_bytes(b"picture")
    write_results(results_document(model=describe_model(model, folder)), folder / "results.json")
    return folder
