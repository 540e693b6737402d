"""scripts/run_hyperparameter_search.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import HfArgumentParser

from hf_rnn.cli.run_folder import UNNAMED
from hf_rnn.cli.search import search_line, task_of
from hf_rnn.hyperparameter_search.arguments import SearchArguments
from hf_rnn.hyperparameter_search.spaces import SearchSpace
from hf_rnn.tasks.arguments import ModelArguments
from hf_rnn.tasks.recipes import parse_arguments
from tests.hyperparameter_search.search_runs import SPACE
from tests.tasks.small_runs import write_reviews


RECIPES = ("imdb_bilstm", "classic_seven", "classic_seven_synthetic")


@pytest.mark.slow
def test_from_a_recipe_to_the_best_model_and_its_own_recipe(run_script: Callable[..., Any], tmp_path: Path) -> None:
    write_reviews(tmp_path)
    recipe = {
        "task": "text-classification",
        "search_space": "space.json",
        "n_trials": 2,
        "train_file": "train.csv",
        "validation_file": "validation.csv",
        "num_train_epochs": 1,
        "config_overrides": {"embedding_size": 8},
        "output_dir": "out",
        "use_cpu": True,
        "disable_tqdm": True,
    }
    (tmp_path / "space.json").write_text(json.dumps(SPACE))
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    done = run_script("run_hyperparameter_search", "recipe.json")
    assert done.returncode == 0, done.stderr
    assert "2 trials finished, 0 pruned, 0 failed" in done.stdout
    assert (tmp_path / "out" / "best" / "README.md").is_file()
    # The recipe of the best is one of the training script's.
    done = run_script("run_text_classification", "out/best.json", "--output_dir", "again")
    assert done.returncode == 0, done.stderr
    figures = [
        json.loads((tmp_path / folder / "results.json").read_text())["metrics"]["validation"]
        for folder in ("out/best", "again")
    ]
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--train_file train.csv", "'' must be a task (text-classification"),
        ("--task text --train_file train.csv", "`task`='text' must be one of text-classification"),
        ("--task similarity --train_file train.csv --piece_vocab_size 9", "--piece_vocab_size"),
        ("--task text-classification --train_file train.csv --sampler grid", "`sampler`='grid' must be one of gp"),
        ("--task text-classification --train_file train.csv --search_space no.json", "'no.json' is no file"),
    ],
)
def test_bad_input_ends_with_what_is_wrong(
    tmp_path: Path, refusal: Callable[[str, str], str], line: str, message: str
) -> None:
    write_reviews(tmp_path)
    assert message in refusal("run_hyperparameter_search", line)


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_of_the_project_parse(name: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    line = [f"hf_rnn/recipes/search/{name}.json"]
    found = search_line(line)
    (search, *groups), _ = parse_arguments(HfArgumentParser((SearchArguments, *found.task.groups)), found.words)
    space = SearchSpace.read(str(search.search_space))
    model = next(group for group in groups if isinstance(group, ModelArguments))
    # What is searched does not stand in the recipe, so that the default configuration is the recipe's.
    given = json.loads(Path(line[0]).read_text())
    assert not {dimension.name.partition("[")[0] for dimension in space.dimensions} & {*given, *model.overrides()}


def test_the_task_may_stand_in_the_recipe_or_on_the_line(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"task": "similarity"}))
    assert task_of([str(recipe)]) == "sentence-similarity"
    assert task_of([str(recipe), "--task", "language-modeling"]) == "text-generation"
    assert task_of(["language-modeling", str(recipe)]) == "text-generation"
    assert task_of(["--task=token-classification"]) == "token-classification"


def test_the_words_in_front_are_those_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_reviews(tmp_path)
    in_front = search_line(["text-classification", "train.csv", "validation.csv", "--n_trials", "3"])
    assert in_front.words == [
        *("--task", "text-classification", "--train_file", "train.csv"),
        *("--validation_file", "validation.csv", "--n_trials", "3"),
    ]
    # A tenth of the rows is held out where nothing else is said.
    assert in_front.defaults == {"output_dir": UNNAMED, "hold_out_percentage": 10}
    for words in (
        ["--task", "text-classification", "train.csv", "validation.csv", "--n_trials", "3"],
        ["train.csv", "validation.csv", "--n_trials", "3", "--task=text-classification"],
        ["text-classification", "train.csv", "validation.csv", "--task", "text-classification", "--n_trials", "3"],
    ):
        assert search_line(words) == in_front


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["poetry", "train.csv"], r"'poetry' must be a task \(text-classification, "),
        (["train.csv"], "'train.csv' must be a task"),
        (["image-feature-extraction"], "`task`='image-feature-extraction' has no search space"),
        (["similarity", "train.csv", "--task", "language-modeling"], "differs from the task 'similarity' in front"),
    ],
)
def test_wrong_words_in_front_are_refused_as_those_of_a_training_are(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search_line(words)
