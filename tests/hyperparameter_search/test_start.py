"""What the trials of a search start with: the bundled encoder, or random weights where sizes are searched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import HfArgumentParser

from hf_rnn.hyperparameter_search.arguments import SearchArguments
from hf_rnn.hyperparameter_search.plan import Search, prepare_search
from hf_rnn.tasks.registry import find_task
from tests.tasks.small_runs import write_reviews


def search(folder: Path, space: dict[str, Any] | None) -> Search:
    arguments = SearchArguments(task="text-classification")
    if space is not None:
        (folder / "space.json").write_text(json.dumps(space))
        arguments.search_space = str(folder / "space.json")
    flags = {"output_dir": str(folder / "out"), "disable_tqdm": True, **write_reviews(folder / "data")}
    return prepare_search(arguments, HfArgumentParser(find_task("text-classification").groups).parse_dict(flags))


def sizes(found: Search) -> tuple[bool, int]:
    return found.model.from_scratch, found.task.model.config.hidden_size


def test_without_a_space_the_trials_start_from_the_encoder_and_vary_what_it_leaves_free(tmp_path: Path) -> None:
    found = search(tmp_path, None)
    assert sizes(found) == (False, 192)
    rate = next(each for each in found.space.dimensions if each.name == "learning_rate")
    assert rate.ends()[0] <= 1e-3 <= rate.ends()[-1], "the rate that such a model learns at by default"
    assert {each.name for each in found.space.dimensions} >= {"dropout", "word_dropout"}


@pytest.mark.parametrize(
    ("name", "choices"), [["hidden_size", [8, 16]], ["hidden_sizes[0]", [8, 16]], ["hidden_size", [192, 8, 16]]]
)
def test_sizes_that_are_searched_start_at_random(tmp_path: Path, name: str, choices: list[int]) -> None:
    found = search(tmp_path, {name: {"choices": choices}})
    assert found.model.from_scratch
    trained = found.task.model_init({"hidden_size": 8} if name == "hidden_size" else {"hidden_sizes": [8]})
    assert trained.config.layer_sizes == [8]


def test_what_changes_no_shape_leaves_the_start(tmp_path: Path) -> None:
    found = search(tmp_path, {"dropout": {"low": 0.0, "high": 0.5}, "learning_rate": {"low": 1e-4, "high": 1e-2}})
    assert sizes(found) == (False, 192)
    assert found.task.model_init({"dropout": 0.25}).config.dropout == 0.25
