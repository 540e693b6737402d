#!/usr/bin/env python
"""Publish a training run on the Hub; `hf-rnn push` from a checkout.

python scripts/push_to_hub.py runs/imdb_bilstm --repo_id me/bilstm-imdb --dry_run
python scripts/push_to_hub.py bundled:bilstm-imdb --repo_id bilstm-imdb --private
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("push")
