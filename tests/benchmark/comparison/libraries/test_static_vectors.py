"""Folders of model2vec: texts as means of vectors, compared by cosine."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from hf_rnn.benchmark.comparison.libraries.static_vectors import MeasuredStaticVectors, cosines


def measured(folder: Path) -> MeasuredStaticVectors:
    texts = folder / "texts.json"
    texts.write_text(json.dumps({"latency": ["fine dull", "x"], "throughput": ["fine dull", "x", "dull"]}))
    model = MeasuredStaticVectors(str(folder), "sentence-similarity", str(texts))
    assert model.load()["seconds"] > 0
    return model


def save(folder: Path) -> Path:
    (folder / "model.safetensors").write_text(json.dumps({"fine": [3.0, 4.0], "dull": [4.0, -3.0], "so": [1.0, 0.0]}))
    (folder / "config.json").write_text('{"model_type": "model2vec"}')
    return folder


def test_cosines_are_those_of_the_vectors_and_0_without_one() -> None:
    first = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]], dtype=np.float16)
    second = np.array([[8.0, 6.0], [-2.0, 0.0], [1.0, 1.0]], dtype=np.float16)
    assert cosines(first, second).tolist() == [pytest.approx(0.96), -1.0, 0.0]


def test_pairs_are_compared(stand_ins: None, tmp_path: Path) -> None:
    model = measured(save(tmp_path))
    pairs = [
        {"text": "fine", "text_pair": "so"},
        {"text": "fine", "text_pair": "dull"},
        {"text": "x", "text_pair": "so"},
    ]
    assert model.predict(pairs)["predictions"] == [pytest.approx(0.6), pytest.approx(0.0), 0.0]
    assert model.throughput()["tokens"] == 3
    assert len(model.latency(0, 9)["milliseconds"]) == 2
    described = model.describe()
    assert (described["parameters"], described["dtype"], described["model_type"]) == (6, "float16", "model2vec")


def test_other_folders_are_refused(stand_ins: None, tmp_path: Path) -> None:
    assert MeasuredStaticVectors.find(str(save(tmp_path))) == tmp_path.resolve()
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="which is not a folder of model2vec"):
        MeasuredStaticVectors.find(str(tmp_path))


@pytest.mark.skipif(
    importlib.util.find_spec("skeletoken") is None, reason="model2vec and skeletoken are not installed"
)
def test_the_library_itself(tmp_path: Path) -> None:
    from model2vec import StaticModel
    from model2vec.distill import distill

    from tests.benchmark.comparisons import save_encoder

    distill(model_name=str(save_encoder(tmp_path / "bert"))).save_pretrained(str(tmp_path / "static"))
    model = measured(MeasuredStaticVectors.find(str(tmp_path / "static")))
    (found,) = model.predict([{"text": "a fine film", "text_pair": "so dull"}])["predictions"]
    one, other = StaticModel.from_pretrained(str(tmp_path / "static")).encode(["a fine film", "so dull"]).astype(float)
    assert found == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-6)
    assert model.describe()["parameters"] == model.model.embedding.size
