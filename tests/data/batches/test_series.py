"""Windows over series, cut when they are asked for, within their part of the time."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hf_rnn.data.batches.series import SeriesScales, SeriesWindows, part_bounds, training_scales
from hf_rnn.data.readers.series.reader import Series


def count(rows: int, start: int = 0, channels: int = 2, known: int = 0) -> Series:
    """A series whose values tell series, row and channel."""
    values = start + np.arange(rows)[:, None] + 0.25 * np.arange(channels)
    return Series(str(start), values, 1000 + values[:, :known], None, None)


def test_windows_are_all_places_whose_targets_lie_in_the_part() -> None:
    series = [count(30), count(9, 100), count(20, 200)]
    bounds = [(10, 25), (2, 9), (12, 20)]
    windows = SeriesWindows(series, bounds, 6, 3)
    found = [(window["past_values"][:, 0], window["future_values"][:, 0]) for window in windows]
    expected = []
    for each, (low, high) in zip(series, bounds, strict=True):
        for first in range(low, high - 2):
            if first >= 6:
                expected.append((each.values[first - 6 : first, 0], each.values[first : first + 3, 0]))
    assert len(windows) == len(found) == len(expected) == 13 + 1 + 6
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_the_contexts_of_validation_reach_back_and_its_targets_do_not() -> None:
    train, validation, _ = part_bounds(100, 60, 20, 20).values()
    windows = SeriesWindows([count(100)], [validation], 10, 5)
    first, last = windows[0], windows[len(windows) - 1]
    assert first["past_values"][0, 0] == 50 and first["future_values"][0, 0] == 60
    assert last["future_values"][-1, 0] == 79
    learnt = SeriesWindows([count(100)], [train], 10, 5)
    assert max(window["future_values"].max() for window in learnt) < 60


def test_what_is_known_ahead_comes_with_both_sides() -> None:
    window = SeriesWindows([count(20, known=1)], [(0, 20)], 4, 2)[3]
    np.testing.assert_array_equal(window["past_time_features"][:, 0], 1000 + window["past_values"][:, 0])
    np.testing.assert_array_equal(window["future_time_features"][:, 0], 1000 + window["future_values"][:, 0])


def test_they_are_not_kept_in_memory() -> None:
    """A thousand times as many windows as rows of a context take no more than the series."""
    windows = SeriesWindows([count(200_000)], [(0, 200_000)], 1000, 100)
    assert len(windows) == 198_901
    held = sum(sys.getsizeof(value) for value in vars(windows).values())
    assert held < 2000 and windows.series[0].values.base is None or held < 2000
    assert windows[len(windows) - 1]["future_values"][-1, 0] == 199_999
    with pytest.raises(IndexError, match="`index`=198901"):
        windows[198_901]


@pytest.mark.parametrize(
    ("rows", "parts", "expected"),
    [
        (17420, (8640, 2880, 2880), [(0, 8640), (8640, 11520), (11520, 14400)]),
        (100, (None, 0.1, 0.2), [(0, 70), (70, 80), (80, 100)]),
        (10, (0.5, 0.1, 0.0), [(0, 5), (5, 6), (6, 6)]),
    ],
)
def test_parts_are_shares_or_rows(rows: int, parts: tuple, expected: list[tuple[int, int]]) -> None:
    assert list(part_bounds(rows, *parts).values()) == expected


@pytest.mark.parametrize("parts", [(None, 60, 60), (90, 10, 10), (0.9, 0.2, 0.0)])
def test_parts_that_do_not_fit_are_refused(parts: tuple) -> None:
    with pytest.raises(ValueError, match="`train_part`=.*`validation_part`=.*must leave rows to train on"):
        part_bounds(100, *parts)


def test_scales_are_those_of_the_training_rows_alone() -> None:
    series = [count(30), count(30, 100)]
    series[0].values[3, 0] = np.nan
    series[0].values[20:] = 1e9
    scales, known = training_scales(series, [(0, 20), (0, 10)])
    together = np.concatenate([series[0].values[:20], series[1].values[:10]])
    np.testing.assert_allclose(scales.means, np.nanmean(together, 0))
    np.testing.assert_allclose(scales.stds, np.nanstd(together, 0))
    assert known.means == [] and known.stds == []


def test_a_column_that_is_constant_has_the_scale_one() -> None:
    scales = SeriesScales([np.full((9, 1), 1e6 + 0.1)])
    assert scales.stds == [1.0] and scales.means == [pytest.approx(1e6 + 0.1)]
