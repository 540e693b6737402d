"""Two programs that are not ours, and not huggingface_hub, take the Hub on loopback for a Hub.

olah mirrors it (the read side), and the JavaScript client `@huggingface/hub` writes to it and reads from it. Neither
is a dependency: `make test` installs both in `build/hub_clients`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

from tests.fixtures.loopback import Clients, LoopbackHub


WEIGHTS = os.urandom(11 * 1024**2)
FILES = {"README.md": b"---\nlicense: mit\n---\n", "model.safetensors": WEIGHTS, "onnx/q/int8.txt": b"8"}


def installed(project: Path, name: str) -> Path:
    """A file of `build/hub_clients`; where it is not the test is skipped, but not in continuous integration."""
    path = project / "build" / "hub_clients" / name
    if not path.exists():
        reason = f"no {path}: `make test` installs it, npm's packages where there is npm"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return path


@pytest.fixture
def ana(hub_client: Clients, loopback_hub: LoopbackHub) -> HfApi:
    """Ana's client; her repository ana/model holds `FILES` since its tag v1, and is empty at v0."""
    api = hub_client(loopback_hub.token())
    api.create_repo("ana/model")
    api.create_tag("ana/model", tag="v0")
    operations = [CommitOperationAdd(name, content) for name, content in FILES.items()]
    api.create_commit("ana/model", operations, commit_message="Add")
    api.create_tag("ana/model", tag="v1")
    return api


@pytest.fixture
def mirror(project: Path, loopback_hub: LoopbackHub, tmp_path: Path) -> Iterator[str]:
    """The endpoint of an olah in front of the Hub."""
    program = installed(project, "olah/bin/olah-cli")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    hub, storage = (url.removeprefix("http://") for url in (loopback_hub.endpoint, loopback_hub.storage))
    options = {"host": "127.0.0.1", "port": address.rpartition(":")[2], "repos-path": tmp_path / "mirror"}
    options |= {"hf-scheme": "http", "hf-netloc": hub, "hf-lfs-netloc": storage, "log-path": tmp_path / "logs"}
    options |= {"mirror-netloc": address, "mirror-lfs-netloc": address}
    command = [str(program), *(f"--{name}={value}" for name, value in options.items())]
    environment = loopback_hub.environment(tmp_path)
    with (tmp_path / "olah.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(address, process)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for(address: str, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Wait until somebody listens at `address`."""
    host, port = address.split(":")
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, "olah does not start"
            time.sleep(0.05)


def contents(folder: str | Path) -> dict[str, bytes]:
    paths = (path for path in Path(folder).rglob("*") if path.is_file() and path.name != ".gitattributes")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_olah_mirrors_it(
    ana: HfApi, mirror: str, hub_client: Clients, loopback_hub: LoopbackHub, tmp_path: Path
) -> None:
    mirrored = hub_client(endpoint=mirror)
    assert mirrored.model_info("ana/model").sha == ana.model_info("ana/model").sha
    assert mirrored.list_repo_refs("ana/model") == ana.list_repo_refs("ana/model")
    assert set(mirrored.list_repo_files("ana/model")) == set(ana.list_repo_files("ana/model"))
    paths = ["README.md", "model.safetensors"]
    assert mirrored.get_paths_info("ana/model", paths) == ana.get_paths_info("ana/model", paths)
    snapshots = [mirrored.snapshot_download("ana/model", revision=v, cache_dir=tmp_path) for v in ("v1", "v0")]
    assert [contents(snapshot) for snapshot in snapshots] == [FILES, {}]
    loaded = len(loopback_hub.requests)
    again = mirrored.hf_hub_download("ana/model", "model.safetensors", cache_dir=tmp_path / "again")
    assert Path(again).read_bytes() == WEIGHTS
    # From the mirror's cache: of a large file the storage is not asked twice.
    assert not [r for r in loopback_hub.requests[loaded:] if r.headers["Host"] in loopback_hub.storage]


def test_olah_passes_refusals_on(
    ana: HfApi, mirror: str, hub_client: Clients, loopback_hub: LoopbackHub, tmp_path: Path
) -> None:
    ana.create_repo("ana/secret", private=True)
    mirrored = hub_client(endpoint=mirror)
    for name in ("ana/absent", "ana/secret"):
        with pytest.raises(RepositoryNotFoundError):
            mirrored.model_info(name)
    with pytest.raises(EntryNotFoundError):
        mirrored.hf_hub_download("ana/model", "absent.json", cache_dir=tmp_path)
    with pytest.raises(RevisionNotFoundError):
        mirrored.model_info("ana/model", revision="v2")
    assert hub_client(loopback_hub.token(), mirror).model_info("ana/secret").private


def run_javascript(project: Path, script: str, environment: dict[str, str]) -> Any:
    """What a script of this folder prints, which may import what `make test` has npm install."""
    installed(project, "node_modules/@huggingface/hub/package.json")
    node = shutil.which("node")
    assert node is not None, "npm is there, and node is not"
    # Node looks for packages from the working directory when the script comes by standard input.
    command = [node, "--input-type=module", "-"]
    code = (Path(__file__).parent / script).read_text()
    cwd = project / "build" / "hub_clients"
    done = subprocess.run(command, input=code, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_javascript_client_reads_it(ana: HfApi, project: Path, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    environment = loopback_hub.environment(tmp_path, loopback_hub.token("ana", "read"))
    found = run_javascript(project, "loopback_read.mjs", environment)
    assert found["user"] == "ana"
    assert set(found["files"]) == {".gitattributes", "onnx", "onnx/q", *FILES}
    assert found["info"] == [{"path": "model.safetensors", "sha256": hashlib.sha256(WEIGHTS).hexdigest()}]
    assert contents(found["snapshot"]) == FILES
    assert found["downloaded"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert found["commits"] == [commit.commit_id for commit in ana.list_repo_commits("ana/model")]
    assert found["exist"] == {"README.md": True, "absent": False, "ana/model": True, "ana/absent": False}
    assert found["refusals"] == {"wrong token": 401, "read token": 403, "absent": 404}


def test_the_javascript_client_writes_to_it(
    ana: HfApi, project: Path, loopback_hub: LoopbackHub, tmp_path: Path
) -> None:
    found = run_javascript(project, "loopback_write.mjs", loopback_hub.environment(tmp_path, loopback_hub.token()))
    snapshot = contents(ana.snapshot_download("ana/javascript", cache_dir=tmp_path))
    sizes = {name: (len(content), set(content)) for name, content in snapshot.items()}
    assert sizes == {"large.safetensors": (11 * 1024**2, {7}), "small.safetensors": (100, {9}), "sub/b.txt": (1, {98})}
    oid = hashlib.sha256(bytes([7]) * 11 * 1024**2).hexdigest()
    assert [request.status for request in loopback_hub.requested(f"PUT /{oid}/")] == [200, 200]  # in parts
    branches = {ref.name: ref.target_commit for ref in ana.list_repo_refs("ana/javascript").branches}
    assert branches["dev/x"] == found["second"] != branches["main"]
    assert ana.get_discussion_details("ana/javascript", 1).title == "Add c"
    assert "c.txt" in ana.list_repo_files("ana/javascript", revision="refs/pr/1")
    assert found["refusals"] == {"stale parent": 412, "broken card": 400, "namespace": 403, "name taken": 409}
    assert not ana.repo_exists("ana/deleted")
