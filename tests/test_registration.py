"""`import hf_rnn` tells transformers of every family and imports no model."""

from __future__ import annotations

import copy
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

import hf_rnn
from hf_rnn.models.configuration_rnn import FAMILIES
from hf_rnn.registration import DeferredModelClass, RegisteredPipelines, register


SMALL = {"vocab_size": 9, "embedding_size": 4, "hidden_size": 3}
PREFIXES = {
    "bilstm": "BiLstm",
    "lstm": "Lstm",
    "gru": "Gru",
    "elman": "Elman",
    "min_gru": "MinGru",
    "min_lstm": "MinLstm",
    "dan": "Dan",
}


def run_python(code: str, project: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_there_are_these_families():
    assert set(FAMILIES) == set(PREFIXES)


@pytest.mark.parametrize("model_type", PREFIXES)
def test_auto_classes_know_every_family(model_type):
    config = AutoConfig.for_model(model_type, **SMALL)
    prefix = PREFIXES[model_type]
    assert type(config) is FAMILIES[model_type] is getattr(hf_rnn, f"{prefix}Config")
    for auto_class, head in [(AutoModel, "Model"), (AutoModelForSequenceClassification, "ForSequenceClassification")]:
        model = auto_class.from_config(config)
        assert type(model) is getattr(hf_rnn, prefix + head)
        assert type(model).__name__ == prefix + head


def test_importing_the_package_imports_no_model(project):
    code = """
import sys, hf_rnn
heavy = ["transformers.modeling_utils", "transformers.pipelines", "datasets", "evaluate"]
heavy += ["hf_rnn.models.modeling_rnn", "hf_rnn.models.cells"]
print([name for name in heavy if name in sys.modules])
hf_rnn.BiLstmConfig()
print([name for name in heavy if name in sys.modules])
hf_rnn.BiLstmModel
print("hf_rnn.models.modeling_rnn" in sys.modules)
"""
    assert run_python(code, project).splitlines() == ["[]", "[]", "True"]


def test_a_fresh_process_builds_a_model_by_its_type_alone(project):
    code = f"""
import hf_rnn
from transformers import AutoConfig, AutoModelForSequenceClassification
config = AutoConfig.for_model("gru", **{SMALL})
print(type(AutoModelForSequenceClassification.from_config(config)).__name__)
"""
    assert run_python(code, project) == "GruForSequenceClassification"


@pytest.mark.parametrize("name", hf_rnn.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(hf_rnn, name) is not None
    assert name in dir(hf_rnn)


def test_public_names_are_those_of_their_modules():
    for name in hf_rnn.__all__:
        value = getattr(hf_rnn, name)
        if isinstance(value, type):
            assert getattr(importlib.import_module(value.__module__), name) is value
    namespace: dict[str, object] = {}
    exec("from hf_rnn import *", namespace)
    assert set(hf_rnn.__all__) <= set(namespace)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'hf_rnn' has no attribute 'BiLstmModle'; it offers: .*BiLstmModel"):
        hf_rnn.BiLstmModle  # noqa: B018
    assert not hasattr(hf_rnn, "nonsense")


def test_registering_twice_is_harmless():
    register()
    assert type(AutoModel.from_config(AutoConfig.for_model("dan", **SMALL))).__name__ == "DanModel"


def test_a_deferred_class_is_a_tuple_of_one():
    deferred = DeferredModelClass("modeling_rnn", "GruModel")
    assert isinstance(deferred, tuple) and len(deferred) == 1 and deferred
    assert list(deferred) == [hf_rnn.GruModel] and deferred[0] is deferred.load() is hf_rnn.GruModel
    with pytest.raises(AttributeError, match="Nonsense"):
        DeferredModelClass("modeling_rnn", "Nonsense").load()


@pytest.mark.parametrize("first", ["import hf_rnn", "import transformers.pipelines"])
def test_the_pipeline_is_registered_whichever_is_imported_first(first, project):
    code = f"""
import inspect, sys
{first}
before = "transformers.pipelines" in sys.modules
import hf_rnn, transformers
from transformers.pipelines import _resolve_impl, check_task
assert "hf_rnn.models.pipeline_similarity" not in sys.modules
task, registered, _ = check_task("sentence-similarity")
assert registered["pt"] == (transformers.AutoModel,)
assert _resolve_impl(registered["impl"]) is hf_rnn.SentenceSimilarityPipeline
# The loader of ours hides nothing of the one that it stands for.
assert transformers.pipelines.__spec__.loader.get_filename() == inspect.getfile(transformers.pipelines)
print(before)
"""
    assert run_python(code, project) == str(first != "import hf_rnn")


def test_one_finder_however_often_it_is_registered(project):
    code = """
import sys, hf_rnn
from hf_rnn.registration import PipelinesFinder, register
register()
print(sum(isinstance(finder, PipelinesFinder) for finder in sys.meta_path))
"""
    assert run_python(code, project) == "1"


def test_registered_pipelines_have_keys_and_hold_none():
    pipelines = RegisteredPipelines({"sentence-similarity": {"impl": "a.B"}})
    assert list(pipelines.keys()) == ["sentence-similarity"] and len(pipelines) == 1
    assert "sentence-similarity" not in pipelines and type(copy.deepcopy(pipelines)) is RegisteredPipelines
    assert json.loads(json.dumps(pipelines)) == dict(pipelines)
