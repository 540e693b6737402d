"""The built library on disk: loaded only if it is whole, written by whom we trust, and for this processor."""

from __future__ import annotations

import ctypes
import os
import stat
from pathlib import Path

from ..checksums import file_checksum


__all__ = ["ABSENT", "distrust", "fault_of", "missing_instruction", "store"]


# What `fault_of` says where no library has been built yet.
ABSENT = "has not been built"


def fault_of(library: Path) -> str | None:
    """What keeps the library from being loaded, to be read after its name; None: nothing, `ABSENT`: it is not there.

    A library that is cut short cannot be tried: the process would end by SIGBUS. So it is read first, and must have
    the SHA-256 that [`store`] wrote beside it.
    """
    try:
        fault = distrust(library.parent) or distrust(library)
        if fault is not None:
            return fault
        found, recorded = file_checksum(library), _checksum_file(library)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except OSError as error:
        return f"cannot be read: {error}"
    try:
        whole = recorded.read_bytes() == found.encode()
    except FileNotFoundError:
        return f"is damaged: {recorded.name}, its checksum, is missing"
    except OSError as error:
        return f"cannot be checked: {error}"
    return None if whole else f"is damaged: its SHA-256 is not the one in {recorded.name}"


def distrust(path: Path) -> str | None:
    """Why nothing at `path`, a file or a folder, is to be loaded by this user, to be read after its name, or None.

    Its owner must be this user or root, and no other user may write to it: a library that is loaded can do all that
    its reader can.

    Raises:
        OSError: if it is not there, or may not be looked at.
    """
    found = path.stat()
    user = os.geteuid() if hasattr(os, "geteuid") else found.st_uid  # Windows has no owners of this kind
    if found.st_uid not in (user, 0):
        return f"belongs to another user ({_of(path)}number {found.st_uid}, this one is {user})"
    if stat.S_IMODE(found.st_mode) & stat.S_IWOTH and os.name == "posix":
        return f"can be written by every user ({_of(path)}see `chmod o-w`)"
    return None


def _of(path: Path) -> str:
    # The faults of a folder are told of the library in it.
    return f"the folder {path}: " if path.is_dir() else ""


def store(built: Path, library: Path) -> None:
    """Move a built library to its place in a folder of the same disk, its checksum first, so that no process ever
    takes half of it, or one without a checksum, for whole.
    """
    built.chmod(0o755)  # even where new files are everybody's to write
    checksum = built.with_name(_checksum_file(library).name)
    checksum.write_text(file_checksum(built))
    checksum.chmod(0o644)
    checksum.replace(_checksum_file(library))
    built.replace(library)


def _checksum_file(library: Path) -> Path:
    return library.with_suffix(".sha256")


def missing_instruction(library: Path) -> str | None:
    """The first set of instructions that the library was compiled for and this processor lacks (`processor.cpp`).

    Raises:
        OSError: if the library cannot be loaded.
    """
    ask = ctypes.CDLL(str(library)).hf_rnn_missing_instruction
    ask.restype = ctypes.c_char_p
    found = ask()
    return None if found is None else str(found.decode())
