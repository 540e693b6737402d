"""Processes that need not import torch and transformers each time."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def processes(project: Path) -> ForkServerContext:
    """Starts processes that are forked from one which has imported what they need and computed nothing."""
    context = multiprocessing.get_context("forkserver")
    with pytest.MonkeyPatch.context() as patch:
        # The server does not take the path of imports over before it imports.
        patch.setenv("PYTHONPATH", str(project))
        context.set_forkserver_preload(["tests.faults.runs"])
        context.Process(target=len, args=("",)).start()
    return context
