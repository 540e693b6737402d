#!/usr/bin/env python
"""The baseline every text classifier has to beat: words, n-grams of words, and logistic regression over them.

python scripts/baseline_tfidf.py hf_rnn/recipes/baselines/imdb_tfidf.json
python scripts/baseline_tfidf.py hf_rnn/recipes/baselines/imdb_naive_bayes.json
python scripts/baseline_tfidf.py --train_file reviews.csv --validation_split_percentage 20 --output_dir runs/tfidf
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("baselines.tfidf")
