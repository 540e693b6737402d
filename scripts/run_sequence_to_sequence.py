#!/usr/bin/env python
"""Train and evaluate a model that reads a text and writes another: a recurrent encoder and decoder with attention, or
an encoder-decoder of transformers on the same data, metrics and card.

    python scripts/run_sequence_to_sequence.py --train_file train.en --train_target_file train.de \\
        --validation_split_percentage 5 --output_dir my_model --do_train --do_eval
    python scripts/run_sequence_to_sequence.py --train_file pairs.csv --source_column question \\
        --target_column answer --validation_split_percentage 5 --output_dir my_model --do_train --do_eval
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.train import train_and_report
from hf_rnn.tasks.sequence_to_sequence.task import GROUPS, run_sequence_to_sequence


if __name__ == "__main__":
    train_and_report(GROUPS, run_sequence_to_sequence)
