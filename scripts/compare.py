#!/usr/bin/env python
"""
Measure models side by side on one test set, on one machine, in one run: quality, latency, throughput, memory, size,
loading. Writes a JSON file, and a Markdown table and a plot beside it.

    python scripts/compare.py --task token-classification --models bundled:bilstm-crf-conll2003 runs/minilm \\
        random:bert-base-cased --baseline minilm --test_file '${HF_RNN_CORPORA}/conll2003/test.parquet' \\
        --output model_cards/comparison/conll2003.json
    python scripts/compare.py --task sentence-similarity --models ours=runs/quora_siamese runs/quora_minilm \\
        sentence-transformers/all-MiniLM-L6-v2 --baseline all-MiniLM-L6-v2 \\
        --test_file '${HF_RNN_CORPORA}/quora/test.parquet' --output model_cards/comparison/quora.json
    python scripts/compare.py --task text-classification --models bundled:bilstm-imdb --quick \\
        --test_file reviews.csv --output runs/comparison/reviews.json

On a machine that does nothing else. The flags of the test set are those of the training scripts; `render_docs.py` puts
the table of NAME.json between <!-- comparison:NAME --> and <!-- /comparison:NAME --> in documents.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from transformers import HfArgumentParser

from hf_rnn.benchmark.comparison.arguments import CompareArguments
from hf_rnn.benchmark.comparison.run import run_comparison
from hf_rnn.benchmark.comparison.tables import comparison_markdown
from hf_rnn.cli.train import errors_in_one_line
from hf_rnn.tasks.test_arguments import DATA_ARGUMENTS


def main() -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    # The task decides which flags there are.
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--task", choices=sorted(DATA_ARGUMENTS), default="text-classification")
    task = first.parse_known_args()[0].task
    parser = HfArgumentParser(
        (CompareArguments, DATA_ARGUMENTS[task]),  # type: ignore[arg-type]
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments, data = parser.parse_args_into_dataclasses()
    with errors_in_one_line():
        document = run_comparison(arguments, data)
    print(comparison_markdown(document))
    output = Path(arguments.output)
    print(f"Wrote {output}, and {output.stem}.md and {output.stem}.png beside it.")


if __name__ == "__main__":
    main()
