"""The bytes of a file, uncompressed: its content says how it is packed, whatever its name is."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, cast


__all__ = ["COMPRESSED_FILE_TYPES", "FileError", "Source", "extension_of", "find_source"]

COMPRESSED_FILE_TYPES = (".gz", ".bz2", ".xz", ".zst", ".zip")
_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# A workbook is a zip of XML.
_WORKBOOK_MEMBERS = ("xl/workbook.xml", "content.xml", "xl/workbook.bin")


class FileError(ValueError):
    """A file that cannot be read as it is; the message names it and what to do next."""


@dataclass(frozen=True)
class Source:
    """A file of this machine.

    Attributes:
        shown: What the user called it, for errors.
        file: Where it is.
        name: Its name, for places of rows and for what is said.
        extension: What the name promises of the uncompressed content: ``.csv`` of ``reviews.csv.gz``.
        compression: gzip, bz2, xz, zstd or zip; None where it is not compressed.
        member: The file in a zip.
    """

    shown: str
    file: Path
    name: str
    extension: str
    compression: str | None = None
    member: str | None = None

    def error(self, problem: str, line: int | None = None) -> FileError:
        """An error of this file, with the line (from 1) where one is known."""
        place = "" if line is None else f", line {line}"
        return FileError(f"The file {self.shown!r}{place}: {problem}")

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The uncompressed bytes.

        Raises:
            FileError: the file is damaged.
        """
        try:
            with self._open() as stream:
                yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            raise self.error(f"its {self.compression} data are damaged: {error}") from error
        except OSError as error:
            # Decoders of bz2 and zstd know no error of their own.
            if self.compression not in ("bz2", "zstd") or error.errno is not None:
                raise
            raise self.error(f"its {self.compression} data are damaged: {error}") from error

    def _open(self) -> IO[bytes]:
        opened: dict[str | None, Callable[[], object]] = {
            None: lambda: self.file.open("rb"),
            "gzip": lambda: gzip.open(self.file),
            "bz2": lambda: bz2.open(self.file),
            "xz": lambda: lzma.open(self.file),
            "zstd": self._zstd,
            "zip": lambda: _Member(self.file, str(self.member)),
        }
        return cast("IO[bytes]", opened[self.compression]())

    def _zstd(self) -> object:
        import pyarrow

        return pyarrow.CompressedInputStream(pyarrow.OSFile(str(self.file)), "zstd")


class _Member:
    """A file in a zip, which closes both."""

    def __init__(self, file: Path, member: str) -> None:
        self._archive = zipfile.ZipFile(file)
        self._stream = self._archive.open(member)

    def __enter__(self) -> IO[bytes]:
        return self._stream

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._archive.close()


def extension_of(name: str | PurePath) -> str:
    """The extension of the uncompressed content in lower case: ``.csv`` for ``a.csv.gz``; "" where a name has none."""
    path = PurePath(name)
    if path.suffix.lower() in COMPRESSED_FILE_TYPES:
        path = path.with_suffix("")
    return path.suffix.lower()


def find_source(file: Path, shown: str) -> Source:
    """How `file` is compressed.

    Raises:
        FileError: it is a workbook, or a zip with no file or with several.
    """
    with file.open("rb") as stream:
        head = stream.read(8)
    if head == _OLD_EXCEL:
        raise FileError(f"The file {shown!r} is a workbook of Excel; save the sheet as csv (UTF-8), and give that.")
    compression = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    source = Source(shown, file, file.name, extension_of(file), compression)
    return _member_of(source) if compression == "zip" else source


def _member_of(source: Source) -> Source:
    try:
        with zipfile.ZipFile(source.file) as archive:
            names = archive.namelist()
            encrypted = {info.filename for info in archive.infolist() if info.flag_bits & 1}
    except zipfile.BadZipFile as error:
        raise source.error(f"its zip data are damaged: {error}") from error
    if set(names) & set(_WORKBOOK_MEMBERS):
        raise source.error("it is a workbook; save the sheet as csv (UTF-8), and give that.")
    members = [name for name in names if not name.endswith("/") and not _is_hidden(name)]
    if len(members) != 1:
        found = f"the files {', '.join(members)}" if members else "no file"
        raise source.error(f"it must hold one file, and holds {found}; unpack it and name the one to read.")
    if members[0] in encrypted:
        raise source.error(f"{members[0]} in it has a password; unpack it and name the file.")
    return Source(source.shown, source.file, source.name, extension_of(members[0]), "zip", members[0])


def _is_hidden(name: str) -> bool:
    path = PurePath(name)
    return path.name.startswith(".") or path.parts[0] == "__MACOSX"
