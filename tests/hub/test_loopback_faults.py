"""What huggingface_hub makes of a Hub that is overloaded, slow, or breaks connections off."""

from __future__ import annotations

import os
import time
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError

from tests.fixtures.loopback import Clients, LoopbackHub


REPO = "ana/model"
# The client reads 10 MB at a time, and keeps of a download that breaks off only what it has read in full.
CHUNK = 10 * 1024**2
WEIGHTS = os.urandom(CHUNK + 2 * 1024**2)


@pytest.fixture
def api(hub_client: Clients, loopback_hub: LoopbackHub) -> HfApi:
    """Ana's client; her repository `REPO` is there."""
    api = hub_client(loopback_hub.token())
    api.create_repo(REPO)
    return api


def download(api: HfApi, cache: Path) -> bytes:
    return Path(api.hf_hub_download(REPO, "model.safetensors", cache_dir=cache)).read_bytes()


def test_a_download_that_breaks_off_is_resumed(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    api.upload_file(repo_id=REPO, path_or_fileobj=WEIGHTS, path_in_repo="model.safetensors")
    loopback_hub.faults.cut("GET /[0-9a-f]{64}", after=CHUNK + 1000)
    assert download(api, tmp_path) == WEIGHTS
    first, second = [r for r in loopback_hub.requested("GET /") if r.headers["Host"] in loopback_hub.storage]
    assert (first.status, first.headers["Range"]) == (200, None)
    assert (second.status, second.headers["Range"]) == (206, f"bytes={CHUNK}-")


def test_a_small_file_is_loaded_again_from_the_start(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    api.upload_file(repo_id=REPO, path_or_fileobj=WEIGHTS[:2000], path_in_repo="model.safetensors")
    loopback_hub.faults.cut("GET /[0-9a-f]{64}", after=1000)
    start = time.monotonic()
    assert download(api, tmp_path) == WEIGHTS[:2000]
    # The connection was closed: the client has not waited for the rest until its patience was at an end.
    assert time.monotonic() - start < constants.HF_HUB_DOWNLOAD_TIMEOUT


def test_nothing_half_loaded_is_in_the_cache(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    api.upload_file(repo_id=REPO, path_or_fileobj=WEIGHTS, path_in_repo="model.safetensors")
    loopback_hub.faults.cut("GET /[0-9a-f]{64}", after=CHUNK + 1000)
    loopback_hub.faults.fail("GET /[0-9a-f]{64}", status=403)
    with pytest.raises(HfHubHTTPError):
        download(api, tmp_path)
    assert not list(tmp_path.rglob("snapshots/*/model.safetensors"))
    assert download(api, tmp_path) == WEIGHTS


def test_an_overloaded_hub_is_asked_again(api: HfApi, loopback_hub: LoopbackHub) -> None:
    loopback_hub.faults.fail("POST .*/preupload/")
    loopback_hub.faults.fail("PUT /[0-9a-f]{64}")
    api.upload_file(repo_id=REPO, path_or_fileobj=b"weights", path_in_repo="model.safetensors")
    assert [request.status for request in loopback_hub.requested("/preupload/")] == [503, 200]
    assert [request.status for request in loopback_hub.requested("PUT /")] == [503, 200]
    assert api.file_exists(REPO, "model.safetensors")


def test_a_fault_in_the_middle_leaves_no_commit(api: HfApi, loopback_hub: LoopbackHub) -> None:
    loopback_hub.faults.fail("POST .*/commit/", status=500)
    with pytest.raises(HfHubHTTPError, match="500"):
        api.upload_file(repo_id=REPO, path_or_fileobj=b"weights", path_in_repo="model.safetensors")
    assert api.list_repo_files(REPO) == [".gitattributes"]


def test_a_late_answer(api: HfApi, loopback_hub: LoopbackHub) -> None:
    loopback_hub.faults.delay("GET .*/revision/", seconds=0.5)
    with pytest.raises(httpx2.TimeoutException):
        api.model_info(REPO, revision="main", timeout=0.1)
    assert api.model_info(REPO, revision="main", timeout=5).id == REPO
