#!/usr/bin/env python
"""Measure how fast our networks train and answer, beside what a user would take instead: PyTorch's own LSTM, Keras,
ONNX Runtime, a small BERT, TF-IDF. Writes speed.json, tables and plots to model_cards/benchmarks.

    python scripts/benchmark.py                              # every peer that is installed; takes minutes
    python scripts/benchmark.py --peers ours keras --repeats 3 --output_dir runs/speed
    python scripts/benchmark.py --quick --output_dir runs/speed   # shows that it works, measures nothing

On a machine that does nothing else. Peers that are not installed are reported with the command that installs them;
`pip install -e ".[bench]"` installs most.
"""

from __future__ import annotations

from pathlib import Path

from hf_rnn.benchmark.speed.run import BenchmarkArguments, run_benchmark
from hf_rnn.benchmark.speed.tables import markdown_tables
from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((BenchmarkArguments,), usage="[--flag value ...]", description=__doc__)
    (arguments,) = parser.parse_args_into_dataclasses()
    with errors_in_one_line():
        document = run_benchmark(arguments)
    print(markdown_tables(document))
    print(f"Wrote {Path(arguments.output_dir) / 'speed.json'}, speed.md and the plots beside it.")


if __name__ == "__main__":
    main()
