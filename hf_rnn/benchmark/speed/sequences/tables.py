"""`sequences.json` as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ....runs.markdown import markdown_table
from ...document import Document, cautions, read_measured
from ..tables import reason, thread_words
from .run import SCHEMA_VERSION, TARGETS


__all__ = ["BLOCKS", "markdown_tables", "read_sequences"]


def read_sequences(path: Path) -> Document:
    """Read what `run_sequence_benchmark` wrote.

    Raises:
        ValueError: it is of another version, or a quick run, which measures nothing.
    """
    return read_measured(path, SCHEMA_VERSION)


def training_table(document: Document) -> str:
    """Pairs a second, the fastest first; last and with the reason those that were not measured."""
    rows = document["training"].values()
    done = sorted((row for row in rows if row["status"] == "measured"), key=lambda row: -row["pairs_per_second"])
    lines = [["", "Pairs a second", "Peak memory"], ["---", "---:", "---:"]]
    lines += [[row["label"], f"{row['pairs_per_second']:,.0f}", f"{row['peak_memory_mb']:,.0f} MB"] for row in done]
    return markdown_table(lines + [[row["label"], reason(row), ""] for row in rows if row["status"] != "measured"])


def writing_table(document: Document) -> str:
    """The time of a sentence, the fastest first; last and with the reason those that were not measured."""
    rows = [(TARGETS.get(key), row) for key, row in document["writing"].items()]
    done = [(target, row) for target, row in rows if row["status"] == "measured"]
    lines = [["", "One sentence, p50 / p95", "Target", "Size on disk"], ["---", "---:", "---:", "---:"]]
    for target, row in sorted(done, key=lambda each: each[1]["sentence_ms"]["p50"]):
        times = " / ".join(f"{row['sentence_ms'][name]:.2f}" for name in ("p50", "p95"))
        wanted = "" if target is None else f"≤ {target:g} ms"
        lines.append([row["label"], f"{times} ms", wanted, f"{row['size_mb']:.1f} MB"])
    return markdown_table(
        lines + [[row["label"], reason(row), "", ""] for _, row in rows if row["status"] != "measured"]
    )


def ratio_table(document: Document) -> str:
    """Write the table of what is compared with what, and of the target where there is one."""
    lines = [["Pairs a second of", "Beside", "Ratio", "Target"], ["---", "---", "---:", "---:"]]
    for ratio in document["ratios"]:
        labels = [document["training"][ratio[name]]["label"] for name in ("peer", "beside")]
        target = "" if ratio["target"] is None else f"≥ {ratio['target']:g}"
        lines.append([*labels, f"{ratio['value']:.2f}", target])
    return markdown_table(lines)


def conditions(document: Document) -> str:
    """Say in a paragraph where, on what and how often it was measured."""
    machine, data, effort = (document[name] for name in ("machine", "dataset", "effort"))
    return (
        f"{cautions(document)}{machine['cpu']}, {machine['cores']} cores, {thread_words(document)} (one sentence: "
        f"{document['threads']['sentence']}); {data['pairs']} pairs of {data['shortest']} to {data['longest']} "
        f"tokens, batches of {effort['batch_size']}; {document['network']['description']}; a sentence of "
        f"{document['sentence_tokens']} tokens to as many; medians of {effort['repeats']} rounds, the first "
        f"{effort['warm_up']} epochs of training not counted. {document['date'][:10]}.\n"
    )


# A block of a document may show one of these.
BLOCKS: dict[str, Callable[[Document], str]] = {
    "sequences-training": training_table,
    "sequences-writing": writing_table,
    "sequences-ratios": ratio_table,
    "sequences-conditions": conditions,
}


def markdown_tables(document: Document) -> str:
    """All of them, with headings."""
    parts = ["# Speed of encoder-decoders\n", conditions(document)]
    for heading, table in (("Training", training_table), ("One sentence", writing_table), ("Ratios", ratio_table)):
        parts += [f"## {heading}\n", table(document)]
    return "\n".join([*parts, f"{document['method']}\n"])
