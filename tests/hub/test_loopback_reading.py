"""huggingface_hub reads from the Hub on loopback: snapshots, revisions, listings, ranges; its cache when offline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, HfApi, HfFileSystem
from huggingface_hub.errors import (
    EntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from tests.fixtures.loopback import Clients, LoopbackHub


REPO = "ana/model"
FILES = {"config.json": b"{}", "model.safetensors": os.urandom(3000), "onnx/model.onnx": b"g", "onnx/int8/q.txt": b"8"}


@pytest.fixture
def api(hub_client: Clients, loopback_hub: LoopbackHub) -> HfApi:
    """Ana's client; her repository `REPO` holds `FILES`."""
    api = hub_client(loopback_hub.token())
    api.create_repo(REPO)
    operations = [CommitOperationAdd(name, content) for name, content in FILES.items()]
    api.create_commit(REPO, operations, commit_message="Add")
    return api


def contents(folder: str | Path) -> dict[str, bytes]:
    paths = (path for path in Path(folder).rglob("*") if path.is_file() and path.name != ".gitattributes")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_snapshot(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    snapshot = api.snapshot_download(REPO, cache_dir=tmp_path)
    assert contents(snapshot) == FILES
    assert Path(snapshot).name == api.model_info(REPO).sha
    wanted = api.snapshot_download(REPO, cache_dir=tmp_path / "other", allow_patterns="onnx/*")
    assert set(contents(wanted)) == {"onnx/model.onnx", "onnx/int8/q.txt"}
    assert contents(api.snapshot_download(REPO, local_dir=tmp_path / "plain"))["config.json"] == b"{}"


def test_what_is_in_the_cache_is_not_loaded_again(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    api.snapshot_download(REPO, cache_dir=tmp_path)
    api.upload_file(repo_id=REPO, path_or_fileobj=b'{"a": 1}', path_in_repo="config.json")
    loopback_hub.requests.clear()
    assert contents(api.snapshot_download(REPO, cache_dir=tmp_path)) == {**FILES, "config.json": b'{"a": 1}'}
    loaded = [request for request in loopback_hub.requests if request.method == "GET" and "/api/" not in request.path]
    assert [request.path.rpartition("/")[2] for request in loaded] == ["config.json"]


def test_revisions(api: HfApi, tmp_path: Path) -> None:
    first = api.model_info(REPO).sha
    api.create_tag(REPO, tag="v1")
    api.create_branch(REPO, branch="dev/x")
    later = api.upload_file(repo_id=REPO, path_or_fileobj=b"[]", path_in_repo="config.json").oid

    def config(revision: str | None) -> bytes:
        return Path(api.hf_hub_download(REPO, "config.json", revision=revision, cache_dir=tmp_path)).read_bytes()

    old = {revision: config(revision) for revision in (first, "v1", "dev/x")}
    assert set(old.values()) == {b"{}"}
    assert config(None) == config("main") == config(later) == b"[]"
    assert contents(api.snapshot_download(REPO, revision="v1", cache_dir=tmp_path)) == FILES
    assert api.model_info(REPO, revision="dev/x").sha == first
    with pytest.raises(RevisionNotFoundError):
        config("v2")
    with pytest.raises(RevisionNotFoundError):
        api.list_repo_files(REPO, revision="0" * 40)


def test_what_is_not_there(api: HfApi, hub_client: Clients, tmp_path: Path) -> None:
    with pytest.raises(EntryNotFoundError) as error:
        api.hf_hub_download(REPO, "absent.json", cache_dir=tmp_path)
    assert error.value.response.headers["X-Repo-Commit"] == api.model_info(REPO).sha
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "additional_chat_templates"))
    for name in ("ana/absent", "absent"):
        with pytest.raises(RepositoryNotFoundError):
            api.hf_hub_download(name, "config.json", cache_dir=tmp_path)
        with pytest.raises(RepositoryNotFoundError):
            hub_client().model_info(name)
    assert not api.file_exists(REPO, "absent.json") and api.file_exists(REPO, "onnx/int8/q.txt")
    assert not api.revision_exists(REPO, "v9") and api.revision_exists(REPO, "main")


