"""Time series read from tables: columns, times, numbers; and every odd thing said or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hf_rnn.data.readers.series.arguments import SeriesColumnArguments, SeriesDataArguments
from hf_rnn.data.readers.series.reader import SeriesTable, read_series
from hf_rnn.data.readers.series.times import Step, find_step, written


HOURS = pd.date_range("2024-01-01", periods=40, freq="h")


def table(path: Path, text: str, **options: str) -> SeriesTable:
    path.write_text(text, encoding="utf-8")
    return read_series(str(path), SeriesColumnArguments(**options))


def hourly(rows: list[str], header: str = "when,load") -> str:
    return "\n".join([header, *(f"{time},{row}" for time, row in zip(HOURS, rows, strict=False))]) + "\n"


def test_the_only_column_of_numbers_is_taken_and_the_times_are_found_and_both_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = table(tmp_path / "a.csv", hourly([f"{n}.5" for n in range(40)]))
    (series,) = found.series
    assert found.target_columns == ("load",) and found.time_column == "when"
    np.testing.assert_array_equal(series.values[:, 0], np.arange(40) + 0.5)
    assert series.times[1] - series.times[0] == np.timedelta64(1, "h") and series.step.regular
    assert "'load' is predicted" in caplog.text and "read from column 'when'" in caplog.text


@pytest.mark.parametrize(("ending", "separator"), [("csv", ";"), ("tsv", "\t"), ("csv", ",")])
def test_tables_of_text_are_read_whatever_their_delimiter_and_encoding(
    tmp_path: Path, ending: str, separator: str, caplog: pytest.LogCaptureFixture
) -> None:
    decimals = "," if separator != "," else "."
    rows = [f"{day:02d}/03/2024{separator}{day}{decimals}5" for day in range(1, 29)]
    path = tmp_path / f"a.{ending}"
    path.write_bytes("\n".join([f"data{separator}preço", *rows]).encode("cp1252"))
    (series,) = read_series(str(path), SeriesColumnArguments(encoding="cp1252")).series
    np.testing.assert_array_equal(series.values[:, 0], np.arange(1, 29) + 0.5)
    np.testing.assert_array_equal(series.times, pd.date_range("2024-03-01", periods=28).to_numpy())
    assert ("decimal commas" in caplog.text) == (decimals == ",")


@pytest.mark.parametrize(
    ("cells", "wanted", "said"),
    [
        (["1.501,34", "998,1", "-2"], [1501.34, 998.1, -2], "decimal commas: 998,1 is read as 998.1"),
        (["0,125", "1,238"], [0.125, 1.238], "decimal commas: 1,238 is read as 1.238"),
        (["1,501.34", "998.1"], [1501.34, 998.1], "thousands commas: 1,501.34 is read as 1501.34"),
        (["998", "1,234,567"], [998, 1234567], "thousands commas: 1,234,567 is read as 1234567.0"),
        (["1.501", "n/a"], [1.501, np.nan], None),
        (["€ 1.501,34", "€ 998,1", "€ -2"], [1501.34, 998.1, -2], "'price' are in €, which is left out"),
        (["R$5", "R$7.5", ""], [5, 7.5, np.nan], "'price' are in R$, which is left out"),
        (["5.5 kWh", "-7kWh"], [5.5, -7], "'price' are in kWh, which is left out"),
        (["12%", "7.5 %"], [12, 7.5], "'price' are in %, which is left out"),
        (["1 501.5", "2\u202f000\u202f000"], [1501.5, 2000000], None),
        (["1'501.5", "12"], [1501.5, 12], None),
        (["1e3", "-2.5E-1"], [1000, -0.25], None),
    ],
)
def test_marks_between_thousands(
    tmp_path: Path, cells: list[str], wanted: list[float], said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [f"2024-01-{day:02d}\t{cells[day % len(cells)]}" for day in range(1, 29)]
    (tmp_path / "a.tsv").write_text("\n".join(["date\tprice", *lines]))
    (series,) = read_series(str(tmp_path / "a.tsv"), SeriesColumnArguments()).series
    expected = [wanted[day % len(cells)] for day in range(1, 29)]
    np.testing.assert_array_equal(series.values[:, 0], expected)
    unsaid = [] if said else ["commas", "left out"]
    assert (said or "") in caplog.text and not any(words in caplog.text for words in unsaid)


@pytest.mark.parametrize("odd", ["$ 7", "7 €", "€ 7 x", "7", "dear"])
def test_numbers_of_another_unit_or_of_none_are_named(tmp_path: Path, odd: str) -> None:
    cells = ["€ 5"] * 27 + [odd]
    lines = [f"2024-01-{day:02d}\t{cell}" for day, cell in enumerate(cells, 1)]
    (tmp_path / "a.tsv").write_text("\n".join(["date\tprice", *lines]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"`target_columns`: column 'price' has '€ 5' in .*line 2"):
        read_series(str(tmp_path / "a.tsv"), SeriesColumnArguments(target_columns="price"))


@pytest.mark.parametrize("odd", ["1 23", "1 2345"])
def test_a_space_between_other_groups_than_thousands_is_refused(tmp_path: Path, odd: str) -> None:
    lines = [f"2024-01-{day:02d}\t{cell}" for day, cell in enumerate([*["5"] * 27, odd], 1)]
    (tmp_path / "a.tsv").write_text("\n".join(["date\tprice", *lines]))
    with pytest.raises(ValueError, match=f"`target_columns`: column 'price' has '{odd}' in .*line 29"):
        read_series(str(tmp_path / "a.tsv"), SeriesColumnArguments(target_columns="price"))


@pytest.mark.parametrize("name", ["shop1", "S 1"])
def test_names_with_a_number_are_no_numbers(tmp_path: Path, name: str) -> None:
    lines = [f"2024-01-{day:02d}\t{name}\t{day}" for day in range(1, 29)]
    (tmp_path / "a.tsv").write_text("\n".join(["date\tplace\tprice", *lines]))
    assert read_series(str(tmp_path / "a.tsv"), SeriesColumnArguments()).target_columns == ("price",)


def test_a_comma_that_may_be_either_is_refused(tmp_path: Path) -> None:
    lines = [f"2024-01-{day:02d}\t1,{200 + day}" for day in range(1, 29)]
    (tmp_path / "a.tsv").write_text("\n".join(["date\tprice", *lines]))
    with pytest.raises(ValueError, match=r"'price' has '1,201' in .*, which may be 1201 or 1\.201"):
        read_series(str(tmp_path / "a.tsv"), SeriesColumnArguments(target_columns="price"))


def test_parquet_has_its_own_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": HOURS, "a": np.arange(40.0), "holiday": HOURS.hour == 3})
    frame.loc[5, "a"] = None
    frame.to_parquet(tmp_path / "a.parquet")
    options = SeriesColumnArguments(target_columns="a", known_future_columns="holiday")
    (series,) = read_series(str(tmp_path / "a.parquet"), options).series
    assert np.isnan(series.values[5, 0]) and np.nansum(series.values) == sum(range(40)) - 5
    np.testing.assert_array_equal(series.known[:, 0], (HOURS.hour == 3).astype(float))
    np.testing.assert_array_equal(series.times, HOURS.to_numpy())


def test_several_columns_of_numbers_are_listed_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Give `target_columns`.*Columns of numbers are a, b;"):
        table(tmp_path / "a.csv", hourly(["1,2,x"] * 9, "when,a,b,name"))
    with pytest.raises(ValueError, match="Give `target_columns`.*No column holds numbers alone"):
        table(tmp_path / "b.csv", hourly(["x"] * 9))


@pytest.mark.parametrize("argument", ["target_columns", "time_column", "series_column", "known_future_columns"])
def test_an_unknown_column_is_named_with_those_that_there_are(tmp_path: Path, argument: str) -> None:
    with pytest.raises(ValueError, match=f"`{argument}`: there is no column 'price'; the columns are 'when'"):
        table(tmp_path / "a.csv", hourly(["1"] * 9), **{argument: "price"})


def test_a_cell_that_is_no_number_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`target_columns`: column 'load' has 'high' in a.csv, line 4"):
        table(tmp_path / "a.csv", hourly(["1", "2", "high", "4"]), target_columns="load")
    with pytest.raises(ValueError, match="`target_columns`: column 'load' has no number in any row"):
        table(tmp_path / "b.csv", hourly(["", "", "NA"]), target_columns="load")
    with pytest.raises(ValueError, match="column 'load' is given as something else, too"):
        table(tmp_path / "c.csv", hourly(["1"] * 5), target_columns="load", known_future_columns="load")


def test_missing_values_are_counted_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (series,) = table(tmp_path / "a.csv", hourly(["1", "", "NA", "nan", "5"])).series
    np.testing.assert_array_equal(np.isnan(series.values[:, 0]), [False, True, True, True, False])
    assert "Missing values of 'load': 3 of 5." in caplog.text


def test_what_is_known_ahead_must_be_there(tmp_path: Path) -> None:
    text = hourly(["1,0", "2,", "3,1"], "when,load,holiday")
    with pytest.raises(ValueError, match="`known_future_columns`: column 'holiday' has no value in a.csv, line 3"):
        table(tmp_path / "a.csv", text, target_columns="load", known_future_columns="holiday")


def test_rows_are_sorted_by_time_and_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = hourly([str(n) for n in range(10)]).splitlines()
    (series,) = table(tmp_path / "a.csv", "\n".join([lines[0], *reversed(lines[1:])])).series
    np.testing.assert_array_equal(series.values[:, 0], np.arange(10))
    assert "they are sorted" in caplog.text


def test_a_time_that_comes_twice_is_named_with_both_places(tmp_path: Path) -> None:
    lines = hourly([str(n) for n in range(10)]).splitlines()
    with pytest.raises(ValueError, match="has one time twice, in a.csv, line 4 and a.csv, line 12"):
        table(tmp_path / "a.csv", "\n".join([*lines, lines[3]]))


def test_each_name_in_the_column_of_series_is_one(tmp_path: Path) -> None:
    rows = [f"{'ab'[n % 2]},{n},{HOURS[n // 2]}" for n in range(20)]
    found = table(tmp_path / "a.csv", "\n".join(["shop,sold,time", *rows]), series_column="shop")
    assert [each.name for each in found.series] == ["a", "b"] and found.target_columns == ("sold",)
    np.testing.assert_array_equal(found.series[1].values[:, 0], np.arange(1, 20, 2))
    with pytest.raises(ValueError, match="Give `series_column` if the rows are of several series"):
        table(tmp_path / "b.csv", "\n".join(["shop,sold,time", *rows]))


def test_missing_steps_of_a_regular_grid_are_put_in_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = hourly([str(n) for n in range(40)]).splitlines()
    (series,) = table(tmp_path / "a.csv", "\n".join(lines[:10] + lines[11:])).series
    expected = np.arange(40.0)
    expected[9] = np.nan
    np.testing.assert_array_equal(series.values[:, 0], expected)
    np.testing.assert_array_equal(series.times, HOURS.to_numpy())
    assert "Missing steps of 1 hour: 1." in caplog.text


def test_irregular_times_are_kept_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    times = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06", "2024-01-20"])
    text = "\n".join(["date,x", *(f"{time},{n}" for n, time in enumerate(times))])
    (series,) = table(tmp_path / "a.csv", text).series
    np.testing.assert_array_equal(series.times, times.to_numpy())
    assert "not regular (mostly 1 day apart)" in caplog.text


def test_a_constant_series_and_a_table_without_times_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (series,) = table(tmp_path / "a.csv", "x,y\n" + "7,a b\n" * 9).series
    assert series.times is None and len(series) == 9
    assert "Every value of 'x' is 7" in caplog.text and "No column of times was found" in caplog.text


def test_dates_that_could_be_two_are_refused_unless_one_reading_is_regular(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"0{day}/0{month}/2024,{day}" for month, day in ((1, 1), (2, 3), (5, 2))]
    with pytest.raises(ValueError, match="`time_column`='date' has '01/01/2024', which may be two dates; give `time_"):
        table(tmp_path / "a.csv", "\n".join(["date,x", *rows]))
    given = table(tmp_path / "a.csv", "\n".join(["date,x", *rows]), time_format="%d/%m/%Y").series[0]
    np.testing.assert_array_equal(written(given.times), ["2024-01-01", "2024-02-03", "2024-05-02"])
    days = [f"0{day}/02/2024,{day}" for day in range(1, 10)]
    found = table(tmp_path / "b.csv", "\n".join(["date,x", *days])).series[0]
    np.testing.assert_array_equal(found.times, pd.date_range("2024-02-01", periods=9).to_numpy())
    assert "writes the day first" in caplog.text


def test_a_cell_that_is_no_time_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`time_column`='date' has 'soon' in a.csv, line 3"):
        table(tmp_path / "a.csv", "date,x\n2024-01-01,1\nsoon,2\n", time_column="date")
    with pytest.raises(ValueError, match=r"`time_column`='date' has no time in b.csv, line 3"):
        table(tmp_path / "b.csv", "date,x\n2024-01-01,1\n,2\n", time_column="date")
    with pytest.raises(ValueError, match=r"as `time_format`='%Y' says"):
        table(tmp_path / "c.csv", "date,x\n2024-01-01,1\n", time_column="date", time_format="%Y")


@pytest.mark.parametrize(
    ("times", "following"),
    [
        (pd.date_range("2024-01-31 22:00", periods=9, freq="h"), pd.date_range("2024-02-01 07", periods=3, freq="h")),
        (pd.date_range("2024-01-01", periods=9, freq="MS"), pd.date_range("2024-10-01", periods=3, freq="MS")),
        (pd.date_range("2024-01-31", periods=9, freq="ME"), pd.date_range("2024-10-31", periods=3, freq="ME")),
        (pd.bdate_range("2024-01-01", periods=10), pd.bdate_range("2024-01-15", periods=3)),
        # Working days without a holiday in between.
        (pd.bdate_range("2024-01-01", periods=10).delete(3), pd.bdate_range("2024-01-15", periods=3)),
    ],
)  # fmt: skip
def test_times_are_continued_by_their_own_rule(times: pd.DatetimeIndex, following: pd.DatetimeIndex) -> None:
    moments = times.to_numpy()
    np.testing.assert_array_equal(find_step(moments).after(moments[-1], 3), following.to_numpy())


def test_numbers_are_times_too() -> None:
    step = find_step(np.arange(1990.0, 2020.0))
    assert written(step.after(2019.0, 2)) == ["2020", "2021"] and str(step) == "1"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"train_file": None}, "train_file"),
        ({"train_part": 0.0}, "train_part"),
        ({"validation_part": 1.5}, "validation_part"),
        ({"test_part": -0.1}, "test_part"),
        ({"context_length": 0}, "context_length"),
        ({"prediction_length": 0}, "prediction_length"),
        ({"target_columns": "a,,b"}, "target_columns"),
        ({"known_future_columns": "a,a"}, "known_future_columns"),
    ],
)
def test_arguments_out_of_their_range_are_named(options: dict, name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`"):
        SeriesDataArguments(**{"train_file": "a.csv", **options})


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (np.timedelta64(1, "D"), "1 day"),
        (np.timedelta64(48, "h"), "2 days"),
        (np.timedelta64(90, "m"), "90 minutes"),
        (np.timedelta64(15, "s"), "15 seconds"),
        (np.timedelta64(1500, "ms"), "0 days 00:00:01.500000"),
        (np.float64(2.5), "2.5"),
    ],
)
def test_a_step_reads_as_people_say_it(size: Any, said: str) -> None:
    assert str(Step(None, size, True, 0)) == said
