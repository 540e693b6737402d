#!/usr/bin/env python
"""
Search the hyper-parameters of any of the training scripts: classification, tagging, language models, siamese networks.

    python scripts/run_hyperparameter_search.py scripts/recipes/search/imdb_bilstm.json
    python scripts/run_hyperparameter_search.py --task text-classification --train_file reviews.csv \\
        --validation_split_percentage 10 --model_type gru --output_dir my_search --n_trials 20

Start the same command again to go on with a search that was stopped; start it several times to share the trials out.
docs/search.md says how to state a search space, and how to search on several machines.
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.search import search_and_report


if __name__ == "__main__":
    search_and_report()
