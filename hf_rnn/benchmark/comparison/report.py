"""`model_cards/comparison/NAME.json`: its schema, and how it is made of what was measured."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...runs.kinds import find_kind
from ...runs.results import ResultsError, check_finite, check_schema
from ..document import ONE_THREAD, Document, Record, latency, write_document
from .arguments import Cited
from .checkpoints import Candidate, size_on_disk, stored_dtype, training_facts
from .libraries.table import LIBRARIES
from .measured import BATCH_SIZE
from .measuring import Effort
from .test_set import TestSet


__all__ = ["build_comparison", "ratios", "read_comparison", "validate_comparison", "write_comparison"]


SCHEMA_VERSION = 1
# A mapping is an object with exactly these keys; a type (or union of types) is what the value may be.
MODEL: dict[str, Any] = {
    "name": str,
    "class": str,
    # of a siamese network, its encoder's
    "model_type": str,
    "random": bool,
    "tokenizer_of": str | None,
    "parameters": int,
    "size_bytes": int,
    "dtype": str,
    # metric → figure on the test set; null, which is not measured, where weights are random
    "quality": dict | None,
    "latency_ms": {"p50": float, "p95": float, "repeats": dict},
    "throughput": {
        "texts_per_second": float,
        "tokens_per_second": float,
        "texts": int,
        "tokens": int,
        "repeats_seconds": list,
    },
    "memory_mb": {"over_imports": float, "imports": float, "peak": float},
    "load_seconds": {"median": float, "repeats": list},
    "training": dict | None,
}
# `library` of a model that is of another library than transformers; absent from all others. `types`: its entity types
# → those of the test set that they are read as, null for no entity; null in place of all: as they are.
LIBRARY = {"name": str, "version": str | None, "types": dict | None}
TRAINING = {"minutes": float, "epochs": float | None, "seeds": int}
CITED = {"name": str, "value": float, "source": str}
RATIOS = dict.fromkeys(("latency", "throughput", "parameters", "size", "memory", "load"), float | None)
SCHEMA: dict[str, Any] = {
    "schema_version": int,
    "name": str,
    "task": str,
    "quick": bool,
    "metric": str,
    "dataset": {"source": str, "texts": int, "labels": list | None},
    "baseline": str | None,
    "models": list,
    "ratios": dict | None,
    "cited": list,
    "method": str,
    "effort": dict,
    "batch_size": int,
    "threads": {"one_text": int, "batches": int | None},
    "arguments": dict,
    "other_load_cores": {"before": float, "after": float},
    "machine": dict,
    "versions": dict,
    "compiled_kernels": bool,
    "commit": str | None,
    "dirty": bool | None,
    "date": str,
}
# The text is the same for every task, with room for what is not.
METHOD = (
    "Every model runs in a process of its own{place}, on the CPU; all were measured in one run, and each round asks "
    "them in turn. Latency: from the raw text to {answer}, one text at a time on one thread; p50 and p95 over the "
    "texts, medians over the rounds. Throughput: {batches}, which batches texts of similar length; the tokens are the "
    "model's own, special ones included. "
    "Memory: the most that the process held while it loaded, answered one text and answered batches, above the most "
    "it had held when its libraries had been imported. Loading: `from_pretrained` of model and tokenizer, from a disk "
    "cache that is warm. Size: weights, configuration and tokenizer. Quality: {quality}. A ratio above 1 is in the "
    "model's favour."
)
# Said before what each library's class says of itself, where models of other libraries were measured.
LIBRARIES_METHOD = (
    " Models of other libraries are measured alike, each in a process of its own, but by the calls of these "
    "libraries; their size is that of the file or folder on disk. "
)
PIPELINE_METHOD = {
    "place": ", in the stock pipeline of the task",
    "answer": "the answer, tokenizer and decoding included",
    "batches": "`predict_texts`",
    "quality": (
        "on all texts of the test set; of tags, for each token of the corpus, where a sentence longer than a model "
        "takes is read in windows; of texts, from the pipeline, which cuts what is longer than a model takes"
    ),
}
SIMILARITY_METHOD = {
    "place": "",
    "answer": "its vector, tokenizer included, by `SiameseModel.encode`",
    "batches": "`SiameseModel.encode`",
    "quality": (
        "on all pairs of the test set, by the similarity of their two vectors alone; what is longer than a model "
        "takes is cut. Figures that need a threshold are those of the model's own, and missing where it has none. Of "
        "an encoder that is no siamese network, the vector is the mean over the tokens (of this package's encoders, "
        "their own pooling), and the similarity the cosine"
    ),
}


def build_comparison(
    *,
    name: str,
    test: TestSet,
    source: str,
    candidates: Sequence[Candidate],
    records: Mapping[str, Record],
    baseline: str | None,
    cited: Sequence[Cited],
    effort: Effort,
    threads: int | None,
    quick: bool,
    arguments: Mapping[str, Any],
    origin: Mapping[str, Any],
    other_load: Mapping[str, float],
) -> Document:
    """The document of a comparison.

    Args:
        name: In tables and blocks of documents.
        source: The source of the test set: its file or id.
        candidates: The models with their folders, which have to be there still.
        records: What `measure` returned.
        arguments: Flags of the run.
        origin: What `describe_origin` returned before the first measurement.
        other_load: `before` and `after` the measurements, from `other_load_cores`.

    Raises:
        ResultsError: it does not follow the schema.
    """
    models = [model_figures(candidate, records[candidate.name]) for candidate in candidates]
    document = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "task": test.task,
        "quick": quick,
        "metric": test.metric,
        "dataset": {"source": source, "texts": len(test.inputs), "labels": test.label_names},
        "baseline": baseline,
        "models": models,
        "ratios": None if baseline is None else ratios(models, baseline),
        "cited": [asdict(citation) for citation in cited],
        "method": method_of(test.task, candidates),
        "effort": asdict(effort),
        "batch_size": BATCH_SIZE,
        "threads": {"one_text": ONE_THREAD, "batches": threads},
        "arguments": dict(arguments),
        "other_load_cores": dict(other_load),
        **origin,
    }
    return validate_comparison(document)


def method_of(task: str, candidates: Sequence[Candidate]) -> str:
    """Say how the models of a task were measured, and those of other libraries, if there are any."""
    of_transformers = METHOD.format(**(SIMILARITY_METHOD if find_kind(task).inputs == "pair" else PIPELINE_METHOD))
    # All libraries but transformers do one task each, so there is one at most.
    keys = dict.fromkeys(candidate.library for candidate in candidates if candidate.library is not None)
    others = "".join(LIBRARIES_METHOD + LIBRARIES[key].method for key in keys)
    return (of_transformers + others).rstrip()


def model_figures(candidate: Candidate, record: Record) -> dict[str, Any]:
    """Gather what a model is and what was measured of it."""
    seconds = statistics.median(record["seconds"])
    figures: dict[str, Any] = {
        "name": candidate.name,
        "class": record["model_class"],
        "model_type": record["model_type"],
        "random": candidate.random,
        "tokenizer_of": candidate.tokenizer,
        "parameters": record["parameters"],
        "size_bytes": size_on_disk(candidate),
        "dtype": stored_dtype(candidate.folder) if candidate.library is None else record["dtype"],
        "quality": record["metrics"],
        "latency_ms": latency(record["milliseconds"]),
        "throughput": {
            "texts_per_second": record["texts"] / seconds,
            "tokens_per_second": record["tokens"] / seconds,
            "texts": record["texts"],
            "tokens": record["tokens"],
            "repeats_seconds": record["seconds"],
        },
        "memory_mb": {
            "over_imports": record["peak_mb"] - record["import_mb"],
            "imports": record["import_mb"],
            "peak": record["peak_mb"],
        },
        "load_seconds": {"median": statistics.median(record["load_seconds"]), "repeats": record["load_seconds"]},
        "training": training_facts(candidate),
    }
    if candidate.library is not None:
        types = None if candidate.types is None else dict(candidate.types)
        library = LIBRARIES[candidate.library]
        figures["library"] = {"name": library.title, "version": record["version"], "types": types}
    return figures


def ratios(models: Sequence[Mapping[str, Any]], baseline: str) -> dict[str, dict[str, float | None]]:
    """Model → how many times better than `baseline` it is in latency (p50), throughput, parameters, size, memory and
    time to load; None where it takes so little memory above its imports that none was seen.
    """
    costs = {model["name"]: _costs(model) for model in models}
    return {
        name: {what: costs[baseline][what] / value if value else None for what, value in cost.items()}
        for name, cost in costs.items()
    }


def _costs(model: Mapping[str, Any]) -> dict[str, float]:
    """Gather what a model costs, the less the better."""
    return {
        "latency": model["latency_ms"]["p50"],
        "throughput": 1 / model["throughput"]["texts_per_second"],
        "parameters": model["parameters"],
        "size": model["size_bytes"],
        "memory": model["memory_mb"]["over_imports"],
        "load": model["load_seconds"]["median"],
    }


def validate_comparison(document: Any) -> Document:
    """`document` itself, if it follows the schema.

    Raises:
        ResultsError: names the first field that is missing, unknown, of the wrong type, or not a finite number.
    """
    check_schema(document, SCHEMA, "")
    if document["schema_version"] != SCHEMA_VERSION:
        raise ResultsError(f"`schema_version` must be {SCHEMA_VERSION}, not {document['schema_version']}")
    for index, model in enumerate(document["models"]):
        check_schema(model, MODEL | ({"library": LIBRARY} if "library" in model else {}), f"models.{index}.")
        quality = model["quality"]
        if (quality is None) != model["random"]:
            raise ResultsError(f"`models.{index}.quality` must be null where `random` is true, and only there")
        if quality is not None:
            check_schema(quality, dict.fromkeys([document["metric"], *quality], float), f"models.{index}.quality.")
        if model["training"] is not None:
            check_schema(model["training"], TRAINING, f"models.{index}.training.")
    for index, citation in enumerate(document["cited"]):
        check_schema(citation, CITED, f"cited.{index}.")
    names = [model["name"] for model in document["models"]]
    if document["baseline"] is None:
        if document["ratios"] is not None:
            raise ResultsError("`ratios` must be null where `baseline` is")
    elif document["baseline"] not in names:
        raise ResultsError(f"`baseline` must be one of {', '.join(names)}, not {document['baseline']!r}")
    else:
        check_schema(document["ratios"], dict.fromkeys(names, RATIOS), "ratios.")
    check_finite(document, "")
    return document


def write_comparison(document: Document, path: Path) -> None:
    """Validate, and write as JSON at `path`."""
    write_document(validate_comparison(document), path)


def read_comparison(path: Path) -> Document:
    """The validated document at `path`.

    Raises:
        FileNotFoundError: nothing is there.
        ResultsError: it is not JSON, or does not follow the schema.
    """
    try:
        return validate_comparison(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ResultsError(f"{path} is not JSON: {error}") from error
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from error
