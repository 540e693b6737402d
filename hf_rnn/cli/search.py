"""Search the hyper-parameters of a training: of a classifier, a tagger, a language model or a siamese network.

    hf-rnn search search/imdb_bilstm
    hf-rnn search --task text-classification --train_file reviews.csv --validation_split_percentage 10 \\
        --model_type gru --output_dir my_search --n_trials 20

Start the same command again to go on with a search that was stopped; start it several times to share the trials out.
docs/search.md says how to state a search space, and how to search on several machines.

The other flags are those of the training: `hf-rnn train TASK --help-all` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import transformers

from ..hub.model_card import write_model_card
from ..hyperparameter_search.arguments import SEARCHED_TASKS, SearchArguments
from ..hyperparameter_search.plan import prepare_search
from ..hyperparameter_search.report import SUMMARY_FILE, TABLE_FILE
from ..hyperparameter_search.retraining import BEST_FOLDER, RECIPE_FILE
from ..hyperparameter_search.run import run_search
from ..runs.folder import RESULTS_FILE
from ..runs.results import read_results
from ..tasks.arguments import ReportArguments
from ..tasks.recipes import find_recipe, parse_arguments, read_recipe
from ..tasks.registry import find_task
from ..training.arguments import RecurrentTrainingArguments
from .errors import errors_in_one_line
from .flags import CommandParser


__all__ = ["SUMMARY", "main", "task_of"]


SUMMARY = "search the hyper-parameters of a training"
USAGE = "[RECIPE] --task TASK --train_file FILE [--flag value ...]"


def main(arguments: list[str]) -> None:
    """`hf-rnn search [RECIPE] --task TASK [--flag value …]`, and `scripts/run_hyperparameter_search.py`: the flags are
    those of the task's training and of `SearchArguments`. Search, write the card of the best model, and print what was
    found.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
        SearchError, StudyError: see `hf_rnn.hyperparameter_search`.
    """
    words = list(arguments)
    if words and not words[0].startswith("-") and (path := find_recipe(words[0])) is not None:
        words[0] = str(path)
    if {"-h", "--help"} & set(words):
        print(CommandParser((SearchArguments,), usage=USAGE, description=__doc__).format_help())
        return
    # Wrong flags and values of transformers' own arguments are the user's, too.
    with errors_in_one_line(ValueError, FileNotFoundError, ImportError):
        task = task_of(words)
        parser = CommandParser((SearchArguments, *find_task(task).groups), usage=USAGE, description=__doc__)
        (searched, *groups), _ = parse_arguments(parser, words)
    training = next(group for group in groups if isinstance(group, RecurrentTrainingArguments))
    report = next(group for group in groups if isinstance(group, ReportArguments))
    transformers.utils.logging.set_verbosity(training.get_process_log_level())
    search = prepare_search(searched, groups)
    summary = run_search(search)
    if summary is None:
        print(f"No trial is left; another process writes the results into {search.output}.")
        return
    folder = search.output / BEST_FOLDER
    card = write_model_card(
        folder,
        read_results(folder / RESULTS_FILE),
        license=report.license,
        license_name=report.license_name,
        license_link=report.license_link,
        language=report.language,
        dataset_license_note=report.dataset_license_note,
    )
    print(_found(summary, search.output))
    print(f"The best model is in {folder}; its card: {card}")
    print(f"Train it again: hf-rnn train {task} {search.output / RECIPE_FILE} --output_dir NEW_FOLDER")


def task_of(line: Sequence[str]) -> str:
    """Find the task that a command line names, itself or in its recipe: it decides which flags there are.

    Raises:
        ValueError: there is no such task, or none is named.
    """
    named: Any = None
    for index, word in enumerate(line):
        if word == "--task":
            named = line[index + 1] if index + 1 < len(line) else None
        elif word.startswith("--task="):
            named = word.removeprefix("--task=")
    if named is None and line and line[0].endswith(".json") and find_recipe(line[0]) is not None:
        named = read_recipe(line[0]).get("task")
    if named not in SEARCHED_TASKS:
        raise ValueError(
            f"`task`={named!r} must be one of {', '.join(SEARCHED_TASKS)}; give it as --task or in the recipe."
        )
    return str(named)


def _found(summary: Mapping[str, Any], output: Path) -> str:
    best, trials, metric = summary["best"], summary["trials"], summary["objective"]["metric"]
    lines = [
        f"{trials['finished']} trials finished, {trials['pruned']} pruned, {trials['failed']} failed, "
        f"{trials['interrupted']} interrupted and tried again.",
        f"Best on validation: {metric} {best['value']:.4f} (trial {best['trial']})",
        *(
            f"    {name} = {value:.4g}" if isinstance(value, float) else f"    {name} = {value}"
            for name, value in best["parameters"].items()
        ),
    ]
    for split in ("validation", "test"):
        if summary["comparison"] is not None and split in summary["comparison"]["best"]:
            found = (summary["comparison"][name][split] for name in ("best", "default"))
            figures = (f"{each['mean']:.4f} ± {each['standard_deviation']:.4f}" for each in found)
            seeds = len(summary["comparison"]["seeds"])
            lines.append(f"{split}, {seeds} fresh seeds: best {next(figures)}, default {next(figures)}")
    lines.append(f"All trials: {output / TABLE_FILE}; the summary: {output / SUMMARY_FILE}; plots beside them.")
    return "\n".join(lines)
