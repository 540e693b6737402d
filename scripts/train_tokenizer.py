#!/usr/bin/env python
"""Train a tokenizer on the texts of a dataset; `hf-rnn tokenizer` from a checkout.

python scripts/train_tokenizer.py --train_file reviews.csv --output_dir my_tokenizer
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("tokenizer")
