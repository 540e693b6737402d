"""A staged run goes up in one commit to a Hub on loopback; what is wrong with the destination is found before that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import HfApi, constants
from safetensors.torch import load_file, save_file

from hf_rnn.hub import publishing, staging
from hf_rnn.hub.answers import answers
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.hub.publishing import PublishingError, find_destination, publish, upload
from hf_rnn.hub.staging import StagedModel, StagingError, stage
from hf_rnn.runs.results import read_results
from tests.fixtures.loopback import LoopbackHub
from tests.publishing import ana_fixture, with_card, writes  # noqa: F401  (`ana` is a fixture)


# The destination of a push that has no options, for `find_destination`.
PLAIN: dict[str, Any] = {"private": False, "revision": None, "create_pr": False, "token": None}


@pytest.fixture
def run(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose staged folder is asked in this process: the clean one has tests of its own."""

    def ask_here(
        folder: Path, auto_classes: Sequence[str], task: str | None, example: Any, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        return answers(str(folder), auto_classes, task, example, options)

    monkeypatch.setattr(staging, "clean_answers", ask_here)
    return with_card(run_folder)


@pytest.fixture
def never_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The destination is refused first: staging takes longer."""

    def fail(*args: Any, **options: Any) -> None:
        raise AssertionError("it was staged")

    monkeypatch.setattr(publishing, "stage", fail)


def test_a_run_goes_up_in_one_commit(run: Path, ana: HfApi, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    published = publish(run, "film")
    assert len([line for line in writes(loopback_hub) if "/commit/" in line]) == 1
    assert not ana.model_info("ana/film").private
    commits = ana.list_repo_commits("ana/film")
    assert commits[0].title == "Upload bilstm-imdb (BiLstmForSequenceClassification)"
    assert commits[0].commit_id in str(published.url)

    staged = stage(run, tmp_path / "staged", repo_id="ana/film")
    assert set(ana.list_repo_files("ana/film")) == {".gitattributes", *staged.files()}
    folder = Path(ana.snapshot_download("ana/film", local_dir=tmp_path / "found"))
    for name in staged.files():
        assert (folder / name).read_bytes() == (staged.folder / name).read_bytes(), name
    lines = published.description.splitlines()
    assert f"{(run / 'model.safetensors').stat().st_size:>12,}  model.safetensors" in lines
    assert "license: apache-2.0" in lines
    assert "- there it answers as the original does, to 1e-6" in lines


def test_a_card_without_a_licence_goes_up_and_how_to_name_one_is_said(run: Path, ana: HfApi, tmp_path: Path) -> None:
    write_model_card(run, read_results(run / "results.json"), license=None, language="en")
    published = publish(run, "film")
    assert ana.model_info("ana/film").card_data.get("license") is None
    readme = run / "README.md"
    assert f"write a line such as `license: mit` below the first line of {readme} and push again" in str(
        published.remark
    )
    readme.write_text(readme.read_text(encoding="utf-8").replace("---\n", "---\nlicense: mit\n", 1), encoding="utf-8")
    again = publish(run, "film")
    assert again.remark is None
    assert ana.model_info("ana/film").card_data.license == "mit"


def test_a_branch_a_pull_request_and_a_private_repository(run: Path, ana: HfApi) -> None:
    publish(run, "ana/film", private=True, revision="dev", commit_message="As a trial")
    assert ana.model_info("ana/film").private
    assert ana.list_repo_commits("ana/film", revision="dev")[0].title == "As a trial"
    assert "model.safetensors" not in ana.list_repo_files("ana/film")
    assert "model.safetensors" in ana.list_repo_files("ana/film", revision="dev")

    published = publish(run, "ana/film", create_pr=True)
    assert str(published.url).endswith("/ana/film/discussions/1")
    assert "model.safetensors" not in ana.list_repo_files("ana/film")
    assert "model.safetensors" in ana.list_repo_files("ana/film", revision="refs/pr/1")


def test_the_model_that_was_there_goes_and_other_files_stay(run: Path, ana: HfApi) -> None:
    ana.create_repo("ana/film")
    before = ("old_cells.py", "pytorch_model.bin", "model-00001-of-00002.safetensors", "onnx/model.onnx")
    others = {"LICENSE", "notes/figure.png", "last-checkpoint/cells.py", "last-checkpoint/model.safetensors"}
    for name in (*before, *others):
        ana.upload_file(repo_id="ana/film", path_or_fileobj=b"before", path_in_repo=name)
    publish(run, "ana/film")
    files = set(ana.list_repo_files("ana/film"))
    assert not files & set(before)
    assert files >= others | {"model.safetensors", "cells.py"}


def test_a_dry_run_needs_no_network(run: Path, loopback_hub: LoopbackHub) -> None:
    published = publish(run, "ana/film", dry_run=True)
    assert published.url is None
    assert "model.safetensors" in published.description
    assert not loopback_hub.requests


def test_nothing_goes_up_of_a_run_that_is_wrong(run: Path, ana: HfApi, loopback_hub: LoopbackHub) -> None:
    (run / "results.json").unlink()
    with pytest.raises(StagingError, match="not the folder of a run that has ended"):
        publish(run, "ana/film")
    assert not writes(loopback_hub)


def test_a_commit_that_fails_changes_no_file(run: Path, ana: HfApi, loopback_hub: LoopbackHub) -> None:
    publish(run, "ana/film")
    before = ana.model_info("ana/film").sha
    weights = load_file(run / "model.safetensors")
    save_file({name: weight + 1 for name, weight in weights.items()}, run / "model.safetensors", {"format": "pt"})
    loopback_hub.faults.fail("POST .*/commit/", status=500, times=20)
    with pytest.raises(PublishingError, match="did not take the commit to ana/film"):
        publish(run, "ana/film")
    assert ana.model_info("ana/film").sha == before


@pytest.mark.usefixtures("never_staged")
@pytest.mark.parametrize("repo_id", ["", "ana/film/large", "ana/fi lm", "-film", "film.git", "ana/" + "f" * 100])
def test_ids_that_are_not_valid(repo_id: str, ana: HfApi, loopback_hub: LoopbackHub) -> None:
    for dry_run in (False, True):
        with pytest.raises(PublishingError, match="`repo_id`=.* must be like `name` or `namespace/name`"):
            publish("run", repo_id, dry_run=dry_run)
    assert not loopback_hub.requests


def no_token(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")


def bad_token(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")


def reading_token(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token("ana", "read"))


def others_token(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token("bob"))


def offline(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def gone(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.stop()


@pytest.mark.usefixtures("never_staged", "ana")
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_token, "There is no `token`: log in with `hf auth login`"),
        (bad_token, "refuses the `token`: make another at .*/settings/tokens"),
        (reading_token, "The `token` may only read: make one that may write"),
        (others_token, "is in the namespace 'ana'; the `token` is of bob. Choose one of these"),
        (offline, "cannot be reached .*offline mode.*look to the network"),
        (gone, "cannot be reached .*: look to the network"),
    ],
)
def test_what_keeps_a_run_from_going_up(
    spoil: Callable[[LoopbackHub, pytest.MonkeyPatch], None],
    message: str,
    loopback_hub: LoopbackHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil(loopback_hub, monkeypatch)
    with pytest.raises(PublishingError, match=message):
        publish("run", "ana/film")
    assert not writes(loopback_hub)


@pytest.mark.usefixtures("never_staged")
def test_a_public_repository_does_not_become_private_in_silence(ana: HfApi) -> None:
    ana.create_repo("ana/film")
    with pytest.raises(PublishingError, match="`private`: ana/film is there and public"):
        publish("run", "ana/film", private=True)


def test_the_namespace_of_an_organization_and_a_token_that_is_given(
    ana: HfApi, loopback_hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_destination("lab/film", **PLAIN).create
    monkeypatch.delenv("HF_TOKEN")
    assert find_destination("film", **{**PLAIN, "token": loopback_hub.token("bob")}).repo_id == "bob/film"


def test_six_megabytes_go_up_within_seconds(ana: HfApi, tmp_path: Path) -> None:
    folder = tmp_path / "staged"
    folder.mkdir()
    save_file({"weight": torch.rand(1_500_000)}, folder / "model.safetensors")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    results = {"name": "film", "model": {"class": "BiLstmModel"}}
    started = time.perf_counter()
    upload(StagedModel(folder, results, (), ()), find_destination("film", **PLAIN), "Six megabytes")
    seconds = time.perf_counter() - started
    assert "model.safetensors" in ana.list_repo_files("ana/film")
    assert seconds < 5
