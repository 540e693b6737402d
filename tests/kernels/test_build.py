"""Building and loading the kernels: once, for this processor, and never in the way."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hf_rnn import (
    BiLstmConfig,
    DanConfig,
    DanForSequenceClassification,
    GruConfig,
    GruForSequenceClassification,
    SiameseConfig,
    SiameseModel,
)
from hf_rnn.kernels import build as building
from hf_rnn.kernels import loading
from hf_rnn.kernels.build import KernelBuildError, build, library_path
from hf_rnn.models.paths import compiled_layer, provide_compiled_layer


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Start with no library built and none loaded."""
    before = compiled_layer()
    monkeypatch.setenv("HF_RNN_CACHE", str(tmp_path))
    library_path.cache_clear()
    provide_compiled_layer(None)
    monkeypatch.setattr(loading, "_in_vain", False)
    yield tmp_path
    provide_compiled_layer(before)
    library_path.cache_clear()


def left(cache: Path) -> list[Path]:
    """What a build leaves beside its lock."""
    return [path for path in (cache / "kernels").iterdir() if path.suffix != ".lock"]


def test_without_a_compiler_it_says_what_to_do(empty_cache, monkeypatch, caplog):
    monkeypatch.setattr(building.shutil, "which", lambda name: None)
    with pytest.raises(KernelBuildError, match=r"No C\+\+ compiler.*apt install g\+\+.*torch's kernels"):
        build()
    with caplog.at_level(logging.WARNING):
        assert loading.build_and_load() is False
        assert loading.build_and_load() is False
    (said,) = caplog.messages
    assert said.startswith("No C++ compiler") and "\n" not in said


def test_what_the_compiler_says_is_shown_and_nothing_is_left(empty_cache, monkeypatch):
    monkeypatch.setattr(building, "FLAGS", ("--no-such-flag",))
    if building.shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    with pytest.raises(KernelBuildError, match="no-such-flag"):
        build()
    assert left(empty_cache) == []


def test_what_is_built_is_moved_into_place_whole(empty_cache, monkeypatch):
    monkeypatch.setattr(building.shutil, "which", lambda name: name)

    def compile_slowly(compiler: str, target: Path) -> None:
        target.write_bytes(b"half")
        assert (compiler, library_path().exists()) == ("g++", False)
        target.write_bytes(b"whole")

    monkeypatch.setattr(building, "_compile", compile_slowly)
    assert build().read_bytes() == b"whole"
    assert left(empty_cache) == [library_path()]


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
    assert len(files) == 7
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


def test_a_build_says_once_what_it_does(empty_cache, monkeypatch, caplog):
    monkeypatch.setattr(building.shutil, "which", lambda name: name)
    monkeypatch.setattr(building, "_compile", lambda compiler, target: target.write_bytes(b"no library"))
    with caplog.at_level(logging.WARNING):
        build()
        build()
    (said,) = caplog.messages
    assert said.startswith(f"Compiling the kernels of recurrent layers into {empty_cache / 'kernels'}")
    assert "HF_RNN_KERNELS=0" in said and "\n" not in said


def test_a_cache_that_cannot_be_written_is_named(empty_cache, monkeypatch, caplog):
    monkeypatch.setattr(building.shutil, "which", lambda name: name)
    (empty_cache / "kernels").write_text("a file, where the folder should be")
    with pytest.raises(KernelBuildError, match=r"cannot be written to .*kernels: .*HF_RNN_CACHE"):
        build()
    with caplog.at_level(logging.WARNING):
        assert loading.build_and_load() is False
    assert "HF_RNN_CACHE" in caplog.text


BUILDER = """
import sys, time
from pathlib import Path
from hf_rnn.kernels import build as building

def compile(compiler, target):
    with open(sys.argv[1], "a") as log:
        log.write("compiled\\n")
    time.sleep(1)
    target.write_bytes(b"library")

building.shutil.which = lambda name: name
building._compile = compile
print(building.build().read_bytes() == b"library")
"""


def test_of_two_processes_one_builds(empty_cache, project, tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", BUILDER, str(log)]
    environment = {**os.environ, "HF_RNN_CACHE": str(empty_cache), "PYTHONPATH": str(project)}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=120)[0].strip() for process in both] == ["True", "True"]
    assert log.read_text() == "compiled\n"


def test_whom_the_kernels_are_of_use_to():
    config = {"vocab_size": 9, "embedding_size": 3, "hidden_size": 4}
    assert loading.of_use_to(GruForSequenceClassification(GruConfig(**config)))
    assert loading.of_use_to(SiameseModel(SiameseConfig(encoder=BiLstmConfig(**config))))
    assert not loading.of_use_to(GruForSequenceClassification(GruConfig(**config)).bfloat16())
    assert not loading.of_use_to(GruForSequenceClassification(GruConfig(**config)).to("meta"))
    assert not loading.of_use_to(GruForSequenceClassification(GruConfig(reset_after=False, **config)))
    assert not loading.of_use_to(DanForSequenceClassification(DanConfig(**config)))
