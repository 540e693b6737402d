"""What every test has: one thread, no network, caches of its own, and the corpora when they are there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.loopback import hub_client, loopback_hub  # noqa: F401  (fixtures)
from tests.reliability import MARKER, ReliabilityTable, outcome  # noqa: F401  (a fixture)


PROJECT = Path(__file__).resolve().parent.parent
CORPORA = Path(os.environ.get("HF_RNN_CORPORA", PROJECT.parent / "shared" / "data"))

# Read once, when torch, huggingface_hub and datasets are imported: set before any test module is.
_cache = tempfile.TemporaryDirectory(prefix="hf_rnn_tests_")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HOME"] = _cache.name
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_RNN_CORPORA"] = str(CORPORA)
# Built once for a checkout, not for each of the processes that the tests start.
os.environ["HF_RNN_CACHE"] = str(PROJECT / "build")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability", metavar="FILE", help="write what the tests marked `reliability` found")


def pytest_configure(config: pytest.Config) -> None:
    """Skip the tests of the compiled path where there is no compiler."""
    from hf_rnn.kernels.loading import build_and_load

    build_and_load()
    path = config.getoption("--reliability")
    config.addinivalue_line("markers", MARKER)
    config.pluginmanager.register(ReliabilityTable(Path(path) if path else None))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CORPORA.is_dir():
        return
    absent = pytest.mark.skip(reason=f"no corpora at {CORPORA} (set HF_RNN_CORPORA)")
    for item in items:
        if item.get_closest_marker("corpus"):
            item.add_marker(absent)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the corpora; for tests marked `corpus`, which are skipped when it is absent."""
    return CORPORA


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return PROJECT


@pytest.fixture(autouse=True)
def own_progress_bars() -> Iterator[None]:
    """Progress bars are as in a fresh process for each test, whatever the one before has turned off."""
    from transformers.utils import logging

    logging.enable_progress_bar()
    logging.set_tqdm_hook(None)
    yield


@pytest.fixture(autouse=True)
def settings_as_before() -> Iterator[None]:
    """No test leaves a number of threads, of torch or of the kernels, or a forced path to the tests after it."""
    import torch

    from hf_rnn.kernels import threads
    from hf_rnn.models import paths

    before = torch.get_num_threads()
    yield
    found = torch.get_num_threads(), threads._blocks, paths._forced.get()
    assert found == (before, [], None), "a block that chooses threads or a path was not left"
