#!/usr/bin/env python
"""Measure dateutil on the dates that the checkpoint `gru-dates` is measured on.

python -m hf_rnn.data.synthetic.dates dates
python scripts/baseline_dates.py dates --output_dir runs/dateutil
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("baselines.dates")
