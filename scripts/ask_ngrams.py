#!/usr/bin/env python
"""Ask a model of n-grams, which scripts/baseline_ngram.py has written, for the next word or the likelier sentence.

python scripts/ask_ngrams.py runs/ngram "the cat"
python scripts/ask_ngrams.py runs/ngram "the cat sat on the mat" --or "the mat sat on the cat"
"""

from __future__ import annotations

import argparse

from hf_rnn.baselines.ngram_text import NgramTextModel
from hf_rnn.cli.errors import errors_in_one_line
from hf_rnn.cli.flags import FlagsFormatter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("folder", help="Output folder of scripts/baseline_ngram.py.")
    parser.add_argument("text", help="Beginning of a sentence, or with --or a whole one.")
    parser.add_argument("--or", dest="other", help="Sentence to compare the text with. Default: none.")
    parser.add_argument("--k", type=int, default=5, help="Number of next words to show. Default: 5.")
    arguments = parser.parse_args()
    with errors_in_one_line(ValueError, FileNotFoundError):
        model = NgramTextModel.load(arguments.folder)
        if arguments.other is None:
            for word, probability in model.next_words(arguments.text, arguments.k):
                print(f"{probability:.4f}  {word}")
            return
        sentence, times = model.likelier(arguments.text, arguments.other)
        print(f"{sentence!r} is {times:.3g} times as likely.")


if __name__ == "__main__":
    main()
