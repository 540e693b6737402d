#!/usr/bin/env python
"""Measure training and inference on a GPU beside packed `nn.LSTM` under cuDNN, on texts that are made here. Writes
model_cards/benchmarks/gpu.json. Needs torch and transformers, no network, and minutes.

    make bench-gpu                                    # the tests on a GPU, then this
    python scripts/benchmark_gpu.py --output runs/gpu.json
    python scripts/benchmark_gpu.py --device cpu --texts 64 --rounds 1 --output runs/gpu.json   # shows that it works
"""

from __future__ import annotations

import json
from pathlib import Path

from transformers import HfArgumentParser

from hf_rnn.benchmark.speed.on_gpu import GpuBenchmarkArguments, measure_on_gpu


def main() -> None:
    parser = HfArgumentParser((GpuBenchmarkArguments,), usage="[--flag value ...]", description=__doc__)  # type: ignore[arg-type]
    (arguments,) = parser.parse_args_into_dataclasses()
    try:
        document = measure_on_gpu(arguments)
    except RuntimeError as error:
        parser.exit(1, f"{error}\n")
    output = Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for precision, kinds in document["figures"].items():
        for kind, peers in kinds.items():
            for name, found in peers.items():
                print(f"{precision:10}{kind:12}{name:24}{found['texts_per_second']:12,.0f} texts a second")
    print(f"Wrote {output}.")


if __name__ == "__main__":
    main()
