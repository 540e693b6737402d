#!/usr/bin/env python
"""Draw the learning curves of several runs over each other: finished, stopped or still under way.

python scripts/plot_history.py runs/bilstm runs/gru
python scripts/plot_history.py runs/* --metric f1_macro --axis minutes --output runs/f1.png --csv runs/f1.csv
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import FlagsFormatter
from hf_rnn.extras import require_extra
from hf_rnn.runs.curves import AXES, plot_run_curves
from hf_rnn.runs.history import common_metric, last_and_best, read_histories, run_curves, write_curves_csv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("run_dirs", nargs="+", metavar="RUN_DIR", help="Runs to draw: output folders, or checkpoints.")
    parser.add_argument("--metric", help="Metric on validation to draw. Default: the one that chooses the checkpoint.")
    parser.add_argument("--axis", choices=tuple(AXES), default="epoch", help="Quantity of the horizontal axis.")
    parser.add_argument("--output", type=Path, default=Path("history.png"), help="PNG file to write.")
    parser.add_argument("--csv", type=Path, help="CSV file to write the points into. Default: none.")
    arguments = parser.parse_args()
    with errors_in_one_line():
        require_extra("train", "A plot of learning curves", "matplotlib")
    try:
        histories = read_histories(arguments.run_dirs)
        metric = common_metric(histories, arguments.metric)
        curves = run_curves(histories, metric, arguments.axis)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"{error}")
    for history in histories:
        measured = last_and_best(history, metric)
        figures = "not evaluated" if measured is None else f"last {measured[0]:.4f}, best {measured[1]:.4f}"
        print(f"{history.name}: validation {metric} {figures}")
    print(f"Wrote {plot_run_curves(curves, arguments.output, metric, arguments.axis)}")
    if arguments.csv is not None:
        print(f"Wrote {write_curves_csv(curves, arguments.csv, metric, arguments.axis)}")


if __name__ == "__main__":
    main()