@pytest.mark.parametrize("page_size", [2, 1000])
def test_trees(api: HfApi, loopback_hub: LoopbackHub, page_size: int) -> None:
    loopback_hub.reading.page_size = page_size
    top = {entry.path for entry in api.list_repo_tree(REPO)}
    assert top == {".gitattributes", "config.json", "model.safetensors", "onnx"}
    below = {entry.path for entry in api.list_repo_tree(REPO, "onnx")}
    assert below == {"onnx/model.onnx", "onnx/int8"}
    assert {entry.path for entry in api.list_repo_tree(REPO, "onnx/int8")} == {"onnx/int8/q.txt"}
    everything = {entry.path for entry in api.list_repo_tree(REPO, recursive=True)}
    assert everything == {".gitattributes", "onnx", "onnx/int8", *FILES}
    sizes = {
        info.path: getattr(info, "size", None) for info in api.get_paths_info(REPO, ["onnx", "config.json", "no"])
    }
    assert sizes == {"onnx": None, "config.json": 2}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_metadata(api: HfApi, name: str) -> None:
    """The metadata are those that the cache needs: the size, and the ETag of the tree's entry."""
    url = f"{api.endpoint}/{REPO}/resolve/main/{name}"
    metadata = api.get_hf_file_metadata(url=url)
    (entry,) = api.get_paths_info(REPO, name)
    assert metadata.size == len(FILES[name])
    assert metadata.etag == (entry.lfs.sha256 if entry.lfs else entry.blob_id)
    assert metadata.commit_hash == api.model_info(REPO).sha
    assert metadata.xet_file_data is None


def test_ranges(api: HfApi) -> None:
    files = HfFileSystem(endpoint=api.endpoint, token=api.token, skip_instance_cache=True)
    content = FILES["model.safetensors"]
    with files.open(f"{REPO}/model.safetensors", block_size=100) as file:
        file.seek(1500)
        assert file.read(64) == content[1500:1564]
    assert files.cat_file(f"{REPO}/model.safetensors", start=2990) == content[2990:]
    url = f"{api.endpoint}/{REPO}/resolve/main/config.json"
    assert get_session().get(url, headers={"Range": "bytes=9-"}).status_code == 416


def test_the_storage_sees_no_token(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    api.hf_hub_download(REPO, "model.safetensors", cache_dir=tmp_path)
    stored = [r for r in loopback_hub.requests if r.headers["Host"] in loopback_hub.storage]
    assert {request.method for request in stored} == {"PUT", "GET"}
    assert not any(request.headers["Authorization"] for request in stored)
    unsigned = loopback_hub.storage + stored[0].path
    assert get_session().get(unsigned).status_code == 403


OFFLINE = """
from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

print(snapshot_download("ana/model"), snapshot_download("ana/model", revision="v1"))
print(hf_hub_download("ana/model", "config.json", revision="v1"))
try:
    hf_hub_download("ana/model", "absent.json")
except LocalEntryNotFoundError:
    print("no such file")
"""


def test_offline(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    """The cache answers, and the Hub that runs is asked nothing, in a process with `HF_HUB_OFFLINE=1`."""
    api.create_tag(REPO, tag="v1")
    snapshots = [api.snapshot_download(REPO, revision=name, cache_dir=tmp_path / "hub") for name in ("main", "v1")]
    before = len(loopback_hub.requests)
    environment = loopback_hub.environment(tmp_path) | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", OFFLINE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == [" ".join(snapshots), f"{snapshots[1]}/config.json", "no such file"]
    assert len(loopback_hub.requests) == before


def test_when_the_hub_is_gone_the_cache_answers(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    path = api.hf_hub_download(REPO, "config.json", cache_dir=tmp_path)
    loopback_hub.stop()
    # The connection of the download before was kept alive; it must be gone, too.
    assert api.hf_hub_download(REPO, "config.json", cache_dir=tmp_path) == path
    with pytest.raises(httpx2.ConnectError):
        api.model_info(REPO)
