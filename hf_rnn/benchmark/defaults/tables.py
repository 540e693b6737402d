"""The tables of what the default command reaches, from `model_cards/defaults/defaults.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ...runs.markdown import markdown_table
from ..document import Document
from .cells import ALL
from .corpora import CORPORA, Corpus, find_corpus
from .peers.table import PEERS
from .report import best_cheap, verdict


__all__ = ["BLOCKS"]


Cells = Mapping[tuple[str, str], Mapping[str, Any]]
# The kinds of data that stand in one table.
GROUPS = {
    "texts": ("classes", "numbers"),
    "pairs": ("pair_labels", "pair_scores"),
    "tags": ("tags",),
    "language": ("characters", "words"),
}
MARKS = {"better": "**{}**", "even": "{}", "worse": "{} ▼", None: "{}"}
LEGEND = (
    "The default command / the best of what only counts (TF-IDF with a linear model, NB-SVM, a CRF over features of "
    "words, boosted trees over the overlap of pairs, n-grams). **Bold**: better by more than one standard error of "
    "its figure; ▼: worse by more than that; else within it. Language models have no standard error: any distance "
    "counts, and less is better."
)


def summary(document: Document) -> str:
    """A row of each corpus, a column of each size, first of rows and then of characters; and how it was measured."""
    cells = _by_place(document)
    parts = [_summary_table([corpus for corpus in CORPORA if not corpus.is_text], "rows", cells)]
    parts.append(_summary_table([corpus for corpus in CORPORA if corpus.is_text], "characters", cells))
    return "\n".join([*filter(None, parts), f"{LEGEND} {_counted(document)} {_origin(document)}\n"])


def group_table(document: Document, group: str) -> str:
    """A row of each cell of some kinds of data: figures, seconds and MB of the default, of baselines and of peers."""
    cells = [cell for cell in document["cells"] if cell["kind"] in GROUPS[group]]
    peers = [peer for peer in PEERS if any(peer.key in cell["peers"] for cell in cells)]
    lines = [
        ["Corpus", "Learned from", "Figure", "Default", "Best that only counts", *(peer.label for peer in peers), ""],
        ["---", "---:", "---", "---:", "---:", *["---:"] * len(peers), "---"],
    ]
    for cell in cells:
        corpus = find_corpus(cell["corpus"])
        best = best_cheap(cell)
        lines.append(
            [
                corpus.title,
                f"{cell['train_size']:,}",
                corpus.data_kind.heading,
                _default(cell, corpus),
                "none" if best is None else f"{_figure(best[1], corpus)} ({best[0]}, {_seconds(best[2])})",
                *(_peer(cell["peers"].get(peer.key), corpus) for peer in peers),
                verdict(cell) or "",
            ]
        )
    return markdown_table(lines)


BLOCKS: dict[str, Callable[[Document], str]] = {
    "summary": summary,
    **{group: partial(group_table, group=group) for group in GROUPS},
}


def _by_place(document: Document) -> Cells:
    return {(cell["corpus"], cell["size"]): cell for cell in document["cells"]}


def _summary_table(corpora: Sequence[Corpus], unit: str, cells: Cells) -> str:
    shown = [corpus for corpus in corpora if any(key == corpus.key for key, _ in cells)]
    if not shown:
        return ""
    sizes = [*map(str, shown[0].sizes), ALL]
    headings = [f"{int(size):,} {unit}" if size != ALL else "all" for size in sizes]
    lines = [["Corpus", "Figure", *headings], ["---", "---", *["---:"] * len(sizes)]]
    for corpus in shown:
        row = [_short(cells.get((corpus.key, size)), corpus) for size in sizes]
        lines.append([corpus.title, corpus.data_kind.heading, *row])
    return markdown_table(lines)


def _short(cell: Mapping[str, Any] | None, corpus: Corpus) -> str:
    if cell is None:
        return ""
    best = best_cheap(cell)
    own = MARKS[verdict(cell)].format(_figure(cell["default"]["figure"], corpus))
    return own if best is None else f"{own} / {_figure(best[1], corpus)}"


def _default(cell: Mapping[str, Any], corpus: Corpus) -> str:
    default = cell["default"]
    error = default["standard_error"]
    shown = _figure(default["figure"], corpus) + ("" if error is None else f" ± {_figure(error, corpus)}")
    return f"{shown} ({_seconds(default['seconds'])}, {_megabytes(default['size_bytes'])})"


def _peer(record: Mapping[str, Any] | None, corpus: Corpus) -> str:
    if record is None:
        return ""
    if record["status"] != "measured":
        return {"missing": "not installed", "slow": "over 10 minutes", "failed": "failed"}[record["status"]]
    size = "" if record["size_bytes"] is None else f", {_megabytes(record['size_bytes'])}"
    return f"{_figure(record['figure'], corpus)} ({_seconds(record['seconds'])}{size})"


def _figure(value: float, corpus: Corpus) -> str:
    return f"{value:,.{corpus.data_kind.decimals}f}"


def _seconds(value: float) -> str:
    return f"{value:,.1f} s" if value < 10 else f"{value:,.0f} s"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e6:.2f} MB"


def _counted(document: Document) -> str:
    counts = Counter(verdict(cell) for cell in document["cells"])
    said = ", ".join(f"{counts[name]} {name}" for name in ("better", "even", "worse"))
    return f"Of {len(document['cells'])} cells: {said}."


def _drawn(document: Document) -> str:
    several = sorted(
        {(cell["train_size"], len(cell["draws"])) for cell in document["cells"] if len(cell["draws"]) > 1}
    )
    return "".join(f"; of {rows} rows the mean of {draws} subsets" for rows, draws in several)


def _origin(document: Document) -> str:
    machines = sorted({f"{each['machine']['cpu']}, {each['machine']['cores']} cores" for each in document["origins"]})
    commits = sorted({(each["commit"] or "no commit")[:8] for each in document["origins"]})
    dates = sorted({cell["date"][:10] for cell in document["cells"]})
    load = max(cell["other_load_cores"] for cell in document["cells"])
    return (
        f"One thread each, one seed{_drawn(document)}; {'; '.join(machines)}; other programs took up to {load:.1f} "
        "cores meanwhile. "
        f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))}, code of {', '.join(commits)}."
    )
