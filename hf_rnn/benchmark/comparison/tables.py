"""A comparison as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...runs.kinds import find_kind
from ...runs.markdown import markdown_table
from ..document import IDLE_CORES, Document


__all__ = ["comparison_block", "comparison_conditions", "comparison_markdown", "comparison_table"]


Row = Mapping[str, Any]

# This is said of a figure that is not this run's own.
NOT_MEASURED = "not measured"


def _times(row: Row, what: str) -> str:
    """Say in brackets how many times better it is than the baseline; nothing for the baseline and without one."""
    ratio = row.get("ratios", {}).get(what)
    return "" if ratio is None else f" ({ratio:.3g}×)"


def _quality(row: Row) -> str:
    return NOT_MEASURED if row["quality"] is None else f"{row['quality'][row['metric']]:.4f}"


def _minutes(row: Row) -> str:
    training = row["training"]
    if training is None:
        return ""
    return f"{training['minutes']:.1f}" + (f" ({training['seeds']} seeds)" if training["seeds"] > 1 else "")


# heading → cell; that of quality is the metric's name
COLUMNS: dict[str, Callable[[Row], str]] = {
    "Parameters": lambda row: f"{row['parameters']:,}{_times(row, 'parameters')}",
    "Size on disk": lambda row: f"{row['size_bytes'] / 1e6:.1f} MB {row['dtype']}{_times(row, 'size')}",
    "One text, p50 / p95": lambda row: (
        f"{row['latency_ms']['p50']:.2f} / {row['latency_ms']['p95']:.2f} ms{_times(row, 'latency')}"
    ),
    "Texts a second": lambda row: f"{row['throughput']['texts_per_second']:,.0f}{_times(row, 'throughput')}",
    "Tokens a second": lambda row: f"{row['throughput']['tokens_per_second']:,.0f}",
    "Peak memory": lambda row: f"{row['memory_mb']['over_imports']:,.0f} MB{_times(row, 'memory')}",
    "Loading": lambda row: f"{row['load_seconds']['median']:.2f} s{_times(row, 'load')}",
    "Minutes to train": _minutes,
}


def comparison_table(document: Document) -> str:
    """The models, the best first, then those of random weights; last the published figures that are only cited."""
    metric = document["metric"]
    lines = [["", metric_title(document), *COLUMNS], ["---", *["---:"] * (1 + len(COLUMNS))]]
    ordered = sorted(
        document["models"], key=lambda row: (row["random"], -row["quality"][metric] if row["quality"] else 0.0)
    )
    for model in ordered:
        others = document["ratios"] is not None and model["name"] != document["baseline"]
        row = model | {"metric": metric, "ratios": document["ratios"][model["name"]] if others else {}}
        lines.append([model_label(model), _quality(row), *(cell(row) for cell in COLUMNS.values())])
    for cited in document["cited"]:
        label = f"{cited['name']}, {NOT_MEASURED} here: {cited['source']}"
        lines.append([label, f"{cited['value']:.4f}", *[""] * len(COLUMNS)])
    return markdown_table(lines)


def model_label(model: Row) -> str:
    """A model's name, the library that it is of where it is not transformers, and whether its weights are random."""
    return f"`{model['name']}`" + library_label(model) + (" (random weights)" if model["random"] else "")


def library_label(model: Row) -> str:
    """The library of a model in brackets; nothing for one of transformers."""
    return f" ({model['library']['name']})" if "library" in model else ""


def other_libraries(models: Sequence[Row]) -> str:
    """Name the libraries that models are of besides transformers, with versions, and the types of entities that are
    read as others; each sentence has a space before it.
    """
    libraries = [model["library"] for model in models if "library" in model]
    named = sorted({f"{library['name']} {library['version'] or 'of an unknown version'}" for library in libraries})
    said = (
        f" Models of other libraries than transformers are marked by their library: {', '.join(named)}."
        if named
        else ""
    )
    for model in models:
        types = model.get("library", {}).get("types")
        if types is not None:
            read = ", ".join(f"{own} as {other}" for own, other in types.items() if other is not None)
            dropped = ", ".join(own for own, other in types.items() if other is None)
            said += f" The types of `{model['name']}` are not those of the test set; read are {read}"
            said += f", and {dropped} as no entity." if dropped else "."
    return said


def metric_title(document: Document) -> str:
    """The metric as a heading."""
    return {"f1": "F1", "f1_micro": "Micro F1", "roc_auc": "ROC-AUC"}.get(
        document["metric"], document["metric"].capitalize()
    )


def comparison_conditions(document: Document) -> str:
    """Say in a paragraph what was measured, where and how often."""
    machine, threads, effort, data = (document[name] for name in ("machine", "threads", "effort", "dataset"))
    notes = "A quick run: these figures only show that it works. " if document["quick"] else ""
    load = max(document["other_load_cores"].values())
    if load > IDLE_CORES:
        notes += f"Not an idle machine, so not to be relied on: other processes kept {load:.1f} cores busy. "
    if not document["compiled_kernels"]:
        notes += "hf_rnn without its compiled kernels: there was no C++ compiler. "
    inputs, alone = ("pairs", "their texts") if find_kind(document["task"]).inputs == "pair" else ("texts", "them")
    batches = "as torch and the kernels choose" if threads["batches"] is None else str(threads["batches"])
    beside = "" if document["baseline"] is None else f" In brackets: times better than `{document['baseline']}`."
    borrowed = "".join(
        f" `{model['name']}` borrows the tokenizer of `{model['tokenizer_of']}`."
        for model in document["models"]
        if model["tokenizer_of"] is not None
    )
    return (
        f"{notes}{machine['cpu']}, {machine['cores']} cores. "
        f"Quality on {data['texts']:,} {inputs} of `{data['source']}`; "
        f"one text at a time: at most {effort['latency_texts']:,} of {alone}, {effort['latency_rounds']} times, on "
        f"{threads['one_text']} thread; batches of {document['batch_size']}: at most {effort['throughput_texts']:,}, "
        f"{effort['throughput_rounds']} times, threads {batches}. Memory is that above the imported libraries."
        f"{beside}{borrowed}{other_libraries(document['models'])} {document['date'][:10]}.\n"
    )


def comparison_block(document: Document) -> str:
    """Write a block of a document: the table, and the conditions under which it was measured.

    Raises:
        ValueError: the run was a quick one, whose figures mean nothing.
    """
    if document["quick"]:
        raise ValueError(f"the comparison {document['name']!r} is a quick run, whose figures mean nothing")
    return f"{comparison_table(document)}\n{comparison_conditions(document)}"


def comparison_markdown(document: Document) -> str:
    """All of it, with a heading, the plot `NAME.png` and how it was measured."""
    title, name = f"# Comparison: {document['name']}", document["name"]
    parts = [title, comparison_conditions(document).rstrip(), comparison_table(document).rstrip()]
    parts += [f"![Quality against latency]({name}.png)", document["method"]]
    return "\n\n".join(parts) + "\n"
