"""One run at a time writes an output folder."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


__all__ = ["LOCK_FILE", "FolderInUseError", "run_lock"]


logger = logging.getLogger(__name__)

LOCK_FILE = "run.lock"


class FolderInUseError(RuntimeError):
    """Another process writes the output folder."""


@contextlib.contextmanager
def run_lock(output: str | Path) -> Iterator[None]:
    """Inside the block no other process can have the lock of the folder `output`; blocks of one process may be nested.

    The operating system holds the lock, and frees it when the process dies, however it does. The file says which
    process that is, for the message.

    Raises:
        FolderInUseError: another process has it.
    """
    folder = Path(output)
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_FILE
    # The lock is the same object wherever this process asks for this path.
    lock = FileLock(path.resolve(), is_singleton=True)
    if lock.is_locked:
        yield
        return
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise FolderInUseError(
            f"`output_dir`={str(output)!r} is being written by {_holder(path) or 'another process'}. "
            "Wait until it ends, end it, or name another folder."
        ) from None
    try:
        if holder := _holder(path):
            logger.warning("%s, which wrote %s, ended without finishing. Taking over.", holder.capitalize(), output)
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        # While it is held: who opened it meanwhile gets a lock of no file, finds that out, and tries anew.
        path.unlink(missing_ok=True)
        lock.release()
        if is_new and not any(folder.iterdir()):
            # A run that was refused before it wrote anything.
            folder.rmdir()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        # Windows does not let others read a locked file; or it has been removed just now.
        return ""
