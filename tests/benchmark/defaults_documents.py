"""Cells that were never measured, for tests of their tables."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hf_rnn.benchmark.defaults.report import CELL, SCHEMA_VERSION


def cell(corpus: str = "trec", size: str = "200", kind: str = "classes", **changes: Any) -> dict[str, Any]:
    """A measured cell. `figure`, `standard_error` and `seconds` are those of the default command; other names are the
    fields of a cell.
    """
    default = {
        "command": "hf-rnn train text-classification train.csv --test_file held_out.csv",
        "seconds": changes.pop("seconds", 23.4),
        "minutes": 0.12,
        "figure": changes.pop("figure", 0.8),
        "standard_error": changes.pop("standard_error", 0.01),
        "size_bytes": 2_600_000,
        "parameters": 270_598,
        "rows": {"train": 180, "validation": 20},
        "arguments": {},
    }
    measured = {"status": "measured", "standard_error": 0.01, "seconds": 2.5, "size_bytes": 1_500_000, "options": {}}
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "corpus": corpus,
        "kind": kind,
        "size": size,
        "train_size": 200,
        "held_out_size": 1000,
        "default": default,
        "baselines": [{"name": "TF-IDF + logistic regression", "figure": 0.75, "seconds": 0.4, "options": {"C": 1.0}}],
        "peers": {
            "counting": measured | {"figure": 0.76, "size_bytes": None, "options": {"name": "TF-IDF"}},
            "nb-svm": measured | {"figure": 0.77},
            "fasttext": {"status": "missing", "reason": "not installed: fasttext", "install": "pip install fasttext"},
            "minilm": measured | {"figure": 0.9, "seconds": 20.4},
        },
        "draws": [{"default": default["figure"], "baselines": {}, "peers": {}}],
        "seed": 0,
        "threads": 1,
        "minutes": 1.2,
        "other_load_cores": 0.5,
        "machine": {"cpu": "a processor", "cores": 2, "torch_threads": 1},
        "versions": {"hf_rnn": "0.1.0"},
        "commit": "0123456789abcdef",
        "dirty": False,
        "date": "2026-11-29T09:42:08+00:00",
    }
    assert values.keys() == CELL.keys()
    return deepcopy(values | changes)
