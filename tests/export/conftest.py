"""Exported folders that several tests read."""

from __future__ import annotations

from pathlib import Path

import pytest

import hf_rnn
from hf_rnn.export import export_onnx
from tests.benchmark.comparisons import save_siamese


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled classifier, in float32 and int8."""
    return export_onnx("bundled:bilstm-imdb", tmp_path_factory.mktemp("classifier"), int8=True)


@pytest.fixture(scope="session")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled tagger, in float32 and int8."""
    return export_onnx(hf_rnn.bundled("bilstm-crf-conll2003"), tmp_path_factory.mktemp("tagger"), int8=True)


@pytest.fixture(scope="session")
def siamese_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A siamese network with a threshold that starts at random."""
    return save_siamese(tmp_path_factory.mktemp("siamese") / "checkpoint", threshold=0.5, projection_size=3)
