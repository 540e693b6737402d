"""The cards of the project, made from JSON: those of the bundled checkpoints, and those in `model_cards/`.

A bundled checkpoint has its `results.json` and `card.json` beside it. One that is not has the options of its card in
`model_cards/NAME.json`, its results among `model_cards/results/`, and its learning curves in `model_cards/NAME.png`.
What was tried on the way to either is in `model_cards/trials/NAME.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from ..benchmark.comparison.report import read_comparison
from ..benchmark.comparison.tables import comparison_block
from ..benchmark.defaults.additions import additions_table
from ..hub.card_options import CARD_FILE, CardOptions, read_card_options
from ..hub.encoder_bundle import PARTS_FILE, encoder_card
from ..hub.model_card import METRICS, model_card
from ..runs.curves import CURVES_FILE
from ..runs.folder import RESULTS_FILE
from ..runs.results import read_results
from ..runs.trials import read_trials, trials_table
from .results_tables import Results, results_table


__all__ = ["PLOT_FILE", "compared", "copied_plots", "project_cards"]


# A checkout has the bundled checkpoints here.
BUNDLES = ("hf_rnn/pretrained", "hf_rnn/research_weights/hf_rnn_research_weights")
ENCODERS = "hf_rnn/pretrained/encoders"
# The plot of a comparison, beside the card of a bundled checkpoint.
PLOT_FILE = "comparison.png"


def project_cards(root: Path, published: Sequence[Results]) -> dict[Path, str]:
    """Path → text of every card below `root`, the root of a checkout.

    Args:
        published: The documents in `model_cards/results`.

    Raises:
        ValueError: `model_cards/NAME.json` has no results called NAME, or a comparison was a quick run.
        FileNotFoundError: a bundled checkpoint lacks its results or options, or there is no comparison that one names.
    """
    cards: dict[Path, str] = {}
    folder = root / "model_cards"
    for bundle in _bundles(root):
        options, results = read_card_options(bundle / CARD_FILE), read_results(bundle / RESULTS_FILE)
        curves = bundle / CURVES_FILE
        plot = bundle / PLOT_FILE if options.compared_in else None
        cards[bundle / "README.md"] = _card(root, bundle, results, options, published, curves, plot)
        plot = _plot(root, options)
        cards[folder / f"{bundle.name}.md"] = _card(root, folder, results, options, published, curves, plot)
    for encoder in sorted(path.parent for path in (root / ENCODERS).glob("*/config.json")):
        parts = encoder / PARTS_FILE
        measured = additions_table(json.loads(parts.read_text(encoding="utf-8"))) if parts.is_file() else None
        text = str(encoder_card(encoder, measured))
        cards[encoder / "README.md"] = cards[folder / f"{encoder.name}.md"] = text
    by_name = {results["name"]: results for results in published}
    for options_file in sorted(folder.glob("*.json")):
        if options_file.stem not in by_name:
            raise ValueError(f"{options_file}: no file in model_cards/results has the `name` {options_file.stem!r}")
        options, results = read_card_options(options_file), by_name[options_file.stem]
        curves, plot = options_file.with_suffix(".png"), _plot(root, options)
        cards[options_file.with_suffix(".md")] = _card(root, folder, results, options, published, curves, plot)
    return cards


def copied_plots(root: Path) -> dict[Path, Path]:
    """Map each plot beside the card of a bundled checkpoint to the plot of a comparison that it is a copy of."""
    found = {}
    for bundle in _bundles(root):
        plot = _plot(root, read_card_options(bundle / CARD_FILE))
        if plot is not None:
            found[bundle / PLOT_FILE] = plot
    return found


def compared(root: Path, compared_in: str, plot: str) -> str:
    """Markdown of the comparison in the file `compared_in` (from `root`), with its plot, as a card shows it."""
    block = comparison_block(read_comparison(root / compared_in))
    return f"{block}\n![Quality against latency; the area of a point is the size on disk]({plot})"


def _bundles(root: Path) -> list[Path]:
    return sorted(path.parent for folder in BUNDLES for path in (root / folder).glob("*/config.json"))


def _card(
    root: Path,
    folder: Path,
    results: Results,
    options: CardOptions,
    published: Sequence[Results],
    curves: Path,
    plot: Path | None,
) -> str:
    """The card in `folder`; links to pictures are relative to it."""

    def link(path: Path) -> str:
        return Path(os.path.relpath(path, folder)).as_posix()

    if options.compared_in and plot:
        comparison: str | None = compared(root, options.compared_in, link(plot))
    else:
        comparison = _beside(results, published)
    shown = link(curves) if curves.is_file() else None
    trials = _trials(root, results["name"])
    return str(model_card(results, curves=shown, comparison=comparison, trials=trials, **vars(options)))


def _trials(root: Path, name: str) -> str | None:
    """The table of what was tried on the way to the model `name`, where it is known."""
    path = root / "model_cards" / "trials" / f"{name}.json"
    if not path.is_file():
        return None
    document = read_trials(path)
    table = trials_table(document, {metric: shown for metric, (_, shown) in METRICS.items()}).rstrip()
    return f"{table}\n\nWritten from `{path.relative_to(root).as_posix()}`; the test split had no part in it."


def _beside(results: Results, published: Sequence[Results]) -> str | None:
    """The table of the published results on the same data, where another model has some."""
    data = (results["task"], results["dataset"]["name"])
    rows = [row for row in published if (row["task"], row["dataset"]["name"]) == data]
    if all(row["name"] == results["name"] for row in rows):
        return None
    table = results_table(rows, recipes=False).rstrip()
    return f"What the runs measured, each before any rounding of its weights:\n\n{table}"


def _plot(root: Path, options: CardOptions) -> Path | None:
    return (root / options.compared_in).with_suffix(".png") if options.compared_in else None
