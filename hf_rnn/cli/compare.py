"""Measure models side by side on one test set, on one machine, in one run: quality, latency, throughput, memory, size,
loading. Writes a JSON file, and a Markdown table and a plot beside it.

    hf-rnn compare --task token-classification --models bundled:bilstm-crf-conll2003 runs/minilm \\
        random:bert-base-cased --baseline minilm --test_file '${HF_RNN_CORPORA}/conll2003/test.parquet' \\
        --output model_cards/comparison/conll2003.json
    hf-rnn compare --task sentence-similarity --models ours=runs/quora_siamese runs/quora_minilm \\
        sentence-transformers/all-MiniLM-L6-v2 --baseline all-MiniLM-L6-v2 \\
        --test_file '${HF_RNN_CORPORA}/quora/test.parquet' --output model_cards/comparison/quora.json
    hf-rnn compare --task text-classification --models bundled:bilstm-imdb --quick \\
        --test_file reviews.csv --output runs/comparison/reviews.json
    hf-rnn compare --task text-classification --models bundled:bilstm-imdb fasttext:runs/fasttext/model.ftz \\
        --test_file reviews.csv --output runs/comparison/reviews.json

Run it on a machine that does nothing else. The flags of the test set are those of the training; in a checkout
`render_docs.py` puts the table of NAME.json between <!-- comparison:NAME --> and <!-- /comparison:NAME --> in
documents.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..benchmark.comparison.arguments import DATA_ARGUMENTS, CompareArguments
from ..benchmark.comparison.run import run_comparison
from ..benchmark.comparison.tables import comparison_markdown
from .flags import CommandParser


__all__ = ["SUMMARY", "main"]


SUMMARY = "measure models side by side on one test set"


def main(arguments: list[str]) -> None:
    """`hf-rnn compare`, and `scripts/compare.py`."""
    # The task decides which flags there are.
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--task", choices=sorted(DATA_ARGUMENTS), default="text-classification")
    task = first.parse_known_args(arguments)[0].task
    parser = CommandParser(
        (CompareArguments, DATA_ARGUMENTS[task]),
        usage="--task TASK --models MODEL ... --output FILE --test_file FILE [--flag value ...]",
        description=__doc__,
    )
    compared, data = parser.parse_args_into_dataclasses(arguments, look_for_args_file=False)
    document = run_comparison(compared, data)
    print(comparison_markdown(document))
    output = Path(compared.output)
    print(f"Wrote {output}, and {output.stem}.md and {output.stem}.png beside it.")
