"""Building and loading the kernels: once, for this processor, and never in the way."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hf_rnn.kernels import build as building
from hf_rnn.kernels import loading
from hf_rnn.kernels.build import KernelBuildError, build, library_path
from hf_rnn.models.paths import compiled_layer, provide_compiled_layer


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """No library built, none loaded."""
    before = compiled_layer()
    monkeypatch.setenv("HF_RNN_CACHE", str(tmp_path))
    library_path.cache_clear()
    provide_compiled_layer(None)
    yield tmp_path
    provide_compiled_layer(before)
    library_path.cache_clear()


def test_without_a_compiler_it_says_what_to_do(empty_cache, monkeypatch, caplog):
    monkeypatch.setattr(building.shutil, "which", lambda name: None)
    with pytest.raises(KernelBuildError, match=r"No C\+\+ compiler.*apt install g\+\+.*torch's kernels"):
        build()
    with caplog.at_level(logging.WARNING):
        assert loading.build_and_load() is False
    assert "No C++ compiler" in caplog.text


def test_what_the_compiler_says_is_shown_and_nothing_is_left(empty_cache, monkeypatch):
    monkeypatch.setattr(building, "FLAGS", ("--no-such-flag",))
    if building.shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    with pytest.raises(KernelBuildError, match="no-such-flag"):
        build()
    assert list((empty_cache / "kernels").iterdir()) == []


def test_what_is_built_is_moved_into_place_whole(empty_cache, monkeypatch):
    monkeypatch.setattr(building.shutil, "which", lambda name: name)

    def compile_slowly(compiler: str, target: Path) -> None:
        target.write_bytes(b"half")
        assert (compiler, library_path().exists()) == ("g++", False)
        target.write_bytes(b"whole")

    monkeypatch.setattr(building, "_compile", compile_slowly)
    assert build().read_bytes() == b"whole"
    assert list((empty_cache / "kernels").iterdir()) == [library_path()]


def test_a_built_library_is_not_built_again(empty_cache, monkeypatch):
    library_path().parent.mkdir(parents=True)
    library_path().write_bytes(b"here")
    monkeypatch.setattr(building.shutil, "which", lambda name: pytest.fail("looked for a compiler"))
    assert build().read_bytes() == b"here"


def test_another_processor_has_another_library(empty_cache, monkeypatch):
    ours = library_path()
    library_path.cache_clear()
    monkeypatch.setattr(building, "_processor", lambda: "flags: of another machine")
    assert library_path() != ours and library_path().parent == ours.parent


def test_other_sources_and_flags_make_another_library(empty_cache, monkeypatch, tmp_path):
    def named() -> str:
        library_path.cache_clear()
        return library_path().name

    names = [named()]
    sources = Path(shutil.copytree(building.SOURCES, tmp_path / "sources"))
    monkeypatch.setattr(building, "SOURCES", sources)
    assert named() == names[0]
    files = [*sources.glob("*.h"), *sources.glob("*.cpp")]
    assert len(files) == 3
    for file in files:
        file.write_text(file.read_text() + "// another\n")
        names.append(named())
    monkeypatch.setattr(building, "FLAGS", (*building.FLAGS, "-g"))
    names.append(named())
    monkeypatch.setattr(building.platform, "machine", lambda: "another")
    names.append(named())
    assert len(set(names)) == len(names)


def test_a_system_without_a_list_of_processors(monkeypatch):
    def refuse(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(building.Path, "read_text", refuse)
    monkeypatch.setattr(building.platform, "processor", lambda: "arm")
    monkeypatch.setattr(building.platform, "machine", lambda: "arm64")
    assert building._processor() == "arm"
    assert building._processor_flags() == ["-mcpu=native"]


def test_a_library_that_cannot_be_loaded_is_passed_over(empty_cache, caplog):
    library_path().parent.mkdir(parents=True)
    library_path().write_bytes(b"no library")
    with caplog.at_level(logging.WARNING):
        assert loading.load() is False
    assert "cannot be loaded" in caplog.text


def test_nothing_is_loaded_where_it_is_not_built(empty_cache):
    assert loading.load() is False


USED = """
import hf_rnn
from hf_rnn.models.paths import compiled_layer
assert compiled_layer() is None, "loaded by the import alone"
hf_rnn.LstmModel
print(compiled_layer() is not None)
"""


def test_the_first_model_brings_the_built_kernels(project):
    if not library_path().exists():
        pytest.skip("the kernels could not be built: no C++ compiler")
    environment = {**os.environ, "HF_RNN_KERNELS": "1", "PYTHONPATH": str(project)}
    done = subprocess.run([sys.executable, "-c", USED], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_environment_turns_them_off(empty_cache, monkeypatch, caplog):
    library_path().parent.mkdir(parents=True)
    library_path().write_bytes(b"no library")
    monkeypatch.setenv("HF_RNN_KERNELS", "0")
    monkeypatch.setattr(building.shutil, "which", lambda name: pytest.fail("looked for a compiler"))
    with caplog.at_level(logging.WARNING):
        assert loading.build_and_load() is False
    assert caplog.text == "", "nobody tried to load it"
