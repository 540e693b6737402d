#!/usr/bin/env python
"""Train a siamese network on drawn letters, and measure whether it knows letters of other scripts by one example each.

    python scripts/run_one_shot.py hf_rnn/recipes/glyphs_siamese.json
    python scripts/run_one_shot.py --output_dir my_model --do_train --do_eval --loss batch_hard_triplet \\
        --config_overrides '{"hidden_sizes": [64, 128, 128]}'
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.train import train_and_report
from hf_rnn.tasks.one_shot.task import GROUPS, run_one_shot


if __name__ == "__main__":
    train_and_report(GROUPS, run_one_shot)
