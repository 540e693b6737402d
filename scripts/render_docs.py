"""Write the tables of README.md and model_cards/*.md from the JSON in model_cards: results, benchmarks, comparison.

    python scripts/render_docs.py            # write them
    python scripts/render_docs.py --check    # change nothing; exit with 1 if one is out of date

A table stands between `<!-- results:NAME -->` and `<!-- /results:NAME -->`, and shows every result whose dataset is
called NAME, the most accurate on the test split first. Between `<!-- speed:NAME -->` and `<!-- /speed:NAME -->` stands
what the benchmark measured: `training`, `inference`, `ratios` or `conditions`. Between `<!-- comparison:NAME -->` and
`<!-- /comparison:NAME -->` stands the table of comparison/NAME.json, which `scripts/compare.py` wrote.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hf_rnn.benchmark.comparison_report import read_comparison
from hf_rnn.benchmark.comparison_tables import comparison_block
from hf_rnn.benchmark.report import Document, read_document
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

Results = dict[str, Any]


def figure(results: Results, split: str, name: str) -> float | None:
    return results["metrics"].get(split, {}).get(name)


def formatted(results: Results, split: str, name: str) -> str:
    """The figure, and of several seeds the lowest and the highest."""
    value = figure(results, split, name)
    if value is None:
        return ""
    each = [run["metrics"][split][name] for run in results["runs"] or []]
    return f"{value:.4f} ({min(each):.4f} to {max(each):.4f})" if each else f"{value:.4f}"


# Task → the figures in its tables (heading, split, name), where any row has them; by the first the rows are ordered.
FIGURES = {
    "text-classification": [
        ("Test accuracy", "test", "accuracy"),
        ("Validation accuracy", "validation", "accuracy"),
    ],
    "token-classification": [
        ("Test F1", "test", "f1"),
        ("Test F1, natural text", "test", "f1_detokenized"),
        ("Validation F1", "validation", "f1"),
    ],
    "sentence-similarity": [
        ("Test ROC-AUC", "test", "roc_auc"),
        ("Test accuracy", "test", "accuracy"),
        ("Test ROC-AUC, classifier", "test", "classifier_roc_auc"),
        ("Test accuracy, classifier", "test", "classifier_accuracy"),
        ("Test recall@1", "test", "recall_at_1"),
        ("Validation ROC-AUC", "validation", "roc_auc"),
        ("Test Spearman", "test", "spearman"),
        ("Test Pearson", "test", "pearson"),
        ("Validation Spearman", "validation", "spearman"),
    ],
    "image-feature-extraction": [
        ("Test 5-way 1-shot", "test", "accuracy_5_way_1_shot"),
        ("By pixels", "test", "pixels_5_way_1_shot"),
        ("Test 20-way 1-shot", "test", "accuracy_20_way_1_shot"),
        ("By pixels", "test", "pixels_20_way_1_shot"),
        ("Test ROC-AUC on pairs", "test", "pair_roc_auc"),
        ("Validation 5-way 1-shot", "validation", "accuracy_5_way_1_shot"),
    ],
}
Column = tuple[str, str, Callable[[Results], str]]


def columns(figures: list[tuple[str, str, str]]) -> list[Column]:
    """Heading, alignment and cell of the columns of a table of results with these figures."""
    measured: list[Column] = [
        (heading, "---:", partial(formatted, split=split, name=name)) for heading, split, name in figures
    ]
    return [
        ("Model", "---", lambda r: f"`{r['name']}`"),
        ("Parameters", "---:", lambda r: f"{r['model']['parameters']:,}"),
        ("Size on disk", "---:", lambda r: f"{r['model']['size_bytes'] / 1e6:.1f} MB"),
        *measured,
        ("Minutes to train", "---:", lambda r: f"{r['training']['minutes']:.1f}"),
        ("Threads", "---:", lambda r: str(r["training"]["threads"])),
        ("Seeds", "---:", lambda r: str(r["seeds"])),
        ("Recipe", "---", lambda r: f"[{Path(r['recipe']).name}]({r['recipe']})" if r["recipe"] else ""),
    ]


def table(rows: list[Results]) -> str:
    """A Markdown table of results of one task, best first; those without a test figure come last."""
    of_task = FIGURES[rows[0]["task"]]
    figures = [column for column in of_task if any(figure(r, *column[1:]) is not None for r in rows)] or of_task
    _, split, name = figures[0]
    ordered = sorted(rows, key=lambda r: (-(figure(r, split, name) or 0.0), r["name"]))
    shown = columns(figures)
    lines = [[heading for heading, _, _ in shown], [alignment for _, alignment, _ in shown]]
    lines += [[cell(results) for _, _, cell in shown] for results in ordered]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


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
        return match["open"] + table(rows) + match["close"]

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file is out of date")
    parser.add_argument("--root", type=Path, default=PROJECT, help="the folder of README.md and model_cards")
    arguments = parser.parse_args()
    results = [read_results(path) for path in sorted((arguments.root / "model_cards" / "results").glob("*.json"))]
    documents = [arguments.root / "README.md", *sorted((arguments.root / "model_cards").glob("*.md"))]
    old = {path: path.read_text(encoding="utf-8") for path in documents}
    speed_file = arguments.root / SPEED_FILE
    speed = read_document(speed_file) if speed_file.is_file() else None
    comparisons = {path.stem: read_comparison(path) for path in sorted((arguments.root / COMPARISONS).glob("*.json"))}
    new = {path: rendered(text, results, speed, comparisons, path) for path, text in old.items()}
    stale = [path for path in documents if new[path] != old[path]]
    if arguments.check and stale:
        sys.exit(f"Out of date: {', '.join(path.name for path in stale)}. Run `make docs`.")
    for path in stale:
        path.write_text(new[path], encoding="utf-8")
        print(f"Wrote {path.name}")


if __name__ == "__main__":
    main()
