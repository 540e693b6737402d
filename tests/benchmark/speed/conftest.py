"""A small sample of texts for every test of the benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.benchmark.speed import texts


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `write_sample` makes where there are no corpora: 12 texts."""
    folder = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_RNN_CORPORA", str(folder / "none"))
        texts.write_sample(folder, count=12, fitted=60)
    return folder
