"""`speed.json` as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...runs.markdown import markdown_table
from ..document import Document, cautions
from .measuring import ALONE_TOKENS


Row = Mapping[str, Any]
# heading → cell; every column is of figures.
Columns = dict[str, Callable[[Row], str]]


def _share(row: Row) -> str:
    return f"{row['share_of_gemm_peak']:.0%}" if "share_of_gemm_peak" in row else ""


TRAINING: Columns = {
    "Texts a second": lambda row: f"{row['texts_per_second']:,.0f}",
    "Share of the GEMM peak": _share,
    "Peak memory": lambda row: f"{row['peak_memory_mb']:,.0f} MB",
}
INFERENCE: Columns = {
    "Texts a second": lambda row: f"{row['texts_per_second']:,.0f}",
    **{
        f"One text of {tokens} tokens, p50 / p95": lambda row, tokens=tokens: (
            " / ".join(  # type: ignore[misc]
                f"{row['one_text_ms'][str(tokens)][name]:.2f}" for name in ("p50", "p95")
            )
            + " ms"
        )
        for tokens in ALONE_TOKENS
    },
    "Size on disk": lambda row: f"{row['size_mb']:.1f} MB",
    "Peak memory": lambda row: f"{row['peak_memory_mb']:,.0f} MB",
    "Cold start": lambda row: f"{row['cold_start_s']:.1f} s",
    "Share of the GEMM peak": _share,
}


def section_table(document: Document, section: str) -> str:
    """The peers of `training` or `inference`, the fastest first; last and with the reason those not measured."""
    columns = {"training": TRAINING, "inference": INFERENCE}[section]
    rows = list(document[section].values())
    done = [row for row in rows if row["status"] == "measured"]
    lines = [["", *columns], ["---", *["---:"] * len(columns)]]
    for row in sorted(done, key=lambda row: -row["texts_per_second"]):
        lines.append([row["label"], *(cell(row) for cell in columns.values())])
    lines += [[row["label"], reason(row), *[""] * (len(columns) - 1)] for row in rows if row["status"] != "measured"]
    return markdown_table(lines)


def reason(row: Row) -> str:
    """Say why a peer has no figures."""
    install = f" (`{row['install']}`)" if "install" in row else ""
    # An error may have several lines, a row of a table has one.
    return f"{row['status']}: {' '.join(row['reason'].split())}{install}"


def ratio_table(document: Document) -> str:
    """Write the table of what is compared with what, and of the target where there is one."""
    lines = [["", "Beside", "Ratio", "Target"], ["---", "---", "---:", "---:"]]
    for ratio in document["ratios"]:
        rows = document[ratio["section"]]
        target = "" if ratio["target"] is None else f"≥ {ratio['target']:g}"
        label = f"{ratio['section'].capitalize()}: {rows[ratio['peer']]['label']}"
        lines.append([label, rows[ratio["beside"]]["label"], f"{ratio['value']:.2f}", target])
    return markdown_table(lines)


def conditions(document: Document) -> str:
    """Say in a paragraph where, on what and how often it was measured."""
    machine, threads, data, effort = (document[name] for name in ("machine", "threads", "dataset", "effort"))
    peaks = ", ".join(f"{dtype} {peak['gflops']:,.0f} by {peak['by']}" for dtype, peak in document["gemm"].items())
    return (
        f"{cautions(document)}{machine['cpu']}, {machine['cores']} cores, {thread_words(document)} (one text: "
        f"{threads['one_text']}); {data['name']}, {data['texts']} texts cut at {data['max_tokens']} tokens "
        f"({data['mean_tokens']:.0f} on average), batches of {effort['batch_size']}; "
        f"{document['network']['description']}; "
        f"medians of {effort['repeats']} rounds, the first {effort['warm_up']} epochs of training not counted. "
        f"GFLOP a second in matrix products: {peaks}. {document['date'][:10]}.\n"
    )


def thread_words(document: Document) -> str:
    """Say how many threads trained and answered batches."""
    threads = document["threads"]["training"]
    return "threads as each library chooses" if threads is None else f"{threads} threads"


# A block of a document may show one of these.
BLOCKS: dict[str, Callable[[Document], str]] = {
    "training": lambda document: section_table(document, "training"),
    "inference": lambda document: section_table(document, "inference"),
    "ratios": ratio_table,
    "conditions": conditions,
}


def markdown_tables(document: Document) -> str:
    """All of them, with headings."""
    parts = ["# Speed\n", conditions(document)]
    for name in ("training", "inference", "ratios"):
        parts += [f"## {name.capitalize()}\n", BLOCKS[name](document)]
    return "\n".join([*parts, f"{document['method']}\n"])
