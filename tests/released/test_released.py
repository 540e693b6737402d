"""What a release has saved still loads, means what it meant and answers as it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from packaging.version import Version

import hf_rnn
from hf_rnn.registration import MODELS
from tests.released.examples import EXAMPLE_FILE, EXAMPLES, FOLDER, answers, write_examples
from tests.test_release import releases


SAVED = sorted(path.parent for path in FOLDER.glob(f"*/*/{EXAMPLE_FILE}"))
# transformers' own words about who wrote the file, and where the code is that came with it.
NOT_OF_THE_MODEL = {"transformers_version", "auto_map"}


def as_now(folder: Path, class_name: str) -> transformers.PreTrainedModel:
    """The checkpoint, every weight of it, loaded by the Auto class of the model that `class_name` names."""
    config = transformers.AutoConfig.from_pretrained(folder)
    heads = MODELS[type(config)]
    (auto_class,) = (name for name, place in heads.items() if place.endswith(f".{class_name}"))
    model, loading = getattr(transformers, auto_class).from_pretrained(folder, output_loading_info=True)
    assert not any(loading.values()), loading
    assert type(model) is getattr(hf_rnn, class_name)
    return model


@pytest.mark.parametrize("folder", SAVED, ids=lambda folder: folder.relative_to(FOLDER).as_posix())
def test_it_loads_and_answers_as_it_did(folder: Path) -> None:
    example = json.loads((folder / EXAMPLE_FILE).read_text(encoding="utf-8"))
    model = as_now(folder, example["class"])
    found = answers(model, example["inputs"])
    assert example["answers"].keys() <= found.keys()
    for name, expected in example["answers"].items():
        torch.testing.assert_close(torch.tensor(found[name]), torch.tensor(expected), rtol=1e-5, atol=1e-5)


def kept(stored: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """What `config`, and those inside it, has under the names in `stored`."""
    found = {name: config.get(name, "absent") for name in stored}
    inner = {name: value for name, value in stored.items() if isinstance(value, dict)}
    return found | {name: kept(value, found[name]) for name, value in inner.items()}


@pytest.mark.parametrize("folder", SAVED, ids=lambda folder: folder.relative_to(FOLDER).as_posix())
def test_its_configuration_means_what_it_meant(folder: Path, tmp_path: Path) -> None:
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    stored = {name: value for name, value in stored.items() if name not in NOT_OF_THE_MODEL}
    config = transformers.AutoConfig.from_pretrained(folder)
    config.save_pretrained(tmp_path)
    for one in (config, transformers.AutoConfig.from_pretrained(tmp_path)):
        assert kept(stored, json.loads(one.to_json_string(use_diff=False))) == stored


def test_every_release_has_saved_them() -> None:
    assert {folder.parent.name for folder in SAVED} == {str(version) for version, _ in releases()}
    assert min(Version(folder.parent.name) for folder in SAVED) == Version("0.1.0")


def test_there_are_examples_of_every_model_type(tmp_path: Path) -> None:
    write_examples(tmp_path / "next")
    written: list[dict[str, Any]] = [json.loads(path.read_text()) for path in tmp_path.glob("next/*/config.json")]
    assert len(written) == len(EXAMPLES)
    assert {config["model_type"] for config in written} == {config.model_type for config in MODELS}
    assert {path.suffix for path in tmp_path.glob("next/*/*")} == {".json", ".safetensors"}
    with pytest.raises(FileExistsError):
        write_examples(tmp_path / "next")
