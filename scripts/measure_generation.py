#!/usr/bin/env python
"""Measure how fast a language model writes, by `generate()`, by a bare loop over the model and by ONNX Runtime, and
whether the 10,000th token takes as long as the 10th. Writes generation.json.

    python scripts/measure_generation.py --model runs/shakespeare_lstm
    python scripts/measure_generation.py --model runs/shakespeare_lstm --quick --output runs/generation.json

On a machine that does nothing else. `--model` is also bundled:NAME; `--quick` shows that it works, measures nothing.
"""

from __future__ import annotations

from hf_rnn.benchmark.generation import GenerationArguments, generation_tables, measure_generation
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    parser = CommandParser((GenerationArguments,), usage="--model MODEL [--flag value ...]", description=__doc__)
    (arguments,) = parser.parse_args_into_dataclasses()
    print(generation_tables(measure_generation(arguments)))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
