#!/usr/bin/env python
"""Train a model that forecasts time series, beside forecasts that need no network, from a table to measured results.

    python scripts/run_time_series.py hf_rnn/recipes/etth1_univariate_96.json
    python scripts/run_time_series.py --output_dir my_model --do_train --do_eval --do_predict \\
        --train_file prices.csv --target_columns close --prediction_length 3
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.train import train_and_report
from hf_rnn.tasks.time_series.task import GROUPS, run_time_series


if __name__ == "__main__":
    train_and_report(GROUPS, run_time_series)
