"""Write the table of what was tried on the way to a model: what each trial changed, and its figures on validation.

python scripts/collect_trials.py --output model_cards/trials/bilstm-crf-lener-br.json --metrics f1 \\
    --trial "random vectors" runs/a --trial "started from bilstm-base-pt" runs/b

`make docs` shows it in the card of the model that the file is named after.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from hf_rnn.cli.flags import FlagsFormatter
from hf_rnn.runs.folder import RESULTS_FILE
from hf_rnn.runs.results import ResultsError, read_results
from hf_rnn.runs.trials import collect_trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument(
        "--trial",
        nargs=2,
        action="append",
        required=True,
        metavar=("WHAT", "RUN"),
        help="What was tried, and the folder of its run or its results.json; once for each, in the order to show.",
    )
    parser.add_argument("--metrics", nargs="+", required=True, help="Names of the figures on validation to show.")
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write.")
    arguments = parser.parse_args()
    runs = [(what, Path(run)) for what, run in arguments.trial]
    try:
        results = [(what, read_results(run / RESULTS_FILE if run.is_dir() else run)) for what, run in runs]
        document = collect_trials(results, arguments.metrics)
    except (ResultsError, FileNotFoundError) as error:
        sys.exit(f"{error}")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"Wrote {arguments.output}: {len(runs)} trials on {document['dataset']}.")


if __name__ == "__main__":
    main()
