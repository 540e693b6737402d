#!/usr/bin/env python
"""Measure what the initial bias of a cell's gates is worth, on a label to be remembered for many steps and on short
texts. Writes gate_bias.json.

    python scripts/measure_gate_bias.py --texts trec_train.csv
    python scripts/measure_gate_bias.py --texts trec_train.csv --quick --output runs/gate_bias.json

`--quick` shows that it works, and measures nothing.
"""

from __future__ import annotations

from hf_rnn.benchmark.gate_bias import GateBiasArguments, gate_bias_table, measure_gate_bias
from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((GateBiasArguments,), usage="--texts FILE [--flag value ...]", description=__doc__)
    with errors_in_one_line():
        (arguments,) = parser.parse_args_into_dataclasses()
        document = measure_gate_bias(arguments)
    print(gate_bias_table(document))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
