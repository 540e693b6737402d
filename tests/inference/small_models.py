"""Tiny models of every kind, saved at random weights, and files of texts for them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, set_seed

import hf_rnn
from hf_rnn.data.tokenizers.pair_template import with_pair_template
from hf_rnn.data.tokenizers.training import train_tokenizer


WORDS = [f"word{index}" for index in range(40)]
TOKENIZER = train_tokenizer([" ".join(WORDS)], min_frequency=1, show_progress=False)
SIZES = {"vocab_size": len(TOKENIZER), "embedding_size": 6, "hidden_size": 5}
TEXTS = [" ".join(WORDS[start : start + 1 + 7 * start % 11]) for start in range(23)]


def saved(folder: Path, model: PreTrainedModel, tokenizer: Any = TOKENIZER) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def classifier(folder: Path, **config: Any) -> str:
    set_seed(0)
    config = {"num_labels": 3, "id2label": {0: "bad", 1: "so so", 2: "good"}, **SIZES, **config}
    return saved(folder / "classifier", hf_rnn.BiLstmForSequenceClassification(hf_rnn.BiLstmConfig(**config)))


def tagger(folder: Path) -> str:
    set_seed(1)
    names = dict(enumerate(["O", "B-PER", "I-PER"]))
    config = hf_rnn.BiLstmConfig(**SIZES, id2label=names, label2id={name: index for index, name in names.items()})
    return saved(folder / "tagger", hf_rnn.BiLstmForTokenClassification(config))


def siamese(folder: Path, kind: Any = hf_rnn.SiameseModel, **config: Any) -> str:
    set_seed(0)
    encoder = hf_rnn.BiLstmModel(hf_rnn.BiLstmConfig(**SIZES))
    return saved(folder / "siamese", kind.from_encoder(encoder, **config), with_pair_template(TOKENIZER))


def language_model(folder: Path, tokenizer: Any = TOKENIZER) -> str:
    set_seed(0)
    model = hf_rnn.LstmForCausalLM(hf_rnn.LstmConfig(**{**SIZES, "vocab_size": len(tokenizer)}))
    # A model that was trained writes no padding.
    with torch.no_grad():
        model.lm_head.bias[TOKENIZER.pad_token_id] = -100
    return saved(folder / "lm", model, tokenizer)


def texts_file(folder: Path, texts: Sequence[str] = TEXTS) -> Path:
    path = folder / "new.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["id", "text"], *enumerate(texts)])
    return path


def rows_of(path: str | Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def lines_of(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
