#!/usr/bin/env python
"""Export a checkpoint to ONNX; `hf-rnn export` from a checkout.

python scripts/export_onnx.py runs/imdb_bilstm --output runs/imdb_bilstm/onnx --int8 --eval_file imdb/test.parquet
python runs/imdb_bilstm/onnx/runtime.py runs/imdb_bilstm/onnx "A great film."
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("export")
