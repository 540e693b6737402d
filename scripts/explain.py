#!/usr/bin/env python
"""Show on one page why a model answers as it does; `hf-rnn explain` from a checkout.

python scripts/explain.py bundled:bilstm-imdb "A quiet film that earns every minute of it." --output report.html
python scripts/explain.py bundled:siamese-bilstm-quora "How old is the sun?" "What is the age of the sun?"
python scripts/explain.py runs/my_model "Some text" --label positive
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.commands import run_script


if __name__ == "__main__":
    run_script("explain")
