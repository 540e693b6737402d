"""Processes that need not import torch and transformers each time."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.faults import small
from tests.tasks.small_runs import write_reviews


@pytest.fixture(scope="session")
def processes(project: Path) -> ForkServerContext:
    """Starts processes that are forked from one which has imported what they need and computed nothing."""
    context = multiprocessing.get_context("forkserver")
    with pytest.MonkeyPatch.context() as patch:
        # The server does not take the path of imports over before it imports.
        patch.setenv("PYTHONPATH", str(project))
        # Forked processes that are killed would leave damaged files of what they covered.
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        context.set_forkserver_preload(["tests.faults.runs", "pandas", "sklearn.metrics"])
        context.Process(target=len, args=("",)).start()
    return context


@dataclass
class Whole:
    """A run to which nothing happened: the flags that name its data, and the files it left."""

    data: dict[str, str]
    folder: Path

    @property
    def weights(self) -> bytes:
        return (self.folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    data = write_reviews(folder / "data")
    small.run(folder / "run", **data)
    return Whole(data, folder / "run")
