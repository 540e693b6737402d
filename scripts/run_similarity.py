#!/usr/bin/env python
"""Train and evaluate a siamese network on pairs of texts, labelled 0 and 1 or with graded scores: a recurrent encoder,
or any model of the Hub on the same data, metrics and card.

    python scripts/run_similarity.py hf_rnn/recipes/quora_siamese.json
    python scripts/run_similarity.py --train_file pairs.csv --validation_split_percentage 10 \\
        --loss multiple_negatives --output_dir my_model --do_train --do_eval
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.train import train_and_report
from hf_rnn.tasks.similarity.task import GROUPS, run_similarity


if __name__ == "__main__":
    train_and_report(GROUPS, run_similarity)
