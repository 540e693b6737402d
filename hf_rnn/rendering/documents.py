"""The documents of the project that are written from JSON: blocks of tables, and cards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..benchmark.comparison.report import read_comparison
from ..benchmark.comparison.tables import comparison_block
from ..benchmark.defaults.report import read_defaults
from ..benchmark.defaults.tables import BLOCKS as DEFAULTS_BLOCKS
from ..benchmark.gate_bias import gate_bias_table, read_gate_bias
from ..benchmark.generation import generation_tables, read_generation
from ..benchmark.gradient_flow import comparison_table
from ..benchmark.int8 import int8_table, read_int8
from ..benchmark.omniglot import omniglot_table
from ..benchmark.one_text import one_text_tables, read_one_text
from ..benchmark.truncation import read_truncation, truncation_table
from ..insight.contributions.faithfulness import faithfulness_table
from ..runs.results import read_results
from .cards import copied_plots, project_cards
from .results_tables import Results, results_table
from .search_tables import search_tables
from .series_tables import series_table, series_titles


__all__ = ["documents"]


SPEED_FILE = Path("model_cards", "benchmarks", "speed.json")
GENERATION_FILE = Path("model_cards", "benchmarks", "generation.json")
ONE_TEXT_FILE = Path("model_cards", "benchmarks", "one_text.json")
OMNIGLOT_FILE = Path("model_cards", "benchmarks", "omniglot.json")
GATE_BIAS_FILE = Path("model_cards", "benchmarks", "gate_bias.json")
TRUNCATION_FILE = Path("model_cards", "benchmarks", "truncation.json")
INT8_FILE = Path("model_cards", "benchmarks", "int8.json")
GRADIENTS_FILE = Path("model_cards", "gradient_flow", "gradient_flow.json")
COMPARISONS = Path("model_cards", "comparison")
SEARCHES = Path("model_cards", "search")
CONTRIBUTIONS = Path("model_cards", "insight")
DEFAULTS_FILE = Path("model_cards", "defaults", "defaults.json")
PUBLISHED_SERIES_FILE = Path("model_cards", "series", "published.json")
KINDS = (
    "results|speed|comparison|generation|one text|gradients|search|contributions|defaults|series|omniglot|truncation"
    "|gate bias|int8"
)
BLOCK = re.compile(
    rf"(?P<open><!-- (?P<kind>{KINDS}):(?P<name>[^>\n]+) -->\n).*?(?P<close><!-- /(?P=kind):(?P=name) -->)",
    flags=re.DOTALL,
)
LINK = re.compile(r"(\]\()(?=(?:scripts|model_cards|docs|hf_rnn)/)")
MARKER = re.compile(rf"<!-- /?(?:{KINDS}):[^>\n]+ -->")

# Each kind of block has its text by its name.
Blocks = dict[str, dict[str, Callable[[], str]]]
SpeedBlocks = Callable[[Path], dict[str, Callable[[], str]]]
SOURCES = {
    "results": "model_cards/results; `dataset.name` is the name",
    "speed": f"{SPEED_FILE}, which `make bench` writes",
    "comparison": f"{COMPARISONS}, which scripts/compare.py writes",
    "generation": f"{GENERATION_FILE}, which scripts/measure_generation.py writes",
    "one text": f"{ONE_TEXT_FILE}, which scripts/measure_one_text.py writes",
    "gradients": f"{GRADIENTS_FILE}, which scripts/plot_gradient_flow.py writes",
    "search": f"{SEARCHES}, what scripts/run_hyperparameter_search.py writes",
    "contributions": f"{CONTRIBUTIONS}, which scripts/measure_contributions.py writes",
    "series": "model_cards/results; `dataset.name` up to its comma is the name",
    "defaults": f"{DEFAULTS_FILE}, which scripts/compare_defaults.py writes",
    "omniglot": f"{OMNIGLOT_FILE}, which scripts/measure_omniglot.py writes",
    "gate bias": f"{GATE_BIAS_FILE}, which scripts/measure_gate_bias.py writes",
    "int8": f"{INT8_FILE}, which scripts/measure_int8.py writes",
    "truncation": f"{TRUNCATION_FILE}, which scripts/measure_truncation.py writes",
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

    # A block links to files by their path from the root; a page in a folder looks for them above itself.
    above = "../" * (len(path.relative_to(root).parts) - 1)
    lonely = MARKER.search(BLOCK.sub("", text))
    if lonely:
        raise ValueError(f"{path}: the marker {lonely[0]} has no other half")
    return BLOCK.sub(block, text)


def blocks_of(root: Path, results: list[Results], speed: SpeedBlocks) -> Blocks:
    """Make the blocks that can stand in the documents, of the JSON files that are there."""
    by_dataset: dict[str, list[Results]] = {}
    for one in results:
        by_dataset.setdefault(one["dataset"]["name"], []).append(one)
    blocks: Blocks = {kind: {} for kind in SOURCES}
    blocks["results"] = {name: partial(results_table, rows) for name, rows in by_dataset.items()}
    published = _read(root / PUBLISHED_SERIES_FILE) if (root / PUBLISHED_SERIES_FILE).is_file() else {}
    for title, rows in series_titles(results).items():
        blocks["series"][title] = partial(series_table, title, rows, published)
    if (root / SPEED_FILE).is_file():
        blocks["speed"] = speed(root / SPEED_FILE)
    for path in sorted((root / COMPARISONS).glob("*.json")):
        blocks["comparison"][path.stem] = partial(comparison_block, read_comparison(path))
    if (root / GENERATION_FILE).is_file():
        document = read_generation(root / GENERATION_FILE)
        blocks["generation"][document["model"]["name"]] = partial(generation_tables, document)
    if (root / ONE_TEXT_FILE).is_file():
        blocks["one text"]["times"] = partial(one_text_tables, read_one_text(root / ONE_TEXT_FILE))
    if (root / GRADIENTS_FILE).is_file():
        measured = _read(root / GRADIENTS_FILE)
        blocks["gradients"]["comparison"] = lambda: comparison_table(measured) + "\n"
    for path in sorted((root / SEARCHES).glob("*/search.json")):
        blocks["search"][path.parent.name] = partial(search_tables, _read(path))
    for path in sorted((root / CONTRIBUTIONS).glob("*.json")):
        blocks["contributions"][path.stem] = partial(_contributions, _read(path))
    if (root / OMNIGLOT_FILE).is_file():
        of_runs = _read(root / OMNIGLOT_FILE)
        blocks["omniglot"]["runs"] = lambda: omniglot_table(of_runs) + "\n"
    if (root / TRUNCATION_FILE).is_file():
        blocks["truncation"]["long texts"] = partial(truncation_table, read_truncation(root / TRUNCATION_FILE))
    if (root / INT8_FILE).is_file():
        blocks["int8"]["checkpoints"] = partial(int8_table, read_int8(root / INT8_FILE))
    if (root / GATE_BIAS_FILE).is_file():
        blocks["gate bias"]["cells"] = partial(gate_bias_table, read_gate_bias(root / GATE_BIAS_FILE))
    if (root / DEFAULTS_FILE).is_file():
        defaults = read_defaults(root / DEFAULTS_FILE)
        blocks["defaults"] = {name: partial(table, defaults) for name, table in DEFAULTS_BLOCKS.items()}
    return blocks


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _contributions(measured: dict[str, Any]) -> str:
    return faithfulness_table(measured) + "\n"


def documents(root: Path, speed: SpeedBlocks) -> dict[Path, bytes]:
    """Path → content, as it should be, of every file that is written from JSON.

    Args:
        root: The folder of README.md and model_cards.
        speed: Reads what the benchmark of speed wrote; it is an argument because the wheel does not have that
            benchmark.

    Raises:
        ValueError: a block or a card cannot be made of what there is.
    """
    folder = root / "model_cards"
    results = [read_results(path) for path in sorted((folder / "results").glob("*.json"))]
    blocks = blocks_of(root, results, speed)
    cards = project_cards(root, results)
    pages = {root / "README.md", *(root / "docs").glob("*.md"), *folder.glob("*.md"), *folder.glob("defaults/*.md")}
    with_blocks = pages - cards.keys()
    texts = {path: rendered(path.read_text("utf-8"), blocks, path, root) for path in with_blocks}
    plots = {copy: plot.read_bytes() for copy, plot in copied_plots(root).items()}
    return {path: text.encode() for path, text in (texts | cards).items()} | plots
