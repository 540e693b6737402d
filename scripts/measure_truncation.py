#!/usr/bin/env python
"""Measure the memory and the time that a step of training on one long text takes, with `--bptt_steps` and without.
Writes truncation.json.

    python scripts/measure_truncation.py
    python scripts/measure_truncation.py --quick --output runs/truncation.json

On a machine that does nothing else. `--quick` shows that it works, and measures nothing.
"""

from __future__ import annotations

from hf_rnn.benchmark.truncation import TruncationArguments, measure_truncation, truncation_table
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((TruncationArguments,), usage="[--flag value ...]", description=__doc__)
    (arguments,) = parser.parse_args_into_dataclasses()
    print(truncation_table(measure_truncation(arguments)))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
