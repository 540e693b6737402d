"""Publishes a training run as a repository of a Hub, in one commit, after everything was found to be right."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard, get_token

# `HTTPError` is what its HTTP library raises, too, where nothing answers: another library in other versions.
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id

from ..runs.publishable import README_FILE, WEIGHT_FILES
from .staging import ONNX_FOLDER, PICKLED_WEIGHTS, StagedModel, find_run, stage


__all__ = ["Destination", "Publication", "PublishingError", "describe", "find_destination", "publish", "upload"]


# Files of the model that the repository held before are wrong beside other weights, and code is run.
REPLACED_FILES = (*WEIGHT_FILES, PICKLED_WEIGHTS, "*.py")


class PublishingError(ValueError):
    """A repository that cannot be written to; the message says why and what to do."""


@dataclass(frozen=True)
class Destination:
    """A repository that can be written to: it is there, or `create` says that it will be made."""

    api: HfApi
    repo_id: str
    create: bool
    private: bool
    revision: str | None
    create_pr: bool


@dataclass(frozen=True)
class Publication:
    """The account of what was published, in words, and where; `url` is None after a dry run.

    Attributes:
        description: The files, the card's front matter, and what was checked.
        url: The commit, or the pull request.
        remark: What the owner is still to do, as a sentence; None: nothing.
    """

    description: str
    url: str | None
    remark: str | None = None


def publish(
    run_folder: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    commit_message: str | None = None,
    token: str | None = None,
    dry_run: bool = False,
) -> Publication:
    """Publish a run, or a bundled checkpoint, as a repository that others use without hf_rnn.

    The folder is staged and checked in a clean process (see `stage`); then all of it goes up in one commit, which also
    takes away the weights, code and ONNX files of a model that was there before. What fails before that commit changes
    no file of the repository.

    Args:
        run_folder: The `output_dir` of a training script, or `bundled:NAME`.
        repo_id: `namespace/name`, or a name in the namespace of the token's user.
        private: The repository, if it is new, is seen by its owners alone.
        revision: A branch, made if there is none; default: `main`.
        create_pr: Propose the commit as a pull request.
        token: Default: that of `hf auth login`, or `HF_TOKEN`.
        dry_run: Do all but touch the network.

    Raises:
        PublishingError: the repository cannot be written to: its id, the token, the network.
        StagingError, ResultsError: the run cannot be published as it is.
    """
    _check_repo_id(repo_id)
    destination = None if dry_run else find_destination(repo_id, private, revision, create_pr, token)
    with tempfile.TemporaryDirectory() as folder:
        staged = stage(run_folder, folder, repo_id=destination.repo_id if destination else repo_id)
        message = commit_message or f"Upload {staged.results['name']} ({staged.results['model']['class']})"
        url = upload(staged, destination, message) if destination else None
        return Publication(describe(staged), url, _licence_remark(staged, find_run(run_folder)))


def find_destination(
    repo_id: str, private: bool, revision: str | None, create_pr: bool, token: str | None
) -> Destination:
    """The repository that `publish` would write to; nothing is written.

    Raises:
        PublishingError: it cannot be written to.
    """
    api = HfApi(token=token or get_token())
    if api.token is None:
        raise PublishingError("There is no `token`: log in with `hf auth login`, set HF_TOKEN, or give one.")
    try:
        user = api.whoami()
        if "/" not in repo_id:
            repo_id = f"{user['name']}/{repo_id}"
        exists = api.repo_exists(repo_id)
        public = exists and not api.model_info(repo_id).private
    except HfHubHTTPError as error:
        raise PublishingError(
            f"{api.endpoint} refuses the `token`: make another at {api.endpoint}/settings/tokens. {error}"
        ) from error
    except (OfflineModeIsEnabled, HTTPError) as error:
        raise PublishingError(
            f"{api.endpoint} cannot be reached ({error}): look to the network, HF_ENDPOINT and HF_HUB_OFFLINE, or try "
            "it without them by `dry_run`."
        ) from error
    if not create_pr:
        _check_rights(user, repo_id)
    if private and public:
        raise PublishingError(
            f"`private`: {repo_id} is there and public. Make it private in its settings, or choose another `repo_id`."
        )
    return Destination(api, repo_id, not exists, private, revision, create_pr)


def upload(staged: StagedModel, destination: Destination, commit_message: str) -> str:
    """All of a staged folder in one commit; the address of the commit, or of the pull request.

    Raises:
        PublishingError: the Hub refused it or cannot be reached.
    """
    api, repo_id, revision = destination.api, destination.repo_id, destination.revision
    try:
        if destination.create:
            api.create_repo(repo_id, private=destination.private)
        if revision and not destination.create_pr and not api.revision_exists(repo_id, revision):
            api.create_branch(repo_id, branch=revision)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=staged.folder,
            commit_message=commit_message,
            revision=revision,
            create_pr=destination.create_pr,
            delete_patterns=_replaced(api.list_repo_files(repo_id, revision=revision)),
        )
    except (OfflineModeIsEnabled, HTTPError) as error:
        raise PublishingError(f"{api.endpoint} did not take the commit to {repo_id}: {error}") from error
    return str(commit.pr_url or commit.commit_url)


def describe(staged: StagedModel) -> str:
    """The files with their sizes, the card's front matter, and what was checked."""
    files = staged.files()
    card = ModelCard.load(staged.folder / README_FILE)
    lines = [
        *(f"{size:>12,}  {name}" for name, size in files.items()),
        f"{sum(files.values()):>12,}  bytes in {len(files)} files",
        "",
        "---",
        card.data.to_yaml(),
        "---",
        "",
        "Checked:",
        *(f"- {check}" for check in staged.checks),
    ]
    return "\n".join(lines)


def _licence_remark(staged: StagedModel, source: Path) -> str | None:
    """Say how to name a licence where the card has none: the Hub takes it as it is."""
    if ModelCard.load(staged.folder / README_FILE).data.get("license"):
        return None
    return (
        "The card names no licence, and without one nobody else may use the model. To name one, write a line such as "
        f"`license: mit` below the first line of {source / README_FILE} and push again; a training takes `--license`."
    )


def _replaced(names: Iterable[str]) -> list[str]:
    """List the files of a repository that belonged to the model before; in folders, those of ONNX alone."""
    return [
        name
        for name in names
        if name.startswith(f"{ONNX_FOLDER}/")
        or ("/" not in name and any(fnmatchcase(name, pattern) for pattern in REPLACED_FILES))
    ]


def _check_repo_id(repo_id: str) -> None:
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise PublishingError(f"`repo_id`={repo_id!r} must be like `name` or `namespace/name`: {error}") from error


def _check_rights(user: dict[str, Any], repo_id: str) -> None:
    role = user.get("auth", {}).get("accessToken", {}).get("role")
    if role == "read":
        raise PublishingError("The `token` may only read: make one that may write, in the settings of the Hub.")
    namespaces = [user["name"], *(organization["name"] for organization in user.get("orgs", []))]
    namespace = repo_id.split("/")[0]
    if namespace not in namespaces:
        raise PublishingError(
            f"`repo_id`={repo_id!r} is in the namespace {namespace!r}; the `token` is of {', '.join(namespaces)}. "
            "Choose one of these, or propose the commit by `create_pr`."
        )
