"""Write the tables of README.md and docs, the cards of the bundled checkpoints, and those in model_cards, from JSON.

    python scripts/render_docs.py            # write them
    python scripts/render_docs.py --check    # change nothing; exit with 1 if one is out of date

A table stands between `<!-- results:NAME -->` and `<!-- /results:NAME -->`, and shows every result whose dataset is
called NAME, the most accurate on the test split first. Between `<!-- speed:NAME -->` and `<!-- /speed:NAME -->` stands
what the benchmark measured: `training`, `inference`, `ratios` or `conditions`. Between `<!-- comparison:NAME -->` and
`<!-- /comparison:NAME -->` stands the table of comparison/NAME.json, which `scripts/compare.py` wrote; in
`generation:NAME` what `scripts/measure_generation.py` measured of the model NAME, in `gradients:comparison` what
`scripts/plot_gradient_flow.py` did, in `search:NAME` what `scripts/run_hyperparameter_search.py` found
(search/NAME/search.json), in `contributions:NAME` what `scripts/measure_contributions.py` did (insight/NAME.json).
Cards are written whole, by `hf_rnn.rendering.cards`, and the plots beside those of the bundled checkpoints are copied.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hf_rnn.benchmark.comparison.report import read_comparison
from hf_rnn.benchmark.comparison.tables import comparison_block
from hf_rnn.benchmark.generation import generation_tables, read_generation
from hf_rnn.benchmark.gradient_flow import comparison_table
from hf_rnn.benchmark.speed.report import read_document
from hf_rnn.benchmark.speed.tables import BLOCKS
from hf_rnn.insight.contributions.faithfulness import faithfulness_table
from hf_rnn.rendering.cards import copied_plots, project_cards
from hf_rnn.rendering.results_tables import Results, results_table
from hf_rnn.rendering.search_tables import search_tables
from hf_rnn.runs.results import read_results


PROJECT = Path(__file__).resolve().parent.parent
SPEED_FILE = Path("model_cards", "benchmarks", "speed.json")
GENERATION_FILE = Path("model_cards", "benchmarks", "generation.json")
GRADIENTS_FILE = Path("model_cards", "gradient_flow", "gradient_flow.json")
COMPARISONS = Path("model_cards", "comparison")
SEARCHES = Path("model_cards", "search")
CONTRIBUTIONS = Path("model_cards", "insight")
KINDS = "results|speed|comparison|generation|gradients|search|contributions"
BLOCK = re.compile(
    rf"(?P<open><!-- (?P<kind>{KINDS}):(?P<name>[^>\n]+) -->\n).*?(?P<close><!-- /(?P=kind):(?P=name) -->)",
    flags=re.DOTALL,
)
LINK = re.compile(r"(\]\()(?=(?:scripts|model_cards|docs|hf_rnn)/)")
MARKER = re.compile(rf"<!-- /?(?:{KINDS}):[^>\n]+ -->")

# Of each kind of block, its text by its name.
Blocks = dict[str, dict[str, Callable[[], str]]]
SOURCES = {
    "results": "model_cards/results; `dataset.name` is the name",
    "speed": f"{SPEED_FILE}, which `make bench` writes",
    "comparison": f"{COMPARISONS}, which scripts/compare.py writes",
    "generation": f"{GENERATION_FILE}, which scripts/measure_generation.py writes",
    "gradients": f"{GRADIENTS_FILE}, which scripts/plot_gradient_flow.py writes",
    "search": f"{SEARCHES}, what scripts/run_hyperparameter_search.py writes",
    "contributions": f"{CONTRIBUTIONS}, which scripts/measure_contributions.py writes",
}


def rendered(text: str, blocks: Blocks, path: Path, root: Path) -> str:
    """`text` with every block written anew.

    Raises:
        ValueError: a marker without its other half, or a block for which there are no results.
    """

    def block(match: re.Match[str]) -> str:
        kind, name = match["kind"], match["name"]
        if name not in blocks[kind]:
            known = ", ".join(sorted(blocks[kind])) or "none"
            raise ValueError(f"{path}: nothing for the block '{kind}:{name}' in {SOURCES[kind]}; there are: {known}")
        try:
            return match["open"] + LINK.sub(r"\1" + above, blocks[kind][name]()) + match["close"]
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    # A block links to files by their path from the root; a page of a folder looks for them above itself.
    above = "" if path.parent == root else "../"
    lonely = MARKER.search(BLOCK.sub("", text))
    if lonely:
        raise ValueError(f"{path}: the marker {lonely[0]} has no other half")
    return BLOCK.sub(block, text)


def blocks_of(root: Path, results: list[Results]) -> Blocks:
    """What can stand in the documents, of the JSON files that are there."""
    by_dataset: dict[str, list[Results]] = {}
    for one in results:
        by_dataset.setdefault(one["dataset"]["name"], []).append(one)
    blocks: Blocks = {kind: {} for kind in SOURCES}
    blocks["results"] = {name: partial(results_table, rows) for name, rows in by_dataset.items()}
    if (root / SPEED_FILE).is_file():
        speed = read_document(root / SPEED_FILE)
        blocks["speed"] = {name: partial(table, speed) for name, table in BLOCKS.items()}
    for path in sorted((root / COMPARISONS).glob("*.json")):
        blocks["comparison"][path.stem] = partial(comparison_block, read_comparison(path))
    if (root / GENERATION_FILE).is_file():
        document = read_generation(root / GENERATION_FILE)
        blocks["generation"][document["model"]["name"]] = partial(generation_tables, document)
    if (root / GRADIENTS_FILE).is_file():
        measured = _read(root / GRADIENTS_FILE)
        blocks["gradients"]["comparison"] = lambda: comparison_table(measured) + "\n"
    for path in sorted((root / SEARCHES).glob("*/search.json")):
        blocks["search"][path.parent.name] = partial(search_tables, _read(path))
    for path in sorted((root / CONTRIBUTIONS).glob("*.json")):
        blocks["contributions"][path.stem] = partial(_contributions, _read(path))
    return blocks


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _contributions(measured: dict[str, Any]) -> str:
    return faithfulness_table(measured) + "\n"


def documents(root: Path) -> dict[Path, bytes]:
    """Path → content, as it should be, of every file that is written from JSON.

    Raises:
        ValueError: a block or a card cannot be made of what there is.
    """
    folder = root / "model_cards"
    results = [read_results(path) for path in sorted((folder / "results").glob("*.json"))]
    blocks = blocks_of(root, results)
    cards = project_cards(root, results)
    with_blocks = {root / "README.md", *(root / "docs").glob("*.md"), *folder.glob("*.md")} - cards.keys()
    texts = {path: rendered(path.read_text("utf-8"), blocks, path, root) for path in with_blocks}
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
