"""Measure dateutil, the library that most would take, on the dates that `gru-dates` is measured on.

    python -m hf_rnn.data.synthetic.dates dates
    python scripts/baseline_dates.py dates --output_dir runs/dateutil

It knows the rules of the task that it has options for (the day stands before the month), and the English names.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from pathlib import Path

from ...data.readers.files import existing_file
from ...extras import require_extra
from ...metrics.sequences import sequence_metrics
from ...runs.folder import RESULTS_FILE
from ...runs.results import build_results, write_results
from ..flags import FlagsFormatter


__all__ = ["main", "read_dates"]


SPLITS = ("validation", "test")
FIGURES = ("exact_match", "character_error_rate")
NOTE = "Nothing is trained. A date that dateutil refuses counts as an empty answer."


def read_dates(texts: Sequence[str]) -> list[str]:
    """What `dateutil.parser.parse` makes of each text by ISO 8601, with the day first; "" where it refuses."""
    # pandas, which the extra `train` brings, needs it.
    from dateutil.parser import ParserError, parse

    found = []
    for text in texts:
        try:
            found.append(parse(text, dayfirst=True).date().isoformat())
        except (ParserError, OverflowError):
            found.append("")
    return found


def main(arguments: list[str]) -> None:
    """`scripts/baseline_dates.py`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("dates", type=Path, help="Folder of validation.csv and test.csv.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder to write results.json into.")
    given = parser.parse_args(arguments)
    require_extra("train", "The baseline of dates")
    rows, metrics = {}, {}
    start = time.perf_counter()
    for split in SPLITS:
        with existing_file(str(given.dates / f"{split}.csv")).open(encoding="utf-8", newline="") as stream:
            rows[split] = [(row["text"], row["iso"]) for row in csv.DictReader(stream)]
        written = read_dates([text for text, _ in rows[split]])
        metrics[split] = sequence_metrics(written, [iso for _, iso in rows[split]], names=FIGURES)
    results = build_results(
        task="sequence-to-sequence",
        name="dateutil",
        model={"class": "dateutil.parser", "parameters": 0, "size_bytes": 0, "config": {"dayfirst": True}},
        dataset={"name": "dates", "splits": {split: len(each) for split, each in rows.items()}, "notes": NOTE},
        metrics=metrics,
        training={"minutes": 0.0, "arguments": {}},
    )
    path = write_results(results, given.output_dir / RESULTS_FILE)
    for split, figures in metrics.items():
        print(f"{split}: exact match {figures['exact_match']:.4f}")
    print(f"{(time.perf_counter() - start):.0f} seconds. Wrote {path}.")
