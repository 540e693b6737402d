#!/usr/bin/env python
"""Make a model of another library, for a row of its own in `hf-rnn compare`: a classifier of fastText, an entity
recogniser of spaCy, or vectors of model2vec.

    python scripts/train_libraries.py --library fasttext --train_file reviews.csv --validation_split_percentage 10 \\
        --output_dir runs/fasttext
    python scripts/train_libraries.py --library spacy --train_file train.conll --validation_file dev.conll \\
        --time_limit_minutes 20 --output_dir runs/spacy
    python scripts/train_libraries.py --library model2vec --encoder sentence-transformers/all-MiniLM-L6-v2 \\
        --output_dir runs/model2vec

The flags of the data are those of the training, so that a library learns what `hf-rnn train` learns. fastText chooses
its learning rate and passes on validation; spaCy trains until 30 passes or the time are over; model2vec distils an
encoder and needs no texts. The test split is not measured. `pip install fasttext-numpy2-wheel`, `pip install spacy`,
`pip install model2vec 'skeletoken<0.7'`.
"""

from __future__ import annotations

import argparse
import sys

from hf_rnn.benchmark.comparison.libraries.training import READERS, LibraryArguments, train_library
from hf_rnn.cli.errors import ended_by_errors
from hf_rnn.cli.flags import CommandParser


def main() -> None:
    # The library decides which flags there are.
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--library", choices=sorted(READERS), default="fasttext")
    reader = READERS[first.parse_known_args()[0].library]
    groups = (LibraryArguments,) if reader is None else (LibraryArguments, reader)
    usage = "--library LIBRARY --output_dir FOLDER [--flag value ...]"
    parser = CommandParser(groups, usage=usage, description=__doc__)
    with ended_by_errors(debug=False):
        given = parser.parse_args_into_dataclasses(sys.argv[1:], look_for_args_file=False)
        made = train_library(*given)
    print(f"Validation: {made['validation']}. Minutes: {made['minutes']:.2f}. Wrote {given[0].output_dir}.")


if __name__ == "__main__":
    main()
