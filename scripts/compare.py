#!/usr/bin/env python
"""Measure models side by side on one test set; `hf-rnn compare` from a checkout.

    python scripts/compare.py --task token-classification --models bundled:bilstm-crf-conll2003 runs/minilm \\
        random:bert-base-cased --baseline minilm --test_file '${HF_RNN_CORPORA}/conll2003/test.parquet' \\
        --output model_cards/comparison/conll2003.json
    python scripts/compare.py --task sentence-similarity --models ours=runs/quora_siamese runs/quora_minilm \\
        sentence-transformers/all-MiniLM-L6-v2 --baseline all-MiniLM-L6-v2 \\
        --test_file '${HF_RNN_CORPORA}/quora/test.parquet' --output model_cards/comparison/quora.json
    python scripts/compare.py --task text-classification --models bundled:bilstm-imdb --quick \\
        --test_file reviews.csv --output runs/comparison/reviews.json
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("compare")
