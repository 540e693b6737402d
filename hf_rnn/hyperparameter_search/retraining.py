"""Makes a recipe of what a search has found, trains it again, and compares it with the default."""

from __future__ import annotations

import json
import logging
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ..runs.describe import changed_arguments
from ..runs.folder import RESULTS_FILE
from ..runs.results import read_results
from ..runs.seeds import combine_seeds
from ..tasks.arguments import ModelArguments
from ..tasks.recipes import parse_arguments
from ..tasks.registry import find_task
from ..training.arguments import RecurrentTrainingArguments
from .spaces import SearchSpace, field_of, split_parameters


__all__ = ["BEST_FOLDER", "RECIPE_FILE", "SearchedRecipe", "compare_configurations", "retrain"]


logger = logging.getLogger(__name__)

RECIPE_FILE = "best.json"
BEST_FOLDER = "best"
COMPARISON_FOLDER = "comparison"


@dataclass(frozen=True)
class SearchedRecipe:
    """Attributes:
    task: The name of the task.
    best: The flags of the recipe with the best trial's parameters.
    default: The flags of the recipe without any parameter that was searched.
    seed: That of the trials.
    """

    task: str
    best: dict[str, Any]
    default: dict[str, Any]
    seed: int

    @classmethod
    def of(cls, task: str, groups: Sequence[Any], space: SearchSpace, parameters: Mapping[str, Any]) -> SearchedRecipe:
        """Make the recipe from the argument dataclasses that were searched from and the best trial's parameters."""
        training = next(group for group in groups if isinstance(group, RecurrentTrainingArguments))
        model = next(group for group in groups if isinstance(group, ModelArguments))
        given = model.overrides()
        flags = {name: _plain(value) for name, value in changed_arguments(*groups).items()}
        flags |= {"do_train": True, "do_eval": True}
        for name in ("config_overrides", "resume_from_checkpoint", "metric_for_best_model", "greater_is_better"):
            flags.pop(name, None)
        # "loss" is what transformers fills in as well, and so would not count as given.
        flags |= training.given_selection()
        values, config = split_parameters(parameters, training, given)
        searched = {field_of(dimension.name) for dimension in space.dimensions}
        default = {name: value for name, value in flags.items() if name not in searched}
        rest = _without(given, {dimension.name for dimension in space.dimensions})
        best = {**flags, **values}
        return cls(task, _with_config(best, {**given, **config}), _with_config(default, rest), training.seed)


def _without(given: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The values of `config_overrides` that are not searched; of a part, those of its own that are not."""
    fields = {field_of(name) for name in names}
    rest = {name: value for name, value in given.items() if name not in fields or isinstance(value, dict)}
    for part, values in rest.items():
        if isinstance(values, dict):
            rest[part] = {name: value for name, value in values.items() if f"{part}.{name}" not in names}
    return rest


def _with_config(flags: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    return {**flags, "config_overrides": dict(config)} if config else flags


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def retrain(recipe: SearchedRecipe, output: Path, *, predict: bool) -> dict[str, Any]:
    """Write the best recipe to `output`/best.json, and train it into `output`/best, unless that was done before.

    Args:
        predict: Whether the test split may be read, as far as the recipe asks for it.

    Returns:
        The document in the folder's `results.json`.
    """
    folder = output / BEST_FOLDER
    path = output / RECIPE_FILE
    text = _json({**recipe.best, "output_dir": str(folder)})
    if folder.exists() and (not path.is_file() or path.read_text(encoding="utf-8") != text):
        # This one is of a trial that is no longer the best.
        shutil.rmtree(folder)
    path.write_text(text, encoding="utf-8")
    return _trained(recipe.task, path, folder, [] if predict else ["--do_predict", "False"])


def compare_configurations(recipe: SearchedRecipe, output: Path, num_seeds: int, metric: str) -> dict[str, Any]:
    """Train the best and the default configuration on `num_seeds` seeds each that no trial had, unless that was done
    before. Which is better is said by validation; the test split, if the recipe reads it, is read once by each model.

    Returns:
        For `best` and `default`: split → `mean`, `standard_deviation` and `values`, by seed, of `metric`; and `seeds`.
    """
    seeds = [recipe.seed + offset for offset in range(1, num_seeds + 1)]
    found: dict[str, Any] = {"metric": metric, "seeds": seeds}
    for name, flags in (("best", recipe.best), ("default", recipe.default)):
        folder = output / COMPARISON_FOLDER
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.json"
        text = _json(flags)
        if path.is_file() and path.read_text(encoding="utf-8") != text:
            for old in folder.glob(f"{name}-*"):
                shutil.rmtree(old)
        path.write_text(text, encoding="utf-8")
        runs = []
        for seed in seeds:
            given = ["--seed", str(seed), "--data_seed", str(seed), "--output_dir", str(folder / f"{name}-{seed}")]
            runs.append(_trained(recipe.task, path, folder / f"{name}-{seed}", given))
        combined = combine_seeds(runs, name)
        found[name] = {
            split: _spread([run["metrics"][split][metric] for run in runs])
            for split, figures in combined["metrics"].items()
            if metric in figures and split != "train"
        }
        found[name]["minutes"] = combined["training"]["minutes"]
    return found


def _spread(values: list[float]) -> dict[str, Any]:
    return {"mean": statistics.fmean(values), "standard_deviation": statistics.stdev(values), "values": values}


def _trained(task: str, recipe: Path, folder: Path, flags: Sequence[str]) -> dict[str, Any]:
    """The results of a run that has ended, or of one that is made or gone on with now."""
    if not (folder / RESULTS_FILE).is_file():
        runnable = find_task(task)
        parser = HfArgumentParser(runnable.groups)  # type: ignore[arg-type]
        arguments, _ = parse_arguments(parser, [str(recipe), *flags])
        runnable.run(arguments, str(recipe))
        for checkpoint in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
            # The folder itself has the best of them.
            shutil.rmtree(checkpoint)
    return read_results(folder / RESULTS_FILE)


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
