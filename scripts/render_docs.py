"""Write README.md's tables, and the cards of the bundled checkpoints and in model_cards, from their JSON.

    python scripts/render_docs.py            # write them
    python scripts/render_docs.py --check    # change nothing; exit with 1 if one is out of date

A table stands between `<!-- results:NAME -->` and `<!-- /results:NAME -->`, and shows every result whose dataset is
called NAME, the most accurate on the test split first. Between `<!-- speed:NAME -->` and `<!-- /speed:NAME -->` stands
what the benchmark measured: `training`, `inference`, `ratios` or `conditions`. Between `<!-- comparison:NAME -->` and
`<!-- /comparison:NAME -->` stands the table of comparison/NAME.json, which `scripts/compare.py` wrote. Cards are
written whole, by `hf_rnn.benchmark.cards`, and the plots beside those of the bundled checkpoints are copied.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from hf_rnn.benchmark.cards import copied_plots, project_cards
from hf_rnn.benchmark.comparison_report import read_comparison
from hf_rnn.benchmark.comparison_tables import comparison_block
from hf_rnn.benchmark.report import Document, read_document
from hf_rnn.benchmark.results_tables import Results, results_table
from hf_rnn.benchmark.tables import BLOCKS
from hf_rnn.training.results import read_results


PROJECT = Path(__file__).resolve().parent.parent
SPEED_FILE = Path("model_cards", "benchmarks", "speed.json")
COMPARISONS = Path("model_cards", "comparison")
BLOCK = re.compile(
    r"(?P<open><!-- (?P<kind>results|speed|comparison):(?P<name>\S+) -->\n).*?"
    r"(?P<close><!-- /(?P=kind):(?P=name) -->)",
    flags=re.DOTALL,
)
MARKER = re.compile(r"<!-- /?(?:results|speed|comparison):\S+ -->")


def rendered(
    text: str, results: list[Results], speed: Document | None, comparisons: dict[str, Document], path: Path
) -> str:
    """`text` with every block written anew.

    Raises:
        ValueError: a marker without its other half, or a block for which there are no results.
    """

    def block(match: re.Match[str]) -> str:
        if match["kind"] == "speed":
            return match["open"] + speed_block(match["name"]) + match["close"]
        if match["kind"] == "comparison":
            return match["open"] + compared(match["name"]) + match["close"]
        rows = [r for r in results if r["dataset"]["name"] == match["name"]]
        if not rows:
            known = ", ".join(sorted({r["dataset"]["name"] for r in results})) or "none"
            raise ValueError(f"{path}: no results of the dataset {match['name']!r}; there are results of: {known}")
        return match["open"] + results_table(rows) + match["close"]

    def speed_block(name: str) -> str:
        if speed is None:
            raise ValueError(f"{path}: nothing for the block 'speed:{name}'; `make bench` writes {SPEED_FILE}")
        if name not in BLOCKS:
            raise ValueError(f"{path}: no block 'speed:{name}'; there are: {', '.join(BLOCKS)}")
        return BLOCKS[name](speed)

    def compared(name: str) -> str:
        if name not in comparisons:
            known = ", ".join(comparisons) or "none"
            raise ValueError(f"{path}: nothing for the block 'comparison:{name}'; there are comparisons of: {known}")
        try:
            return comparison_block(comparisons[name])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    lonely = MARKER.search(BLOCK.sub("", text))
    if lonely:
        raise ValueError(f"{path}: the marker {lonely[0]} has no other half")
    return BLOCK.sub(block, text)


def documents(root: Path) -> dict[Path, bytes]:
    """Path → content, as it should be, of every file that is written from JSON.

    Raises:
        ValueError: a block or a card cannot be made of what there is.
    """
    folder = root / "model_cards"
    results = [read_results(path) for path in sorted((folder / "results").glob("*.json"))]
    speed = read_document(root / SPEED_FILE) if (root / SPEED_FILE).is_file() else None
    comparisons = {path.stem: read_comparison(path) for path in sorted((root / COMPARISONS).glob("*.json"))}
    cards = project_cards(root, results)
    with_blocks = {root / "README.md", *folder.glob("*.md")} - cards.keys()
    texts = {path: rendered(path.read_text("utf-8"), results, speed, comparisons, path) for path in with_blocks}
    plots = {copy: plot.read_bytes() for copy, plot in copied_plots(root).items()}
    return {path: text.encode() for path, text in (texts | cards).items()} | plots


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file is out of date")
    parser.add_argument("--root", type=Path, default=PROJECT, help="the folder of README.md and model_cards")
    arguments = parser.parse_args()
    wanted = documents(arguments.root)
    stale = sorted(path for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content)
    names = [path.relative_to(arguments.root).as_posix() for path in stale]
    if arguments.check and stale:
        sys.exit(f"Out of date: {', '.join(names)}. Run `make docs`.")
    for path, name in zip(stale, names, strict=True):
        path.write_bytes(wanted[path])
        print(f"Wrote {name}")


if __name__ == "__main__":
    main()
