"""The table of tasks: every row says all that the rooms ask of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import transformers
from transformers.pipelines import PIPELINE_REGISTRY

import hf_rnn
from hf_rnn.export import runtime
from hf_rnn.hub.model_card import METRICS, model_card
from hf_rnn.hyperparameter_search.spaces import SearchSpace
from hf_rnn.metrics.classification import DEFAULT_METRICS
from hf_rnn.runs.kinds import KINDS, Kind, auto_class_of, find_kind, known_names
from tests.results_document import results_document


TASK_FOLDERS = Path(hf_rnn.__file__).parent / "tasks"


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_row_has_all_that_the_rooms_ask_of_it(kind: Kind) -> None:
    assert all(hasattr(transformers, auto_class) for auto_class in kind.heads.values())
    assert not kind.of_text or kind.pipeline_name in PIPELINE_REGISTRY.supported_tasks
    # A card shows at least one figure that chooses or ranks, by a name that the Hub knows.
    assert {metric for _, _, metric in kind.figures} & METRICS.keys()
    assert kind.intended.endswith(".") and kind.unintended.endswith(".")
    if kind.search_space is not None:
        SearchSpace.parse(kind.search_space)
    results = results_document(task=kind.name)
    assert f"- Meant for {kind.intended}" in model_card(results, license="mit", language="en").content


def test_every_folder_with_a_task_is_a_row_and_every_row_a_folder() -> None:
    assert sorted(path.parent.name for path in TASK_FOLDERS.glob("*/task.py")) == sorted(
        k.folder for k in KINDS.values()
    )


def test_names_and_aliases_are_each_of_one_task() -> None:
    names = known_names()
    assert len(set(names)) == len(names)
    assert {find_kind(name).name for name in names} == set(KINDS)


def test_the_scripts_are_there() -> None:
    project = Path(__file__).parents[2]
    assert all((project / kind.script).is_file() for kind in KINDS.values() if kind.script)


def test_an_unknown_task_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"`task`='poetry' must be one of text-classification.*language-modeling"):
        find_kind("poetry")


@pytest.mark.parametrize("field", ["intended", "figures", "selects", "heads", "example", "variable", "folder"])
def test_a_row_that_lacks_something_is_refused(field: str) -> None:
    row = KINDS["text-classification"]
    with pytest.raises(ValueError, match=f"`{field}` of the task 'text-classification' is empty"):
        dataclasses.replace(row, **{field: type(getattr(row, field))()})


def test_unknown_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="`inputs`='smells' .* must be one of text, tokens, pair, images, prompt"):
        dataclasses.replace(KINDS["text-classification"], inputs="smells")


def test_what_chooses_a_classifier_is_what_its_metrics_say() -> None:
    assert KINDS["text-classification"].selects == DEFAULT_METRICS


def test_the_runtime_without_torch_knows_the_tasks_of_text() -> None:
    # A classifier of pairs is a text classifier to transformers' pipeline, and reads two texts.
    of_text = {kind.pipeline_name for kind in KINDS.values() if kind.of_text}
    assert set(runtime.TASKS) == {*of_text, "pair-classification"}


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("BiLstmForSequenceClassification", "AutoModelForSequenceClassification"),
        ("SiameseForPairClassification", "AutoModelForSequenceClassification"),
        ("GPT2LMHeadModel", "AutoModelForCausalLM"),
        ("SiameseModel", "AutoModel"),
        ("BiLstmModel", None),
    ],
)
def test_a_class_is_loaded_with_its_head(class_name: str, expected: str | None) -> None:
    assert auto_class_of(class_name) == expected


def test_a_model_without_a_known_head_is_loaded_as_the_usual_one_of_its_task() -> None:
    assert find_kind("similarity").auto_class_of("BertModel") == "AutoModel"
    assert find_kind("similarity").auto_class_of("SiameseForPairClassification").endswith("SequenceClassification")
