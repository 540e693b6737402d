#!/usr/bin/env python
"""Search the hyper-parameters of a training; `hf-rnn search` from a checkout.

python scripts/run_hyperparameter_search.py hf_rnn/recipes/search/imdb_bilstm.json
python scripts/run_hyperparameter_search.py text-classification reviews.csv --model_type gru --output_dir my_search
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("search")
