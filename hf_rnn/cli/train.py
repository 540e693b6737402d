"""Train a model of a task on data, or by a recipe: from the command line to the printed figures and the card."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import transformers

from ..hub.model_card import figure_names, is_stock, write_model_card
from ..hub.publishing import Publication, publish
from ..metrics.base import shown_figure
from ..models.tagging import OF_STEPS
from ..runs.kinds import find_kind
from ..tasks.arguments import ReportArguments
from ..tasks.beside import comparison_lines
from ..tasks.recipes import parse_arguments
from ..tasks.start import NothingToDoError
from ..tasks.text_classification.label_remark import label_remark
from ..training.arguments import RecurrentTrainingArguments
from .errors import errors_in_one_line
from .flags import CommandParser, NamedFlagsParser
from .run_folder import UNNAMED, run_folder
from .train_help import flags_text, usage_text
from .train_line import TrainLine


__all__ = ["SUMMARY", "main", "run_line", "train_and_report"]


SUMMARY = "train a model of any task on your data, or by a published recipe"


def main(arguments: list[str]) -> None:
    """`hf-rnn train TASK DATA… [--flag value …]`, or `hf-rnn train RECIPE [--flag value …]`.

    Raises:
        ValueError, FileNotFoundError: there is no such task, recipe or file, or arguments do not fit together.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage_text())
        return
    run_line(TrainLine.of(arguments), "train")


def run_line(line: TrainLine, command: str, check: Callable[[tuple[Any, ...]], None] | None = None) -> None:
    """Do what a line of `hf-rnn train`, or of a command like it, asks for: print the flags, or train.

    Args:
        line: What was given after the name of the command.
        command: Its name.
        check: Raises what is wrong with the arguments, instances of the task's groups, before anything is done.
    """
    if line.wants_help:
        print(flags_text(line.task, line.defaults, command, all_of_them=line.wants_all_help))
        return
    parsed, recipe = _parsed(line)
    if check is not None:
        check(parsed)
    training = _training(parsed)
    if training.output_dir != UNNAMED:
        _train(parsed, line.task.run, recipe)
        return
    with run_folder(line.task.name, parsed) as folder:
        parsed, recipe = _parsed(line, "--output_dir", str(folder))
        _train(parsed, line.task.run, recipe)


class OneLineParser(NamedFlagsParser):
    """Raises a ValueError for a wrong flag; argparse itself prints the usage, which is two hundred lines here."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; `--help` shows the flags that people use first, `--help-all` all.")


def _parsed(line: TrainLine, *words: str) -> tuple[tuple[Any, ...], str | None]:
    parser = OneLineParser(line.task.groups)  # type: ignore[arg-type]
    # Wrong values of transformers' own arguments are the user's, too.
    with errors_in_one_line(ValueError, FileNotFoundError, ImportError):
        return parse_arguments(parser, [*line.words, *words], defaults=line.defaults)


def train_and_report(groups: Sequence[type], run: Callable[..., dict[str, Any]]) -> None:
    """Parse `[recipe.json] [--flag value …]`, run, write the card and print the figures; with `push_to_hub`, publish.
    Of several processes the first writes, prints and publishes. Arguments that are wrong, and packages that are
    missing, end the program with one line before anything is read or written; Ctrl-C and SIGTERM end it with a
    checkpoint.

    Args:
        groups: Argument dataclasses, in the order in which `run` takes them; `ReportArguments` and
            `RecurrentTrainingArguments` are among them.
        run: Takes an instance of each and, as `recipe`, the path of the recipe; gives the document in `results.json`.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    parser = CommandParser(groups, usage="[RECIPE] [--flag value ...]", description=None)
    # A package that `report_to` needs may be missing, too.
    with errors_in_one_line(ValueError, FileNotFoundError, ImportError):
        arguments, recipe = parse_arguments(parser)
    with errors_in_one_line(NothingToDoError):
        _train(arguments, lambda given, recipe: run(*given, recipe=recipe), recipe)


def _train(
    arguments: tuple[Any, ...], run: Callable[[tuple[Any, ...], str | None], dict[str, Any]], recipe: str | None
) -> None:
    training = _training(arguments)
    transformers.utils.logging.set_verbosity(training.get_process_log_level())
    results = run(arguments, recipe)
    if training.process_index == 0:
        _report(results, training, next(group for group in arguments if isinstance(group, ReportArguments)))


def _training(arguments: Sequence[Any]) -> RecurrentTrainingArguments:
    return next(group for group in arguments if isinstance(group, RecurrentTrainingArguments))


def _report(results: dict[str, Any], training: RecurrentTrainingArguments, report: ReportArguments) -> None:
    """Write the card, print the figures, and publish if that was asked for."""
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
        shown = (f"{name} {shown_figure(figures[name])}" for name in figure_names({split: figures}))
        print(f"{split:>10}: " + "  ".join(shown))
    print(f"Model, results.json and learning curves are in {folder}; the card: {card}")
    uses = _uses(results["task"], folder, results["model"])
    if "image_folder" in results["training"]["arguments"]:
        uses = [f"Use it: hf-rnn identify {folder} new.png --examples FOLDER"]
    for line in [*uses, *comparison_lines(results), *label_remark(results, folder)]:
        print(line)
    if training.push_to_hub:
        published = _publish(folder, training)
        if published.remark is not None:
            print(published.remark)
        print(f"Published: {published.url}")


def _publish(folder: str, training: RecurrentTrainingArguments) -> Publication:
    """Publish the run anew: what the Trainer has pushed so far lacks the results and their card."""
    return publish(
        folder,
        training.hub_model_id or Path(folder).resolve().name,
        private=bool(training.hub_private_repo),
        revision=training.hub_revision,
        token=training.hub_token,
    )


def _uses(task: str, folder: str, model: dict[str, Any]) -> list[str]:
    kind = find_kind(task)
    if kind.inputs == "series":
        return [
            f'Use it: AutoModelForTimeSeriesPrediction.from_pretrained("{folder}", trust_remote_code=True)',
            f"The next steps of a file: hf-rnn predict {folder} new.csv",
        ]
    if not kind.of_text:
        return [f'Use it: OneShotVerifier.from_model(AutoModel.from_pretrained("{folder}", trust_remote_code=True))']
    if task == "token-classification" and model["config"].get("problem_type") in OF_STEPS:
        return [
            f'Use it: hf_rnn.predict_steps(AutoModelForTokenClassification.from_pretrained("{folder}"), '
            f'AutoTokenizer.from_pretrained("{folder}"), [["tokens", "of", "a", "sentence"]])',
            f"On a file: hf-rnn predict {folder} new.jsonl",
        ]
    # A classifier of pairs answers by another pipeline than the network of single texts inside it.
    pairs = model["class"].endswith("ForPairClassification")
    name = "text-classification" if pairs else kind.pipeline_name
    # A model of transformers' own has no code in its folder that could bring a pipeline of ours.
    bare = kind.own_pipeline and not pairs and is_stock(model["model_type"])
    answers = f'pipeline("{name}", model="{folder}"' + ("" if bare else ", trust_remote_code=True") + ")"
    return [
        f"Use it: {'import hf_rnn; ' if bare else ''}{answers}",
        f"On a file: hf-rnn predict {folder} new.csv",
    ]
