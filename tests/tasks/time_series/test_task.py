"""Time series from a table to measured results: split by time, scaled by training, beside forecasts of no network."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForTimeSeriesPrediction

from hf_rnn.cli import evaluate, predict
from hf_rnn.cli.train_line import TrainLine
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.hub.staging import stage
from hf_rnn.inference.output import OutputExistsError
from hf_rnn.inference.series_files import predict_series
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.evaluation import evaluate_file
from hf_rnn.tasks.start import NothingToDoError
from tests.tasks.small_series_runs import run, sines, write_sines


@dataclass
class Trained:
    """A run of a few seconds with quantiles, its table and its results."""

    folder: Path
    table: Path
    results: dict[str, Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("series")
    data = write_sines(folder)
    results = run(
        folder / "run", **data, quantiles="0.1,0.9", patch_length=5, do_eval=True, do_predict=True, num_train_epochs=12
    )
    return Trained(folder / "run", folder / "sines.csv", results)


def windows_by_hand(values: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    starts = range(max(low, 20), high - 4)
    return (
        np.stack([values[start - 20 : start] for start in starts]),
        np.stack([values[start : start + 5] for start in starts]),
    )


def test_it_learns_the_sines_and_beats_the_last_value(trained: Trained) -> None:
    assert trained.results == read_results(trained.folder / "results.json")
    test = trained.results["metrics"]["test"]
    naive = trained.results["baselines"][0]
    assert naive["name"] == "naive (last value)"
    assert test["mse"] < 0.1 < naive["metrics"]["test"]["mse"]
    assert 0.3 < test["coverage"] <= 1
    assert (trained.folder / "forecast.png").stat().st_size > 10_000


def test_its_figures_are_those_of_all_windows_of_the_test_part_scaled_by_training(trained: Trained) -> None:
    values = pd.read_csv(trained.table)[["a", "b"]].to_numpy()
    means, stds = values[:280].mean(0), values[:280].std(0)
    model = AutoModelForTimeSeriesPrediction.from_pretrained(trained.folder)
    np.testing.assert_allclose(model.config.channel_means, means)
    np.testing.assert_allclose(model.config.channel_scales, stds)
    for split, (low, high) in {"validation": (280, 320), "test": (320, 400)}.items():
        past, future = windows_by_hand(values, low, high)
        assert trained.results["dataset"]["splits"][split] == len(past) == high - low - 4
        with torch.no_grad():
            found = model(torch.tensor(past, dtype=torch.float32)).prediction_outputs.numpy()
        errors = future - found
        expected = {
            "mse": ((errors / stds) ** 2).mean(),
            "mae": np.abs(errors / stds).mean(),
            "mse_in_units": (errors**2).mean(),
            "mae_in_units": np.abs(errors).mean(),
        }
        for name, value in expected.items():
            assert trained.results["metrics"][split][name] == pytest.approx(value, rel=1e-4), (split, name)


def test_the_baselines_stand_beside_it_on_the_same_windows(trained: Trained) -> None:
    values = pd.read_csv(trained.table)[["a", "b"]].to_numpy()
    stds = values[:280].std(0)
    past, future = windows_by_hand(values, 320, 400)
    found = {each["name"]: each for each in trained.results["baselines"]}
    expected = {
        "naive (last value)": np.repeat(past[:, -1:], 5, 1),
        "seasonal naive": past[:, -10:-5],
    }
    for name, forecast in expected.items():
        mse = (((future - forecast) / stds) ** 2).mean()
        assert found[name]["metrics"]["test"]["mse"] == pytest.approx(mse, rel=1e-4)
    assert found["seasonal naive"]["options"] == {"season_length": 10}
    linear = found["linear (ridge on DLinear's decomposition)"]
    assert linear["metrics"]["test"]["mse"] < found["seasonal naive"]["metrics"]["test"]["mse"]


def test_later_rows_change_nothing_of_what_is_learnt(tmp_path: Path) -> None:
    """Scales, weights and the checkpoint that is chosen do not depend on the test part."""
    for name, spoilt in (("one", False), ("other", True)):
        data = write_sines(tmp_path / name)
        frame = pd.read_csv(data["train_file"])
        if spoilt:
            frame.loc[320:, "a"] = 1e4
        frame.to_csv(data["train_file"], index=False)
        run(tmp_path / name / "run", **data, do_eval=True, num_train_epochs=1, baseline=False)
    one, other = (
        AutoModelForTimeSeriesPrediction.from_pretrained(tmp_path / name / "run") for name in ("one", "other")
    )
    assert one.config.channel_means == other.config.channel_means
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_run_is_the_same_again_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    data = write_sines(tmp_path)
    options = {**data, "do_eval": True, "baseline": False}
    whole = run(tmp_path / "whole", **options, num_train_epochs=4, save_total_limit=8)
    again = run(tmp_path / "again", **options, num_train_epochs=4)
    assert again["metrics"] == whole["metrics"]
    checkpoints = sorted((tmp_path / "whole").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    resumed = tmp_path / "resumed"
    resumed.mkdir()
    checkpoints[1].rename(resumed / checkpoints[1].name)
    gone_on = run(resumed, **options, num_train_epochs=4)
    assert gone_on["metrics"] == whole["metrics"]


def test_many_series_are_divided_each_by_its_own_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    parts = [sines(rows, seed=rows).assign(shop=f"shop {rows}") for rows in (200, 100, 12)]
    pd.concat(parts).sample(frac=1, random_state=0).to_csv(tmp_path / "shops.csv", index=False)
    results = run(
        tmp_path / "run", train_file=str(tmp_path / "shops.csv"), target_columns="a", series_column="shop",
        known_future_columns="night", do_eval=True, do_predict=True, num_train_epochs=1,
    )  # fmt: skip
    assert results["dataset"]["splits"] == {"train": 140 - 24 + 70 - 24, "validation": 16 + 6, "test": 36 + 16}
    assert "1 of 3 series have fewer than 25 rows to train on and are left out: shop 12." in caplog.text
    assert results["model"]["config"]["known_future_columns"] == ["night"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"context_length": 300}, "`context_length`=300 and `prediction_length`=5 need 305 rows to train on; "),
        ({"test_part": 3}, "`test_part` gives 3 rows of a series at most; at least `prediction_length`=5 are needed"),
        ({"train_part": 500}, "`train_part`=500"),
        ({"validation_part": 0}, "`validation_part`=0 leaves no rows to select the model on"),
        ({"overrides": {"num_channels": 3}}, "`config_overrides` give `num_channels`=3, but that follows from"),
        ({"overrides": {"hiden_size": 3}}, "`hiden_size`"),
        ({"overrides": {"num_labels": 3}}, "`config_overrides` give `num_labels`=3, but this model has none"),
        ({"quantiles": "0.9,0.1"}, "`quantiles`='0.9,0.1' must be rising"),
        ({"model_type": "dan"}, "`model_type`='dan' must be one of bilstm, lstm, gru, elman"),
        ({"season_length": 0}, "`season_length`=0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        run(tmp_path / "run", **{**write_sines(tmp_path), "do_eval": True, **changes})
    assert said in str(error.value)
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_a_run_that_does_not_train_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingToDoError, match="`hf-rnn evaluate` measures a finished model"):
        run(tmp_path / "run", **write_sines(tmp_path), do_train=False, do_eval=True)


def test_a_season_that_is_longer_than_a_context_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    results = run(tmp_path / "run", **write_sines(tmp_path), season_length=24, do_eval=True, num_train_epochs=1)
    assert "`season_length`=24 must be from 1 to the length of the contexts, 20" in caplog.text
    assert len(results["baselines"]) == 2


def test_a_checkpoint_is_loaded_where_there_is_no_hf_rnn(trained: Trained, tmp_path: Path) -> None:
    write_model_card(trained.folder, trained.results, license="mit", language="zxx")
    staged = stage(str(trained.folder), str(tmp_path / "staged"), repo_id="ana/sines")
    assert staged.auto_classes[-1] == "AutoModelForTimeSeriesPrediction"
    card = (tmp_path / "staged" / "README.md").read_text()
    assert "time-series-forecasting" in card and "forecaster.forecast(past, steps=" in card


def test_the_card_s_snippet_runs(trained: Trained) -> None:
    card = write_model_card(trained.folder, trained.results, license="mit", language="zxx").read_text()
    snippet = card.split("```python\n")[1].split("```")[0].replace('"small"', repr(str(trained.folder)))
    names: dict[str, Any] = {}
    exec(snippet, names)
    assert names["forecaster"](names["past"]).prediction_outputs.shape == (1, 5, 2)


def read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_predict_writes_the_next_steps_with_their_times_and_quantiles(trained: Trained, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    sines(37).to_csv(new, index=False)
    predict.main([str(trained.folder), str(new), "--steps", "12", "--plot", str(tmp_path / "plot.png")])
    rows = read(tmp_path / "new.csv.predictions.csv")
    assert list(rows[0]) == ["when", "a", "a_q0.1", "a_q0.9", "b", "b_q0.1", "b_q0.9"]
    assert [row["when"] for row in rows[:2]] == ["2024-01-02 13:00:00", "2024-01-02 14:00:00"] and len(rows) == 12
    model = AutoModelForTimeSeriesPrediction.from_pretrained(trained.folder)
    past = torch.tensor(pd.read_csv(new)[["a", "b"]].to_numpy()[None, -20:], dtype=torch.float32)
    expected = model.forecast(past, 12)
    np.testing.assert_allclose([float(row["b"]) for row in rows], expected.prediction_outputs[0, :, 1], rtol=1e-5)
    np.testing.assert_allclose(
        [float(row["a_q0.9"]) for row in rows], expected.quantile_outputs[0, :, 0, 1], rtol=1e-5
    )
    truth = sines(49)["b"].to_numpy()[37:]
    assert np.abs(truth - [float(row["b"]) for row in rows]).mean() < 0.7
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    with pytest.raises(OutputExistsError, match="exists already"):
        predict.main([str(trained.folder), str(new)])


def test_rows_without_targets_are_steps_to_forecast(trained: Trained, tmp_path: Path) -> None:
    frame = sines(40)
    frame.loc[37:, ["a", "b"]] = np.nan
    frame["when"] = frame["when"].astype(str)
    frame.loc[38, "when"] = "2024-01-02 14:30:00"
    frame.to_csv(tmp_path / "new.csv", index=False)
    predict_series(str(trained.folder), str(tmp_path / "new.csv"))
    times = [row["when"] for row in read(tmp_path / "new.csv.predictions.csv")]
    assert times[:3] == ["2024-01-02 13:00:00", "2024-01-02 14:30:00", "2024-01-02 15:00:00"] and len(times) == 5


def test_what_is_known_ahead_is_read_behind_the_last_value(tmp_path: Path) -> None:
    frame = sines(200)
    frame["a"] += 5 * frame["night"]
    frame.to_csv(tmp_path / "all.csv", index=False)
    run(
        tmp_path / "run", train_file=str(tmp_path / "all.csv"), target_columns="a", known_future_columns="night",
        num_train_epochs=1, eval_strategy="no", load_best_model_at_end=False, validation_part=0, test_part=0,
        season_length=10, baseline=False,
    )  # fmt: skip
    frame.loc[190:, "a"] = np.nan
    for name, night in (("day", 0), ("night", 1)):
        frame.loc[190:, "night"] = night
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        predict_series(str(tmp_path / "run"), str(tmp_path / f"{name}.csv"), steps=7)
    day, night = (read(tmp_path / f"{name}.csv.predictions.csv") for name in ("day", "night"))
    assert len(day) == 7 and day[0]["a"] != night[0]["a"]
    with pytest.raises(ValueError, match="`steps`=11 need as many rows behind the last value, with night and without"):
        predict_series(str(tmp_path / "run"), str(tmp_path / "day.csv"), tmp_path / "more.csv", steps=11)


def test_predict_refuses_flags_that_are_for_other_models(
    trained: Trained, tmp_path: Path, small_classifier: Path
) -> None:
    sines(37).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(ValueError, match="`top_k`=3 must be absent"):
        predict.main([str(trained.folder), str(tmp_path / "new.csv"), "--top_k", "3"])
    with pytest.raises(ValueError, match="`steps`=3 is for a model of time series"):
        predict.main([str(small_classifier), str(tmp_path / "new.csv"), "--steps", "3"])
    with pytest.raises(ValueError, match="`target_columns`='a' must be 2 columns"):
        predict.main([str(trained.folder), str(tmp_path / "new.csv"), "--target_columns", "a"])


@pytest.fixture
def small_classifier(tmp_path: Path) -> Path:
    from hf_rnn import GruConfig, GruForSequenceClassification

    GruForSequenceClassification(GruConfig(vocab_size=9, embedding_size=3, hidden_size=3)).save_pretrained(
        tmp_path / "classifier"
    )
    return tmp_path / "classifier"


def test_evaluate_measures_every_window_of_a_file(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.csv"
    sines(60, seed=3).to_csv(new, index=False)
    evaluate.main([str(trained.folder), str(new), "--output", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["task"] == "time-series-forecasting" and found["data"]["rows"] == 60 - 24
    assert "time-series-forecasting on 36 windows" in capsys.readouterr().out
    past, future = windows_by_hand(sines(60, seed=3)[["a", "b"]].to_numpy(), 0, 60)
    model = AutoModelForTimeSeriesPrediction.from_pretrained(trained.folder)
    with torch.no_grad():
        errors = future - model(torch.tensor(past, dtype=torch.float32)).prediction_outputs.numpy()
    assert found["metrics"]["mae"] == pytest.approx(np.abs(errors / model.config.channel_scales).mean(), rel=1e-4)
    with pytest.raises(ValueError, match="has no series of 25 rows"):
        sines(24).to_csv(tmp_path / "short.csv", index=False)
        evaluate_file(str(trained.folder), str(tmp_path / "short.csv"), str(tmp_path / "b.json"))
    with pytest.raises(ValueError, match="`label_column_name`='a' was given"):
        evaluate_file(str(trained.folder), str(new), str(tmp_path / "c.json"), label_column_name="a")


def test_the_command_line_of_train() -> None:
    line = TrainLine.of(["time-series", "a.csv", "--target_columns", "x"])
    assert line.words == ["--train_file", "a.csv", "--target_columns", "x"]
    assert line.defaults["do_predict"] and "hold_out_percentage" not in line.defaults
    with pytest.raises(ValueError, match="`DATA`='b.csv' is one name too many: series are divided by time"):
        TrainLine.of(["time-series", "a.csv", "b.csv"])
