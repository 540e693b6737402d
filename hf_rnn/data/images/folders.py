"""A folder of pictures with a folder a class, as torchvision's `ImageFolder` has it, and single pictures."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...extras import require_extra
from ..readers.files import expand_path


if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ENDINGS", "class_files", "hold_out_classes", "open_picture", "read_classes", "split_folders"]


ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
# The names of the splits' folders, those of `datasets` and torchvision's among them.
SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}


def split_folders(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """The folders of the splits in `folder`, such as `train/`, `validation/` and `test/`; where there is no training
    split, `folder` itself is it.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is none, or has two folders for one split.
    """
    path = expand_path(str(folder))
    if not path.exists():
        raise FileNotFoundError(f"`image_folder`={str(folder)!r} does not exist.")
    if not path.is_dir():
        raise ValueError(
            f"`image_folder`={str(folder)!r} is a file; it must be a folder with a folder for each class."
        )
    inner = {entry.name.lower(): entry for entry in sorted(path.iterdir()) if entry.is_dir()}
    found = {}
    for split, names in SPLITS.items():
        own = [name for name in names if name in inner]
        if len(own) > 1:
            raise ValueError(
                f"`image_folder`={str(folder)!r} has {' and '.join(own)} for the {split} split; keep one."
            )
        if own:
            found[split] = inner[own[0]]
    return found if "train" in found else {"train": path}


def class_files(folder: Path, least: int = 2) -> dict[str, list[Path]]:
    """The pictures of each class, by its name, the path of its folder below `folder`; both sorted. A class is a folder
    that holds pictures itself, at any depth: `cat/1.png`, or `Latin/character01/0709_01.png`.

    Hidden files and folders are passed over; so are other files than pictures.

    Args:
        least: How many pictures each class must have.

    Raises:
        ValueError: there are no pictures, or not two classes, or pictures that are in no class, or a class has too
            few; the message names the folder and the first such class.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.suffix.lower() in ENDINGS and path.is_file() and not any(part.startswith(".") for part in inner.parts):
            found.setdefault(inner.parent.as_posix(), []).append(path)
    if not found:
        raise ValueError(f"`image_folder`: {str(folder)!r} has no picture ({', '.join(ENDINGS)}) in it.")
    if "." in found:
        raise ValueError(
            f"`image_folder`: {found['.'][0].name!r} lies in {str(folder)!r} itself; each picture must be in the "
            "folder of its class."
        )
    if len(found) < 2:
        raise ValueError(
            f"`image_folder`: {str(folder)!r} has pictures of one class, {next(iter(found))!r}; it must have at least "
            "2."
        )
    few = [name for name, files in found.items() if len(files) < least]
    if few:
        raise ValueError(
            f"`image_folder`: the class {few[0]!r} of {str(folder)!r} has {len(found[few[0]])} picture, and "
            f"{len(few)} of {len(found)} classes have fewer than {least}; each must have at least {least}, because a "
            "pair of one class is two different pictures."
        )
    return found


def hold_out_classes(names: Sequence[str], percentage: float, seed: int) -> tuple[list[str], list[str]]:
    """Draw the classes that are not trained on; both parts keep their order.

    Returns:
        The classes that stay, and those that are held out, at least two.

    Raises:
        ValueError: fewer than two would stay.
    """
    size = max(2, round(len(names) * percentage / 100))
    if len(names) - size < 2:
        raise ValueError(
            f"`hold_out_percentage`={percentage:g} of {len(names)} classes leaves {len(names) - size}, and training "
            "needs 2: give more classes, or folders train and validation."
        )
    held = set(random.Random(seed).sample(range(len(names)), size))
    return [name for row, name in enumerate(names) if row not in held], [names[row] for row in sorted(held)]


def open_picture(path: str | os.PathLike[str]) -> Image:
    """Read a picture whole; of an animation the first frame.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no picture, or a damaged one; the message names the file.
        MissingExtraError: Pillow is not installed.
    """
    require_extra("train", "Reading pictures", "pillow")
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow's warning of a picture that is too large to be meant, as an error.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                picture.load()
                # The orientation is read while the file is open.
                picture.getexif()
                return picture
    except FileNotFoundError:
        raise
    except (
        *(UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError),
        *(Image.DecompressionBombError, Image.DecompressionBombWarning),
    ) as error:
        raise ValueError(
            f"The file {os.fspath(path)!r} is no picture that can be read: {error}. Remove it, or save it anew."
        ) from error


def read_classes(files: Mapping[str, Sequence[Path]], pixels: Any) -> dict[str, Any]:
    """The pictures of each class, (pictures, channels, height, width), through `pixels`, of a picture of Pillow.

    Raises:
        ValueError: a file is no picture that can be read; the message names it.
    """
    import torch

    found = {}
    for name, paths in files.items():
        rows = []
        for path in paths:
            try:
                rows.append(pixels(open_picture(path)))
            except ValueError as error:
                raise ValueError(
                    str(error) if str(path) in str(error) else f"The file {str(path)!r}: {error}"
                ) from error
        found[name] = torch.stack(rows)
    return found
