"""Models of time series: beside a computation in numpy, exact under padding, rolled out by the state."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForTimeSeriesPrediction

from hf_rnn.models.configuration_rnn import BiLstmConfig, DanConfig, ElmanConfig, GruConfig, LstmConfig, MinGruConfig
from hf_rnn.models.modeling_rnn import (
    GruForSequenceClassification,
    GruForTimeSeriesPrediction,
    RecurrentForTimeSeriesPrediction,
)
from hf_rnn.models.series_inputs import read_inputs


FAMILIES = {
    "bilstm": BiLstmConfig,
    "lstm": LstmConfig,
    "gru": GruConfig,
    "elman": ElmanConfig,
    "min_gru": MinGruConfig,
}
NORMS = ("revin", "last", "none")
STEPS, CHANNELS = 6, 3


def build(family: str = "gru", seed: int = 0, **options: Any) -> Any:
    """A model in double precision whose learnt scale and shift are not those of the beginning."""
    values = {
        "vocab_size": None,
        "embedding_size": 7,
        "hidden_size": 5,
        "prediction_length": STEPS,
        "num_channels": CHANNELS,
        "channel_independent": False,
        "instance_norm": "revin",
        "channel_means": [1.0, -2.0, 30.0],
        "channel_scales": [2.0, 0.5, 10.0],
    }
    torch.manual_seed(seed)
    model = AutoModelForTimeSeriesPrediction.from_config(FAMILIES[family](**{**values, **options})).double().eval()
    for parameter in (model.norm.weight, model.norm.bias):
        if parameter is not None:
            torch.nn.init.normal_(parameter, 0.9, 0.2)
    return model


def series(batch: int = 4, time: int = 12, channels: int = CHANNELS, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, time, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 5


def by_hand(model: Any, values: np.ndarray) -> np.ndarray:
    """(batch, steps, channels) of contexts without padding, by the equations in numpy; the recurrent layers alone are
    the model's own.
    """
    config = model.config
    means, stds = np.array(config.channel_means), np.array(config.channel_scales)
    scaled = (values - means) / stds
    if config.instance_norm == "revin":
        level = scaled.mean(1, keepdims=True)
        scale = np.sqrt(scaled.var(1, keepdims=True) + 1e-5)
    else:
        level, scale = scaled[:, -1:] * (config.instance_norm == "last"), 1.0
    read = (scaled - level) / scale
    gamma, beta, least = 1.0, 0.0, 0.0
    if config.instance_norm == "revin":
        least = 1e-10
        gamma, beta = model.norm.weight.detach().numpy(), model.norm.bias.detach().numpy()
    read = read * gamma + beta
    both = np.concatenate([read, np.ones_like(read)], 2)
    patches = both.reshape(len(both), -1, config.patch_length * both.shape[2])
    embedded = patches @ model.projection.weight.detach().numpy().T + model.projection.bias.detach().numpy()
    pooled = model.model(inputs_embeds=torch.tensor(embedded)).pooler_output.detach().numpy()
    head = model.head.output
    flat = pooled @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    answers = flat.reshape(len(flat), config.prediction_length, -1)
    return ((answers - beta) / (gamma + least) * scale + level) * stds + means


@pytest.mark.parametrize(("family", "norm", "patch"), list(itertools.product(FAMILIES, NORMS, (1, 3))))
def test_it_computes_what_the_equations_say(family: str, norm: str, patch: int) -> None:
    model, values = build(family, instance_norm=norm, patch_length=patch), series()
    found = model(values).prediction_outputs.detach().numpy()
    np.testing.assert_allclose(found, by_hand(model, values.numpy()), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("norm", "patch", "alone"), list(itertools.product(NORMS, (1, 4), (False, True))))
@pytest.mark.parametrize("family", ["gru", "bilstm"])
def test_padding_on_either_side_changes_nothing(family: str, norm: str, patch: int, alone: bool) -> None:
    options = {"num_time_features": 2, "quantiles": [0.1, 0.9], "num_hidden_layers": 2}
    model = build(family, instance_norm=norm, patch_length=patch, channel_independent=alone, **options)
    values, known, future = series(), series(channels=2, seed=2), series(time=STEPS, channels=2, seed=3)
    lengths = [12, 5, 9, 1]
    masks = {side: torch.zeros(4, 12) for side in ("left", "right", "holes")}
    padded = {side: (torch.full_like(values, 1e6), torch.full_like(known, -1e6)) for side in masks}
    places = {}
    for row, length in enumerate(lengths):
        places[row] = {
            "left": list(range(12 - length, 12)),
            "right": list(range(length)),
            "holes": sorted(np.random.default_rng(row).permutation(12)[:length].tolist()),
        }
        for side, place in places[row].items():
            masks[side][row, place] = 1
            padded[side][0][row, place] = values[row, :length]
            padded[side][1][row, place] = known[row, :length]
    for side, mask in masks.items():
        together = model(padded[side][0], mask, past_time_features=padded[side][1], future_time_features=future)
        for row, length in enumerate(lengths):
            one = slice(row, row + 1)
            single = model(
                values[one, :length], past_time_features=known[one, :length], future_time_features=future[one]
            )
            for name in ("prediction_outputs", "quantile_outputs"):
                torch.testing.assert_close(
                    together[name][one], single[name], rtol=1e-9, atol=1e-9, msg=f"{side} {row}"
                )


@pytest.mark.parametrize("norm", NORMS)
def test_the_last_real_value_counts_and_the_one_before_the_padding_too(norm: str) -> None:
    model, values = build(instance_norm=norm), series()
    mask = torch.ones(4, 12)
    mask[:, 8:] = 0
    changed = values.clone()
    changed[:, 7] += 1
    before, after = (model(each, mask).prediction_outputs for each in (values, changed))
    assert (before - after).abs().amin((1, 2)).min() > 1e-6
    changed = values.clone()
    changed[:, 8:] += 1
    assert torch.equal(model(changed, mask).prediction_outputs, before)


@pytest.mark.parametrize("norm", NORMS)
def test_what_stands_at_a_missing_value_changes_nothing_and_nan_is_missing(norm: str) -> None:
    model, values = build(instance_norm=norm, patch_length=2), series()
    observed = torch.ones_like(values)
    observed[0, 3, 1] = observed[1, 11] = observed[2, :, 2] = 0
    spoilt, holes = values.clone(), values.clone()
    spoilt[observed == 0], holes[observed == 0] = 1e5, float("nan")
    expected = model(values, past_observed_mask=observed).prediction_outputs
    assert torch.equal(model(spoilt, past_observed_mask=observed).prediction_outputs, expected)
    assert torch.equal(model(holes).prediction_outputs, expected)
    assert expected.isfinite().all()
    assert not torch.allclose(model(values).prediction_outputs[:3], expected[:3])


def test_the_scale_of_revin_is_that_of_the_values_that_are_observed() -> None:
    model, values = build(), series(1)
    values[0, 4:7, 0] = float("nan")
    scaled = (values[0, :, 0].numpy() - 1) / 2
    kept = scaled[np.isfinite(scaled)]
    inputs = read_inputs(model.config, values, None, None, None, torch.float64)
    scale = model.norm.measure(inputs.values, inputs.observed)
    np.testing.assert_allclose(scale.shift[0, 0, 0].item(), kept.mean())
    np.testing.assert_allclose(scale.scale[0, 0, 0].item(), np.sqrt(kept.var() + 1e-5))


@pytest.mark.parametrize("norm", ["revin", "last"])
def test_a_context_at_another_level_has_the_same_prediction_there(norm: str) -> None:
    model, values = build(instance_norm=norm), series()
    moved = model(values + 1000).prediction_outputs
    torch.testing.assert_close(moved, model(values).prediction_outputs + 1000, rtol=1e-6, atol=1e-6)


def test_a_constant_series_has_a_finite_prediction() -> None:
    for norm in NORMS:
        found = build(instance_norm=norm)(torch.full((2, 12, CHANNELS), 7.0, dtype=torch.float64))
        assert found.prediction_outputs.isfinite().all()


@pytest.mark.parametrize("patch", [1, 3])
def test_independent_channels_are_those_of_a_model_of_one(patch: int) -> None:
    model, values = (
        build(channel_independent=True, patch_length=patch, channel_means=None, channel_scales=None),
        series(),
    )
    single = build(num_channels=1, patch_length=patch, channel_means=None, channel_scales=None)
    single.load_state_dict(model.state_dict())
    expected = torch.cat([single(values[..., [channel]]).prediction_outputs for channel in range(CHANNELS)], 2)
    torch.testing.assert_close(model(values).prediction_outputs, expected)


@pytest.mark.parametrize("alone", [False, True])
def test_the_loss_is_that_of_the_scaled_targets_that_count(alone: bool) -> None:
    levels = [0.1, 0.5, 0.9]
    model, values = build(quantiles=levels, channel_independent=alone), series()
    targets = series(time=STEPS, seed=5)
    targets[1, 2, 0] = float("nan")
    counted = torch.ones_like(targets)
    counted[0, :, 2] = 0
    found = model(values, future_values=targets, future_observed_mask=counted)
    stds = np.array(model.config.channel_scales)
    keep = (counted.numpy() == 1) & np.isfinite(targets.numpy())
    errors = ((targets - found.prediction_outputs).detach().numpy() / stds)[keep]
    pinball = []
    for index, level in enumerate(levels):
        missed = ((targets - found.quantile_outputs[..., index]).detach().numpy() / stds)[keep]
        pinball.append(np.where(missed > 0, level * missed, (level - 1) * missed).mean())
    np.testing.assert_allclose(found.loss.item(), (errors**2).mean() + np.mean(pinball))
    without = model(values, future_values=torch.full_like(targets, float("nan"))).loss
    assert without.item() == 0


def test_quantiles_never_cross() -> None:
    model = build(quantiles=[0.05, 0.25, 0.5, 0.75, 0.95])
    found = model(series(16)).quantile_outputs
    assert (found.diff(dim=-1) >= 0).all() and (found.diff(dim=-1) > 0).any()


def test_quantiles_are_learnt() -> None:
    """A model of noise that nothing predicts learns the quantiles of the noise."""
    torch.manual_seed(0)
    noise = torch.randn(2048, 9, 1)
    model = GruForTimeSeriesPrediction(
        GruConfig(
            vocab_size=None, embedding_size=4, hidden_size=4, prediction_length=1, instance_norm="none",
            quantiles=[0.1, 0.5, 0.9],
        )
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        model(noise[:, :8], future_values=noise[:, 8:]).loss.backward()
        optimizer.step()
    found = model(noise[:, :8]).quantile_outputs.detach().mean((0, 1, 2)).numpy()
    np.testing.assert_allclose(found, [-1.28, 0.0, 1.28], atol=0.15)


@pytest.mark.parametrize(
    ("family", "patch", "alone"), list(itertools.product(("lstm", "gru", "elman"), (1, 3), (0, 1)))
)
def test_the_roll_out_by_the_state_is_what_reading_all_again_gives(family: str, patch: int, alone: int) -> None:
    options = {"instance_norm": "none", "patch_length": patch, "channel_independent": bool(alone)}
    model, values = build(family, num_hidden_layers=2, **options), series()
    found = model.forecast(values, 20, carry_state=True).prediction_outputs
    assert found.shape == (4, 20, CHANNELS)
    expected, read = [], values
    for _ in range(4):
        expected.append(model(read).prediction_outputs)
        read = torch.cat([read, expected[-1]], 1)
    torch.testing.assert_close(found, torch.cat(expected, 1)[:, :20])


@pytest.mark.parametrize("norm", ["revin", "last"])
def test_the_roll_out_by_the_state_keeps_the_scale_of_the_context_and_reads_what_is_known_ahead(norm: str) -> None:
    known, future = series(channels=2, seed=2), series(time=14, channels=2, seed=3)
    model, values = build(instance_norm=norm, num_time_features=2), series()
    found = model.forecast(
        values, 14, past_time_features=known, future_time_features=future, carry_state=True
    ).prediction_outputs
    ahead = torch.nn.functional.pad(future, (0, 0, 0, 4))
    inputs = read_inputs(model.config, values, None, None, known, torch.float64)
    scale = model.norm.measure(inputs.values, inputs.observed)
    read, expected = inputs, []
    for start in (0, 6, 12):
        predicted = model._predict(read, ahead[:, start : start + 6], scale=scale).values[..., 0]
        expected.append(predicted)
        ones = torch.ones_like(predicted)
        read = type(read)(
            torch.cat([read.values, predicted], 1),
            torch.cat([read.observed, ones], 1),
            torch.cat([read.known, ahead[:, start : start + 6]], 1),
            torch.cat([read.mask, ones[..., 0].bool()], 1),
        )
    stds, means = torch.tensor(model.config.channel_scales), torch.tensor(model.config.channel_means)
    torch.testing.assert_close(found, torch.cat(expected, 1)[:, :14] * stds + means)


@pytest.mark.parametrize("carry_state", [False, True])
def test_the_roll_out_reads_padded_contexts_as_if_alone(carry_state: bool) -> None:
    model, values = build(patch_length=2), series()
    mask = torch.ones(4, 12)
    mask[1, 7:] = mask[2, :4] = 0
    together = model.forecast(values, 18, mask, carry_state=carry_state).prediction_outputs
    for row, real in ((1, slice(7)), (2, slice(4, None))):
        alone = model.forecast(values[row : row + 1, real], 18, carry_state=carry_state).prediction_outputs
        torch.testing.assert_close(together[row : row + 1], alone)


@pytest.mark.parametrize(("family", "norm"), list(itertools.product(("gru", "bilstm"), NORMS)))
def test_the_roll_out_reads_the_last_steps_anew(family: str, norm: str) -> None:
    options = {"instance_norm": norm, "pooling": "mean", "patch_length": 4, "num_time_features": 2}
    known, future = series(channels=2, seed=2), series(time=18, channels=2, seed=3)
    model, read, features = build(family, **options), series(), known
    found = model.forecast(read, 18, past_time_features=known, future_time_features=future).prediction_outputs
    for start in (0, 6, 12):
        ahead = future[:, start : start + 6]
        one = model(read, past_time_features=features, future_time_features=ahead).prediction_outputs
        torch.testing.assert_close(found[:, start : start + 6], one)
        read, features = torch.cat([read, one], 1)[:, -12:], torch.cat([features, ahead], 1)[:, -12:]


@pytest.mark.parametrize(
    ("family", "options", "said"),
    [
        ("bilstm", {}, "`bidirectional` is True"),
        ("gru", {"pooling": "mean"}, "`pooling` is 'mean', not 'last'"),
        ("gru", {"patch_length": 4}, "`prediction_length` is no multiple of `patch_length`, 4"),
    ],
)
def test_a_model_that_cannot_go_on_says_why(family: str, options: dict[str, Any], said: str) -> None:
    model, values = build(family, **options), series()
    assert torch.equal(model.forecast(values, 4).prediction_outputs, model(values).prediction_outputs[:, :4])
    with pytest.raises(ValueError, match="`steps`=7 must be at most `prediction_length`=6") as error:
        model.forecast(values, 7, carry_state=True)
    assert said in str(error.value)
    with pytest.raises(ValueError, match="`steps`=0"):
        model.forecast(values, 0)


@pytest.mark.parametrize("norm", NORMS)
def test_it_is_saved_and_loaded_by_the_auto_class(tmp_path: Path, norm: str) -> None:
    model = build(instance_norm=norm, quantiles=[0.1, 0.9], target_columns=["a", "b", "c"]).float()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForTimeSeriesPrediction.from_pretrained(tmp_path)
    assert type(loaded) is GruForTimeSeriesPrediction
    values = series().float()
    assert torch.equal(loaded(values).prediction_outputs, model(values).prediction_outputs)
    assert loaded.config.to_diff_dict() == model.config.to_diff_dict()
    assert "AutoModelForTimeSeriesPrediction" in loaded.config.auto_map


def test_a_backbone_that_is_loaded_alone_gets_a_new_head_that_starts_from_the_identity(tmp_path: Path) -> None:
    model = build().float()
    model.model.save_pretrained(tmp_path)
    loaded = AutoModelForTimeSeriesPrediction.from_pretrained(tmp_path)
    for name, value in model.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value), name
    assert torch.equal(loaded.norm.weight, torch.ones(CHANNELS)) and torch.equal(loaded.norm.bias, torch.zeros(3))


def test_a_classifier_names_no_auto_class_of_series(tmp_path: Path) -> None:
    GruForSequenceClassification(GruConfig(vocab_size=20, embedding_size=4, hidden_size=4)).save_pretrained(tmp_path)
    assert "TimeSeries" not in (tmp_path / "config.json").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prediction_length": None}, "`prediction_length` is None"),
        ({"vocab_size": 20000}, "`vocab_size` is 20000; it must be None"),
    ],
)
def test_a_configuration_that_makes_no_such_model_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="cannot be made of this configuration") as error:
        RecurrentForTimeSeriesPrediction(GruConfig(**{"vocab_size": None, "prediction_length": 2, **options}))
    assert said in str(error.value)
    assert "AutoModelForTimeSeriesPrediction" not in DanConfig.head_classes()
    with pytest.raises(ValueError, match="without a recurrence"):
        RecurrentForTimeSeriesPrediction(DanConfig(vocab_size=None, prediction_length=2))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"prediction_length": 0}, "prediction_length"),
        ({"patch_length": 0}, "patch_length"),
        ({"num_channels": 0}, "num_channels"),
        ({"num_time_features": -1}, "num_time_features"),
        ({"quantiles": [0.5, 0.1]}, "quantiles"),
        ({"quantiles": []}, "quantiles"),
        ({"quantiles": [0.0, 0.5]}, "quantiles"),
        ({"channel_means": [1.0, 2.0]}, "channel_means"),
        ({"channel_scales": [0.0]}, "channel_scales"),
        ({"target_columns": ["a", "b"]}, "target_columns"),
        ({"known_future_columns": ["a"]}, "known_future_columns"),
    ],
)
def test_fields_out_of_their_range_are_named(options: dict[str, Any], name: str) -> None:
    with pytest.raises(Exception, match=f"`{name}`"):
        GruConfig(**{"vocab_size": None, "prediction_length": 2, **options})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"past_values": series(channels=2)}, "past_values"),
        ({"attention_mask": torch.ones(4, 11)}, "attention_mask"),
        ({"past_observed_mask": torch.ones(4, 12)}, "past_observed_mask"),
        ({"past_time_features": series(channels=2)}, "past_time_features"),
        ({"future_time_features": series(channels=2)}, "future_time_features"),
        ({"future_values": series(time=5)}, "future_values"),
        ({"future_values": series(time=6), "future_observed_mask": torch.ones(4, 6)}, "future_observed_mask"),
    ],
)
def test_inputs_of_another_shape_are_named(given: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`"):
        build()(**{"past_values": series(), **given})
    if "time_features" in name:
        with pytest.raises(ValueError, match="time_features` is None"):
            build(num_time_features=2)(series())
