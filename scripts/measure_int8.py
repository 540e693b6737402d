#!/usr/bin/env python
"""Measure what weights of 8 bits cost in accuracy, and what they save in size and time, of three bundled checkpoints
beside float32 and ONNX Runtime. Writes int8.json.

    python scripts/measure_int8.py --corpora ../shared/data
    python scripts/measure_int8.py --corpora ../shared/data --quick --output runs/int8.json

`--quick` shows that it works, and measures nothing.
"""

from __future__ import annotations

from hf_rnn.benchmark.int8 import Int8Arguments, int8_table, measure_int8
from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((Int8Arguments,), usage="--corpora FOLDER [--flag value ...]", description=__doc__)
    with errors_in_one_line():
        (arguments,) = parser.parse_args_into_dataclasses()
        document = measure_int8(arguments)
    print(int8_table(document))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
