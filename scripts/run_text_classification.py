#!/usr/bin/env python
"""Train and evaluate a text classifier: a recurrent network, or any model of the Hub on the same data, metrics and
card.

    python scripts/run_text_classification.py hf_rnn/recipes/imdb_bilstm.json
    python scripts/run_text_classification.py --train_file reviews.csv --validation_split_percentage 10 \\
        --model_type gru --output_dir my_model --do_train --do_eval
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.train import train_and_report
from hf_rnn.tasks.text_classification.task import GROUPS, run_text_classification


if __name__ == "__main__":
    train_and_report(GROUPS, run_text_classification)
