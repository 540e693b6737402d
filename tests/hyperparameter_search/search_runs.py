"""Small searches: generated data in files, a space of two parameters, and trials that take a second."""

from __future__ import annotations

import gc
import json
import logging
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from hf_rnn.hyperparameter_search.arguments import SearchArguments
from hf_rnn.hyperparameter_search.optuna_trials import run_trials
from hf_rnn.hyperparameter_search.plan import Search, prepare_search
from hf_rnn.tasks.registry import find_task
from tests.tasks import small_runs


SPACE = {"learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}, "hidden_size": {"low": 4, "high": 12}}


def flags(output: Path, **changes: Any) -> dict[str, Any]:
    """Write the flags of a search of three trials over `SPACE`; dictionaries among `changes` become JSON."""
    values = {
        "task": "text-classification",
        "search_space": SPACE,
        "n_trials": 3,
        "sampler": "random",
        "do_predict": False,
        "config_overrides": {"embedding_size": 8},
        **changes,
    }
    if isinstance(values["search_space"], dict):
        values["search_space"] = json.dumps(values["search_space"])
    return small_runs.flags(output, **values)


def prepare(output: Path, **changes: Any) -> Search:
    """A search that is ready to run."""
    values = flags(output, **changes)
    if values["task"] == "token-classification":
        del values["min_frequency"]
    parser = HfArgumentParser((SearchArguments, *find_task(values["task"]).groups))
    arguments, *groups = parser.parse_dict(values)
    return prepare_search(arguments, groups)


def search_in_a_process(output: str, changes: dict[str, Any]) -> None:
    """The trials of a search, in a process of its own; its messages go to `messages.txt` beside the folder."""
    # What the server has imported is not looked through again and again.
    gc.freeze()
    logging.getLogger("hf_rnn").addHandler(logging.FileHandler(Path(output).parent / "messages.txt"))
    run_trials(prepare(Path(output), **changes))
