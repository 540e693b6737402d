"""A machine on which some distributions are not installed, as the package sees it."""

from __future__ import annotations

from importlib import metadata
from types import SimpleNamespace

import pytest

from hf_rnn import extras


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str | None) -> None:
    """Have distributions be of other versions, or missing (None); underscores stand for hyphens."""

    def version(name: str) -> str:
        given = versions.get(name.replace("-", "_"), "as it is")
        if given is None:
            raise metadata.PackageNotFoundError(name)
        return metadata.version(name) if given == "as it is" else given

    # A copy: others who ask for versions are told the truth.
    monkeypatch.setattr(extras, "metadata", SimpleNamespace(**{**vars(metadata), "version": version}))
    monkeypatch.setattr(extras, "_found", set())
