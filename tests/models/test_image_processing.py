"""The image processor: pictures of every mode to the pixels that are expected by hand, saved and loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from hf_rnn import ConvEncoderConfig, ConvImageProcessor, SiameseConfig, SiameseModel


GREY = np.array([[0, 51], [102, 255]], dtype=np.uint8)
# Red, green, blue and white.
COLOUR = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
SIZE = {"height": 2, "width": 2}


def pixels(picture: Any, channels: int = 1) -> np.ndarray:
    return ConvImageProcessor(SIZE, channels)(picture)["pixel_values"][0].numpy()


def with_alpha() -> Image.Image:
    alpha = np.array([[255, 0], [51, 255]], dtype=np.uint8)
    return Image.fromarray(np.dstack([COLOUR, alpha]), "RGBA")


def palette_with_a_transparent_colour() -> Image.Image:
    picture = Image.fromarray(np.array([[0, 1], [1, 0]], dtype=np.uint8), "P")
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.info["transparency"] = 0
    return picture


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.fromarray(GREY), GREY / 255),
        (Image.fromarray(GREY > 100), (GREY > 100).astype(float)),
        (Image.fromarray(GREY.astype(np.uint16) * 257), GREY / 255),
        (Image.fromarray(np.array([[0, 1], [300, 65535]], dtype=np.uint16)), np.array([[0, 1], [300, 65535]]) / 65535),
        (Image.fromarray(COLOUR), [[0.299, 0.587], [0.114, 1.0]]),
        (Image.fromarray(COLOUR).convert("CMYK"), [[0.299, 0.587], [0.114, 1.0]]),
        # What is transparent lies on white, by its share.
        (with_alpha(), [[0.299, 1.0], [0.2 * 0.114 + 0.8, 1.0]]),
        (GREY, GREY / 255),
        (torch.tensor(GREY / 255, dtype=torch.float32)[None], GREY / 255),
        (COLOUR, [[0.299, 0.587], [0.114, 1.0]]),
    ],
)
def test_every_mode_becomes_the_grey_by_hand(picture: Any, expected: Any) -> None:
    np.testing.assert_allclose(pixels(picture)[0], expected, atol=1e-6)


def test_colour_and_palettes() -> None:
    np.testing.assert_allclose(pixels(Image.fromarray(COLOUR), 3), COLOUR.transpose(2, 0, 1) / 255, atol=1e-6)
    np.testing.assert_allclose(pixels(Image.fromarray(GREY), 3), np.stack([GREY / 255] * 3), atol=1e-6)
    paper, ink = [1.0, 1.0, 1.0], np.array([200, 100, 50]) / 255
    found = pixels(palette_with_a_transparent_colour(), 3)
    np.testing.assert_allclose(found[:, 0, 0], paper, atol=1e-6)
    np.testing.assert_allclose(found[:, 0, 1], ink, atol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(orientation: int, tmp_path: Path) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GREY).save(tmp_path / "held.png", exif=exif)
    with Image.open(tmp_path / "held.png") as picture:
        np.testing.assert_allclose(pixels(picture)[0], np.asarray(ImageOps.exif_transpose(picture)) / 255, atol=1e-6)


def test_stretching_and_normalising() -> None:
    picture = np.zeros((4, 8), dtype=np.uint8)
    picture[:, 4:] = 255
    processor = ConvImageProcessor(SIZE, image_mean=0.5, image_std=0.25)
    many = processor([Image.fromarray(picture), np.full((3, 5), 255, dtype=np.uint8)])["pixel_values"]
    assert many.shape == (2, 1, 2, 2) and many.dtype == torch.float32
    # The left half is black and the right one white; antialiasing mixes a little of the other half into each.
    left, right = many[0, 0, 0]
    assert left < -1.4 and right > 1.4 and left == pytest.approx(-right)
    torch.testing.assert_close(many[1], torch.full((1, 2, 2), 2.0))


def drawing(top: int, left: int, paper: int = 255, shape: tuple[int, int] = (40, 48)) -> np.ndarray:
    """Eight rows and four columns of ink, whose upper half is lighter."""
    picture = np.full(shape, paper, dtype=np.uint8)
    picture[top : top + 8, left : left + 4] = 0
    picture[top : top + 4, left : left + 4] = 100
    return picture


@pytest.mark.parametrize(("top", "left", "paper"), [(3, 5, 255), (0, 0, 255), (32, 44, 255), (16, 20, 200)])
def test_a_drawing_is_cut_out_of_its_paper(top: int, left: int, paper: int) -> None:
    processor = ConvImageProcessor({"height": 16, "width": 16}, trim=True)
    # A quarter of 48 columns is more than the drawing has; an eighth of that (1.5, rounded up) is left on each side.
    expected = np.full((16, 16), paper, dtype=np.uint8)
    expected[4:8, 6:10], expected[8:12, 6:10] = 100, 0
    found = processor.pixels(drawing(top, left, paper))
    np.testing.assert_allclose(found[0], expected / 255, atol=1e-6)
    # Twice as large, it is the same picture.
    large = processor.pixels(drawing(top, left, paper).repeat(2, 0).repeat(2, 1))
    np.testing.assert_allclose(large[0, 5:11, 7:9], expected[5:11, 7:9] / 255, atol=0.05)


def test_what_has_nothing_drawn_on_it_is_not_trimmed() -> None:
    processor = ConvImageProcessor(SIZE, num_channels=3, trim=True)
    blank = np.full((6, 6, 3), 200, dtype=np.uint8)
    blank[2, 3] = 170  # less than a quarter of the range from the paper
    torch.testing.assert_close(processor.pixels(blank), ConvImageProcessor(SIZE, num_channels=3).pixels(blank))
    # In colour, a difference in one channel is ink.
    blue = np.full((12, 12, 3), 255, dtype=np.uint8)
    blue[4:8, 4:8, :2] = 0
    wanted = ConvImageProcessor(SIZE, num_channels=3).pixels(blue[3:9, 3:9])
    torch.testing.assert_close(processor.pixels(blue), wanted)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConvImageProcessor(trim="yes"), "`trim` is 'yes'; it must be True or False"),
        (lambda: ConvImageProcessor({"height": 0, "width": 2}), "`size` is .*; it must have a height and a width"),
        (lambda: ConvImageProcessor(num_channels=2), "`num_channels` is 2; it must be 1, for grey, or 3"),
        (lambda: ConvImageProcessor(image_std=0.0), "`image_std` is 0.0; it must be above 0"),
        (lambda: ConvImageProcessor(image_mean=[0.1, 0.2]), "`image_mean` is .* or one for each of 1 channels"),
        (lambda: pixels(Image.fromarray(GREY.astype(np.float32))), "mode 'F', of 32 bits a pixel"),
        (lambda: pixels(Image.fromarray(GREY.astype(np.int32))), "mode 'I', of 32 bits a pixel"),
        (lambda: pixels(np.zeros((2, 2, 2, 2, 2))), "`images` has an array of shape"),
        (lambda: pixels(np.full((2, 2), 7)), "values that are not shades"),
        (lambda: pixels("picture.png"), "`images` has a str; it must hold pictures of Pillow"),
        (lambda: pixels([]), "`images` is empty"),
        (lambda: ConvImageProcessor()(GREY, do_resize=False), "`do_resize` was given"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def saved(folder: Path) -> Path:
    torch.manual_seed(0)
    encoder = ConvEncoderConfig(image_size=8, hidden_sizes=[4], kernel_sizes=[3], pool_sizes=[2], output_size=8)
    SiameseModel(SiameseConfig(encoder=encoder)).save_pretrained(folder)
    ConvImageProcessor({"height": 8, "width": 8}, 1, 0.25, 0.5, trim=True).save_pretrained(folder)
    return folder


def test_auto_image_processor_loads_what_was_saved(tmp_path: Path) -> None:
    processor = AutoImageProcessor.from_pretrained(saved(tmp_path))
    assert type(processor) is ConvImageProcessor and processor.trim
    assert (processor.size, processor.image_mean, processor.image_std) == ({"height": 8, "width": 8}, [0.25], [0.5])
    assert json.loads((tmp_path / "preprocessor_config.json").read_text())["auto_map"] == {
        "AutoImageProcessor": "image_processing_conv.ConvImageProcessor"
    }


@pytest.mark.slow
def test_it_loads_by_its_own_code_where_hf_rnn_is_not_installed(tmp_path: Path) -> None:
    """A process that cannot import hf_rnn reads a picture by the folder alone, to the same vector."""
    folder = saved(tmp_path / "model")
    Image.fromarray(np.arange(120, dtype=np.uint8).reshape(10, 12)).save(tmp_path / "picture.png")
    code = f"""
import sys
sys.modules["hf_rnn"] = None
from PIL import Image
from transformers import AutoImageProcessor, AutoModel
model = AutoModel.from_pretrained({str(folder)!r}, trust_remote_code=True)
processor = AutoImageProcessor.from_pretrained({str(folder)!r}, trust_remote_code=True)
print(model.encode(processor(Image.open({str(tmp_path / "picture.png")!r}))["pixel_values"])[0].tolist())
"""
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "picture.png") as picture:
        expected = SiameseModel.from_pretrained(folder).encode(
            AutoImageProcessor.from_pretrained(folder)(picture)["pixel_values"]
        )
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), expected[0].numpy(), atol=1e-6)
