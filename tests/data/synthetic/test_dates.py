"""Dates in words and figures, and what they are by ISO 8601."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from hf_rnn.data.synthetic.dates import HELD_OUT_PATTERNS, PATTERNS, generate_dates, is_held_out


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


@pytest.mark.parametrize("name", PATTERNS)
def test_every_form_is_read_by_the_rules(name: str) -> None:
    day = date(1950, 1, 1)
    while day <= date(2049, 12, 31):
        assert read(PATTERNS[name](day)) == day.isoformat(), PATTERNS[name](day)
        day += timedelta(days=11)


def test_days_and_forms_are_held_out_together() -> None:
    trained, held_out = generate_dates(3000, seed=1), generate_dates(500, seed=2, held_out=True)
    assert not {iso for _, iso in trained} & {iso for _, iso in held_out}
    assert all(is_held_out(date.fromisoformat(iso)) for _, iso in held_out)
    assert not any(is_held_out(date.fromisoformat(iso)) for _, iso in trained)
    kept = [name for name in PATTERNS if name not in HELD_OUT_PATTERNS]
    for rows, names in ((trained, kept), (held_out, HELD_OUT_PATTERNS)):
        assert all(any(PATTERNS[name](date.fromisoformat(iso)) == written for name in names) for written, iso in rows)
    # About a tenth of all days.
    days = [date(1950, 1, 1) + timedelta(days=number) for number in range(36524)]
    assert 0.08 < sum(map(is_held_out, days)) / len(days) < 0.12


def test_the_same_seed_draws_the_same_dates() -> None:
    assert generate_dates(20, seed=3) == generate_dates(20, seed=3) != generate_dates(20, seed=4)
