"""Write one result of several runs of a recipe with different seeds: means, and what each seed gave.

python scripts/combine_seeds.py runs/a runs/b runs/c --name bilstm-imdb --output model_cards/results/imdb_bilstm.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hf_rnn.cli.flags import FlagsFormatter
from hf_rnn.runs.folder import RESULTS_FILE
from hf_rnn.runs.results import ResultsError, read_results, write_results
from hf_rnn.runs.seeds import combine_seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="Runs to combine: their folders, or their results.json.")
    parser.add_argument("--name", required=True, help="Name of the result.")
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write.")
    arguments = parser.parse_args()
    files = [path / RESULTS_FILE if path.is_dir() else path for path in arguments.runs]
    try:
        combined = combine_seeds([read_results(path) for path in files], arguments.name)
    except (ResultsError, FileNotFoundError) as error:
        sys.exit(f"{error}")
    write_results(combined, arguments.output)
    for run in combined["runs"]:
        figures = [f"{split} {name} {value:.4f}" for split, of in run["metrics"].items() for name, value in of.items()]
        print(f"seed {run['seed']}: {'  '.join(figures)}")
    print(f"Wrote {arguments.output}: the means of {combined['seeds']} seeds.")


if __name__ == "__main__":
    main()
