"""What the training scripts have in common: from the command line to the printed figures and the card."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import transformers
from transformers import HfArgumentParser

from ..extras import MissingExtraError
from ..hub.model_card import figure_names, write_model_card
from ..hub.publishing import publish
from ..runs.kinds import find_kind
from ..tasks.arguments import ReportArguments
from ..tasks.recipes import parse_arguments
from ..tasks.start import NothingToDoError
from ..training.arguments import RecurrentTrainingArguments


@contextlib.contextmanager
def errors_in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """
    Inside the block a `MissingExtraError`, or an error of `kinds`, ends the program with its message, as argparse ends
    it for a wrong flag: on standard error, with exit status 2, and without a traceback.
    """
    caught: tuple[type[Exception], ...] = (MissingExtraError, *kinds)
    try:
        yield
    except caught as error:
        print(f"{Path(sys.argv[0]).name}: error: {error}", file=sys.stderr)
        sys.exit(2)


def train_and_report(groups: Sequence[type], run: Callable[..., dict[str, Any]]) -> None:
    """
    Parse `[recipe.json] [--flag value …]`, run, write the card and print the figures; with `push_to_hub`, publish. Of
    several processes the first writes, prints and publishes. Arguments that are wrong, and packages that are missing,
    end the program with one line before anything is read or written.

    Args:
        groups: Argument dataclasses, in the order in which `run` takes them; `ReportArguments` and
            `RecurrentTrainingArguments` are among them.
        run: Takes an instance of each and, as `recipe`, the path of the recipe; gives the document in `results.json`.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    parser = HfArgumentParser(groups)  # type: ignore[arg-type]
    # Also of `report_to`, a package that is missing.
    with errors_in_one_line(ValueError, FileNotFoundError, ImportError):
        arguments, recipe = parse_arguments(parser)
    report = next(group for group in arguments if isinstance(group, ReportArguments))
    training = next(group for group in arguments if isinstance(group, RecurrentTrainingArguments))
    transformers.utils.logging.set_verbosity(training.get_process_log_level())
    with errors_in_one_line(NothingToDoError):
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
    kind = find_kind(task)
    if kind.of_text:
        return f'pipeline("{kind.pipeline_name}", model="{folder}", trust_remote_code=True)'
    return f'OneShotVerifier.from_model(AutoModel.from_pretrained("{folder}", trust_remote_code=True))'


__all__ = ["errors_in_one_line", "train_and_report"]
