"""What the training scripts have in common: from the command line to the printed figures and the card."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import transformers
from transformers import HfArgumentParser

from ..training.arguments import RecurrentTrainingArguments, ReportArguments
from ..training.recipes import parse_arguments
from .model_card import TASKS, figure_names, write_model_card
from .publishing import publish


def train_and_report(groups: Sequence[type], run: Callable[..., dict[str, Any]]) -> None:
    """
    Parse `[recipe.json] [--flag value …]`, run, write the card and print the figures; with `push_to_hub`, publish. Of
    several processes the first writes, prints and publishes.

    Args:
        groups: Argument dataclasses, in the order in which `run` takes them; `ReportArguments` and
            `RecurrentTrainingArguments` are among them.
        run: Takes an instance of each and, as `recipe`, the path of the recipe; gives the document in `results.json`.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    parser = HfArgumentParser(groups)  # type: ignore[arg-type]
    arguments, recipe = parse_arguments(parser)
    report = next(group for group in arguments if isinstance(group, ReportArguments))
    training = next(group for group in arguments if isinstance(group, RecurrentTrainingArguments))
    transformers.utils.logging.set_verbosity(training.get_process_log_level())
    results = run(*arguments, recipe=recipe)
    if training.process_index != 0:
        return
    folder = training.output_dir or "."
    card = write_model_card(
        folder,
        results,
        license=report.license,
        license_name=report.license_name,
        license_link=report.license_link,
        language=report.language,
        dataset_license_note=report.dataset_license_note,
    )
    for split, figures in results["metrics"].items():
        shown = (f"{name} {figures[name]:.4f}" for name in figure_names({split: figures}))
        print(f"{split:>10}: " + "  ".join(shown))
    print(f"Model, results.json and learning curves are in {folder}; the card: {card}")
    print(f"Use it: {_use(results['task'], folder)}")
    if training.push_to_hub:
        print(f"Published: {_publish(folder, training)}")


def _publish(folder: str, training: RecurrentTrainingArguments) -> str | None:
    """What the Trainer has pushed so far has no results and no card of them."""
    return publish(
        folder,
        training.hub_model_id or Path(folder).resolve().name,
        private=bool(training.hub_private_repo),
        revision=training.hub_revision,
        token=training.hub_token,
    ).url


def _use(task: str, folder: str) -> str:
    if TASKS[task].inputs == "text":
        return f'pipeline("{task}", model="{folder}", trust_remote_code=True)'
    return f'OneShotVerifier.from_model(AutoModel.from_pretrained("{folder}", trust_remote_code=True))'


__all__ = ["train_and_report"]
