"""Dates as people write them, in English and Portuguese, and what they are by ISO 8601.

What a form leaves open is settled by these rules, so that each has one answer:

- of two numbers between slashes, dots or hyphens in front of a year the first is the day, as in Portuguese and in most
  countries: 03/05/2021 is 3 May;
- where the second of them is more than 12 it can be no month, and is the day: 05/23/2021 is 23 May;
- where the year comes first, the month follows it: 2021/05/03;
- a year of two digits is in 1969 to 2068, as in POSIX: 68 is 2068, and 69 is 1969.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path


__all__ = ["PATTERNS", "SPLITS", "generate_dates", "split_of_day", "write_dates"]


FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
# Rows of each split that `write_dates` draws, and the seeds that they are drawn by.
SPLITS = {"train": (100_000, 1), "validation": (2_000, 2), "test": (10_000, 3)}
# One day in so many is kept for validation, and one for test, in whatever form it is written.
HELD_OUT_EVERY = 10
CENTURY_TURN = 69

ENGLISH_MONTHS = "January February March April May June July August September October November December".split()
PORTUGUESE_MONTHS = "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split()
ENGLISH_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
PORTUGUESE_DAYS = "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo".split()

Pattern = Callable[[date], str]


def _ordinal(day: int) -> str:
    """The day with its ending in English: 1st, 2nd, 3rd, 4th … 11th …"""
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def _en(when: date) -> str:
    return ENGLISH_MONTHS[when.month - 1]


def _pt(when: date) -> str:
    return PORTUGUESE_MONTHS[when.month - 1]


def _en_day(when: date) -> str:
    return ENGLISH_DAYS[when.weekday()]


def _pt_day(when: date) -> str:
    return PORTUGUESE_DAYS[when.weekday()]


def _short_year(when: date) -> str:
    # A year that two digits cannot tell is written whole.
    return f"{when.year % 100:02d}" if 1900 + CENTURY_TURN <= when.year < 2000 + CENTURY_TURN else str(when.year)


def _month_first(when: date) -> str:
    # Only a day over 12 tells that it stands second.
    if when.day > 12:
        return f"{when.month}/{when.day}/{when.year}"
    return f"{when.day}/{when.month}/{when.year}"


# Each split has forms of its own, by their names. Those that training never has are made of parts that it has.
_TRAINING: Mapping[str, Pattern] = {
    "03/05/2021": lambda d: f"{d.day:02d}/{d.month:02d}/{d.year}",
    "3/5/2021": lambda d: f"{d.day}/{d.month}/{d.year}",
    "03/05/21": lambda d: f"{d.day:02d}/{d.month:02d}/{_short_year(d)}",
    "5/23/2021": _month_first,
    "03-05-2021": lambda d: f"{d.day:02d}-{d.month:02d}-{d.year}",
    "3.5.2021": lambda d: f"{d.day}.{d.month}.{d.year}",
    "3-5-2021": lambda d: f"{d.day}-{d.month}-{d.year}",
    "3.5.21": lambda d: f"{d.day}.{d.month}.{_short_year(d)}",
    "03.05.21": lambda d: f"{d.day:02d}.{d.month:02d}.{_short_year(d)}",
    "2021-05-03": lambda d: d.isoformat(),
    "2021/05/03": lambda d: f"{d.year}/{d.month:02d}/{d.day:02d}",
    "2021.5.3": lambda d: f"{d.year}.{d.month}.{d.day}",
    "20210503": lambda d: f"{d.year}{d.month:02d}{d.day:02d}",
    "May 3, 2021": lambda d: f"{_en(d)} {d.day}, {d.year}",
    "May 3rd, 2021": lambda d: f"{_en(d)} {_ordinal(d.day)}, {d.year}",
    "3 May 2021": lambda d: f"{d.day} {_en(d)} {d.year}",
    "3rd of May 2021": lambda d: f"{_ordinal(d.day)} of {_en(d)} {d.year}",
    "the 3rd of May, 2021": lambda d: f"the {_ordinal(d.day)} of {_en(d)}, {d.year}",
    "3-May-2021": lambda d: f"{d.day}-{_en(d)[:3]}-{d.year}",
    "03 May 21": lambda d: f"{d.day:02d} {_en(d)[:3]} {_short_year(d)}",
    "Jan. 3, 2021": lambda d: f"{_en(d)[:3]}. {d.day}, {d.year}",
    "MAY 3, 2021": lambda d: f"{_en(d).upper()} {d.day}, {d.year}",
    "Monday, May 3, 2021": lambda d: f"{_en_day(d)}, {_en(d)} {d.day}, {d.year}",
    "Mon, 3 May 2021": lambda d: f"{_en_day(d)[:3]}, {d.day} {_en(d)[:3]} {d.year}",
    "2021 May 3": lambda d: f"{d.year} {_en(d)} {d.day}",
    "3 de maio de 2021": lambda d: f"{d.day} de {_pt(d)} de {d.year}",
    "3 maio 2021": lambda d: f"{d.day} {_pt(d)} {d.year}",
    "03 de maio de 2021": lambda d: f"{d.day:02d} de {_pt(d)} de {d.year}",
    "1º de maio de 2021": lambda d: (
        f"{d.day}º de {_pt(d)} de {d.year}" if d.day == 1 else f"{d.day} de {_pt(d)} {d.year}"
    ),
    "3/mai/2021": lambda d: f"{d.day}/{_pt(d)[:3]}/{d.year}",
    "3 de mai. de 2021": lambda d: f"{d.day} de {_pt(d)[:3]}. de {d.year}",
    "03-mai-21": lambda d: f"{d.day:02d}-{_pt(d)[:3]}-{_short_year(d)}",
    "3 DE MAIO DE 2021": lambda d: f"{d.day} de {_pt(d)} de {d.year}".upper(),
    "segunda-feira, 3 de maio de 2021": lambda d: f"{_pt_day(d)}, {d.day} de {_pt(d)} de {d.year}",
    "seg., 3 de maio de 2021": lambda d: f"{_pt_day(d)[:3]}., {d.day} de {_pt(d)} de {d.year}",
    "dia 3 de maio de 2021": lambda d: f"dia {d.day} de {_pt(d)} de {d.year}",
}
_VALIDATION: Mapping[str, Pattern] = {
    "Monday, 3 May 2021": lambda d: f"{_en_day(d)}, {d.day} {_en(d)} {d.year}",
    "Mon, May 3rd, 2021": lambda d: f"{_en_day(d)[:3]}, {_en(d)} {_ordinal(d.day)}, {d.year}",
    "3 MAY 2021": lambda d: f"{d.day} {_en(d)} {d.year}".upper(),
    "3/5/21": lambda d: f"{d.day}/{d.month}/{_short_year(d)}",
    "2021-5-3": lambda d: f"{d.year}-{d.month}-{d.day}",
    "03.05.2021": lambda d: f"{d.day:02d}.{d.month:02d}.{d.year}",
    "segunda-feira, 03 de maio de 2021": lambda d: f"{_pt_day(d)}, {d.day:02d} de {_pt(d)} de {d.year}",
    "seg., 3 de mai. de 2021": lambda d: f"{_pt_day(d)[:3]}., {d.day} de {_pt(d)[:3]}. de {d.year}",
    "3-mai-2021": lambda d: f"{d.day}-{_pt(d)[:3]}-{d.year}",
    "dia 03 de maio de 2021": lambda d: f"dia {d.day:02d} de {_pt(d)} de {d.year}",
}
_TEST: Mapping[str, Pattern] = {
    "Monday 3 May, 2021": lambda d: f"{_en_day(d)} {d.day} {_en(d)}, {d.year}",
    "Monday, May 3rd, 2021": lambda d: f"{_en_day(d)}, {_en(d)} {_ordinal(d.day)}, {d.year}",
    "3rd May 2021": lambda d: f"{_ordinal(d.day)} {_en(d)} {d.year}",
    "2021, May 3": lambda d: f"{d.year}, {_en(d)} {d.day}",
    "03-May-2021": lambda d: f"{d.day:02d}-{_en(d)[:3]}-{d.year}",
    "3-5-21": lambda d: f"{d.day}-{d.month}-{_short_year(d)}",
    "2021/5/3": lambda d: f"{d.year}/{d.month}/{d.day}",
    "03/mai/2021": lambda d: f"{d.day:02d}/{_pt(d)[:3]}/{d.year}",
    "seg., 3 de maio 2021": lambda d: f"{_pt_day(d)[:3]}., {d.day} de {_pt(d)} {d.year}",
    "dia 3 de mai. de 2021": lambda d: f"dia {d.day} de {_pt(d)[:3]}. de {d.year}",
}
PATTERNS: Mapping[str, Mapping[str, Pattern]] = {"train": _TRAINING, "validation": _VALIDATION, "test": _TEST}


def split_of_day(when: date) -> str:
    """The split that has a day: the test and validation splits have a tenth of all days each, in no order."""
    kept = {0: "test", 1: "validation"}
    return kept.get(random.Random(when.toordinal()).randrange(HELD_OUT_EVERY), "train")


def generate_dates(count: int, seed: int, split: str = "train") -> list[tuple[str, str]]:
    """Draw dates, each in a form that is drawn, too.

    Args:
        count: How many.
        seed: What they are drawn by.
        split: `"train"`, `"validation"` or `"test"`. No day and no form of one is in another.

    Returns:
        The date as it is written, and by ISO 8601.

    Raises:
        ValueError: there is no such split.

    Example:
        >>> generate_dates(2, seed=1)
        [('25th of August 1922', '1922-08-25'), ('26-abr-1942', '1942-04-26')]
    """
    if split not in PATTERNS:
        raise ValueError(f"`split`={split!r} must be one of {', '.join(PATTERNS)}.")
    draw = random.Random(seed)
    forms = list(PATTERNS[split].values())
    days = (LAST - FIRST).days + 1
    rows: list[tuple[str, str]] = []
    while len(rows) < count:
        when = FIRST + timedelta(days=draw.randrange(days))
        if split_of_day(when) == split:
            rows.append((draw.choice(forms)(when), when.isoformat()))
    return rows


def write_dates(folder: str | Path) -> None:
    """Write `train.csv`, `validation.csv` and `test.csv` with the columns `text` and `iso` into a folder.

    `python -m hf_rnn.data.synthetic.dates FOLDER` does it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for split, (count, seed) in SPLITS.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(("text", "iso"))
            writer.writerows(generate_dates(count, seed, split))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m hf_rnn.data.synthetic.dates FOLDER")
    write_dates(sys.argv[1])
