"""Small runs of time series: two sines of ten hours, which a few seconds of training learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hf_rnn.data.readers.series.arguments import SeriesDataArguments
from hf_rnn.tasks.arguments import ReportArguments
from hf_rnn.tasks.time_series.arguments import SeriesModelArguments
from hf_rnn.tasks.time_series.task import run_time_series
from hf_rnn.training.arguments import RecurrentTrainingArguments


SMALL = {"hidden_size": 16, "embedding_size": 16}
OF_MODEL = {"model_type", "instance_norm", "patch_length", "channel_independent", "quantiles", "season_length"}
OF_DATA = set(SeriesDataArguments.__dataclass_fields__)


def sines(rows: int = 400, noise: float = 0.05, seed: int = 0) -> pd.DataFrame:
    """Hours, a sine of ten hours at 100, one of twice its size at 20, and a column that is known ahead."""
    random, steps = np.random.default_rng(seed), np.arange(rows)
    phase = 2 * np.pi * steps / 10
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "a": 100 + np.sin(phase) + noise * random.normal(size=rows),
            "b": 20 + 2 * np.cos(phase) + noise * random.normal(size=rows),
            "night": (steps % 24 < 6).astype(int),
        }
    )


def write_sines(folder: Path, rows: int = 400, **options: Any) -> dict[str, Any]:
    """The flags of the data, written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    sines(rows, **options).to_csv(folder / "sines.csv", index=False)
    return {"train_file": str(folder / "sines.csv"), "target_columns": "a,b"}


def run(output: Path, overrides: dict[str, Any] = SMALL, **changes: Any) -> dict[str, Any]:
    """The results of a small run; `changes` are flags of any group."""
    changes = {"prediction_length": 5, "context_length": 20, **changes}
    model = {name: changes.pop(name) for name in OF_MODEL & changes.keys()}
    data = {name: changes.pop(name) for name in OF_DATA & changes.keys()}
    training: dict[str, Any] = {
        "do_train": True,
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 1,
        "num_train_epochs": 3,
        "learning_rate": 0.01,
        **changes,
    }
    return run_time_series(
        SeriesModelArguments(config_overrides=json.dumps(overrides), **model),
        SeriesDataArguments(**data),
        ReportArguments(report_name="small"),
        RecurrentTrainingArguments(output_dir=str(output), **training),
        recipe="recipe.json",
    )
