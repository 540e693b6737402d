"""huggingface_hub writes to the Hub on loopback: repositories, commits, large files, branches, tags, pull requests."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

from tests.fixtures.loopback import Clients, LoopbackHub


REPO = "ana/model"
CARD = b"---\nlicense: mit\npipeline_tag: text-classification\ntags: [rnn]\n---\n# A model\n"


@pytest.fixture
def api(hub_client: Clients, loopback_hub: LoopbackHub) -> HfApi:
    """Ana's client; her repository `REPO` is there, as new."""
    api = hub_client(loopback_hub.token())
    api.create_repo(REPO)
    return api


def read(api: HfApi, name: str, cache: Path, revision: str | None = None) -> bytes:
    return Path(api.hf_hub_download(REPO, name, revision=revision, cache_dir=cache)).read_bytes()


def test_create(api: HfApi) -> None:
    assert api.create_repo("other").repo_id == "ana/other"
    assert api.create_repo("lab/shared", repo_type="dataset").endswith("/datasets/lab/shared")
    assert [model.id for model in api.list_models(author="ana")] == [REPO, "ana/other"]
    assert [model.id for model in api.list_models(search="oth")] == ["ana/other"]
    assert [dataset.id for dataset in api.list_datasets()] == ["lab/shared"]
    assert [commit.title for commit in api.list_repo_commits(REPO)] == ["initial commit"]
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo(REPO)
    assert api.create_repo(REPO, exist_ok=True).repo_id == REPO


def test_delete(api: HfApi) -> None:
    api.delete_repo(REPO)
    assert not api.repo_exists(REPO)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(REPO)


def test_a_moved_repository_is_found_by_its_old_name(api: HfApi, tmp_path: Path) -> None:
    api.upload_file(repo_id=REPO, path_or_fileobj=CARD, path_in_repo="README.md")
    api.move_repo(REPO, "lab/renamed")
    assert api.model_info(REPO).id == "lab/renamed"
    assert read(api, "README.md", tmp_path) == CARD
    api.upload_file(repo_id=REPO, path_or_fileobj=b"{}", path_in_repo="config.json")
    assert "config.json" in api.list_repo_files("lab/renamed")


