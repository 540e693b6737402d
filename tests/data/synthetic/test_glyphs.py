"""Tests of hf_rnn/data/synthetic/glyphs.py."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader


pytest.importorskip("matplotlib", reason="the glyphs are drawn from the fonts that come with matplotlib")

from hf_rnn.data.synthetic import glyphs  # noqa: E402
from hf_rnn.data.synthetic.glyphs import SCRIPTS, GlyphPairs, draw, glyph_classes, glyph_examples  # noqa: E402


SPLITS = tuple(SCRIPTS)


def plain(letters: str | tuple[str, ...]) -> torch.Tensor:
    """Undistorted images (letters, pixels) of unit length."""
    return functional.normalize(torch.stack([draw(letter, 24).flatten() for letter in letters]), dim=1)


def box(image: torch.Tensor) -> tuple[int, int, int, int]:
    """First and last row and column with ink."""
    rows, columns = (image[0] > 0.1).any(1).nonzero().flatten(), (image[0] > 0.1).any(0).nonzero().flatten()
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def test_classes_are_many_and_of_the_scripts_of_their_split():
    for split, least in (("train", 900), ("validation", 100), ("test", 200)):
        assert len(glyph_classes(split)) >= least
    for split, scripts in SCRIPTS.items():
        names = [unicodedata.name(letter) for letter in glyph_classes(split)]
        for script in scripts:
            assert any(name.startswith(script) for name in names), script
        assert all(name.startswith(scripts) for name in names)
    assert len({script for scripts in SCRIPTS.values() for script in scripts}) == sum(map(len, SCRIPTS.values()))


def test_no_two_classes_look_alike():
    images = plain(sum((glyph_classes(split) for split in SPLITS), ()))
    cosines = images @ images.T - torch.eye(len(images))
    assert cosines.max() <= glyphs.SAME_GLYPH


def split_of(letter: str) -> str:
    """The split that the letter's script is in, by its Unicode name."""
    return next(split for split in SPLITS if unicodedata.name(letter).startswith(SCRIPTS[split]))


@pytest.mark.parametrize("same", ["AАΑ", "HНΗᕼ", "oоοOОΟՕ", "ΓГ", "sЅS", "ɅΛⴷ", "Τߠ"])
def test_letters_that_look_alike_are_one_class_of_the_earliest_split(same):
    looks = plain(same)
    assert (looks @ looks.T).min() > glyphs.SAME_GLYPH
    earliest = min(map(split_of, same), key=SPLITS.index)
    for split in SPLITS:
        others = [letter for letter in glyph_classes(split) if letter in same]
        assert others == [] or split == earliest and len(others) == 1


@pytest.mark.parametrize("different", ["ETЖ", "OQ", "ᐁᐃᐅᐊ", "אם", "ΨΩ"])
def test_letters_that_differ_are_classes_of_their_own(different):
    assert set(different) <= {letter for split in SPLITS for letter in glyph_classes(split)}


@pytest.mark.parametrize("size", [16, 28, 105])
@pytest.mark.parametrize("letter", ["A", "i", "Ж", "ᐁ", "ꙮ"])
def test_a_plain_glyph_is_centred_and_fills_its_share(letter, size):
    image = draw(letter, size)
    assert image.shape == (1, size, size) and image.dtype == torch.float32
    assert image.min() == 0 and 0.5 < image.max() <= 1
    top, bottom, left, right = box(image)
    assert abs(top - (size - 1 - bottom)) <= 1 and abs(left - (size - 1 - right)) <= 1
    assert max(bottom - top, right - left) + 1 == pytest.approx(glyphs.EXTENT * size, abs=2.1)


