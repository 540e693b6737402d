#!/usr/bin/env python
"""
Train and evaluate a text classifier: a recurrent network, or any model of the Hub on the same data, metrics and card.

    python scripts/run_text_classification.py scripts/recipes/imdb_bilstm.json
    python scripts/run_text_classification.py --train_file reviews.csv --validation_split_percentage 10 \\
        --model_type gru --output_dir my_model --do_train --do_eval
"""

from __future__ import annotations

import logging
import os
import sys


# Read when torch is loaded, so it has to come before; `hf_rnn/training/threads.py` says why.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import transformers
from transformers import HfArgumentParser

from hf_rnn.data.readers import DataArguments
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.training.arguments import (
    ModelArguments,
    RecurrentTrainingArguments,
    ReportArguments,
    TokenizerArguments,
)
from hf_rnn.training.recipes import parse_arguments
from hf_rnn.training.text_classification import run_text_classification


def main() -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    groups = (ModelArguments, DataArguments, TokenizerArguments, ReportArguments, RecurrentTrainingArguments)
    parser = HfArgumentParser(groups)  # type: ignore[arg-type]
    (model, data, tokenizer, report, training), recipe = parse_arguments(parser)
    transformers.utils.logging.set_verbosity(training.get_process_log_level())
    results = run_text_classification(model, data, tokenizer, report, training, recipe)
    card = write_model_card(training.output_dir, results, license=report.license, language=report.language)
    for split, figures in results["metrics"].items():
        print(f"{split:>10}: " + "  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    print(f"Model, results.json and learning curves are in {training.output_dir}; the card: {card}")
    print(f'Use it: pipeline("text-classification", model="{training.output_dir}", trust_remote_code=True)')


if __name__ == "__main__":
    main()
