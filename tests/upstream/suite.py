"""transformers' own tests, of the version that is installed: fetched from its source distribution, and imported.

    python -m tests.upstream.suite

fetches them into `HF_RNN_CACHE`, once for a version; the tests themselves use no network. They are never committed.

The source distribution has the files of `tests/`, and none of its folders. What the files import from those is made
here: our own mixin in place of that for generation, an empty one in place of that for exporters (`tests/export` tests
ours), and values for a configuration.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import io
import json
import os
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any

import transformers
from huggingface_hub import constants


VERSION = transformers.__version__
INDEX = "https://pypi.org/simple/transformers/"
PACKAGE = "transformers_tests"
FILES = (
    "test_configuration_common.py",
    "test_modeling_common.py",
    "test_sentencepiece_backend_mixin.py",
    "test_tokenization_common.py",
    "test_tokenizers_backend_mixin.py",
    "test_training_mixin.py",
)
# Values of the fields of a `PreTrainedConfig` that are not their defaults.
CONFIGURATION = {
    "return_dict": False,
    "output_hidden_states": True,
    "dtype": "float16",
    "chunk_size_feed_forward": 5,
    "is_encoder_decoder": True,
    "architectures": ["LstmModel"],
    "id2label": {0: "label"},
    "label2id": {"label": 0},
    "problem_type": "regression",
}


def folder() -> Path:
    """The folder that the tests lie in; transformers looks for the name `tests` above a test."""
    cache = os.environ.get("HF_RNN_CACHE") or Path(constants.HF_HOME) / "hf_rnn"
    return Path(cache) / f"transformers-{VERSION}" / "tests"


def missing() -> str | None:
    """Why the tests cannot run, and what to do; None: they can."""
    absent = [name for name in FILES if not (folder() / name).is_file()]
    if not absent:
        return None
    return f"the tests of transformers {VERSION} are not in {folder()}: `python -m tests.upstream.suite` fetches them"


def fetch(index: str = INDEX) -> Path:
    """Unpack the tests from the source distribution, unless they are there.

    Raises:
        ValueError: if the index has no source distribution of this version, what came is not what it says by its
            SHA-256, or a test is not in it.
    """
    if missing() is None:
        return folder()
    request = urllib.request.Request(index, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    files = {file["filename"]: file for file in json.loads(_read(request))["files"]}
    name = f"transformers-{VERSION}.tar.gz"
    if name not in files:
        raise ValueError(f"{index} has no {name}.")
    archive, expected = _read(files[name]["url"]), files[name]["hashes"]["sha256"]
    found = hashlib.sha256(archive).hexdigest()
    if found != expected:
        raise ValueError(f"{files[name]['url']} has the SHA-256 {found}; {index} says {expected}.")
    _unpack(archive)
    return folder()


def _read(request: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=60) as response:
        return bytes(response.read())


def _unpack(archive: bytes) -> None:
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as tar,
        # Beside the target and moved: two that fetch at once leave one whole set.
        tempfile.TemporaryDirectory(dir=target.parent) as temporary,
    ):
        unpacked = Path(temporary) / "tests"
        for name in FILES:
            path = f"transformers-{VERSION}/tests/{name}"
            # Read, not extracted: only from Python 3.11.4 on is that safe by itself.
            content = tar.extractfile(path) if path in tar.getnames() else None
            if content is None:
                raise ValueError(f"The source distribution of transformers {VERSION} has no {path}.")
            (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
            (unpacked / name).write_bytes(content.read())
        # Two that the files read, whatever stands in them: one imports transformers beside it, one only opens it.
        (unpacked / "__init__.py").touch()
        (target / "fixtures").mkdir(parents=True, exist_ok=True)
        (target / "fixtures" / "sample_text.txt").touch()
        for path in unpacked.iterdir():
            path.replace(target / path.name)


def load(name: str) -> ModuleType:
    """The module `name` of the tests, such as "test_modeling_common"."""
    if PACKAGE not in sys.modules:
        # Read when transformers.testing_utils is imported: the same tests run on every machine.
        os.environ.setdefault("TRANSFORMERS_TEST_DEVICE", "cpu")
        _add_module("", __path__=[str(folder())])
        _add_module("exporters")
        _add_module("exporters.test_export", ExportTesterMixin=type("ExportTesterMixin", (), {}))
        own = importlib.import_module("tests.upstream.own_generation")
        _add_module("generation")
        _add_module("generation.test_utils", GenerationTesterMixin=own.GenerationTester)
        _add_module("utils")
        _add_module("utils.test_configuration_utils", config_common_kwargs=CONFIGURATION)
    return importlib.import_module(f"{PACKAGE}.{name}")


def _add_module(name: str, **content: Any) -> None:
    module = ModuleType(f"{PACKAGE}.{name}" if name else PACKAGE)
    vars(module).update(content)
    sys.modules[module.__name__] = module


def fields_of_configurations() -> set[str]:
    """The fields that `CONFIGURATION` has to have."""
    return {field.name for field in dataclasses.fields(transformers.PreTrainedConfig)} - {"transformers_version"}


if __name__ == "__main__":
    print(fetch())
