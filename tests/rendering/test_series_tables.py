"""The table of forecasts: a row for each horizon, the best of what was measured in bold."""

from __future__ import annotations

from typing import Any

from hf_rnn.rendering.series_tables import series_table, series_titles
from tests.results_document import results_document


def document(steps: int, mse: float, linear: float, **changes: Any) -> dict[str, Any]:
    return {
        **results_document(task="time-series-forecasting", dataset__name=f"Loads alone, {steps} hours", **changes),
        "model": {"class": "GruForTimeSeriesPrediction", "config": {"prediction_length": steps}},
        "metrics": {"test": {"mse": mse, "mae": mse / 2}},
        "baselines": [{"name": "linear", "metrics": {"test": {"mse": linear, "mae": linear / 2}}}],
        "recipe": None,
    }


def test_each_horizon_is_a_row_and_the_best_that_was_measured_is_bold() -> None:
    rows = [document(48, 0.25, 0.2), document(24, 0.1, 0.2), results_document()]
    published = {"LSTMa": {"what": "…", "Loads alone": {"24": {"mse": 0.05, "mae": 0.03}}}, "Other": {"what": "…"}}
    titles = series_titles(rows)
    assert list(titles) == ["Loads alone"] and len(titles["Loads alone"]) == 2
    assert series_table("Loads alone", titles["Loads alone"], published).splitlines() == [
        "| Steps | GruForTimeSeriesPrediction | linear | LSTMa, published; not measured here |",
        "| ---: | ---: | ---: | ---: |",
        "| 24 | **0.100 / 0.050** | 0.200 / 0.100 | 0.050 / 0.030 |",
        "| 48 | 0.250 / 0.125 | **0.200 / 0.100** |  |",
    ]
