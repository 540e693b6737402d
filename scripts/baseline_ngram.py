#!/usr/bin/env python
"""The baseline every language model has to beat: counts of n-grams, with interpolated Kneser-Ney smoothing.

    python scripts/baseline_ngram.py hf_rnn/recipes/baselines/ptb_ngram.json
    python scripts/baseline_ngram.py --train_file book.txt --validation_split_percentage 5 \\
        --tokenizer_kind character --output_dir runs/ngram
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("baselines.ngram")
