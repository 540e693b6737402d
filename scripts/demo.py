#!/usr/bin/env python
"""A first look, in about two minutes and without a network; `hf-rnn demo` from a checkout.

python scripts/demo.py [--output_dir demo_run]
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("demo")
