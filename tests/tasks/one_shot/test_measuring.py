"""Tests of hf_rnn/tasks/one_shot/measuring.py."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.data.synthetic.glyphs import glyph_examples
from hf_rnn.metrics.few_shot import n_way_k_shot, pixel_nearest_neighbour
from hf_rnn.models.configuration_conv import ConvEncoderConfig
from hf_rnn.models.configuration_siamese import SiameseConfig
from hf_rnn.models.modeling_siamese import SiameseModel
from hf_rnn.tasks.one_shot.measuring import EXAMPLES_PER_LETTER, KINDS, few_shot_figures


@pytest.fixture(scope="module")
def model() -> SiameseModel:
    torch.manual_seed(0)
    encoder = ConvEncoderConfig(image_size=12, hidden_sizes=[4], kernel_sizes=[3], pool_sizes=[2], output_size=8)
    return SiameseModel(SiameseConfig(encoder=encoder, similarity="euclidean"))


@pytest.fixture(scope="module")
def figures(model: SiameseModel) -> dict[str, float]:
    return few_shot_figures(model, "validation", seed=3)


def test_each_kind_has_three_figures(figures: dict[str, float]) -> None:
    names = [f"{ways}_way_{shots}_shot" for ways, shots in KINDS]
    assert list(figures) == [f"{figure}_{name}" for name in names for figure in ("accuracy", "margin", "pixels")]
    assert names == ["5_way_1_shot", "20_way_1_shot", "5_way_5_shot"]


def test_the_figures_are_those_of_the_model_and_of_the_pixels(model: SiameseModel, figures: dict[str, float]) -> None:
    images = glyph_examples("validation", EXAMPLES_PER_LETTER, 12, seed=3)
    for ways, shots in KINDS:
        name = f"{ways}_way_{shots}_shot"
        found = n_way_k_shot(model.encode, images, ways, shots, similarity="euclidean")
        assert figures[f"accuracy_{name}"] == pytest.approx(found.accuracy, abs=1e-3)
        assert figures[f"margin_{name}"] == pytest.approx(found.margin, rel=0.1)
        assert figures[f"pixels_{name}"] == pixel_nearest_neighbour(images, ways, shots).accuracy
    assert figures["accuracy_20_way_1_shot"] < figures["accuracy_5_way_1_shot"] < figures["accuracy_5_way_5_shot"]


def test_another_seed_draws_other_images(model: SiameseModel, figures: dict[str, float]) -> None:
    assert few_shot_figures(model, "validation", seed=4)["pixels_20_way_1_shot"] != figures["pixels_20_way_1_shot"]
