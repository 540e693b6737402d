"""`checksums.json`: the SHA-256 of every file of a bundled checkpoint that its answers and its figures come from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


CHECKSUMS_FILE = "checksums.json"
# The card and its pictures are written anew from the rest, when its text or a comparison changes.
_OF_THE_CARD = ("README.md", "card.json", "*.png")


def checksums(folder: str | Path) -> dict[str, str]:
    """File → SHA-256 in hexadecimal, of the files directly in `folder` but those of the card and `checksums.json`."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).iterdir())
        if path.is_file() and not any(path.match(pattern) for pattern in (*_OF_THE_CARD, CHECKSUMS_FILE))
    }


def write_checksums(folder: str | Path) -> None:
    """Write `checksums.json` into `folder`."""
    text = json.dumps(checksums(folder), indent=2) + "\n"
    (Path(folder) / CHECKSUMS_FILE).write_text(text, encoding="utf-8")


__all__ = ["CHECKSUMS_FILE", "checksums", "write_checksums"]
