"""`checksums.json`: the SHA-256 of the files of a checkpoint, by which one that is cut short or altered is known; and
that of data in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open


__all__ = [
    "CHECKSUMS_FILE",
    "DamagedFileError",
    "check_files",
    "check_source",
    "checksum_of",
    "checksums",
    "file_checksum",
    "read_json",
    "write_checksums",
]


CHECKSUMS_FILE = "checksums.json"
# The card and its pictures are written anew from the rest, when its text or a comparison changes.
_OF_THE_CARD = ("README.md", "card.json", "*.png")


class DamagedFileError(ValueError):
    """A file is missing, cut short or not what was written; the message names it."""


def checksums(folder: str | Path) -> dict[str, str]:
    """File → SHA-256 in hexadecimal, of the files directly in `folder` but those of the card and `checksums.json`."""
    return {
        path.name: file_checksum(path)
        for path in sorted(Path(folder).iterdir())
        if path.is_file() and not any(path.match(pattern) for pattern in (*_OF_THE_CARD, f"{CHECKSUMS_FILE}*"))
    }


def write_checksums(folder: str | Path) -> None:
    """Write `checksums.json` into `folder`; it is there whole or not at all."""
    unfinished = Path(folder) / f"{CHECKSUMS_FILE}.tmp"
    unfinished.write_text(json.dumps(checksums(folder), indent=2) + "\n", encoding="utf-8")
    os.replace(unfinished, Path(folder) / CHECKSUMS_FILE)


def check_files(folder: str | Path) -> None:
    """Raise unless every file that `checksums.json` names is there and is the one that was written. In a folder
    without one the JSON and safetensors files are opened: what is cut short is found, a bit that turned one number
    into another is not.

    Raises:
        DamagedFileError: names the first file that is missing or damaged.
    """
    recorded = Path(folder) / CHECKSUMS_FILE
    if not recorded.is_file():
        for path in sorted(Path(folder).iterdir()):
            _check_readable(path)
        return
    for name, checksum in read_json(recorded).items():
        path = Path(folder) / name
        if not path.is_file():
            raise DamagedFileError(f"{str(path)!r} is missing; {CHECKSUMS_FILE} names it.")
        if file_checksum(path) != checksum:
            raise DamagedFileError(
                f"{str(path)!r} is damaged: its SHA-256 is not the one in {CHECKSUMS_FILE}, which would have to be "
                "removed if the file was changed on purpose."
            )


def check_source(name_or_path: str | Path) -> None:
    """`check_files`, where the name of a model is a folder of this machine and not a repository of the Hub."""
    if Path(name_or_path).is_dir():
        check_files(name_or_path)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DamagedFileError: it is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedFileError(f"{str(path)!r} is damaged, no JSON can be read from it: {error}.") from error


def _check_readable(path: Path) -> None:
    if path.suffix == ".json":
        read_json(path)
    elif path.suffix == ".safetensors":
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError as error:
            raise DamagedFileError(f"{str(path)!r} is damaged, no tensors can be read from it: {error}.") from error


def checksum_of(parts: Iterable[Any]) -> str:
    """SHA-256, in hexadecimal, of arrays and of whatever JSON can write."""
    digest = hashlib.sha256()
    for part in parts:
        written = part.tobytes() if isinstance(part, np.ndarray) else json.dumps(part).encode()
        digest.update(len(written).to_bytes(8, "big"))
        digest.update(written)
    return digest.hexdigest()


def file_checksum(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
