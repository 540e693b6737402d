#!/usr/bin/env python
"""Train and evaluate a recurrent language model on a long text or on documents, with its state carried along.

    python scripts/run_language_modeling.py hf_rnn/recipes/shakespeare_lstm.json
    python scripts/run_language_modeling.py --train_file book.txt --validation_split_percentage 5 \\
        --tokenizer_kind character --model_type gru --block_size 100 --output_dir my_model --do_train --do_eval
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.train import train_and_report
from hf_rnn.tasks.language_modeling.task import GROUPS, run_language_modeling


if __name__ == "__main__":
    train_and_report(GROUPS, run_language_modeling)
