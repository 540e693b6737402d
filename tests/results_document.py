"""A complete results document for tests of what is made from one."""

from __future__ import annotations

import copy
from typing import Any


_DOCUMENT: dict[str, Any] = {
    "schema_version": 2,
    "task": "text-classification",
    "name": "bilstm-imdb",
    "model": {
        "class": "BiLstmForSequenceClassification",
        "model_type": "bilstm",
        "base_model": None,
        "parameters": 2_345_678,
        "size_bytes": 9_400_123,
        "dtype": "float32",
        "config": {"hidden_size": 128, "pooling": "mean_max", "hidden_sizes": [64, 32]},
    },
    "dataset": {
        "name": "imdb",
        "hub_id": "stanfordnlp/imdb",
        "source": "${HF_RNN_CORPORA}/imdb/train.parquet",
        "splits": {"train": 20_000, "validation": 5_000, "test": 25_000},
        "notes": None,
    },
    "metrics": {
        "validation": {"accuracy": 0.9134, "f1": 0.9140, "loss": 0.2412},
        "test": {"accuracy": 0.9071, "f1": 0.9068, "loss": 0.2533},
    },
    "training": {
        "minutes": 21.37,
        "epochs": 4.0,
        "steps": 1252,
        "best_step": 939,
        "selection": {"split": "validation", "metric": "accuracy"},
        "arguments": {
            "learning_rate": 0.001,
            "num_train_epochs": 4,
            "train_file": "${HF_RNN_CORPORA}/imdb/train.parquet",
        },
        "seed": 42,
        "data_seed": 42,
        "threads": 2,
    },
    "machine": {
        "cpu": "Some Processor",
        "cores": 2,
        "memory_gib": 23.4,
        "platform": "Linux",
        "torch_threads": 2,
        "bf16": True,
        "amx": False,
    },
    "versions": {"python": "3.11.7", "hf_rnn": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"},
    "recipe": "scripts/recipes/imdb_bilstm.json",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "dirty": False,
    "date": "2026-01-02T03:04:05+00:00",
    "seeds": 1,
    "runs": None,
}


def results_document(**changes: Any) -> dict[str, Any]:
    """A valid document; a change is named by its path with `__` for the dots (`dataset__name="other"`)."""
    document = copy.deepcopy(_DOCUMENT)
    for path, value in changes.items():
        *parents, key = path.split("__")
        section = document
        for parent in parents:
            section = section[parent]
        section[key] = value
    return document