def test_distortions_are_the_generators():
    one, same, other = (draw("R", 28, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.min() >= 0 and one.max() <= 1


def without(monkeypatch, *kept: str) -> None:
    """Switch off every distortion but the named ones."""
    off = {"MAX_ROTATION": 0, "MAX_SHEAR": 0, "SCALES": (1, 1), "MAX_SHIFT": 0, "MAX_STROKE": 0, "MAX_NOISE": 0}
    for name, value in off.items():
        if name not in kept:
            monkeypatch.setattr(glyphs, name, value)


def distorted(letter: str, count: int = 40, size: int = 56) -> list[torch.Tensor]:
    generator = np.random.default_rng(0)
    return [draw(letter, size, generator) for _ in range(count)]


def test_without_distortions_a_generator_changes_nothing(monkeypatch):
    without(monkeypatch)
    assert all(torch.equal(image, draw("R", 56)) for image in distorted("R", 3))


def test_translation_moves_in_both_directions(monkeypatch):
    without(monkeypatch, "MAX_SHIFT")
    for axis in (0, 2):
        moved = [box(image)[axis] - box(draw("R", 56))[axis] for image in distorted("R")]
        assert -5 <= min(moved) <= -2 and 2 <= max(moved) <= 5


def test_scale_changes_the_height(monkeypatch):
    without(monkeypatch, "SCALES")
    heights = [box(image)[1] - box(image)[0] + 1 for image in distorted("I")]
    assert min(heights) == pytest.approx(0.75 * 0.75 * 56, abs=3) and max(heights) == pytest.approx(46, abs=3)


@pytest.mark.parametrize(("name", "slope"), [("MAX_ROTATION", 0.27), ("MAX_SHEAR", 0.2)])
def test_rotation_and_shear_tilt_an_upright_bar(monkeypatch, name, slope):
    without(monkeypatch, name)
    tilts = []
    for image in distorted("I"):
        rows = torch.arange(56.0)
        columns = (image[0] * rows).sum(1) / image[0].sum(1).clamp(min=1e-6)
        tilts.append(((columns[40] - columns[15]) / 25).item())
    assert -slope * 1.1 <= min(tilts) <= -slope / 2 and slope / 2 <= max(tilts) <= slope * 1.1


def test_rotation_tilts_a_lying_bar_and_shear_does_not(monkeypatch):
    heights = {}
    for name in ("MAX_ROTATION", "MAX_SHEAR"):
        with monkeypatch.context() as patch:
            without(patch, name)
            images = distorted("\N{CANADIAN SYLLABICS FINAL SHORT HORIZONTAL STROKE}")
            heights[name] = [box(image)[1] - box(image)[0] for image in images]
    assert max(heights["MAX_SHEAR"]) - min(heights["MAX_SHEAR"]) <= 1
    assert max(heights["MAX_ROTATION"]) - min(heights["MAX_ROTATION"]) >= 5


def test_strokes_differ_in_width_and_noise_is_everywhere(monkeypatch):
    with monkeypatch.context() as patch:
        without(patch, "MAX_STROKE")
        ink = [image.sum().item() for image in distorted("R")]
        assert max(ink) > 1.2 * min(ink)
    without(monkeypatch, "MAX_NOISE")
    corners = torch.stack([image[0, :5, :5] for image in distorted("R")])
    assert corners.std() > 0.02 and (corners > 0).float().mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "`character` is ''; it must be one character"),
        (("ab",), "`character` is 'ab'"),
        (("\u4e00",), "`character` is '\u4e00'"),
        ((" ",), "`character` is ' ', which is blank"),
        (("A", 7), "`size` is 7; it must be at least 8"),
    ],
)
def test_what_cannot_be_drawn_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(*arguments)


def test_pairs_are_deterministic_by_seed_and_index():
    pairs, again, other = (
        GlyphPairs("test", 20, seed=3),
        GlyphPairs("test", 50, seed=3),
        GlyphPairs("test", 20, seed=4),
    )
    order = [7, 3, 3, 19]
    for index in order:
        for name, value in pairs[index].items():
            assert torch.equal(torch.as_tensor(again[index][name]), torch.as_tensor(value))
    assert pairs.pair(7) == again.pair(7)
    assert [pairs.pair(index) for index in range(20)] != [other.pair(index) for index in range(20)]
    assert not torch.equal(pairs[0]["pixel_values"], pairs[0]["pixel_values_b"])


def test_half_of_the_pairs_are_of_one_letter():
    pairs = GlyphPairs("validation", 600)
    letters = [pairs.pair(index) for index in range(600)]
    assert [first == second for first, second in letters] == [index % 2 == 0 for index in range(600)]
    assert {letter for pair in letters for letter in pair} == set(glyph_classes("validation"))
    assert [pairs[index]["labels"] for index in range(4)] == [1.0, 0.0, 1.0, 0.0]


def test_a_pairs_images_are_of_its_letters(monkeypatch):
    without(monkeypatch)
    pairs = GlyphPairs("test", 6)
    for index in range(6):
        for letter, name in zip(pairs.pair(index), ("pixel_values", "pixel_values_b"), strict=True):
            assert torch.equal(pairs[index][name], draw(letter))


def test_pairs_make_batches():
    batches = list(DataLoader(GlyphPairs("test", 5, size=16), batch_size=4))
    assert [batch["pixel_values_b"].shape for batch in batches] == [(4, 1, 16, 16), (1, 1, 16, 16)]
    assert batches[0]["labels"].tolist() == [1, 0, 1, 0]


def test_pairs_end():
    pairs = GlyphPairs("test", 3)
    assert len(pairs) == 3 and len(list(pairs)) == 3
    for index in (3, -1):
        with pytest.raises(IndexError, match=f"`index` is {index}; there are 3 pairs"):
            pairs[index]


def test_examples_by_class():
    examples = glyph_examples("validation", 2, size=16, seed=5)
    assert tuple(examples) == glyph_classes("validation")
    assert {images.shape for images in examples.values()} == {(2, 1, 16, 16)}
    again, other = glyph_examples("validation", 2, size=16, seed=5), glyph_examples("validation", 2, size=16, seed=6)
    first, second = examples["Ω"]
    assert not torch.equal(first, second)
    assert all(torch.equal(images, again[letter]) for letter, images in examples.items())
    assert not any(torch.equal(images, other[letter]) for letter, images in examples.items())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: glyph_classes("dev"), "`split` is 'dev'; it may be one of 'train', 'validation', 'test'"),
        (lambda: GlyphPairs("dev", 3), "`split` is 'dev'"),
        (lambda: GlyphPairs("test", -1), "`count` is -1; it must be at least 0"),
        (lambda: GlyphPairs("test", 1, seed=-1), "`seed` is -1"),
        (lambda: glyph_examples("test", 0), "`per_class` is 0; it must be at least 1"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_importing_draws_nothing_and_needs_no_matplotlib():
    """The process fails, and so the test, if the module imports either."""
    code = "import sys; sys.modules['matplotlib'] = sys.modules['PIL'] = None; import hf_rnn.data.synthetic.glyphs"
    subprocess.run([sys.executable, "-c", code], check=True)
