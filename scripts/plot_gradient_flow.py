#!/usr/bin/env python
"""Vanishing and exploding gradients: Elman networks with tanh and with relu, an LSTM whose gate keeps the state from
the start, and GRUs whose gate does and does not, learn to remember the first token of a sequence, with and without
gradient clipping. Writes gradient_flow.json and gradient_flow.png.

    python scripts/plot_gradient_flow.py                                   # about a minute
    python scripts/plot_gradient_flow.py --sequence_length 100 --output_dir runs/gradient_flow
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pathlib import Path

from hf_rnn.benchmark.gradient_flow import GradientComparisonArguments, compare_gradient_flow, comparison_table
from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((GradientComparisonArguments,), usage="[--flag value ...]", description=__doc__)
    (arguments,) = parser.parse_args_into_dataclasses()
    with errors_in_one_line():
        document = compare_gradient_flow(arguments)
    print(comparison_table(document))
    print(f"Wrote {Path(arguments.output_dir) / 'gradient_flow.json'} and gradient_flow.png beside it.")


if __name__ == "__main__":
    main()
