#!/usr/bin/env python
"""Measure how long one short text takes: the network alone beside ONNX Runtime, whole answers beside pipelines, and
where the time goes. Writes one_text.json.

    python scripts/measure_one_text.py
    python scripts/measure_one_text.py --quick --output runs/one_text.json

On a machine that does nothing else. `--quick` shows that it works, measures nothing.
"""

from __future__ import annotations

from hf_rnn.benchmark.one_text import OneTextArguments, measure_one_text, one_text_tables
from hf_rnn.benchmark.speed.one_text_network import network_ways
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((OneTextArguments,), usage="[--flag value ...]", description=__doc__)
    (arguments,) = parser.parse_args_into_dataclasses()
    print(one_text_tables(measure_one_text(arguments, network_ways)))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
