"""Folders of pictures: which classes and splits they have, and what is refused; pairs and distortions of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hf_rnn.data.images.distortions import distort
from hf_rnn.data.images.folders import class_files, hold_out_classes, open_picture, read_classes, split_folders
from hf_rnn.data.images.pairs import ImagePairs, TrainingImagePairs, turned_classes


def picture(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), shade, dtype=np.uint8)).save(path)
    return path


def test_a_folder_a_class_at_any_depth(tmp_path: Path) -> None:
    for name in ("cat/2.png", "cat/1.png", "Latin/a/1.PNG", "Latin/a/2.jpg", ".hidden/1.png", "cat/.1.png"):
        picture(tmp_path / name)
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    found = class_files(tmp_path)
    assert {name: [path.name for path in files] for name, files in found.items()} == {
        "Latin/a": ["1.PNG", "2.jpg"],
        "cat": ["1.png", "2.png"],
    }
    assert split_folders(tmp_path) == {"train": tmp_path}


def test_the_folders_of_splits(tmp_path: Path) -> None:
    for name in ("train/a/1.png", "val/a/1.png", "Test/a/1.png"):
        picture(tmp_path / name)
    found = split_folders(tmp_path)
    assert {split: path.name for split, path in found.items()} == {
        "train": "train",
        "validation": "val",
        "test": "Test",
    }
    (tmp_path / "dev").mkdir()
    with pytest.raises(ValueError, match="has val and dev for the validation split|has dev and val"):
        split_folders(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "has no picture"),
        (("1.png", "a/1.png"), "'1.png' lies in .* itself; each picture must be in the folder"),
        (("a/1.png", "a/2.png"), "has pictures of one class, 'a'; it must have at least 2"),
        (("a/1.png", "a/2.png", "b/1.png", "c/1.png"), "the class 'b' .* has 1 picture, and 2 of 3 classes"),
    ],
)
def test_what_no_classes_can_be_made_of_is_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        picture(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        class_files(tmp_path)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="`image_folder`=.* does not exist"):
        split_folders(tmp_path / "absent")
    with pytest.raises(ValueError, match="`image_folder`=.* is a file"):
        split_folders(picture(tmp_path / "a.png"))


def test_damaged_pictures_are_named(tmp_path: Path) -> None:
    whole = picture(tmp_path / "whole.png").read_bytes()
    for name, content in (("cut.png", whole[:40]), ("text.png", b"no picture"), ("empty.jpg", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}' is no picture that can be read: .* Remove it, or save"):
            open_picture(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        open_picture(tmp_path / "absent.png")

    def refuse(_: Any) -> torch.Tensor:
        raise ValueError("`images` is refused")

    with pytest.raises(ValueError, match="whole.png': `images` is refused"):
        read_classes({"a": [tmp_path / "whole.png"]}, refuse)


def test_classes_are_held_out_whole() -> None:
    names = [f"c{index}" for index in range(10)]
    kept, held = hold_out_classes(names, 30, 0)
    assert len(held) == 3 and sorted(kept + held) == sorted(names) and kept == sorted(kept)
    assert hold_out_classes(names, 30, 0) == (kept, held) != hold_out_classes(names, 30, 1)
    with pytest.raises(ValueError, match="`hold_out_percentage`=20 of 3 classes leaves 1"):
        hold_out_classes(names[:3], 20, 0)


def numbered(classes: int, each: int) -> dict[str, torch.Tensor]:
    """Pictures of one shade, which says their class and their number in it."""
    return {
        f"c{one}": torch.stack([torch.full((1, 4, 4), one + other / 100) for other in range(each)])
        for one in range(classes)
    }


def test_pairs_are_two_pictures_of_one_class_or_of_two() -> None:
    pairs = ImagePairs(numbered(5, 3), 200, seed=3)
    for index in range(len(pairs)):
        row = pairs[index]
        first, second = (float(row[name].mean()) for name in ("pixel_values", "pixel_values_b"))
        assert row["labels"] == float(index % 2 == 0) == float(int(first + 0.001) == int(second + 0.001))
        assert first != second
        assert torch.equal(row["pixel_values"], pairs[index]["pixel_values"])
    with pytest.raises(IndexError):
        pairs[200]
    with pytest.raises(ValueError, match="`pictures` has the class 'c0' with 1 picture"):
        ImagePairs(numbered(3, 1), 10)


@pytest.mark.parametrize("alike_only", [True, False])
def test_training_pairs_take_turns_and_differ_in_each_epoch(alike_only: bool) -> None:
    pairs = TrainingImagePairs(numbered(4, 6), 5, seed=1, alike_only=alike_only)
    assert len(pairs) == 20
    rows = [pairs[index] for index in range(20)]
    firsts = [int(float(row["pixel_values"].mean()) + 0.001) for row in rows]
    alike = [index for index in range(20) if rows[index]["labels"]]
    assert len(alike) == (20 if alike_only else 10)
    assert [pairs.groups[index] for index in alike] == [firsts[index] for index in alike]
    assert max(Counter(firsts).values()) - min(Counter(firsts).values()) <= 2
    pairs.set_epoch(1)
    changed = [not torch.equal(rows[index]["pixel_values"], pairs[index]["pixel_values"]) for index in range(20)]
    assert sum(changed) > 10


def test_turned_classes_are_other_classes() -> None:
    corner = torch.zeros(2, 1, 3, 3)
    corner[..., 0, 0] = 1
    turned = turned_classes({"corner": corner})
    places = [tuple(map(int, own[0, 0].nonzero()[0])) for own in turned.values()]
    assert places == [(0, 0), (2, 0), (2, 2), (0, 2)] and list(turned)[1] == "corner turned by 90"


def test_distortions_stay_in_their_ranges_and_keep_the_paper() -> None:
    """A dot's place is moved by the map that the paper's ranges allow; paper of any shade stays paper."""
    generator = torch.Generator().manual_seed(0)
    for shade in (0.0, 0.7):
        paper = torch.full((50, 2, 28, 28), shade)
        torch.testing.assert_close(distort(paper, 1.0, generator), paper)
    dots = torch.ones(400, 1, 63, 63)
    dots[..., 30:33, 46:49] = 0
    moved = 1 - distort(dots, 1.0, generator)
    rows, columns = (torch.arange(63.0) - 31 for _ in range(2))
    mass = moved.sum((1, 2, 3))
    x, y = (moved.sum(2)[:, 0] @ columns) / mass, (moved.sum(3)[:, 0] @ rows) / mass
    # 16 pixels to the right of the middle: turned by 10°, sheared by 0.3, scaled, and shifted by 2/105 of 63.
    # It stays where it is if it is not turned, scaled or shifted along this axis: one in eight.
    assert 0.06 < ((x - 16).abs() < 1e-2).double().mean() < 0.2 and x.min() > 8 and x.max() < 27
    assert 3 < y.abs().max() < 13
    strong = 1 - distort(dots, 0.1, generator)
    assert (((strong.sum(2)[:, 0] @ columns) / strong.sum((1, 2, 3))) - 16).abs().max() < 1
