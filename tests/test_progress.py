"""Bars of weights: none where the package itself reads or writes them, and everybody else's stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

import hf_rnn
from hf_rnn.benchmark.comparison.worker import MeasuredModel
from hf_rnn.data.vectors import hub_vectors
from hf_rnn.export.onnx_export import load_exportable
from hf_rnn.hub.bundling import save_checkpoint
from hf_rnn.insight.loading import load_with_head
from hf_rnn.progress import without_weight_bars
from hf_rnn.tasks.arguments import ModelArguments
from hf_rnn.tasks.building import build_model
from hf_rnn.tasks.similarity.arguments import SimilarityArguments
from hf_rnn.tasks.similarity.building import build_siamese
from hf_rnn.tasks.text_classification.distilling import TextTeacher
from tests.tasks import small_runs


CLASSIFIER, SIAMESE = hf_rnn.bundled("bilstm-imdb"), hf_rnn.bundled("siamese-bilstm-quora")
LABELS = list(AutoConfig.from_pretrained(CLASSIFIER).id2label.values())
BAR = "Loading weights"


def _worker(folder: Path) -> None:
    measured = object.__new__(MeasuredModel)
    measured.folder, measured.auto_model = CLASSIFIER, AutoModelForSequenceClassification
    measured.from_pretrained()


def _tokenizer(folder: str) -> AutoTokenizer:
    return AutoTokenizer.from_pretrained(folder)


# Who loads weights → how.
LOADERS: dict[str, Callable[[Path], object]] = {
    "a training that starts from a checkpoint": lambda folder: build_model(
        ModelArguments(model_name_or_path=CLASSIFIER), AutoModelForSequenceClassification, _tokenizer(CLASSIFIER)
    ),
    "a training of pairs that does": lambda folder: build_siamese(
        ModelArguments(model_name_or_path=SIAMESE), SimilarityArguments(), _tokenizer(SIAMESE)
    ),
    "a teacher": lambda folder: TextTeacher(CLASSIFIER, LABELS),
    "vectors of a model": lambda folder: hub_vectors(CLASSIFIER),
    "an export": lambda folder: load_exportable(Path(CLASSIFIER)),
    "an explanation": lambda folder: load_with_head(CLASSIFIER),
    "a bundle": lambda folder: save_checkpoint(
        Path(CLASSIFIER), folder / "bundle", "AutoModelForSequenceClassification", "float16"
    ),
    "a comparison": _worker,
}


@pytest.fixture(autouse=True)
def bars_are_shown() -> None:
    assert logging.is_progress_bar_enabled()


def test_a_user_sees_the_bars(capsys: pytest.CaptureFixture[str]) -> None:
    AutoModelForSequenceClassification.from_pretrained(CLASSIFIER)
    assert BAR in capsys.readouterr().err


@pytest.mark.parametrize("loader", LOADERS)
def test_the_package_loads_without_a_bar(loader: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    LOADERS[loader](tmp_path)
    assert capsys.readouterr().err == ""
    # And only there.
    AutoModelForSequenceClassification.from_pretrained(CLASSIFIER)
    assert BAR in capsys.readouterr().err


def test_a_run_writes_without_a_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_runs.run(tmp_path / "out", **small_runs.write_reviews(tmp_path / "data"), num_train_epochs=1)
    assert list((tmp_path / "out").glob("checkpoint-*"))
    assert "Writing model shards" not in capsys.readouterr().err


def test_downloads_and_other_hooks_stay(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def hook(bar: Callable[..., object], args: tuple[object, ...], options: dict[str, object]) -> object:
        seen.append(str(options["desc"]))
        return bar(*args, **options)

    logging.set_tqdm_hook(hook)
    try:
        with without_weight_bars():
            assert list(logging.tqdm([1, 2], desc="inside")) == [1, 2]
            assert not huggingface_hub.utils.are_progress_bars_disabled()
        with pytest.raises(ValueError), without_weight_bars():
            raise ValueError
        list(logging.tqdm([1], desc="outside"))
    finally:
        assert logging.set_tqdm_hook(None) is hook
    assert seen == ["outside"]
    assert "inside" not in capsys.readouterr().err