def test_upload_folder(api: HfApi, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "onnx").mkdir(parents=True)
    contents = {"README.md": CARD, "model.safetensors": os.urandom(2000), "onnx/model.onnx": b"graph"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    pushed = api.upload_folder(repo_id=REPO, folder_path=folder, commit_message="Weights", commit_description="All.")
    (commit, _) = api.list_repo_commits(REPO)
    assert (commit.commit_id, commit.title, commit.message) == (pushed.oid, "Weights", "All.")
    assert commit.authors == ["ana"]
    assert {name: read(api, name, tmp_path / "cache") for name in contents} == contents
    info = api.model_info(REPO, files_metadata=True)
    assert (info.pipeline_tag, info.tags, info.sha) == ("text-classification", ["rnn"], pushed.oid)
    large = {file.rfilename: file.lfs.sha256 for file in info.siblings if file.lfs}
    assert large == {
        name: hashlib.sha256(contents[name]).hexdigest() for name in ("model.safetensors", "onnx/model.onnx")
    }


def test_a_large_file_is_sent_in_parts(api: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    content = os.urandom(11 * 1024**2)
    # Over 10 MB a file is large whatever it is called.
    api.upload_file(repo_id=REPO, path_or_fileobj=content, path_in_repo="vectors.txt")
    oid = hashlib.sha256(content).hexdigest()
    assert [request.status for request in loopback_hub.requested(f"PUT /{oid}/")] == [200, 200]
    assert read(api, "vectors.txt", tmp_path) == content
    # What the Hub has is not sent again.
    api.upload_file(repo_id=REPO, path_or_fileobj=content, path_in_repo="copy.txt")
    assert len(loopback_hub.requested("PUT /")) == 2


def test_a_dataset_beside_a_model_of_the_same_name(api: HfApi, tmp_path: Path) -> None:
    contents = {"train.csv": b"text,label\nfine,1\n", "test.parquet": os.urandom(100)}
    api.create_repo(REPO, repo_type="dataset")
    operations = [CommitOperationAdd(name, content) for name, content in contents.items()]
    api.create_commit(REPO, operations, commit_message="Add", repo_type="dataset")
    snapshot = Path(api.snapshot_download(REPO, repo_type="dataset", cache_dir=tmp_path))
    assert {name: (snapshot / name).read_bytes() for name in contents} == contents
    assert api.list_repo_files(REPO) == [".gitattributes"]
    api.delete_repo(REPO, repo_type="dataset")
    assert api.repo_exists(REPO) and not api.repo_exists(REPO, repo_type="dataset")


def test_what_has_not_changed_makes_no_commit(api: HfApi) -> None:
    first = api.upload_file(repo_id=REPO, path_or_fileobj=CARD, path_in_repo="README.md")
    assert api.upload_file(repo_id=REPO, path_or_fileobj=CARD, path_in_repo="README.md").oid == first.oid
    assert len(api.list_repo_commits(REPO)) == 2


def test_operations(api: HfApi, tmp_path: Path) -> None:
    names = ["a.txt", "weights.bin", "old/a", "old/b/c", "older/d", "gone.txt"]
    api.create_commit(REPO, [CommitOperationAdd(name, name.encode()) for name in names], commit_message="Add")
    operations = [
        CommitOperationCopy("a.txt", "copies/a.txt"),
        CommitOperationCopy("weights.bin", "copies/weights.bin"),
        CommitOperationDelete("gone.txt"),
        CommitOperationDelete("old/"),
        CommitOperationAdd("a.txt", b"new"),
    ]
    api.create_commit(REPO, operations, commit_message="Change")
    left = [".gitattributes", "a.txt", "copies/a.txt", "copies/weights.bin", "older/d", "weights.bin"]
    assert sorted(api.list_repo_files(REPO)) == left
    assert [read(api, name, tmp_path) for name in ("a.txt", "copies/a.txt")] == [b"new", b"a.txt"]
    assert read(api, "copies/weights.bin", tmp_path) == b"weights.bin"


def test_a_commit_is_all_or_nothing(api: HfApi) -> None:
    operations = [CommitOperationAdd("config.json", b"{}"), CommitOperationDelete("never/there.txt")]
    with pytest.raises(BadRequestError, match="never/there.txt"):
        api.create_commit(REPO, operations, commit_message="Half")
    assert api.list_repo_files(REPO) == [".gitattributes"]


@pytest.mark.parametrize("metadata", [b"tags: [a", b"- a list", b"license: 3", b"model-index: {results: []}"])
def test_a_card_with_broken_metadata_is_refused(api: HfApi, loopback_hub: LoopbackHub, metadata: bytes) -> None:
    card = b"---\n" + metadata + b"\n---\n# A model\n"
    with pytest.raises(ValueError, match=r"Invalid metadata in README\.md"):
        api.upload_file(repo_id=REPO, path_or_fileobj=card, path_in_repo="README.md")
    # The client has it validated before it sends anything.
    assert loopback_hub.requested("/validate-yaml") and not loopback_hub.requested("/preupload/")


def test_branches(api: HfApi, tmp_path: Path) -> None:
    api.create_branch(REPO, branch="dev/x")
    pushed = api.upload_file(repo_id=REPO, path_or_fileobj=b"1", path_in_repo="a", revision="dev/x")
    api.create_branch(REPO, branch="later", revision="dev/x")
    heads = {ref.name: ref.target_commit for ref in api.list_repo_refs(REPO).branches}
    assert heads["dev/x"] == heads["later"] == pushed.oid != heads["main"]
    assert read(api, "a", tmp_path, "dev/x") == b"1"
    assert api.list_repo_files(REPO) == [".gitattributes"]
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_branch(REPO, branch="later")
    api.delete_branch(REPO, branch="later")
    with pytest.raises(RevisionNotFoundError):
        api.create_branch(REPO, branch="another", revision="later")
    with pytest.raises(RevisionNotFoundError):
        api.upload_file(repo_id=REPO, path_or_fileobj=b"1", path_in_repo="a", revision="later")
    with pytest.raises(BadRequestError):
        api.delete_branch(REPO, branch="main")


def test_tags(api: HfApi, tmp_path: Path) -> None:
    api.upload_file(repo_id=REPO, path_or_fileobj=b"1", path_in_repo="a")
    api.create_tag(REPO, tag="v1")
    api.upload_file(repo_id=REPO, path_or_fileobj=b"2", path_in_repo="a")
    assert [read(api, "a", tmp_path, revision) for revision in ("v1", "main")] == [b"1", b"2"]
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(REPO, tag="v1")
    with pytest.raises(RevisionNotFoundError):  # a tag stays where it is
        api.upload_file(repo_id=REPO, path_or_fileobj=b"3", path_in_repo="a", revision="v1")
    api.delete_tag(REPO, tag="v1")
    assert api.list_repo_refs(REPO).tags == []


def test_a_pull_request_is_merged(api: HfApi, tmp_path: Path) -> None:
    operations = [CommitOperationAdd(name, b"1") for name in "acd"]
    api.create_commit(REPO, operations, commit_message="Add")
    pull = api.upload_file(repo_id=REPO, path_or_fileobj=b"2", path_in_repo="a", create_pr=True)
    assert (pull.pr_num, pull.pr_revision) == (1, "refs/pr/1")
    api.upload_file(repo_id=REPO, path_or_fileobj=b"3", path_in_repo="b", revision=pull.pr_revision)
    api.delete_file("d", REPO, revision=pull.pr_revision)
    # What `main` has changed since stays.
    api.upload_file(repo_id=REPO, path_or_fileobj=b"4", path_in_repo="c")
    assert [read(api, "a", tmp_path, revision) for revision in ("main", pull.pr_revision)] == [b"1", b"2"]
    (open_pull,) = api.get_repo_discussions(REPO)
    assert (open_pull.num, open_pull.status, open_pull.is_pull_request) == (1, "open", True)
    api.merge_pull_request(REPO, 1)
    assert [read(api, name, tmp_path) for name in "abc"] == [b"2", b"3", b"4"]
    assert not api.file_exists(REPO, "d")
    details = api.get_discussion_details(REPO, 1)
    assert details.status == "merged"
    assert details.merge_commit_oid == api.model_info(REPO).sha


def test_a_pull_request_in_conflict_is_not_merged(api: HfApi, tmp_path: Path) -> None:
    pull = api.create_pull_request(REPO, "Change a")
    assert pull.status == "draft"
    api.upload_file(repo_id=REPO, path_or_fileobj=b"theirs", path_in_repo="a", revision="refs/pr/1")
    api.upload_file(repo_id=REPO, path_or_fileobj=b"ours", path_in_repo="a")
    assert api.get_discussion_details(REPO, 1).conflicting_files == ["a"]
    with pytest.raises(HfHubHTTPError, match="409"):
        api.merge_pull_request(REPO, 1)
    assert read(api, "a", tmp_path) == b"ours"


def test_a_stale_parent_is_refused(api: HfApi) -> None:
    first = api.model_info(REPO).sha
    second = api.upload_file(repo_id=REPO, path_or_fileobj=b"1", path_in_repo="a", parent_commit=first)
    with pytest.raises(HfHubHTTPError, match="412"):
        api.upload_file(repo_id=REPO, path_or_fileobj=b"2", path_in_repo="a", parent_commit=first)
    assert api.model_info(REPO).sha == second.oid


def test_concurrent_pushes(api: HfApi) -> None:
    """All arrive; of those that say what they are based on, one."""
    names = [f"{number}.safetensors" for number in range(8)]

    def push(name: str, parent: str | None = None) -> str | None:
        try:
            return api.upload_file(
                repo_id=REPO, path_or_fileobj=name.encode(), path_in_repo=name, parent_commit=parent
            ).oid
        except HfHubHTTPError as error:
            assert error.response.status_code == 412
            return None

    with ThreadPoolExecutor(8) as threads:
        assert None not in threads.map(push, names)
        assert sorted(api.list_repo_files(REPO)) == [".gitattributes", *names]
        assert len(api.list_repo_commits(REPO)) == 9
        head = api.model_info(REPO).sha
        pushed = list(threads.map(lambda name: push(f"again_{name}", head), names))
    assert sum(oid is not None for oid in pushed) == 1
    assert len(api.list_repo_commits(REPO)) == 10
