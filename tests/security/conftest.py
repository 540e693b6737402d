"""Folders of small checkpoints, a payload, and the proof that it was not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import AutoModel, AutoModelForSequenceClassification

from hf_rnn.hub.model_card import write_model_card
from tests.models.siamese import build_siamese, tokenizer_of_words
from tests.security.payload import EAR
from tests.tasks import small_language_runs, small_runs


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """What a payload makes when it is run; the test fails if it is there at the end, or if anything was unpickled."""
    path = tmp_path / "the payload was run"
    EAR.heard.clear()
    EAR.listens = True
    yield path
    EAR.listens = False
    assert not path.exists(), "a payload was run"
    assert EAR.heard == []


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Kind → a folder: runs with their checkpoints, and siamese networks with their tokenizer."""
    folder = tmp_path_factory.mktemp("checkpoints")
    saving = {"save_strategy": "steps", "save_steps": 4, "eval_strategy": "steps", "eval_steps": 4}
    saving |= {"do_predict": False, "num_train_epochs": 1}
    reviews = small_runs.write_reviews(folder / "reviews")
    results = small_runs.run(folder / "classifier", **reviews, **saving)
    write_model_card(folder / "classifier", results, license="apache-2.0", language="en")
    text = small_language_runs.write_text(folder / "text")
    small_language_runs.run(folder / "language", train_file=text, validation_split_percentage=20, **saving)
    for name, auto_class in (("siamese", AutoModel), ("pairs", AutoModelForSequenceClassification)):
        build_siamese(auto_class, "bilstm").save_pretrained(folder / name)
        tokenizer_of_words().save_pretrained(folder / name)
    return {path.name: path for path in sorted(folder.iterdir())}
