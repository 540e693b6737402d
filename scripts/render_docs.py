"""Write the tables of README.md and docs, the cards of the bundled checkpoints, and those in model_cards, from JSON.

    python scripts/render_docs.py            # write them
    python scripts/render_docs.py --check    # change nothing; exit with 1 if one is out of date

A table stands between `<!-- results:NAME -->` and `<!-- /results:NAME -->`, and shows every result whose dataset is
called NAME, the most accurate on the test split first. Between `<!-- speed:NAME -->` and `<!-- /speed:NAME -->` stands
what the benchmark measured: `training`, `inference`, `ratios` or `conditions`, or of encoder-decoders
`sequences-training`, `sequences-writing`, `sequences-ratios` or `sequences-conditions`. Between `<!-- comparison:NAME
-->` and `<!-- /comparison:NAME -->` stands the table of comparison/NAME.json, which `scripts/compare.py` wrote; in
`generation:NAME` what `scripts/measure_generation.py` measured of the model NAME, in `one text:times` what
`scripts/measure_one_text.py` did, in `gradients:comparison` what `scripts/plot_gradient_flow.py` did, in
`search:NAME` what `scripts/run_hyperparameter_search.py` found (search/NAME/search.json), in `contributions:NAME`
what `scripts/measure_contributions.py` did (insight/NAME.json), in `truncation:long texts` what
`scripts/measure_truncation.py` did, in `int8:checkpoints` what `scripts/measure_int8.py` did, and in
`defaults:summary`, `defaults:texts`, `:pairs`, `:tags` and `:language` what `scripts/compare_defaults.py` did.
Cards are written whole, by `hf_rnn.rendering.cards`, and the plots beside those of the bundled checkpoints are copied.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hf_rnn.benchmark.speed.blocks import speed_blocks
from hf_rnn.cli.flags import FlagsFormatter
from hf_rnn.rendering.documents import documents


PROJECT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("--check", action="store_true", help="Change nothing; exit with 1 if a file is out of date.")
    parser.add_argument("--root", type=Path, default=PROJECT, help="Folder of README.md. Default: this checkout.")
    arguments = parser.parse_args()
    wanted = documents(arguments.root, speed_blocks)
    stale = sorted(path for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content)
    names = [path.relative_to(arguments.root).as_posix() for path in stale]
    if arguments.check and stale:
        sys.exit(f"Out of date: {', '.join(names)}. Run `make docs`.")
    for path, name in zip(stale, names, strict=True):
        path.write_bytes(wanted[path])
        print(f"Wrote {name}")


if __name__ == "__main__":
    main()
