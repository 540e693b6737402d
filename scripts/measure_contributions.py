#!/usr/bin/env python
"""Measure whether the contributions of tokens say what a classifier goes by: how nearly they add up, and how often the
answer changes without the tokens that contribute most, beside random ones. Writes a JSON file and prints a table.

    python scripts/measure_contributions.py --test_file '${HF_RNN_CORPORA}/imdb/test.parquet'
    python scripts/measure_contributions.py --model runs/imdb --test_file reviews.csv --max_texts 50
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import CommandParser
from hf_rnn.insight.contributions.faithfulness import (
    FaithfulnessArguments,
    faithfulness_table,
    measure_contributions,
)


def main() -> None:
    parser = CommandParser((FaithfulnessArguments,), usage="--test_file FILE [--flag value ...]", description=__doc__)
    (arguments,) = parser.parse_args_into_dataclasses()
    with errors_in_one_line():
        document = measure_contributions(arguments)
    print(faithfulness_table(document))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
