"""Tests of hf_rnn/models/configuration_conv.py and modeling_conv.py."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError, StrictDataclassFieldValidationError
from safetensors.torch import load_file, save_file
from torch.nn import functional

from hf_rnn.models.configuration_conv import ConvEncoderConfig
from hf_rnn.models.modeling_conv import ConvEncoderModel


KOCH = {
    "image_size": 105,
    "hidden_sizes": [64, 128, 128, 256],
    "kernel_sizes": [10, 7, 4, 4],
    "pool_sizes": [2, 2, 2, 1],
    "padding": "valid",
    "output_size": 4096,
    "output_activation": "sigmoid",
}
SMALL = {"image_size": 12, "hidden_sizes": [4, 5], "kernel_sizes": [3, 2], "pool_sizes": [2, 1], "output_size": 6}


def build(**options) -> ConvEncoderModel:
    torch.manual_seed(0)
    return ConvEncoderModel(ConvEncoderConfig(**{**SMALL, **options})).eval()


def images(count: int = 3, channels: int = 1, size: int = 12) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(1))


def test_the_network_of_koch_et_al():
    # On the meta device: 150 MB of weights are not needed to know their shapes.
    with torch.device("meta"):
        model = ConvEncoderModel(ConvEncoderConfig(**KOCH))
        outputs = model(torch.rand(2, 1, 105, 105), output_hidden_states=True)
    shapes = [tuple(maps.shape) for maps in outputs.hidden_states]
    # As in figure 4 of the paper, after pooling.
    assert shapes == [(2, 64, 48, 48), (2, 128, 21, 21), (2, 128, 9, 9), (2, 256, 6, 6)]
    assert outputs.last_hidden_state.shape == (2, 256, 6, 6)
    assert outputs.pooler_output.shape == (2, 4096)
    convolutions = [(1, 64, 10), (64, 128, 7), (128, 128, 4), (128, 256, 4)]
    wanted = sum(filters * (channels * size**2 + 1) for channels, filters, size in convolutions)
    wanted += (256 * 6 * 6 + 1) * 4096
    assert sum(parameter.numel() for parameter in model.parameters()) == wanted


def test_the_default_is_small():
    model = ConvEncoderModel(ConvEncoderConfig())
    assert model(images(2, size=28)).pooler_output.shape == (2, 64)
    assert model.config.map_sizes == [14, 7, 3]
    assert sum(parameter.numel() for parameter in model.parameters()) < 100_000


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("activation", ["none", "relu", "tanh", "sigmoid"])
def test_forward_is_the_equation(padding, activation):
    model = build(padding=padding, output_activation=activation, num_channels=3)
    pixels = images(channels=3)
    maps = pixels
    for block, pool_size in zip(model.blocks, [2, 1], strict=True):
        maps = functional.conv2d(maps, block[0].weight, block[0].bias, padding=padding)
        maps = functional.max_pool2d(maps.clamp(min=0), pool_size)
    vectors = maps.flatten(1) @ model.dense.weight.T + model.dense.bias
    if activation != "none":
        vectors = getattr(torch, activation)(vectors)
    outputs = model(pixels)
    assert torch.allclose(outputs.last_hidden_state, maps, atol=1e-6)
    assert torch.allclose(outputs.pooler_output, vectors, atol=1e-6)
    assert maps.shape[-1] == model.config.map_sizes[-1]


def test_outputs():
    model, pixels = build(), images()
    outputs = model(pixels, output_hidden_states=True)
    assert len(outputs.hidden_states) == 2
    assert torch.equal(outputs.hidden_states[-1], outputs.last_hidden_state)
    last = model(pixels, output_hidden_states=[-1]).hidden_states
    assert last[0] is None and torch.equal(last[1], outputs.last_hidden_state)
    assert model(pixels).hidden_states is None
    maps, vectors = model(pixels, return_dict=False)
    assert torch.equal(maps, outputs.last_hidden_state) and torch.equal(vectors, outputs.pooler_output)
    # An image's vector does not depend on its batch; images of another precision are taken.
    assert torch.allclose(model(pixels[1:2].double()).pooler_output, vectors[1:2], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 0}, "`image_size` is 0; it must be a whole number of at least 1"),
        ({"kernel_sizes": [3, 0]}, "`kernel_sizes` is 0"),
        ({"pool_sizes": [0, 2]}, "`pool_sizes` is 0"),
        ({"pool_sizes": [2]}, r"`pool_sizes` is \[2\]; it must have one entry a block"),
        ({"hidden_sizes": [], "kernel_sizes": [], "pool_sizes": []}, r"`hidden_sizes` is \[\]"),
        ({"padding": "valid", "kernel_sizes": [3, 6]}, "`image_size` is 12, of which block 1 .* leaves nothing"),
        ({"pool_sizes": [13, 1]}, "`image_size` is 12, of which block 0"),
    ],
)
def test_bad_configurations_are_named(options, message):
    with pytest.raises(StrictDataclassClassValidationError, match=message):
        ConvEncoderConfig(**{**SMALL, **options})


def test_a_misspelt_name_is_refused():
    with pytest.raises(ValueError, match=r"`hiden_sizes` \(given: \[3\]\).*did you mean `hidden_sizes`"):
        ConvEncoderConfig(hiden_sizes=[3])


@pytest.mark.parametrize("options", [{"padding": "full"}, {"hidden_sizes": "64"}, {"output_activation": "softmax"}])
def test_types_are_checked(options):
    with pytest.raises(StrictDataclassFieldValidationError, match=next(iter(options))):
        ConvEncoderConfig(**{**SMALL, **options})


def test_an_override_after_loading_is_checked_by_the_model():
    config = ConvEncoderConfig(**SMALL)
    config.pool_sizes = [2]
    with pytest.raises(StrictDataclassClassValidationError, match="`pool_sizes` is"):
        ConvEncoderModel(config)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (torch.rand(1, 12, 12), r"shape \(1, 12, 12\); it must be .* = \(batch, 1, 12, 12\)"),
        (torch.rand(2, 3, 12, 12), r"`pixel_values` has shape \(2, 3, 12, 12\)"),
        (torch.rand(2, 1, 12, 13), r"`pixel_values` has shape \(2, 1, 12, 13\)"),
        (torch.zeros(2, 1, 12, 12, dtype=torch.uint8), "`pixel_values` is torch.uint8; it must be floating point"),
    ],
)
def test_bad_images_are_named(pixels, message):
    with pytest.raises(ValueError, match=message):
        build()(pixels)


def test_round_trip(tmp_path):
    model = build(padding="valid", output_activation="tanh")
    model.save_pretrained(tmp_path)
    loaded = ConvEncoderModel.from_pretrained(tmp_path)
    assert loaded.config.to_dict() == {**model.config.to_dict(), "_name_or_path": loaded.config._name_or_path}
    assert not loaded.training
    assert torch.equal(loaded(images()).pooler_output, model(images()).pooler_output)


def assert_initialized(model: ConvEncoderModel) -> None:
    for block in model.blocks:
        convolution = block[0]
        assert convolution.bias.abs().max() == 0
        wanted = math.sqrt(2 / convolution.weight[0].numel())
        assert convolution.weight.std().item() == pytest.approx(wanted, rel=0.1)
        # Normal, not uniform.
        assert convolution.weight.abs().max() > 2 * wanted
    bound = math.sqrt(6 / sum(model.dense.weight.shape))
    assert model.dense.bias.abs().max() == 0 and model.dense.weight.abs().max() <= bound
    assert model.dense.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


WIDE = {"num_channels": 3, "hidden_sizes": [32, 48], "output_size": 32}


def test_fresh_weights():
    assert_initialized(build(**WIDE))


def test_missing_weights_are_initialized_and_the_others_kept(tmp_path):
    model = build(**WIDE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: weights[name] for name in ("blocks.1.0.bias", "dense.bias")}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    loaded = ConvEncoderModel.from_pretrained(tmp_path)
    for name, weight in kept.items():
        assert torch.equal(loaded.get_parameter(name), weight), name
        torch.nn.init.zeros_(loaded.get_parameter(name))
    assert_initialized(loaded)


STRANGER = """
import sys
sys.modules["hf_rnn"] = None  # an import of it fails, also where it is installed
import torch
from transformers import AutoModel
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True)
assert type(model).__module__.startswith("transformers_modules"), type(model)
torch.save(model(torch.load("images.pt")).pooler_output.detach(), "vectors.pt")
"""


def test_a_folder_runs_where_the_package_is_absent(tmp_path):
    model = build(views=3)
    model.save_pretrained(tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").glob("*.py")} == {
        "configuration_conv.py",
        "configuration_checks.py",
        "image_processing_conv.py",
        "label_threshold.py",
        "modeling_conv.py",
        "placed.py",
        "tracing.py",
        "views.py",
        "weight_files.py",
    }
    torch.save(images(), tmp_path / "images.pt")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    # -P: the current folder is not on the path.
    command = [sys.executable, "-P", "-c", STRANGER, str(tmp_path / "model")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert torch.allclose(torch.load(tmp_path / "vectors.pt"), model(images()).pooler_output, atol=1e-6)
