"""A search from arguments to the best model, in one process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from transformers import HfArgumentParser

from hf_rnn.extras import MissingExtraError
from hf_rnn.hyperparameter_search.arguments import SearchArguments
from hf_rnn.hyperparameter_search.optuna_trials import run_trials
from hf_rnn.hyperparameter_search.plan import SearchError, prepare_search
from hf_rnn.hyperparameter_search.retraining import SearchedRecipe
from hf_rnn.hyperparameter_search.run import run_search
from hf_rnn.hyperparameter_search.storage import REASON, StudyError
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.recipes import parse_arguments
from hf_rnn.tasks.registry import find_task
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer
from tests.hyperparameter_search.search_runs import SPACE, prepare
from tests.missing import pretend
from tests.tasks import small_language_runs, small_sequence_runs, small_similarity_runs, small_tagging_runs
from tests.tasks.small_runs import write_reviews


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_reviews(tmp_path_factory.mktemp("reviews"))


def values(study: optuna.Study) -> list[float | None]:
    return [trial.value for trial in study.trials]


def parameters(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


def test_a_search_ends_with_the_best_model_and_a_report(tmp_path: Path, reviews: dict[str, str]) -> None:
    # What is drawn at random in training is the same again, too.
    given = {"embedding_size": 8, "embedding_dropout": 0.5}
    options = {"do_predict": True, "num_train_epochs": 3, "metric_for_best_model": "loss"}
    search = prepare(tmp_path / "out", **reviews, config_overrides=given, **options)

    summary = run_search(search)

    assert summary is not None
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left >= {"study.db", "study.csv", "search.json", "best.json", "best", "history.png", "history.html"}
    # No checkpoint of any trial is left, nor a folder for them.
    assert "trials" not in left and not list((tmp_path / "out").rglob("checkpoint-*"))
    assert json.loads((tmp_path / "out" / "search.json").read_text()) == summary
    assert summary["trials"] == {"finished": 3, "pruned": 0, "failed": 0, "interrupted": 0}
    assert len((tmp_path / "out" / "study.csv").read_text().splitlines()) == 4
    results = read_results(tmp_path / "out" / "best" / "results.json")
    # The same figures: the trial can be repeated, and by the script's own flags.
    assert results["metrics"]["validation"]["loss"] == summary["best"]["value"]
    assert results["recipe"].endswith("best.json")
    recipe = json.loads((tmp_path / "out" / "best.json").read_text())
    assert recipe["learning_rate"] == summary["best"]["parameters"]["learning_rate"]
    assert recipe["config_overrides"] == {**given, "hidden_size": summary["best"]["parameters"]["hidden_size"]}
    parser = HfArgumentParser(find_task("text-classification").groups)
    parsed, _ = parse_arguments(parser, [str(tmp_path / "out" / "best.json")])
    assert parsed[0].overrides() == recipe["config_overrides"]

    before = (tmp_path / "out" / "best" / "results.json").stat().st_mtime_ns
    assert run_search(search) is not None
    assert (tmp_path / "out" / "best" / "results.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "sampler", ["gp", pytest.param("tpe", marks=pytest.mark.slow), pytest.param("random", marks=pytest.mark.slow)]
)
def test_the_same_seed_is_the_same_study_also_when_it_is_resumed(
    sampler: str, tmp_path: Path, reviews: dict[str, str]
) -> None:
    options = {**reviews, "sampler": sampler, "n_random_trials": 2, "num_train_epochs": 1}
    whole = run_trials(prepare(tmp_path / "whole", n_trials=4, **options))
    run_trials(prepare(tmp_path / "parts", n_trials=1, **options))
    parts = run_trials(prepare(tmp_path / "parts", n_trials=4, **options))
    assert parameters(parts) == parameters(whole)
    assert values(parts) == values(whole)
    assert len({trial.params["learning_rate"] for trial in whole.trials}) == 4
    other = run_trials(prepare(tmp_path / "other", n_trials=1, search_seed=1, **options))
    assert other.trials[0].params != whole.trials[0].params


def test_the_objective_is_the_best_evaluation_on_validation(
    tmp_path: Path, reviews: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([0.5, 0.9, 0.7])
    monkeypatch.setattr(RecurrentTrainer, "evaluate", lambda *args, **kwargs: {"eval_accuracy": next(figures)})
    study = run_trials(prepare(tmp_path / "out", **reviews, n_trials=1, num_train_epochs=3))
    assert values(study) == [0.9]
    # By evaluations, so that trials with batches of other sizes can be compared.
    assert study.trials[0].intermediate_values == {1: 0.5, 2: 0.9, 3: 0.9}


def test_a_loss_is_made_small(tmp_path: Path, reviews: dict[str, str]) -> None:
    search = prepare(tmp_path / "out", **reviews, n_trials=2, num_train_epochs=1, metric_for_best_model="loss")
    study = run_trials(search)
    assert study.direction.name == "MINIMIZE"
    assert study.best_value == min(trial.value for trial in study.trials if trial.value is not None)


def test_bad_trials_are_pruned_whatever_their_batch_size(
    tmp_path: Path, reviews: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(self: RecurrentTrainer, *args: Any, **kwargs: Any) -> dict[str, float]:
        number = self._trial.number
        metrics = {"eval_accuracy": 0.9 if number < 2 else 0.1}
        return metrics

    monkeypatch.setattr(RecurrentTrainer, "evaluate", evaluate)
    space = {"per_device_train_batch_size": {"low": 4, "high": 40}}
    options = {"search_space": space, "n_trials": 4, "n_unpruned_trials": 2, "pruner": "median"}
    study = run_trials(prepare(tmp_path / "out", **reviews, **options))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    assert len({trial.params["per_device_train_batch_size"] for trial in study.trials}) > 1
    # Told by the number of the evaluation, which is no number of steps.
    for trial in study.trials:
        assert list(trial.intermediate_values) == list(range(1, 1 + len(trial.intermediate_values)))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(
            torch.OutOfMemoryError("CUDA out of memory."), "OutOfMemoryError: CUDA out", marks=pytest.mark.slow
        ),
        pytest.param(MemoryError("no room"), "MemoryError: no room", marks=pytest.mark.slow),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "DefaultCPUAllocator"),
    ],
)
def test_a_trial_without_memory_fails_and_the_search_goes_on(
    error: Exception, reason: str, tmp_path: Path, reviews: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    search = prepare(tmp_path / "out", **reviews, n_trials=2, num_train_epochs=1)
    model_init = search.task.model_init

    def failing_once(overrides: Any) -> Any:
        calls.append(overrides)
        if len(calls) == 1:
            raise error
        assert model_init is not None
        return model_init(overrides)

    object.__setattr__(search.task, "model_init", failing_once)
    study = run_trials(search)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE"]
    assert reason in study.trials[0].user_attrs[REASON]


def test_a_trial_that_returns_nan_fails_with_its_reason(
    tmp_path: Path, reviews: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([float("nan"), 0.5])
    monkeypatch.setattr(RecurrentTrainer, "evaluate", lambda *args, **kwargs: {"eval_accuracy": next(figures)})
    study = run_trials(prepare(tmp_path / "out", **reviews, n_trials=2, num_train_epochs=1))
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE"]
    assert study.trials[0].user_attrs[REASON] == "FloatingPointError: `eval_accuracy` is nan."


def test_a_search_of_which_all_trials_fail_says_why(
    tmp_path: Path, reviews: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def training_step(*args: Any, **kwargs: Any) -> torch.Tensor:
        raise FloatingPointError("The loss is nan at step 1")

    monkeypatch.setattr(RecurrentTrainer, "training_step", training_step)
    with pytest.raises(SearchError, match="No trial was completed.*The loss is nan at step 1"):
        run_search(prepare(tmp_path / "out", **reviews, n_trials=2))


def test_an_error_of_another_kind_ends_the_search(
    tmp_path: Path, reviews: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def training_step(*args: Any, **kwargs: Any) -> torch.Tensor:
        raise ValueError("a mistake in the code")

    monkeypatch.setattr(RecurrentTrainer, "training_step", training_step)
    with pytest.raises(ValueError, match="a mistake in the code"):
        run_trials(prepare(tmp_path / "out", **reviews))


def test_a_study_of_another_search_is_refused(tmp_path: Path, reviews: dict[str, str]) -> None:
    run_trials(prepare(tmp_path / "out", **reviews, n_trials=1, num_train_epochs=1))
    others: list[tuple[dict[str, Any], str]] = [
        ({"search_space": {**SPACE, "hidden_size": {"low": 4, "high": 99}}}, "space.hidden_size.high"),
        ({"search_space": {"learning_rate": SPACE["learning_rate"]}}, "space.hidden_size"),
        ({"num_train_epochs": 7}, "arguments.num_train_epochs"),
        ({"metric_for_best_model": "f1"}, "objective.metric"),
        ({"max_train_samples": 30}, "data.train"),
    ]
    for changes, named in others:
        options = {"num_train_epochs": 1, **changes}
        with pytest.raises(StudyError, match=f"made for another search: `{named}` is"):
            run_trials(prepare(tmp_path / "out", **reviews, n_trials=2, **options))


def test_a_search_needs_a_validation_split_and_one_process(
    tmp_path: Path, reviews: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train = {"train_file": reviews["train_file"]}
    with pytest.raises(SearchError, match="no validation split to compare trials on"):
        prepare(tmp_path / "out", **train, eval_strategy="no", load_best_model_at_end=False)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(RecurrentTrainingArguments, "world_size", 2)
    with pytest.raises(SearchError, match="this is one of 2. Start the script once for each instead"):
        prepare(tmp_path / "out", **reviews)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_rnn.hyperparameter_search.plan.find_spec", lambda name: None)
    with pytest.raises(SearchError, match=r"ray\[tune\]"):
        prepare_search(SearchArguments(backend="ray"), ())
    pretend(monkeypatch, plotly=None)
    with pytest.raises(MissingExtraError, match=r"A search needs plotly.*hf_rnn\[search\]"):
        prepare_search(SearchArguments(), ())


def test_the_default_is_the_recipe_without_what_was_searched(tmp_path: Path, reviews: dict[str, str]) -> None:
    overrides = {"embedding_size": 8, "hidden_sizes": [5, 6]}
    space = {"learning_rate": SPACE["learning_rate"], "hidden_sizes[1]": {"low": 4, "high": 8}}
    search = prepare(tmp_path / "out", **reviews, config_overrides=overrides, search_space=space, seed=4)
    found = {"learning_rate": 0.02, "hidden_sizes[1]": 7}
    recipe = SearchedRecipe.of("text-classification", search.groups, search.space, found)
    assert recipe.best["learning_rate"] == 0.02
    assert recipe.best["config_overrides"] == {"embedding_size": 8, "hidden_sizes": [5, 7]}
    assert "learning_rate" not in recipe.default
    assert recipe.default["config_overrides"] == {"embedding_size": 8}
    assert recipe.seed == 4
    assert recipe.best.keys() - recipe.default.keys() == {"learning_rate"}


@pytest.mark.slow
def test_best_and_default_are_compared_on_fresh_seeds(tmp_path: Path, reviews: dict[str, str]) -> None:
    options = {**reviews, "compare_seeds": 2, "n_trials": 2, "num_train_epochs": 1, "do_predict": True}
    summary = run_search(prepare(tmp_path / "out", **options))
    assert summary is not None
    comparison = summary["comparison"]
    assert comparison["seeds"] == [2, 3]
    for name in ("best", "default"):
        for split in ("validation", "test"):
            runs = [
                read_results(tmp_path / "out" / "comparison" / f"{name}-{seed}" / "results.json") for seed in (2, 3)
            ]
            expected = [run["metrics"][split]["accuracy"] for run in runs]
            assert comparison[name][split]["values"] == expected
            assert comparison[name][split]["mean"] == pytest.approx(sum(expected) / 2)
    # The test split was left to the comparison.
    assert "test" not in read_results(tmp_path / "out" / "best" / "results.json")["metrics"]


DATA: dict[str, Callable[[Path], dict[str, Any]]] = {
    "token-classification": lambda folder: {
        **small_tagging_runs.write_news(folder),
        "config_overrides": {"embedding_size": 8, "char_embedding_size": 4, "char_hidden_size": 6},
    },
    "language-modeling": lambda folder: {
        **{
            f"{split}_file": small_language_runs.write_text(folder, f"{split}.txt", count)
            for split, count in {"train": 20, "validation": 4}.items()
        },
        "tokenizer_kind": "character",
        "block_size": 30,
        # The streams of the training text follow from it.
        "search_space": {**SPACE, "per_device_train_batch_size": {"low": 2, "high": 6}},
    },
    "similarity": lambda folder: small_similarity_runs.write_questions(folder),
    "sequence-to-sequence": lambda folder: {
        **small_sequence_runs.write_numbers(folder),
        "tokenizer_kind": "word",
        "max_target_length": 6,
        "config_overrides": json.loads(small_sequence_runs.SMALL),
        "search_space": {"learning_rate": SPACE["learning_rate"], "decoder.hidden_size": {"low": 4, "high": 12}},
    },
}


@pytest.mark.parametrize("task", DATA)
def test_every_task_is_searched_by_the_same_code(task: str, tmp_path: Path) -> None:
    flags = {"n_trials": 2, "num_train_epochs": 1, **DATA[task](tmp_path / "data")}
    summary = run_search(prepare(tmp_path / "out", task=task, **flags))
    assert summary is not None
    assert summary["trials"]["finished"] == 2
    results = read_results(tmp_path / "out" / "best" / "results.json")
    metric = summary["objective"]["metric"]
    assert results["metrics"]["validation"][metric] == pytest.approx(summary["best"]["value"], rel=1e-3)
    if task == "sequence-to-sequence":
        # What was given of a part stays beside what was searched of it.
        decoder = results["model"]["config"]["decoder"]
        assert decoder["embedding_size"] == 8
        assert decoder["hidden_size"] == summary["best"]["parameters"]["decoder.hidden_size"]


def test_prepare_search_wants_a_task() -> None:
    from hf_rnn.hyperparameter_search.arguments import SearchArguments

    with pytest.raises(ValueError, match="`task` is missing"):
        prepare_search(SearchArguments(), [])
