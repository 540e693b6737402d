"""The rights on the Hub on loopback, and what huggingface_hub makes of each refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from tests.fixtures.loopback import Clients, LoopbackHub


REPO = "ana/model"


@pytest.fixture
def ana(hub_client: Clients, loopback_hub: LoopbackHub) -> HfApi:
    """Her client; her repository `REPO` is there."""
    api = hub_client(loopback_hub.token("ana"))
    api.create_repo(REPO)
    return api


@pytest.fixture
def bob(hub_client: Clients, loopback_hub: LoopbackHub) -> HfApi:
    return hub_client(loopback_hub.token("bob"))


@pytest.fixture
def reader(hub_client: Clients, loopback_hub: LoopbackHub) -> HfApi:
    """Ana, by a token that only reads."""
    return hub_client(loopback_hub.token("ana", "read"))


def status_of(error: pytest.ExceptionInfo[HfHubHTTPError]) -> int:
    return error.value.response.status_code


def upload(api: HfApi, repo: str = REPO, **options: object) -> None:
    api.upload_file(repo_id=repo, path_or_fileobj=b"{}", path_in_repo="config.json", **options)


def test_whoami(ana: HfApi, reader: HfApi) -> None:
    told = ana.whoami()
    assert (told["name"], [organization["name"] for organization in told["orgs"]]) == ("ana", ["lab"])
    roles = [api.whoami()["auth"]["accessToken"]["role"] for api in (ana, reader)]
    assert roles == ["write", "read"]


def test_a_private_repository_is_hidden(
    ana: HfApi, bob: HfApi, reader: HfApi, hub_client: Clients, tmp_path: Path
) -> None:
    anonymous = hub_client()
    ana.create_repo("ana/secret", private=True)
    upload(ana, "ana/secret")
    for api in (ana, reader):
        assert api.model_info("ana/secret").private
        assert Path(api.hf_hub_download("ana/secret", "config.json", cache_dir=tmp_path / "ana")).read_bytes() == b"{}"
    assert [model.id for model in bob.list_models()] == [REPO]
    for api, status in ((bob, 404), (anonymous, 401)):
        for ask in (api.model_info, api.list_repo_refs, api.list_repo_files):
            with pytest.raises(RepositoryNotFoundError) as error:
                ask("ana/secret")
            assert status_of(error) == status
        with pytest.raises(RepositoryNotFoundError):
            api.hf_hub_download("ana/secret", "config.json", cache_dir=tmp_path / str(status))
        with pytest.raises(RepositoryNotFoundError):
            upload(api, "ana/secret")


def test_nobody_learns_whether_a_repository_is_private_or_absent(ana: HfApi, bob: HfApi) -> None:
    ana.create_repo("ana/secret", private=True)
    answers = []
    for name in ("ana/secret", "ana/absent"):
        with pytest.raises(RepositoryNotFoundError) as error:
            bob.model_info(name)
        answers.append((status_of(error), error.value.response.content))
    assert answers[0] == answers[1]


def test_the_visibility_is_changed(ana: HfApi, bob: HfApi) -> None:
    ana.update_repo_settings(REPO, private=True)
    assert not bob.repo_exists(REPO)
    ana.update_repo_settings(REPO, private=False)
    assert bob.repo_exists(REPO)


def test_a_wrong_token(ana: HfApi, hub_client: Clients, tmp_path: Path) -> None:
    stranger = hub_client("hf_nobody")
    with pytest.raises(HfHubHTTPError, match="Invalid user token") as error:
        stranger.whoami()
    assert status_of(error) == 401
    # It is refused even where no token would do, and not as a repository that is not there.
    for attempt in (lambda: stranger.model_info(REPO), lambda: upload(stranger), lambda: stranger.create_repo("x/y")):
        with pytest.raises(HfHubHTTPError, match="Invalid credentials in Authorization header") as error:
            attempt()
        assert status_of(error) == 401 and not isinstance(error.value, RepositoryNotFoundError)


def test_without_a_token_nothing_is_written(ana: HfApi, hub_client: Clients) -> None:
    anonymous = hub_client()
    for attempt in (lambda: anonymous.create_repo("ana/x"), lambda: upload(anonymous)):
        with pytest.raises(HfHubHTTPError) as error:
            attempt()
        assert status_of(error) == 401
    assert ana.list_repo_files(REPO) == [".gitattributes"]


def test_a_token_that_only_reads(ana: HfApi, reader: HfApi) -> None:
    attempts = [
        lambda: reader.create_repo("ana/x"),
        lambda: upload(reader),
        lambda: upload(reader, create_pr=True),
        lambda: reader.create_branch(REPO, branch="x"),
        lambda: reader.create_tag(REPO, tag="x"),
        lambda: reader.delete_repo(REPO),
        lambda: reader.move_repo(REPO, "ana/x"),
        lambda: reader.update_repo_settings(REPO, private=True),
    ]
    for attempt in attempts:
        with pytest.raises(HfHubHTTPError, match="write token") as error:
            attempt()
        assert status_of(error) == 403
    assert reader.list_repo_files(REPO) == [".gitattributes"]


def test_a_namespace_of_somebody_else(ana: HfApi, bob: HfApi) -> None:
    for namespace in ("ana", "lab", "nobody"):
        with pytest.raises(HfHubHTTPError, match=f'under the namespace "{namespace}"') as error:
            bob.create_repo(f"{namespace}/new")
        assert status_of(error) == 403
    with pytest.raises(HfHubHTTPError, match="namespace"):
        ana.move_repo(REPO, "bob/model")
    assert ana.create_repo("lab/new").repo_id == "lab/new"


def test_somebody_else_may_only_open_pull_requests(ana: HfApi, bob: HfApi) -> None:
    with pytest.raises(HfHubHTTPError, match="create_pr=1") as error:
        upload(bob)
    assert status_of(error) == 403
    upload(bob, create_pr=True)
    with pytest.raises(HfHubHTTPError) as error:
        bob.merge_pull_request(REPO, 1)
    assert status_of(error) == 403
    ana.merge_pull_request(REPO, 1)
    assert "config.json" in ana.list_repo_files(REPO)
    assert ana.get_discussion_details(REPO, 1).author == "bob"
