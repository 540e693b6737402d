"""Search the hyper-parameters of a training: of a classifier, a tagger, a language model or a siamese network.

    hf-rnn search search/imdb_bilstm
    hf-rnn search text-classification reviews.csv
    hf-rnn search text-classification train.csv dev.csv --model_type gru --output_dir my_search --n_trials 20

The words before the flags are those of `hf-rnn train`: a task and data, or a recipe. A tenth of the data is held out
if no validation file is named.

Start the same command again to resume a search that was stopped. Start it several times to divide the trials among
processes. docs/search.md explains search spaces, and searching on several machines.

The other flags are those of the training: `hf-rnn train TASK --help-all` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from ..tasks.recipes import parse_arguments
from ..tasks.registry import find_task
from ..tasks.text_classification.label_remark import label_remark
from ..training.arguments import RecurrentTrainingArguments
from .errors import errors_in_one_line
from .flags import CommandParser
from .run_folder import RUNS, UNNAMED, run_name
from .train_line import TrainLine


__all__ = ["SUMMARY", "main", "search_line", "task_of"]


SUMMARY = "search the hyper-parameters of a training"
USAGE = "TASK TRAIN_FILE [VALIDATION_FILE [TEST_FILE]] | RECIPE [--flag value ...]"


def main(arguments: list[str]) -> None:
    """`hf-rnn search TASK DATA… [--flag value …]` or `hf-rnn search RECIPE [--flag value …]`, and
    `scripts/run_hyperparameter_search.py`: the flags are those of the task's training and of `SearchArguments`.
    Search, write the card of the best model, and print what was found.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
        SearchError, StudyError: see `hf_rnn.hyperparameter_search`.
    """
    if {"-h", "--help"} & set(arguments):
        print(CommandParser((SearchArguments,), usage=USAGE, description=__doc__).format_help())
        return
    # Wrong flags and values of transformers' own arguments are the user's, too.
    with errors_in_one_line(ValueError, FileNotFoundError, ImportError):
        line = search_line(arguments)
        searched, groups = _parsed(line)
        if _training(groups).output_dir == UNNAMED:
            # The same command finds its study again there, and another one is refused.
            searched, groups = _parsed(line, "--output_dir", str(RUNS / f"{run_name(line.task.name, groups)}-search"))
    training = _training(groups)
    report = next(group for group in groups if isinstance(group, ReportArguments))
    transformers.utils.logging.set_verbosity(training.get_process_log_level())
    search = prepare_search(searched, groups)
    summary = run_search(search)
    if summary is None:
        print(f"No trial is left; another process writes the results into {search.output}.")
        return
    folder = search.output / BEST_FOLDER
    results = read_results(folder / RESULTS_FILE)
    card = write_model_card(
        folder,
        results,
        license=report.license,
        license_name=report.license_name,
        license_link=report.license_link,
        language=report.language,
        dataset_license_note=report.dataset_license_note,
    )
    print(_found(summary, search.output))
    print(f"The best model is in {folder}; its card: {card}")
    print(f"Train it again: hf-rnn train {line.task.name} {search.output / RECIPE_FILE} --output_dir NEW_FOLDER")
    for remark in label_remark(results, folder):
        print(remark)


def search_line(words: Sequence[str]) -> TrainLine:
    """Understand `TASK DATA…`, `TASK RECIPE` or `RECIPE`, and the flags behind them, as `hf-rnn train` does;
    `--task TASK` among the flags stands for TASK in front.

    Raises:
        ValueError: there is no such task or recipe, no task is named or two are, or the task has no search space.
    """
    named, rest = _without_task(list(words))
    if named is not None and named not in SEARCHED_TASKS:
        raise ValueError(f"`task`={named!r} must be one of {', '.join(SEARCHED_TASKS)}.")
    first = rest[0] if rest else ""
    if named is not None and first in SEARCHED_TASKS and find_task(first) is not find_task(named):
        raise ValueError(f"`task`={named!r} differs from the task {first!r} in front; give one of them.")
    line = TrainLine.of(rest if named is None or first in SEARCHED_TASKS else [named, *rest])
    if line.task.name not in SEARCHED_TASKS:
        raise ValueError(
            f"`task`={line.task.name!r} has no search space; it must be one of {', '.join(SEARCHED_TASKS)}."
        )
    at = 1 if line.words and line.words[0].endswith(".json") else 0
    flags = [*line.words[:at], "--task", line.task.name, *line.words[at:]]
    # A search trains in any case, and says what it found on validation.
    defaults = {name: value for name, value in line.defaults.items() if name not in ("do_train", "do_eval")}
    return replace(line, words=flags, defaults=defaults)


def task_of(line: Sequence[str]) -> str:
    """The name of the task that a command line names, itself or in its recipe.

    Raises:
        ValueError: as `search_line`.
    """
    return search_line(line).task.name


def _without_task(words: list[str]) -> tuple[str | None, list[str]]:
    """What `--task` names, and the words without it."""
    for place, word in enumerate(words):
        if word == "--task":
            return " ".join(words[place + 1 : place + 2]), words[:place] + words[place + 2 :]
        if word.startswith("--task="):
            return word.removeprefix("--task="), words[:place] + words[place + 1 :]
    return None, words


def _parsed(line: TrainLine, *words: str) -> tuple[SearchArguments, list[Any]]:
    parser = CommandParser((SearchArguments, *line.task.groups), usage=USAGE, description=__doc__)
    (searched, *groups), _ = parse_arguments(parser, [*line.words, *words], defaults=line.defaults)
    return searched, groups


def _training(groups: Sequence[Any]) -> RecurrentTrainingArguments:
    return next(group for group in groups if isinstance(group, RecurrentTrainingArguments))


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
