#!/usr/bin/env python
"""Measure models of pictures on the 20 official one-shot runs of Omniglot, beside the distances of the ink itself.

    python scripts/measure_omniglot.py --runs omniglot/all_runs.zip --models runs/omniglot1 runs/omniglot2 \\
        --output model_cards/benchmarks/omniglot.json

The runs are the test: they choose nothing.
"""

from __future__ import annotations

from hf_rnn.benchmark.omniglot import OmniglotArguments, measure_omniglot, omniglot_table
from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((OmniglotArguments,), usage="--runs FILE [--flag value ...]", description=__doc__)
    (arguments,) = parser.parse_args_into_dataclasses()
    with errors_in_one_line():
        document = measure_omniglot(arguments)
    print(omniglot_table(document))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
