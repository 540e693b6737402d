#!/usr/bin/env python
"""Make a bundled checkpoint of a finished run: float16 on disk, at most 6 MB, with its card.

python scripts/bundle_checkpoint.py runs/imdb_bilstm --name bilstm-imdb --eval_file imdb/test.parquet
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("bundle_checkpoint")
