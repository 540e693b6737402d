"""Tiny checkpoints with tokenizers, and a comparison that was never measured, for tests of comparing."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import tokenizers
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertTokenizer,
    PreTrainedTokenizerBase,
)

from hf_rnn.benchmark.comparison.report import MODEL, RATIOS, SCHEMA_VERSION, ratios, validate_comparison
from hf_rnn.benchmark.document import Document, describe_origin
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.models.configuration_rnn import BiLstmConfig
from hf_rnn.models.modeling_rnn import BiLstmForSequenceClassification, BiLstmModel
from hf_rnn.models.modeling_siamese import SiameseModel, SiamesePreTrainedModel


TEXTS = ["a fine film", "a dull film", "fine , fine !", "so dull and so long a film that nobody sat through it all"]
SENTENCES = [text.split() for text in TEXTS]
CLASSES = ("negative", "positive")
TAGS = ("O", "B-ORG", "I-ORG", "B-PER", "I-PER")
LIMIT = 12
BERT_SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def label_maps(names: Sequence[str]) -> dict[str, Any]:
    """What a configuration takes."""
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


def save_bert(folder: Path, names: Sequence[str] = CLASSES, tagger: bool = False, seed: int = 0) -> Path:
    """A BERT that starts at random, for at most `LIMIT` pieces of WordPiece, of which `film` has several."""
    tokenizer = word_pieces()
    config = bert_config(tokenizer, **label_maps(names))
    torch.manual_seed(seed)
    model = BertForTokenClassification(config) if tagger else BertForSequenceClassification(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def word_pieces() -> BertTokenizer:
    """Pieces of the words in `TEXTS`."""
    trained = tokenizers.BertWordPieceTokenizer()
    trained.train_from_iterator(TEXTS, vocab_size=48, min_frequency=1, show_progress=False)
    return BertTokenizer(vocab=trained.get_vocab())


def bert_config(tokenizer: PreTrainedTokenizerBase, **values: Any) -> BertConfig:
    """Configure a small BERT whose weights start far from zero."""
    return BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=LIMIT, initializer_range=1.0, **BERT_SIZES, **values
    )


def save_encoder(folder: Path) -> Path:
    """A BERT without a head, as `save_bert` makes it."""
    tokenizer = word_pieces()
    torch.manual_seed(0)
    BertModel(bert_config(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_siamese(folder: Path, model_class: type[SiamesePreTrainedModel] = SiameseModel, **values: Any) -> Path:
    """A siamese network of ours over a BiLSTM that starts at random; `values` of its configuration."""
    tokenizer = train_tokenizer(TEXTS, vocab_size=100, min_frequency=1, show_progress=False)
    torch.manual_seed(0)
    encoder = BiLstmModel(BiLstmConfig(vocab_size=len(tokenizer), embedding_size=8, hidden_size=6))
    model_class.from_encoder(encoder, **values).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_bilstm(folder: Path, names: Sequence[str] = CLASSES) -> Path:
    """A BiLSTM of ours that starts at random, stored in half precision."""
    tokenizer = train_tokenizer(TEXTS, vocab_size=100, min_frequency=1, show_progress=False)
    torch.manual_seed(0)
    config = BiLstmConfig(vocab_size=len(tokenizer), embedding_size=8, hidden_size=6, **label_maps(names))
    BiLstmForSequenceClassification(config).half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def model(name: str, **changes: Any) -> dict[str, Any]:
    """The figures of a model; `p50`, `size_bytes` and others may be given."""
    p50 = changes.pop("p50", 2.0)
    figures: dict[str, Any] = {
        "name": name,
        "class": "BertForTokenClassification",
        "model_type": "bert",
        "random": False,
        "tokenizer_of": None,
        "parameters": 1_000_000,
        "size_bytes": 4_000_000,
        "dtype": "float32",
        "quality": {"f1": 0.9, "accuracy": 0.98},
        "latency_ms": {"p50": p50, "p95": 2 * p50, "repeats": {"p50": [p50], "p95": [2 * p50]}},
        "throughput": {
            "texts_per_second": 1000 / p50,
            "tokens_per_second": 20_000 / p50,
            "texts": 10,
            "tokens": 200,
            "repeats_seconds": [p50 / 100],
        },
        "memory_mb": {"over_imports": 50.0, "imports": 400.0, "peak": 450.0},
        "load_seconds": {"median": 0.5, "repeats": [0.5]},
        "training": None,
    }
    assert figures.keys() == MODEL.keys()
    return figures | changes


def document(**changes: Any) -> Document:
    """Make a document of two trained models, one with random weights, and a cited figure."""
    models = [
        model(
            "minilm",
            parameters=22_000_000,
            size_bytes=90_000_000,
            p50=18.0,
            quality={"f1": 0.91, "accuracy": 0.98},
            training={"minutes": 30.25, "epochs": 3.0, "seeds": 3},
        ),
        model("bert-base-cased", random=True, quality=None, p50=90.0, tokenizer_of="minilm"),
        model(
            "bilstm-crf", model_type="bilstm", p50=2.0, memory_mb={"over_imports": 0.0, "imports": 1.0, "peak": 1.0}
        ),
    ]
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": "conll2003",
        "task": "token-classification",
        "quick": False,
        "metric": "f1",
        "dataset": {"source": "${HF_RNN_CORPORA}/conll2003/test.parquet", "texts": 3453, "labels": ["O", "B-PER"]},
        "baseline": "minilm",
        "models": models,
        "ratios": ratios(models, "minilm"),
        "cited": [{"name": "bert-base", "value": 0.924, "source": "Devlin et al. 2019"}],
        "method": "How it was measured.",
        "effort": {"latency_texts": 200, "latency_rounds": 3, "throughput_texts": 1024, "throughput_rounds": 3},
        "batch_size": 32,
        "threads": {"one_text": 1, "batches": None},
        "arguments": {},
        "other_load_cores": {"before": 0.1, "after": 0.05},
        **describe_origin(),
    }
    assert set(values["ratios"]["minilm"]) == set(RATIOS)
    return validate_comparison(deepcopy(values | changes))
