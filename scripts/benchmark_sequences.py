#!/usr/bin/env python
"""Measure how fast an encoder-decoder with attention trains and writes, beside what a user would write instead: the
loop of PyTorch's tutorials, Keras' functional API, and ONNX Runtime for a sentence. Writes sequences.json.

    python scripts/benchmark_sequences.py                            # every peer that is installed; takes minutes
    python scripts/benchmark_sequences.py --peers ours torch --repeats 3 --output runs/sequences.json
    python scripts/benchmark_sequences.py --quick --output runs/sequences.json   # shows that it works

On a machine that does nothing else. Peers that are not installed are reported with the command that installs them;
`pip install -e ".[bench]"` installs all.
"""

from __future__ import annotations

from hf_rnn.benchmark.speed.sequences.run import SequenceBenchmarkArguments, run_sequence_benchmark
from hf_rnn.benchmark.speed.sequences.tables import markdown_tables
from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((SequenceBenchmarkArguments,), usage="[--flag value ...]", description=__doc__)
    (arguments,) = parser.parse_args_into_dataclasses()
    with errors_in_one_line():
        document = run_sequence_benchmark(arguments)
    print(markdown_tables(document))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
