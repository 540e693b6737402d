#!/usr/bin/env python
"""Train and evaluate a tagger (named entities, parts of speech): a recurrent network with a CRF, or any model of the
Hub on the same data, metrics and card.

    python scripts/run_token_classification.py hf_rnn/recipes/conll2003_bilstm_crf.json
    python scripts/run_token_classification.py --train_file train.conll --validation_file dev.conll \\
        --model_type gru --output_dir my_model --do_train --do_eval
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.train import train_and_report
from hf_rnn.tasks.token_classification.task import GROUPS, run_token_classification


if __name__ == "__main__":
    train_and_report(GROUPS, run_token_classification)
