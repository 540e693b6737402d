"""Read texts that stand in a file each, in a folder for each class: ``reviews/pos/1.txt``, ``reviews/neg/2.txt``."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .encodings import open_text
from .opening import COLUMNAR_EXTENSIONS, JSON_EXTENSIONS, TABLE_EXTENSIONS, find_text
from .options import ReadingArguments
from .sources import extension_of, find_source


__all__ = ["ClassFolders", "find_class_folders", "find_split_folders"]

logger = logging.getLogger(__name__)

TEXT_EXTENSIONS = (".txt", ".text", "")
# Beside these the folder is one of tables, and what is below it is something else.
_ROWS = {*TABLE_EXTENSIONS, *JSON_EXTENSIONS, *COLUMNAR_EXTENSIONS} - {*TEXT_EXTENSIONS}
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "treino"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "eval"), "validation"),
    **dict.fromkeys(("test", "testing", "teste"), "test"),
}
# So many names of files and classes are shown.
SHOWN = 5


@dataclass(frozen=True)
class ClassFolders:
    """Files of one text each.

    Attributes:
        folder: Where the folders of the classes are.
        files: Class → its files, at any depth, both in alphabetical order. The class is the name of the folder.
        left_out: The files that are not read, because they stand beside the folders or are none of text.
    """

    folder: Path
    files: dict[str, list[Path]]
    left_out: list[Path]

    def texts(self, options: ReadingArguments) -> Iterator[tuple[str, str, str]]:
        """The text of each file, without the white space around it, its class, and its place for messages.

        Raises:
            FileError: nothing tells the encoding of a file.
        """
        for label, files in self.files.items():
            for file in files:
                yield _text_of(file, options), label, file.relative_to(self.folder).as_posix()

    def say(self) -> None:
        """Say in one line what is read, and what is not."""
        counts = Counter({label: len(files) for label, files in self.files.items()})
        shown = ", ".join(f"{label!r} × {count}" for label, count in list(counts.items())[:SHOWN])
        more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
        names = [file.relative_to(self.folder).as_posix() for file in self.left_out]
        others = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        logger.warning(
            "%s: %d files of one text each; the labels are the names of their folders (%s%s)%s.",
            self.folder,
            counts.total(),
            shown,
            more,
            f"; left out: {others}" if names else "",
        )


def find_class_folders(folder: Path) -> ClassFolders | None:
    """The folders of the classes in `folder`: at least two, each with files of text, and no table beside them.

    Hidden files and folders count for nothing. None where `folder` is none of such, or where one of those in it is
    called as a split is.
    """
    if not folder.is_dir():
        return None
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    folders = [entry for entry in entries if entry.is_dir()]
    left_out = [entry for entry in entries if entry.is_file()]
    if len(folders) < 2 or any(extension_of(file) in _ROWS for file in left_out):
        return None
    files: dict[str, list[Path]] = {}
    for one in folders:
        if one.name.casefold() in SPLIT_NAMES:
            return None
        found = list(_visible_files(one))
        texts = [file for file in found if extension_of(file) in TEXT_EXTENSIONS]
        if not texts or 2 * len(texts) < len(found):
            return None
        files[one.name] = texts
        left_out += [file for file in found if extension_of(file) not in TEXT_EXTENSIONS]
    return ClassFolders(folder, files, left_out)


def find_split_folders(folder: Path) -> dict[str, ClassFolders]:
    """Split → the folders of its classes, where `folder` has one for each split: ``imdb/train/pos``; {} of others."""
    if not folder.is_dir():
        return {}
    named = {SPLIT_NAMES.get(entry.name.casefold()): entry for entry in sorted(folder.iterdir()) if entry.is_dir()}
    found = {split: find_class_folders(entry) for split, entry in named.items() if split is not None}
    return {split: classes for split, classes in found.items() if classes is not None}


def _visible_files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file


def _text_of(file: Path, options: ReadingArguments) -> str:
    source = find_source(file, str(file))
    encoding = find_text(source, options)
    with open_text(source, encoding.name, newline=None) as stream:
        return stream.read().strip()
