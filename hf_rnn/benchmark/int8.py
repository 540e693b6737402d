"""Measures what weights of 8 bits cost in accuracy, and what they save in size and in time."""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import AutoTokenizer

from ..bundles import bundled
from ..export.onnx_export import export_onnx, load_exportable
from ..export.runtime import load as load_graph
from ..kernels.threads import computing_threads
from ..progress import without_weight_bars
from ..quantization.quantizing import quantize
from ..runs.markdown import markdown_table
from ..tasks.evaluation import evaluate_file
from .document import (
    ONE_THREAD,
    Document,
    Record,
    cautions,
    describe_origin,
    other_load_cores,
    read_measured,
    write_document,
)


__all__ = ["Int8Arguments", "int8_table", "measure_int8", "read_int8"]


SCHEMA_VERSION = 1
BATCH_SIZE = 64
ROUNDS, QUICK_ROUNDS = 15, 1
# Rows of a file that are timed, and those that accuracy is measured on where the file has more.
TIMED, QUICK_ROWS, MOST_ROWS = 512, 64, 3_250
METHOD = (
    "Accuracy: on the rows named, of single precision and in 8 bits. Size: the folder's weights, configuration and "
    "tokenizer; the bundled weights are of 16 bits. Time: the networks alone, on tokens in batches of {batch} texts "
    "of similar length, one thread; of the tagger without its CRF. All are asked in turn in one process, {rounds} "
    "times; the median of the processor's time of this thread, which other processes do not add to."
)


@dataclass(frozen=True)
class _Checkpoint:
    """A bundled checkpoint, and what it is asked on.

    Attributes:
        file: Its rows, in the folder of the corpora.
        texts: The columns of the texts.
        metric: The figure that is compared.
        first: The first row, after the rows have been shuffled; None: all, as they are.
        rows: How many at most.
    """

    name: str
    file: str
    texts: tuple[str, ...]
    metric: str
    first: int | None = None
    rows: int = MOST_ROWS


CHECKPOINTS = (
    _Checkpoint("bilstm-imdb", "imdb/train.parquet", ("text",), "accuracy", first=20_000, rows=2_000),
    _Checkpoint("bilstm-crf-conll2003", "conll2003/validation.parquet", ("tokens",), "f1"),
    _Checkpoint("siamese-bilstm-quora", "quora/validation.parquet", ("question1", "question2"), "classifier_accuracy"),
)


@dataclass
class Int8Arguments:
    """The corpora that are asked, and the file of the figures."""

    corpora: str = field(metadata={"help": "Folder of the corpora imdb, conll2003 and quora."})
    output: str = field(default="model_cards/benchmarks/int8.json", metadata={"help": "JSON file to write."})
    quick: bool = field(
        default=False, metadata={"help": "Show on a few rows that it works; the figures mean nothing. Default: off."}
    )

    def __post_init__(self) -> None:
        for checkpoint in CHECKPOINTS:
            if not Path(self.corpora, checkpoint.file).is_file():
                raise FileNotFoundError(f"`corpora`={self.corpora!r} must be a folder that has {checkpoint.file}.")
        if Path(self.output).suffix != ".json":
            raise ValueError(f"`output`={self.output!r} must be the name of a .json file.")


def measure_int8(arguments: Int8Arguments, report: Callable[[str], None] = print) -> Document:
    """Measure each checkpoint, and write `arguments.output`.

    Args:
        report: Is called with a line for each checkpoint, as it comes.

    Returns:
        The document in it.
    """
    origin = describe_origin()
    before = other_load_cores()
    measured = []
    for checkpoint in CHECKPOINTS:
        with tempfile.TemporaryDirectory() as folder:
            measured.append(_measure(checkpoint, Path(arguments.corpora), Path(folder), arguments.quick))
        report(_line(measured[-1]))
    rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "quick": arguments.quick,
        **origin,
        "other_load_cores": {"before": before, "after": other_load_cores()},
        "threads": ONE_THREAD,
        "batch_size": BATCH_SIZE,
        "rounds": rounds,
        "method": METHOD.format(batch=BATCH_SIZE, rounds=rounds),
        "measured": measured,
    }
    write_document(document, Path(arguments.output))
    return document


def read_int8(path: Path) -> Document:
    """Read what `measure_int8` wrote.

    Raises:
        ValueError: it is of another version, or a quick run, which measures nothing.
    """
    return read_measured(path, SCHEMA_VERSION)


def int8_table(document: Document) -> str:
    """A row for each checkpoint, and how it was measured."""
    titles = [
        "",
        "Rows",
        "Metric",
        "float32",
        "8 bits",
        "Size",
        "In 8 bits",
        "Time of float32",
        "Of ONNX Runtime int8",
    ]
    rows = [
        [
            record["name"],
            f"{record['rows']:,}",
            record["metric"],
            *(f"{100 * record['figures'][kind]:.2f}" for kind in ("float32", "int8")),
            *(f"{record['bytes'][kind] / 1e6:.1f} MB" for kind in ("bundled", "int8")),
            *(f"{_times(record, peer):.1f}×" for peer in ("float32", "onnx_int8")),
        ]
        for record in document["measured"]
    ]
    table = markdown_table([titles, ["---", "---:", "---", *["---:"] * 6], *rows])
    machine = document["machine"]
    return (
        f"{table}\n{document['method']} A time is how many times that of 8 bits it is. {cautions(document)}"
        f"{machine['cpu']}; {document['date'][:10]}.\n"
    )


