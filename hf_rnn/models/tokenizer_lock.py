"""One thread at a time calls a tokenizer that several share.

A fast tokenizer has truncation and padding as its state: a call sets them and then reads, and another thread's call in
between changes what is cut off, or ends in "Already borrowed".
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any


__all__ = ["tokenizer_lock"]


class _Locks:
    def __init__(self) -> None:
        self.of_tokenizers: weakref.WeakKeyDictionary[Any, threading.RLock] = weakref.WeakKeyDictionary()
        self.own = threading.Lock()


_locks = _Locks()


def _renew() -> None:
    # A process that is forked has none of the threads that could give a lock back.
    global _locks
    _locks = _Locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def tokenizer_lock(tokenizer: Any) -> threading.RLock:
    """The lock of `tokenizer`, to be held from its call on until it returns. Every caller in this package holds it; so
    should one's own threads that call the same tokenizer.
    """
    with _locks.own:
        return _locks.of_tokenizers.setdefault(tokenizer, threading.RLock())
