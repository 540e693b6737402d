"""A siamese network over the convolutional encoder: saved, loaded, run by a stranger, verifying by its threshold."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModel

from hf_rnn import ConvEncoderConfig, SiameseConfig, SiameseModel
from hf_rnn.inference.one_shot import OneShotVerifier
from tests.models.stranger import ask_a_stranger


def build():
    """A model, and images of which each even one is, but for noise, the next."""
    torch.manual_seed(0)
    encoder = ConvEncoderConfig(image_size=8, hidden_sizes=[3], kernel_sizes=[3], pool_sizes=[2], output_size=4)
    model = SiameseModel(SiameseConfig(encoder=encoder, similarity="euclidean")).eval()
    drawn = torch.rand(4, 1, 8, 8).round()
    noisy = (drawn + 0.02 * torch.randn_like(drawn)).clamp(0, 1)
    return model, torch.stack([drawn, noisy], dim=1).flatten(0, 1)


def threshold_between(model, images):
    """Halfway from the least alike of a pair to the most alike of images that are none."""
    vectors = model.encode(images)
    of_pairs = model.similarity(vectors[0::2], vectors[1::2])
    of_others = torch.stack([model.similarity(vectors[0::2].roll(shift, 0), vectors[1::2]) for shift in (1, 2, 3)])
    assert of_pairs.min() > of_others.max()
    return ((of_pairs.min() + of_others.max()) / 2).item()


STRANGER = """
import torch
from transformers import AutoModel

for folder in (given["folder"], given["folder"] + "-again"):
    model = AutoModel.from_pretrained(folder, trust_remote_code=True)
    vectors = model.encode(torch.tensor(given["images"]), batch_size=3)
    alike = [bool(model.similarity(vectors[0], other) >= model.config.threshold) for other in vectors]
    classes = [type(model).__name__, type(model.encoder).__name__, type(model).__module__.split(".")[0]]
    found[folder] = {"classes": classes, "vectors": vectors.tolist(), "alike": alike}
    if not folder.endswith("-again"):
        model.save_pretrained(folder + "-again")
"""


def test_save_load_and_verify(tmp_path):
    model, images = build()
    model.config.threshold = threshold_between(model, images)
    model.save_pretrained(tmp_path / "folder")
    loaded = AutoModel.from_pretrained(tmp_path / "folder")
    assert type(loaded) is SiameseModel and type(loaded.encoder).__name__ == "ConvEncoderModel"
    assert torch.equal(loaded.encode(images), model.encode(images))
    assert json.loads((tmp_path / "folder" / "config.json").read_text())["threshold"] == model.config.threshold

    verifier = OneShotVerifier.from_model(loaded)
    for identity in range(4):
        verifier.enrol(identity, images[2 * identity])
    for identity in range(4):
        for of in range(4):
            assert verifier.verify(identity, images[2 * of + 1]) is (identity == of)
        assert verifier.identify(images[2 * identity + 1])[0] == identity

    found = ask_a_stranger(STRANGER, tmp_path / "elsewhere", folder=tmp_path / "folder", images=images.tolist())
    assert len(found) == 2
    for answer in found.values():
        assert answer["classes"] == ["SiameseModel", "ConvEncoderModel", "transformers_modules"]
        assert torch.tensor(answer["vectors"]) == pytest.approx(model.encode(images), abs=1e-6)
        assert answer["alike"] == [True, True] + [False] * 6
