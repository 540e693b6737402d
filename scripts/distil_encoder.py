#!/usr/bin/env python
"""Distil a small encoder of general language from a pretrained transformer, over unlabelled sentences.

    python scripts/distil_encoder.py hf_rnn/recipes/distillation/bilstm_base_en.json
    python scripts/distil_encoder.py --texts book.txt --output_dir my_encoder --num_train_epochs 5

It takes about two hours on one thread for 300,000 sentences, goes on where it was stopped, and ends with a folder that
`--model_name_or_path` of the training commands takes.
"""

from __future__ import annotations

import os


# Read when torch is loaded, so it has to come before; `hf_rnn/kernels/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_rnn.cli.errors import ended_by_errors
from hf_rnn.cli.flags import CommandParser
from hf_rnn.tasks.encoder_distillation.arguments import EncoderDistillationArguments
from hf_rnn.tasks.encoder_distillation.run import distil_encoder
from hf_rnn.tasks.recipes import parse_arguments


def main() -> None:
    parser = CommandParser(
        (EncoderDistillationArguments,), usage="[recipe.json] [--flag value ...]", description=__doc__
    )
    with ended_by_errors(debug=False):
        (arguments,), _ = parse_arguments(parser)
        results = distil_encoder(arguments)
    print(f"Wrote {arguments.output_dir}; on sentences that were held out: {results['held_out']}.")


if __name__ == "__main__":
    main()
