"""The Hub on loopback refuses what breaks its clients' contract, and what it does not have, without a trace."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import get_session

from tests.fixtures.loopback import Clients, LoopbackHub


REPO = "ana/model"
LFS = f"/{REPO}.git/info/lfs/objects"
CONTENT = b"weights"
OID = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def api(hub_client: Clients, loopback_hub: LoopbackHub) -> HfApi:
    """Ana's client; her repository `REPO` is there, as new."""
    api = hub_client(loopback_hub.token())
    api.create_repo(REPO)
    return api


def post(api: HfApi, path: str, content: Any, method: str = "POST") -> tuple[int, dict[str, Any]]:
    """The status and the JSON of an answer; `content` is sent as JSON, or as lines of it."""
    lines = content if isinstance(content, list) else [content]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    url = path if path.startswith("http") else f"{api.endpoint}{path}"
    answer = get_session().request(method, url, content=body, headers={"Authorization": f"Bearer {api.token}"})
    return answer.status_code, json.loads(answer.content or "{}")


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("lfsFile", {"path": "a", "algo": "sha256", "oid": OID, "size": 7}, "not uploaded"),
        (
            "file",
            {"path": "a", "content": base64.b64encode(bytes(11 * 1024**2)).decode(), "encoding": "base64"},
            "10 MB",
        ),
        ("file", {"path": "README.md", "content": "---\ntags: [a\n---\n"}, "Invalid metadata"),
        ("renamedFile", {"path": "a"}, "Invalid operation"),
    ],
)
def test_commits(api: HfApi, key: str, value: dict[str, Any], error: str) -> None:
    before = api.model_info(REPO).sha
    lines = [{"key": "header", "value": {"summary": "x"}}, {"key": key, "value": value}]
    status, answer = post(api, f"/api/models/{REPO}/commit/main", lines)
    assert status == 400 and error in answer["error"]
    assert api.model_info(REPO).sha == before


def test_large_files(api: HfApi, loopback_hub: LoopbackHub) -> None:
    """What is stored is what its name says, or nothing is."""
    wanted = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": OID, "size": len(CONTENT)}]}
    _, answer = post(api, f"{LFS}/batch", wanted)
    assert answer["transfer"] == "basic"
    actions = answer["objects"][0]["actions"]
    assert post(api, actions["upload"]["href"], "other weights", method="PUT")[0] == 400
    parts = {"oid": OID, "parts": [{"partNumber": 1, "etag": '"0"'}]}
    assert post(api, actions["upload"]["href"], parts)[0] == 400  # no such part
    get_session().put(actions["upload"]["href"].replace("?", "/1?"), content=CONTENT)
    assert post(api, actions["upload"]["href"], parts)[0] == 400  # another ETag
    assert post(api, actions["verify"]["href"], {"oid": OID, "size": len(CONTENT)})[0] == 422
    assert loopback_hub.state.large_files == {}
    api.create_commit(REPO, [CommitOperationAdd("a.bin", CONTENT)], commit_message="Add")
    assert post(api, actions["verify"]["href"], {"oid": OID, "size": len(CONTENT)})[0] == 200
    assert post(api, actions["verify"]["href"], {"oid": OID, "size": 1})[0] == 422
    assert post(api, f"{LFS}/batch", {**wanted, "operation": "download"})[0] == 400


def test_a_body_of_a_length_not_announced(api: HfApi, loopback_hub: LoopbackHub) -> None:
    wanted = {"operation": "upload", "objects": [{"oid": OID, "size": len(CONTENT)}]}
    _, answer = post(api, f"{LFS}/batch", wanted)
    chunks = (CONTENT[start : start + 3] for start in range(0, len(CONTENT), 3))
    sent = get_session().put(answer["objects"][0]["actions"]["upload"]["href"], content=chunks)
    assert (sent.status_code, sent.request.headers["Transfer-Encoding"]) == (200, "chunked")
    assert loopback_hub.state.large_files == {OID: CONTENT}
    assert api.repo_exists(REPO)  # over the same connection: nothing of the body is left in it


@pytest.mark.parametrize("name", ["", ".hidden", "a--b", "a..b", "with space", "x" * 97])
def test_names_of_repositories(api: HfApi, name: str) -> None:
    assert post(api, "/api/repos/create", {"name": name, "type": "model"})[0] == 400
    assert [model.id for model in api.list_models()] == [REPO]


def test_what_it_does_not_have(api: HfApi) -> None:
    gitignore = {"files": [{"path": "a", "sample": "", "size": 0}], "gitIgnore": "*.bin"}
    assert post(api, f"/api/models/{REPO}/preupload/main", gitignore)[0] == 501
    assert post(api, f"/api/models/{REPO}/branch/new", {"emptyBranch": True})[0] == 501
    assert post(api, "/api/repos/create", {"name": "demo", "type": "space"})[0] == 400
    assert post(api, f"/api/models/{REPO}/super-squash/main", {})[0] == 404
    for attempt, status in (
        (lambda: api.create_discussion(REPO, "Why?"), 501),
        (lambda: api.update_repo_settings(REPO, gated="auto"), 400),
        (lambda: api.get_discussion_details(REPO, 1), 404),
    ):
        with pytest.raises(HfHubHTTPError) as error:
            attempt()
        assert error.value.response.status_code == status