def _line(record: Record) -> str:
    figures, size = record["figures"], record["bytes"]
    return (
        f"{record['name']}: {record['metric']} {figures['float32']:.4f}, in 8 bits {figures['int8']:.4f}; "
        f"{size['bundled'] / 1e6:.2f} MB, in 8 bits {size['int8'] / 1e6:.2f} MB; "
        f"{_times(record, 'onnx_int8'):.2f} times as fast as ONNX Runtime in 8 bits, {_times(record, 'float32'):.2f} "
        "times as in float32"
    )


def _times(record: Record, peer: str) -> float:
    return float(record["median_seconds"][peer] / record["median_seconds"]["int8"])


@without_weight_bars()
def _measure(checkpoint: _Checkpoint, corpora: Path, folder: Path, quick: bool) -> Record:
    data = _rows(checkpoint, corpora, QUICK_ROWS if quick else checkpoint.rows)
    file = folder / "rows.parquet"
    data.to_parquet(file)
    source = bundled(checkpoint.name)
    model = load_exportable(source).requires_grad_(False)
    small: Any = quantize(copy.deepcopy(model))
    small.save_pretrained(folder / "int8")
    AutoTokenizer.from_pretrained(source).save_pretrained(folder / "int8")
    folders = {"float32": source, "int8": str(folder / "int8")}
    figures = {
        name: evaluate_file(path, file, folder / f"{name}.json", batch_size=BATCH_SIZE, progress=False)
        for name, path in folders.items()
    }
    graphs = export_onnx(source, folder / "onnx", int8=True)
    graph = load_graph(graphs, int8=True, threads=ONE_THREAD)
    timed = data.shuffle(seed=0).select(range(min(len(data), QUICK_ROWS if quick else TIMED)))
    batches = _batches(graph, [list(timed[column]) for column in checkpoint.texts])
    with computing_threads(model, ONE_THREAD):
        seconds = _times_of(model, small, graph, batches, QUICK_ROUNDS if quick else ROUNDS)
    return {
        "name": checkpoint.name,
        "file": checkpoint.file,
        "rows": figures["int8"].rows,
        "metric": checkpoint.metric,
        "figures": {name: figure.metrics[checkpoint.metric] for name, figure in figures.items()},
        "bytes": {"bundled": _bytes(Path(source)), "int8": _bytes(folder / "int8")},
        "timed_texts": len(timed),
        "seconds": seconds,
        "median_seconds": {name: statistics.median(each) for name, each in seconds.items()},
    }


def _rows(checkpoint: _Checkpoint, corpora: Path, count: int) -> Dataset:
    data = Dataset.from_parquet(str(corpora / checkpoint.file), keep_in_memory=True)
    if checkpoint.first is not None:
        data = data.shuffle(seed=42).select(range(checkpoint.first, len(data)))
    return data.select(range(min(count, len(data))))


def _bytes(folder: Path) -> int:
    names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    return sum((folder / name).stat().st_size for name in names)


def _batches(graph: Any, sides: list[list[Any]]) -> list[dict[str, Any]]:
    """The inputs of the graph, the longest texts first."""
    texts = [[text if isinstance(text, str) else " ".join(text) for text in side] for side in sides]
    ids = [[encoding.ids for encoding in graph.encode_texts(side)] for side in texts]
    order = sorted(range(len(ids[0])), key=lambda index: [len(side[index]) for side in ids], reverse=True)
    starts = range(0, len(order), BATCH_SIZE)
    return [_padded([[side[row] for row in order[start : start + BATCH_SIZE]] for side in ids]) for start in starts]


def _padded(sides: list[list[list[int]]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for suffix, rows in zip(("", "_b"), sides, strict=False):
        mask = np.arange(max(map(len, rows))) < np.array([[len(row)] for row in rows])
        ids = np.zeros(mask.shape, dtype=np.int64)
        ids[mask] = [token for row in rows for token in row]
        found |= {f"input_ids{suffix}": ids, f"attention_mask{suffix}": mask.astype(np.int64)}
    return found


def _times_of(
    model: Any, small: Any, graph: Any, batches: list[dict[str, Any]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of the processor that each takes for all batches, in each round."""
    given = [{name: torch.from_numpy(value) for name, value in batch.items()} for batch in batches]

    def ask(network: Any) -> None:
        with torch.inference_mode():
            for batch in given:
                if hasattr(network, "head"):  # a tagger: the emissions, which is what its graph gives
                    network.head.classifier(network.model(**batch).last_hidden_state)
                else:
                    network(**batch)

    def ask_graph() -> None:
        for batch in batches:
            graph.session.run(None, batch)

    peers = {"float32": lambda: ask(model), "int8": lambda: ask(small), "onnx_int8": ask_graph}
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(rounds + 1):
        for name, answer in peers.items():
            start = time.thread_time()
            answer()
            if number > 0:  # the first is not counted: memory is taken, code is loaded
                seconds[name].append(time.thread_time() - start)
    return seconds
