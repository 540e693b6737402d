"""`results.json`: what a run measured, in one schema for all scripts.

Tables and model cards are made from these files and from nothing else, so a figure is never typed. CONTRIBUTING.md
documents the fields.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

from ..metrics.names import CLASSIFIER as CLASSIFIER
from .provenance import provenance


SCHEMA_VERSION = 2

# A mapping is an object with exactly these keys; a type (or union of types) is what the value may be.
SCHEMA: dict[str, Any] = {
    "schema_version": int,
    "task": str,
    "name": str,
    "model": {
        "class": str,
        "model_type": str | None,
        "base_model": str | None,
        "parameters": int,
        "size_bytes": int,
        "dtype": str | None,
        "config": dict,
    },
    "dataset": {
        "name": str,
        "hub_id": str | None,
        "source": str | None,
        "splits": dict,
        "notes": str | None,
    },
    "metrics": dict,
    "baselines": list | None,
    "training": {
        "minutes": float,
        "epochs": float | None,
        "steps": int | None,
        "best_step": int | None,
        "selection": dict | None,
        "arguments": dict,
        "seed": int | None,
        "data_seed": int | None,
        "threads": int,
    },
    "machine": dict,
    "versions": dict,
    "recipe": str | None,
    "commit": str | None,
    "dirty": bool | None,
    "date": str,
    "seeds": int,
    "runs": list | None,
}

# The fields that documents of before they were added lack.
LATER_FIELDS = ("baselines",)
# An entry of `baselines`.
BASELINE_SCHEMA = {"name": str, "metrics": dict, "seconds": float, "options": dict}


class ResultsError(ValueError):
    """A results document that does not follow the schema; the message names the field."""


def build_results(
    *,
    task: str,
    name: str,
    model: Mapping[str, Any],
    dataset: Mapping[str, Any],
    metrics: Mapping[str, Mapping[str, float]],
    training: Mapping[str, Any],
    recipe: str | None = None,
) -> dict[str, Any]:
    """The results document of a run; what can be found out (machine, versions, commit, date, threads) is added.

    Args:
        task: the pipeline's name of the task, such as `"text-classification"`.
        name: the run's name, such as `"bilstm-imdb"`; also the key of the model in tables.
        model: see `describe.describe_model`, which makes it of a transformers model; `dtype` may be left out.
        dataset: `name` (in tables), `splits` (split -> number of rows) and, where they apply, `hub_id`, `source` (the
            file that was read) and `notes`.
        metrics: split -> name -> figure. A split that was not read is absent.
        training: `minutes` (of training alone), `epochs`, `steps`, `best_step`, `selection` (the `split` and `metric`
            that chose the checkpoint), `arguments` (see `describe.non_default_arguments`), `seed`, `data_seed`. All
            but `minutes` and `arguments` may be left out where they do not apply.
        recipe: path of the recipe that repeats the run.

    Raises:
        ResultsError: a field is missing, unknown, of the wrong type, or not a finite number.
    """
    stamped = provenance()
    threads = {"threads": stamped["machine"]["torch_threads"]}
    results = {
        "schema_version": SCHEMA_VERSION,
        "task": task,
        "name": name,
        "model": dict.fromkeys(SCHEMA["model"]) | dict(model),
        "dataset": dict.fromkeys(SCHEMA["dataset"]) | dict(dataset),
        "metrics": {split: dict(figures) for split, figures in metrics.items()},
        "baselines": None,
        "training": dict.fromkeys(SCHEMA["training"]) | threads | dict(training),
        "recipe": recipe,
        **stamped,
        "seeds": 1,
        "runs": None,
    }
    return validate_results(results)


def validate_results(results: Any) -> dict[str, Any]:
    """`results` itself, if it follows the schema.

    Raises:
        ResultsError: names the first field that is missing, unknown, of the wrong type, or not a finite number.
    """
    check_schema(results, _schema_of(results), "")
    if results["schema_version"] != SCHEMA_VERSION:
        raise ResultsError(f"`schema_version` must be {SCHEMA_VERSION}, not {results['schema_version']}")
    rows, metrics = results["dataset"]["splits"], results["metrics"]
    check_schema(rows, dict.fromkeys(rows, int), "dataset.splits.")
    for split, figures in metrics.items():
        if split not in rows:
            raise ResultsError(
                f"`metrics.{split}` is measured on a split that `dataset.splits` ({_names(rows)}) lacks"
            )
        _check_figures(figures, f"metrics.{split}.")
    for place, baseline in enumerate(results.get("baselines") or []):
        _check_baseline(baseline, metrics, f"baselines.{place}.")
    if results["training"]["selection"] is not None:
        check_schema(results["training"]["selection"], {"split": str, "metric": str}, "training.selection.")
    check_finite(results, "")
    return results


def _schema_of(results: Any) -> dict[str, Any]:
    """The schema without the later fields that an older document lacks."""
    return {name: kind for name, kind in SCHEMA.items() if name not in LATER_FIELDS or name in results}


def _check_figures(figures: Any, path: str) -> None:
    check_schema(figures, dict.fromkeys(figures, float) if isinstance(figures, dict) else {}, path)


def _check_baseline(baseline: Any, metrics: Mapping[str, Any], path: str) -> None:
    check_schema(baseline, BASELINE_SCHEMA, path)
    for split, figures in baseline["metrics"].items():
        if split not in metrics:
            raise ResultsError(f"`{path}metrics.{split}` is of a split that `metrics` ({_names(metrics)}) lacks")
        _check_figures(figures, f"{path}metrics.{split}.")


def check_schema(value: Any, schema: Any, path: str) -> None:
    """Raise unless `value` has the keys and types of `schema`; `path` ends in a dot below the top."""
    field = f"`{path[:-1]}`" if path else "results"
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            raise ResultsError(f"{field} must be an object, not {value!r}")
        for wrong, keys in (
            ("is missing", schema.keys() - value.keys()),
            ("is unknown", value.keys() - schema.keys()),
        ):
            if keys:
                raise ResultsError(f"`{path}{min(keys)}` {wrong}; {field} holds {_names(schema)}")
        for key in schema:
            check_schema(value[key], schema[key], f"{path}{key}.")
        return
    allowed = get_args(schema) if isinstance(schema, UnionType) else (schema,)
    accepted = (*allowed, int) if float in allowed else allowed
    # bool is an int to Python, never to this schema.
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in allowed):
        names = " or ".join("null" if kind is NoneType else kind.__name__ for kind in allowed)
        raise ResultsError(f"{field} must be {names}, not {value!r}")


def check_finite(value: Any, path: str) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        check_finite(item, f"{path}.{key}" if path else str(key))
    if isinstance(value, float) and not math.isfinite(value):
        raise ResultsError(f"`{path}` must be a finite number, not {value!r}")


def _names(keys: Iterable[str]) -> str:
    return ", ".join(keys)


def write_results(results: Mapping[str, Any], path: str | Path) -> Path:
    """Validate and write: the file at `path` is either the old one or the complete new one, never half of it."""
    text = json.dumps(validate_results(results), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unlike those of `tempfile`, a file that is opened like any other may be read by whom the umask says.
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return path


def read_results(path: str | Path) -> dict[str, Any]:
    """The validated document at `path`.

    Raises:
        FileNotFoundError: nothing is there.
        ResultsError: it is not JSON, or does not follow the schema.
    """
    try:
        return validate_results(json.loads(Path(path).read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ResultsError(f"{path} is not JSON: {error}") from error
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from error
