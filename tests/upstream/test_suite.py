"""The fetching of transformers' tests: from an index of files on disk, as PyPI's is."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.upstream import suite


NAME = f"transformers-{suite.VERSION}"


def archive(files: tuple[str, ...] = suite.FILES) -> bytes:
    """A source distribution that has, besides, what nobody asked for."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name in [*(f"{NAME}/tests/{name}" for name in files), f"{NAME}/setup.py"]:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            tar.addfile(info, io.BytesIO(name.encode()))
    return content.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the URL of an index with an archive; the cache is a new folder."""
    monkeypatch.setenv("HF_RNN_CACHE", str(tmp_path / "cache"))

    def make(content: bytes, sha256: str | None = None, name: str = f"{NAME}.tar.gz") -> str:
        (tmp_path / name).write_bytes(content)
        hashes = {"sha256": sha256 or hashlib.sha256(content).hexdigest()}
        entry = {"filename": name, "url": (tmp_path / name).as_uri(), "hashes": hashes}
        (tmp_path / "index.json").write_text(json.dumps({"files": [entry]}))
        return (tmp_path / "index.json").as_uri()

    return make


def test_only_what_is_needed_is_unpacked_and_only_once(index):
    url = index(archive())
    assert "python -m tests.upstream.suite" in (suite.missing() or "")
    folder = suite.fetch(url)
    assert suite.missing() is None
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert files == {*suite.FILES, "__init__.py", "sample_text.txt"}
    assert (folder / suite.FILES[0]).read_text() == f"{NAME}/tests/{suite.FILES[0]}"
    assert [path.name for path in folder.parent.iterdir()] == ["tests"]
    # The index is not asked again.
    assert suite.fetch("file:///nowhere") == folder


def test_another_file_than_the_index_says_is_refused(index):
    with pytest.raises(ValueError, match="has the SHA-256 .* says 00"):
        suite.fetch(index(archive(), sha256="00"))
    assert suite.missing()


def test_a_version_that_the_index_lacks(index):
    with pytest.raises(ValueError, match=f"has no {NAME}.tar.gz"):
        suite.fetch(index(archive(), name="transformers-0.0.tar.gz"))


def test_a_source_distribution_without_the_tests(index):
    with pytest.raises(ValueError, match=f"has no {NAME}/tests/{suite.FILES[-1]}"):
        suite.fetch(index(archive(suite.FILES[:-1])))
    assert suite.missing()


def test_the_values_of_a_configuration_are_of_every_field_and_no_default():
    from transformers import PreTrainedConfig

    assert suite.CONFIGURATION.keys() == suite.fields_of_configurations()
    default = PreTrainedConfig()
    assert all(getattr(default, name) != value for name, value in suite.CONFIGURATION.items())
