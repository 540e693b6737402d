"""No file of the package unpickles, runs text as code, or imports what a string of a file says."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from pathlib import Path
from types import UnionType

import pytest
from transformers import PreTrainedConfig

from hf_rnn import ConvEncoderConfig, SiameseConfig
from hf_rnn.models.configuration_rnn import FAMILIES
from tests.security.rules import violations


# They import modules of the package itself, by the names in tables of their own; the last one a worker's peer, which
# the process that starts it names.
IMPORTING = {
    "hf_rnn/__init__.py",
    "hf_rnn/registration.py",
    "hf_rnn/cli/commands.py",
    "hf_rnn/lazy.py",
    "hf_rnn/models/new_encoder.py",
    "hf_rnn/moved.py",
    "hf_rnn/tasks/registry.py",
    "hf_rnn/benchmark/speed/worker.py",
}
# Checks, in a process of its own, a folder that the package has just written.
TRUSTING = {"hf_rnn/hub/answers.py"}


@pytest.mark.reliability(
    section="Security",
    fault="Code of the package or a script that unpickles, runs text, or imports what a file names",
    mutation="`import pickle` in `data/files.py`",
)
def test_no_file_runs_what_it_reads(project: Path, outcome: Callable[[str], None]) -> None:
    files = [path for folder in ("hf_rnn", "scripts") for path in sorted((project / folder).rglob("*.py"))]
    assert len(files) > 100
    found = {}
    for path in files:
        name = path.relative_to(project).as_posix()
        what = violations(path.read_text(encoding="utf-8"), name in IMPORTING, name in TRUSTING)
        found |= {name: what} if what else {}
    assert found == {}
    outcome(f"{len(files)} files, none does")


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import pickle", 1),
        ("def f():\n    from joblib import load", 1),
        ("import os, dill as d", 1),
        ("import torch\ntorch.load(x)", 1),
        ("import torch\ntorch.load(x, weights_only=flag)", 1),
        ("import torch\ntorch.load(x, weights_only=True)", 0),
        ("from torch import load\nload(x)", 1),
        ("import torch as t\nt.save(x, y)", 1),
        ("import numpy as np\nnp.load(x)", 0),
        ("import numpy as np\nnp.load(x, allow_pickle=True)", 1),
        ("import numpy as np\nnp.load(x, **options)", 1),
        ("import numpy as np\nnp.load(x, mmap_mode='r', allow_pickle=False)", 0),
        ("import yaml\nyaml.load(x)", 1),
        ("import yaml\nyaml.safe_load(x)", 0),
        ("frame.read_pickle(x)", 1),
        ("eval(x)\nexec(x)", 2),
        ("model.eval()\nload(x).eval()", 0),
        ("frames[0].read_pickle(x)", 1),
        ("re.compile(x)", 0),
        ("import importlib\nimportlib.import_module(name)", 1),
        ("import importlib\nimportlib.import_module('json')", 0),
        ("import subprocess\nsubprocess.run(x, shell=True)", 1),
        ("import os\nos.system(x)", 1),
        ("AutoModel.from_pretrained(x, trust_remote_code=True)", 1),
        ("AutoModel.from_pretrained(x, trust_remote_code=trust)", 0),
    ],
)
def test_the_rule_finds_what_it_should(source: str, count: int) -> None:
    assert len(violations(source)) == count


def test_what_is_excepted_needs_it(project: Path) -> None:
    for name in IMPORTING:
        assert violations((project / name).read_text(encoding="utf-8")), f"{name} need not be excepted"
    for name in TRUSTING:
        assert violations((project / name).read_text(encoding="utf-8")), f"{name} need not be excepted"


def holds_text(annotation: object) -> bool:
    """Whether any string may be a value of that type."""
    if typing.get_origin(annotation) in (typing.Union, UnionType, list, dict):
        return any(map(holds_text, typing.get_args(annotation)))
    return annotation is str


@pytest.mark.reliability(
    section="Security",
    fault="A field of a configuration that names a file to read",
    mutation="a field `vocab_file` of the configuration",
)
@pytest.mark.parametrize("config_class", [*FAMILIES.values(), SiameseConfig, ConvEncoderConfig])
def test_no_field_can_name_a_file(config_class: type[PreTrainedConfig]) -> None:
    of_transformers = {field.name for field in dataclasses.fields(PreTrainedConfig)}
    own = {field.name: field.type for field in dataclasses.fields(config_class) if field.name not in of_transformers}
    assert len(own) > 5
    # The siamese `encoder` is a configuration again; the other is shown with the threshold and never read.
    excepted = {"encoder", "threshold_metric"} if config_class is SiameseConfig else set()
    # Names of columns, which only a reader of tables compares with those that a table has.
    excepted |= {name for name in own if name.endswith(("_column", "_columns"))}
    assert {name for name, annotation in own.items() if holds_text(annotation)} == excepted
