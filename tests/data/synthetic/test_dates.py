"""Dates in words and figures, and what they are by ISO 8601."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from hf_rnn.data.synthetic import dates
from hf_rnn.data.synthetic.dates import PATTERNS, generate_dates, split_of_day, write_dates


ALL = {name: form for forms in PATTERNS.values() for name, form in forms.items()}

MONTHS = {
    name[:3].lower(): number
    for names in (
        "January February March April May June July August September October November December".split(),
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split(),
    )
    for number, name in enumerate(names, 1)
}


def read(written: str) -> str:
    """What a date is, by the rules of the module alone: an independent reading of all forms."""
    text = written.lower()
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    named = next((number for name, number in MONTHS.items() if re.search(rf"\b{name}", text)), None)
    if re.fullmatch(r"\d{8}", text):
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if named is not None:
        first, last = numbers
        day, year = (last, first) if first > 31 else (first, last)
        month = named
    elif numbers[0] > 31:
        year, month, day = numbers
    else:
        day, month, year = numbers
        if month > 12:
            day, month = month, day
    if year < 100:
        year += 2000 if year < 69 else 1900
    return f"{year:04d}-{month:02d}-{day:02d}"


@pytest.mark.parametrize("name", ALL)
def test_every_form_is_read_by_the_rules(name: str) -> None:
    day = date(1900, 1, 1)
    while day <= date(2099, 12, 31):
        assert read(ALL[name](day)) == day.isoformat(), ALL[name](day)
        day += timedelta(days=17)


def test_no_day_and_no_form_is_in_two_splits() -> None:
    assert sum(map(len, PATTERNS.values())) == len(ALL)
    days = {}
    for seed, split in enumerate(PATTERNS):
        rows = generate_dates(3000, seed=seed, split=split)
        days[split] = {iso for _, iso in rows}
        assert {split_of_day(date.fromisoformat(iso)) for iso in days[split]} == {split}
        own = PATTERNS[split].values()
        assert all(any(form(date.fromisoformat(iso)) == written for form in own) for written, iso in rows)
    assert not days["train"] & days["validation"] and not days["train"] & days["test"]
    assert not days["validation"] & days["test"]
    # A tenth of all days each, about.
    splits = [split_of_day(date(1900, 1, 1) + timedelta(days=number)) for number in range(73049)]
    for split in ("validation", "test"):
        assert 0.09 < splits.count(split) / len(splits) < 0.11


def test_the_same_seed_draws_the_same_dates() -> None:
    assert generate_dates(20, seed=3) == generate_dates(20, seed=3) != generate_dates(20, seed=4)


def test_another_split_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`split`='dev' must be one of train, validation, test\."):
        generate_dates(1, seed=1, split="dev")


def test_files_hold_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dates, "SPLITS", {"train": (5, 1), "test": (3, 2)})
    write_dates(tmp_path / "new" / "dates")
    with (tmp_path / "new" / "dates" / "train.csv").open(encoding="utf-8", newline="") as stream:
        read_back = [tuple(row.values()) for row in csv.DictReader(stream)]
    assert read_back == generate_dates(5, 1)
    assert len((tmp_path / "new" / "dates" / "test.csv").read_text(encoding="utf-8").splitlines()) == 4
