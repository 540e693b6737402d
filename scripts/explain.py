#!/usr/bin/env python
"""
Why a model answers as it does, on one page: what each token contributes, gates and states, gradients, neighbours of
its words and whatever else applies to it. The page needs no network and nothing beside it.

    python scripts/explain.py bundled:bilstm-imdb "A quiet film that earns every minute of it." --output report.html
    python scripts/explain.py bundled:siamese-bilstm-quora "How old is the sun?" "What is the age of the sun?"
    python scripts/explain.py runs/my_model "Some text" --label positive
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from transformers import AutoTokenizer

from hf_rnn.cli.train import errors_in_one_line
from hf_rnn.extras import require_extra
from hf_rnn.insight.loading import load_with_head
from hf_rnn.insight.report import explain
from hf_rnn.runs.bundled import PREFIX, checkpoint_folder, list_bundled


def main() -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bundles = ", ".join(PREFIX + name for name in list_bundled())
    parser.add_argument("checkpoint", help=f"a folder, a repository of the Hub, or one of {bundles}")
    parser.add_argument("text")
    parser.add_argument("text_pair", nargs="?", help="the second text, for a model that compares two")
    parser.add_argument("--output", type=Path, default=Path("report.html"), help="(default: %(default)s)")
    parser.add_argument("--label", help="explain this label; by default the one that the model answers")
    arguments = parser.parse_args()
    with errors_in_one_line():
        require_extra("insight", "Explaining a model")
    try:
        path = checkpoint_folder(arguments.checkpoint, "checkpoint")
        if arguments.output.is_dir():
            raise ValueError(f"`--output`={str(arguments.output)!r} is a folder; it must be the file to write.")
        model = load_with_head(path)
        report = explain(
            model,
            AutoTokenizer.from_pretrained(path),
            arguments.text,
            arguments.text_pair,
            label=arguments.label,
            name=Path(path).name if Path(path).exists() else path,
            progress=True,
        )
        written = report.write(arguments.output)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"Wrote {written} ({written.stat().st_size / 1e6:.1f} MB): {', '.join(report.sections)}.")
    for title, reason in report.left_out.items():
        print(f"Not in it: {title}: {reason}")


if __name__ == "__main__":
    main()
