"""What a hostile folder says: its loader imports nothing, and reads nothing that lies elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoTokenizer, pipeline

from hf_rnn.hub.staging import StagingError, stage
from tests.models.stranger import ask_a_stranger


class Watch:
    """Notes, while it is on, the files that Python opens and the code that it runs below `folder`."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.found: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None or event not in ("open", "exec"):
            return
        path = arguments[0] if event == "open" else arguments[0].co_filename
        if isinstance(path, str) and Path(path).is_relative_to(self.folder):
            self.found.append(f"{event} {path}")


# A hook stays for as long as the process lives: one for all tests.
WATCH = Watch()
# How a config.json may name code: `file.Class` of its own folder is the one way that is meant.
NAMES = ("evil.Evil", "../outside/evil.Evil", "OUTSIDE/evil.Evil", "OUTSIDE--evil.Evil", "someone/else--evil.Evil")


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder of somebody else, with code and a tokenizer; the test fails if any of it is read."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "evil.py").write_text(
        f"import os\n\nos.mkdir({str(tmp_path / 'marker')!r})\n\n\nclass Evil:\n    pass\n"
    )
    WATCH.found.clear()
    WATCH.folder = folder
    yield folder
    WATCH.folder = None
    assert WATCH.found == []
    assert not (tmp_path / "marker").exists(), "the code of the folder was run"


@pytest.fixture
def hostile(checkpoints: dict[str, Path], outside: Path, tmp_path: Path) -> Callable[..., Path]:
    """A siamese network whose files say other things; where the code is its own, it lies beside them."""

    def make(**files: dict[str, Any]) -> Path:
        folder = tmp_path / "model"
        shutil.copytree(checkpoints["siamese"], folder, dirs_exist_ok=True)
        shutil.copyfile(outside.parent / "outside" / "evil.py", folder / "evil.py")
        WATCH.found.clear()
        for name, changes in files.items():
            path = folder / f"{name}.json"
            path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes))
        return folder

    return make


@pytest.mark.reliability(
    section="Security",
    fault="A config.json whose auto_map and pipelines name code of the folder, of another folder, or of the Hub",
    mutation="consent to the code of the folder",
)
@pytest.mark.parametrize("trust", [{}, {"trust_remote_code": False}], ids=["default", "refused"])
@pytest.mark.parametrize("name", NAMES)
def test_code_is_not_run_without_consent(
    hostile: Callable[..., Path], outside: Path, name: str, trust: dict[str, bool]
) -> None:
    code = name.replace("OUTSIDE", str(outside))
    pipelines = {"sentence-similarity": {"impl": code, "pt": ["AutoModel"], "type": "text"}}
    folder = hostile(
        config={"auto_map": {"AutoConfig": code, "AutoModel": code}, "custom_pipelines": pipelines},
        tokenizer_config={"auto_map": {"AutoTokenizer": [code, code]}},
    )
    assert AutoConfig.from_pretrained(folder, **trust).model_type == "siamese"
    assert type(AutoModel.from_pretrained(folder, **trust)).__module__ == "hf_rnn.models.modeling_siamese"
    assert AutoTokenizer.from_pretrained(folder, **trust)("fine")["input_ids"]
    compare = pipeline("sentence-similarity", model=str(folder), **trust)
    assert type(compare).__module__ == "hf_rnn.models.pipeline_similarity"
    assert compare({"text": "fine", "text_pair": "dull"}).keys() == {"score"}


@pytest.mark.reliability(
    section="Security",
    fault="A type of model that only the folder's own code knows, without consent",
    mutation="consent to a type that the folder brings",
)
def test_an_unknown_type_needs_consent(hostile: Callable[..., Path]) -> None:
    folder = hostile(config={"model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}})
    for load in (AutoConfig.from_pretrained, AutoModel.from_pretrained):
        with pytest.raises(ValueError, match="trust_remote_code|model type|evil"):
            load(folder, trust_remote_code=False)


@pytest.mark.reliability(
    section="Security",
    fault="A config.json and a tokenizer_config.json that name files elsewhere",
    mutation="a tokenizer looked for where the tokenizer's configuration says it was",
)
@pytest.mark.parametrize("present", [True, False], ids=["beside its own", "in place of its own"])
def test_no_file_elsewhere_is_read(
    hostile: Callable[..., Path], checkpoints: dict[str, Path], outside: Path, present: bool
) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json", "model.safetensors"):
        shutil.copyfile(checkpoints["siamese"] / name, outside / name)
    elsewhere = {"tokenizer_file": "../outside/tokenizer.json", "vocab_file": str(outside / "tokenizer.json")}
    folder = hostile(
        config={"_name_or_path": str(outside), "name_or_path": str(outside)},
        tokenizer_config={**elsewhere, "name_or_path": str(outside), "_name_or_path": str(outside)},
    )
    model = AutoModel.from_pretrained(folder)
    assert Path(model.name_or_path) == folder
    if present:
        assert model.encode("fine").shape == (model.config.output_size,)
        return
    (folder / "tokenizer.json").unlink()
    for load in (AutoTokenizer.from_pretrained, lambda path: AutoModel.from_pretrained(path).encode("fine")):
        with pytest.raises((OSError, ValueError)):
            load(folder)


def test_weights_elsewhere_are_not_published(checkpoints: dict[str, Path], outside: Path, tmp_path: Path) -> None:
    """transformers reads the shards of an index by their path, tensors alone; staging does not take them along."""
    folder = tmp_path / "run"
    shutil.copytree(checkpoints["classifier"], folder, ignore=shutil.ignore_patterns("checkpoint-*"))
    weights = load_file(folder / "model.safetensors")
    save_file(weights, outside / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, "../outside/model.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(StagingError, match=r"no model\.safetensors"):
        stage(folder, tmp_path / "staged", repo_id="ana/model")


STRANGER = """
import transformers.dynamic_module_utils
from transformers import AutoConfig, AutoModel, AutoTokenizer, pipeline

# Nobody is there to answer the question whether to trust it.
transformers.dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0
loaders = [AutoConfig.from_pretrained, AutoModel.from_pretrained, lambda path, **trust: pipeline(model=path, **trust)]
for index, load in enumerate(loaders):
    for trust in ({}, {"trust_remote_code": False}):
        try:
            load(given["folder"], **trust)
            found[f"{index} {trust}"] = "loaded"
        except ValueError as error:
            found[f"{index} {trust}"] = str(error)
"""


@pytest.mark.reliability(
    section="Security",
    fault="The folder of one of our models where the package is not installed, without consent to its code",
    mutation="consent of a stranger",
)
def test_a_stranger_is_asked_for_consent(hostile: Callable[..., Path], tmp_path: Path) -> None:
    folder = hostile()
    (folder / "configuration_siamese.py").write_text((folder / "evil.py").read_text())
    found = ask_a_stranger(STRANGER, tmp_path / "elsewhere", folder=str(folder))
    assert len(found) == 6
    assert all("trust_remote_code" in message for message in found.values()), found
