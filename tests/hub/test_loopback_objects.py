"""The Hub on loopback names files, trees and commits as git does: git itself is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.hub.objects import Commit, File, lfs_pointer, now, tree_ids


SHA256 = "3f" * 32
# "a.b" sorts before the folder "a", as git compares "a/".
FILES = {
    "a/b/c.txt": File.regular(b"c"),
    "a/d.txt": File.regular(b""),
    "a.b": File.regular(b"\x00\xff"),
    "a0": File.regular(b"0"),
    "model.safetensors": File.large(SHA256, 12_000_000),
}

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str, given: str = "", **variables: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **variables}
    command = ["git", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, input=given, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that holds `FILES`, all of them added to git's index."""
    git(tmp_path, "init", "--quiet")
    for path, file in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(file.blob)
    git(tmp_path, "add", "--all")
    return tmp_path


def test_files(checkout: Path) -> None:
    assert {path: git(checkout, "hash-object", path) for path in FILES} == {p: f.oid for p, f in FILES.items()}
    assert FILES["model.safetensors"].blob == lfs_pointer(SHA256, 12_000_000)
    assert [FILES["model.safetensors"].etag, FILES["a0"].etag] == [SHA256, FILES["a0"].oid]


def test_trees(checkout: Path) -> None:
    root = git(checkout, "write-tree")
    folders = {path: git(checkout, "rev-parse", f"{root}:{path}") for path in ("a", "a/b")}
    assert tree_ids(FILES) == {"": root, **folders}


@pytest.mark.parametrize("message", ["", "More of it.\nÜber zwei Zeilen."])
def test_commits(checkout: Path, message: str) -> None:
    first = Commit(FILES, (), "ana", now(), "Add everything", message)
    second = Commit(FILES, (first.oid,), "bob", now(), "Nothing new")
    tree = git(checkout, "write-tree")
    parents: list[str] = []
    for commit in (first, second):
        who = {f"GIT_{role}_NAME": commit.author for role in ("AUTHOR", "COMMITTER")}
        who |= {f"GIT_{role}_EMAIL": f"{commit.author}@localhost" for role in ("AUTHOR", "COMMITTER")}
        date = f"{int(commit.date.timestamp())} +0000"
        who |= {f"GIT_{role}_DATE": date for role in ("AUTHOR", "COMMITTER")}
        text = f"{commit.title}\n\n{commit.message}"
        oid = git(checkout, "commit-tree", tree, *parents, given=text, **who)
        assert oid == commit.oid
        parents = ["-p", oid]
