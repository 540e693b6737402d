"""What a search may choose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from hf_rnn.hyperparameter_search.arguments import SEARCHED_TASKS, SearchArguments
from hf_rnn.hyperparameter_search.spaces import Dimension, SearchSpace, default_space, split_parameters
from hf_rnn.models.configuration_rnn import FAMILIES
from hf_rnn.models.configuration_seq2seq import ENCODER_DECODERS
from hf_rnn.runs.kinds import find_kind
from hf_rnn.tasks.sequence_to_sequence.arguments import SequenceTrainingArguments
from hf_rnn.training.arguments import RecurrentTrainingArguments


CLASSIC_SEVEN = {
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "embedding_size": {"low": 100, "high": 1500},
    "dropout": {"low": 0.2, "high": 0.8},
    "hidden_sizes[0]": {"low": 16, "high": 128},
    "hidden_sizes[1]": {"low": 16, "high": 64},
    "classifier_hidden_sizes[0]": {"low": 16, "high": 128},
    "classifier_hidden_sizes[1]": {"low": 16, "high": 64},
}


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> RecurrentTrainingArguments:
    return RecurrentTrainingArguments(str(tmp_path_factory.mktemp("out")), use_cpu=True)


def check(space: dict[str, Any], training: RecurrentTrainingArguments, family: str = "bilstm", **given: Any) -> None:
    SearchSpace.parse(space).check(training, FAMILIES[family](**given), given)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"low": 1e-4, "high": 0.1, "log": True}, optuna.distributions.FloatDistribution(1e-4, 0.1, log=True)),
        ({"low": 0, "high": 1, "type": "float"}, optuna.distributions.FloatDistribution(0, 1)),
        ({"low": 0.0, "high": 0.5, "step": 0.25}, optuna.distributions.FloatDistribution(0, 0.5, step=0.25)),
        ({"low": 8, "high": 64}, optuna.distributions.IntDistribution(8, 64)),
        ({"low": 8, "high": 64, "step": 8}, optuna.distributions.IntDistribution(8, 64, step=8)),
        ({"low": 8.0, "high": 64, "type": "int", "log": True}, optuna.distributions.IntDistribution(8, 64, log=True)),
        (
            {"choices": ["mean", None, 3, False]},
            optuna.distributions.CategoricalDistribution(["mean", None, 3, False]),
        ),
    ],
)
def test_a_dimension_is_drawn_from_what_json_says(values: dict[str, Any], kind: Any) -> None:
    dimension = Dimension.parse("x", values)
    trial = optuna.create_study().ask()
    value = dimension.suggest(trial)
    assert trial.distributions == {"x": kind}
    assert kind._contains(kind.to_internal_repr(value))
    assert Dimension.parse("x", dimension.to_json()) == dimension


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 0.5, "high": 0.1}, "the range is empty"),
        ({"low": 3, "high": 3}, "the range is empty"),
        ({"low": 3}, "`high` must be a finite number"),
        ({"low": 0, "high": float("inf")}, "`high` must be a finite number"),
        ({"low": "1", "high": 2}, "`low` must be a finite number"),
        ({"low": 0, "high": 1, "log": True}, "with `log` the range must be above 0"),
        ({"low": 0, "high": 1, "step": 2}, "`step` must be above 0"),
        ({"low": 0.5, "high": 2, "type": "int"}, "all must be whole numbers"),
        ({"low": 0, "high": 1, "type": "real"}, '`type` must be "int" or "float"'),
        ({"low": 0, "high": 1, "hihg": 2}, "`hihg` is none of low"),
        ({"choices": []}, "a list that is not empty"),
        ({"choices": [[1, 2]]}, "must be a number, a word"),
        ({"choices": [1, 1]}, "is there twice"),
        ({"choices": [1], "low": 0}, "there must be nothing else"),
        ([1, 2], "must be an object"),
    ],
)
def test_a_range_that_is_none_is_refused_by_name(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match="`dropout`") as error:
        SearchSpace.parse({"dropout": values})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"hiden_size": {"low": 4, "high": 8}}, "`hiden_size` of the search space is no training argument"),
        ({"learning_rate": {"low": -1.0, "high": 1.0}}, "`learning_rate` of the search space may be -1.0"),
        ({"per_device_train_batch_size": {"low": 8.5, "high": 16.0}}, "`per_device_train_batch_size` .* another type"),
        ({"optim": {"low": 1, "high": 2}}, "`optim` .* another type"),
        ({"seed": {"low": 1, "high": 9}}, "`seed` can't be searched"),
        ({"eval_steps": {"low": 1, "high": 9}}, "`eval_steps` can't be searched"),
        ({"dropout": {"low": 0.5, "high": 1.5}}, "`dropout` is 1.5; it must lie in"),
        ({"hidden_size": {"low": 0, "high": 8}}, "`hidden_size` is 0"),
        ({"hidden_size": {"low": 8.0, "high": 9.0}}, "hidden_size"),
        ({"pooling": {"choices": ["mean", "median", "max"]}}, "median"),
        ({"hidden_sizes[1]": {"low": 4, "high": 8}}, r"`hidden_sizes\[0\]` is neither in the search space"),
    ],
)
def test_what_the_model_or_the_trainer_would_refuse_is_refused_before_any_trial(
    space: dict[str, Any], message: str, training: RecurrentTrainingArguments
) -> None:
    with pytest.raises(ValueError, match=message):
        check(space, training)


def test_the_classic_seven_dimensions(training: RecurrentTrainingArguments, project: Path) -> None:
    path = project / "hf_rnn" / "recipes" / "search" / "classic_seven_space.json"
    assert json.loads(path.read_text()) == CLASSIC_SEVEN
    check(CLASSIC_SEVEN, training)
    values = {name: SearchSpace.parse(CLASSIC_SEVEN).to_json()[name]["low"] for name in CLASSIC_SEVEN}
    arguments, config = split_parameters(values, training, {})
    assert arguments == {"learning_rate": 1e-4}
    assert FAMILIES["bilstm"](**config).layer_sizes == [16, 16]
    assert config == {
        "embedding_size": 100,
        "dropout": 0.2,
        "hidden_sizes": [16, 16],
        "classifier_hidden_sizes": [16, 16],
    }


def test_elements_of_a_list_that_are_not_searched_are_those_given(training: RecurrentTrainingArguments) -> None:
    _, config = split_parameters({"hidden_sizes[1]": 7}, training, {"hidden_sizes": [5, 6]})
    assert config == {"hidden_sizes": [5, 7]}
    check({"hidden_sizes[1]": {"low": 4, "high": 8}}, training, hidden_sizes=[5, 6])


def test_values_of_a_part_are_put_into_it(training: RecurrentTrainingArguments) -> None:
    given = {"decoder": {"hidden_size": 8, "dropout": 0.1}, "attention": "dot"}
    _, config = split_parameters({"decoder.dropout": 0.3, "encoder.hidden_size": 4}, training, given)
    assert config == {"decoder": {"hidden_size": 8, "dropout": 0.3}, "encoder": {"hidden_size": 4}}
    sizes = {"vocab_size": 9, "hidden_size": 8}
    whole = ENCODER_DECODERS["gru-encoder-decoder"](encoder=sizes, decoder=sizes)
    for name, message in (("decoder.depth", "`decoder.depth` of the search space is no"), ("reader.a", "`reader.a`")):
        with pytest.raises(ValueError, match=message):
            SearchSpace.parse({name: {"low": 0, "high": 1}}).check(training, whole, {})
    with pytest.raises(ValueError, match="values that the model can't have"):
        SearchSpace.parse({"decoder.dropout": {"low": 0.5, "high": 1.5}}).check(training, whole, {})


@pytest.mark.parametrize("family", sorted(ENCODER_DECODERS))
def test_encoder_decoders_have_a_space_that_is_valid(family: str) -> None:
    training = SequenceTrainingArguments(output_dir="out")
    sizes = {"vocab_size": 9, "hidden_size": 8}
    whole = ENCODER_DECODERS[family](encoder=sizes, decoder=sizes)
    for pretrained in (False, True):
        space = default_space("sequence-to-sequence", family, pretrained=pretrained)
        assert "learning_rate" in space.to_json()
        space.check(training, whole, {})
    assert "decoder.hidden_size" in default_space("seq2seq", family, pretrained=False).to_json()


@pytest.mark.parametrize(
    ("task", "family"),
    [
        (task, family)
        for task in SEARCHED_TASKS
        for family, config in FAMILIES.items()
        if find_kind(task).name != "sequence-to-sequence"
        if task not in ("language-modeling", "text-generation") or config().causal_obstacle is None
    ],
)
def test_every_task_and_family_has_a_space_that_is_valid(
    task: str, family: str, training: RecurrentTrainingArguments
) -> None:
    space = default_space(task, family, pretrained=False)
    assert "learning_rate" in space.to_json()
    space.check(training, FAMILIES[family](), {})
    default_space(task, family, pretrained=True).check(training, FAMILIES[family](), {})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"task": "juggling"}, "`task`='juggling' must be one of text-classification"),
        ({"sampler": "grid"}, "`sampler`='grid' must be one of gp, tpe, random"),
        ({"pruner": "mean"}, "`pruner`='mean' must be one of median, none"),
        ({"backend": "slurm"}, "`backend`='slurm' must be one of optuna, ray"),
        ({"n_trials": 0}, "`n_trials`=0 must be at least 1"),
        ({"compare_seeds": 1}, "`compare_seeds`=1 compares nothing"),
    ],
)
def test_search_arguments_are_checked(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchArguments(**values)


def test_a_space_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"`search_space`=.*absent.json' is no file"):
        SearchSpace.read(str(tmp_path / "absent.json"))
    (tmp_path / "empty.json").write_text("{}")
    with pytest.raises(ValueError, match="no parameter"):
        SearchSpace.read(str(tmp_path / "empty.json"))
    with pytest.raises(ValueError, match="is not JSON"):
        SearchSpace.read("{not json")
