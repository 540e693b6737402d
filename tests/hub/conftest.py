"""A finished run, small enough for tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from hf_rnn.models.configuration_rnn import BiLstmConfig
from hf_rnn.models.modeling_rnn import BiLstmForSequenceClassification
from hf_rnn.runs.curves import CURVES_FILE
from hf_rnn.runs.describe import describe_model
from hf_rnn.runs.results import write_results
from tests.results_document import results_document


WORDS = ["[PAD]", "[UNK]", "a", "fine", "film", "dull"]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A tiny BiLSTM whose answers differ from text to text, saved with its code, its tokenizer and its results."""
    folder = tmp_path / "run"
    torch.manual_seed(0)
    model = BiLstmForSequenceClassification(BiLstmConfig(vocab_size=len(WORDS), embedding_size=8, hidden_size=8))
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(8)
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)
    (folder / "optimizer.pt").write_bytes(b"state")
    (folder / CURVES_FILE).write_bytes(b"picture")
    write_results(results_document(model=describe_model(model, folder)), folder / "results.json")
    return folder
