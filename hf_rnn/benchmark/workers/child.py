"""The child's side of a worker: commands, a JSON object a line, from standard input, and an answer to each.

Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class Channel:
    """Commands in, answers out, on the standard streams; prints of others are sent to standard error."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(self, **answer: Any) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()

    def receive(self) -> dict[str, Any]:
        """The next command; `end` when the parent is gone."""
        line = sys.stdin.readline()
        return json.loads(line) if line else {"do": "end"}


def commands(channel: Channel) -> Iterator[dict[str, Any]]:
    while (command := channel.receive())["do"] != "end":
        yield command


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB of 10⁶ bytes."""
    # `ru_maxrss` begins with what the parent held when it started this process; Linux tells of this one alone.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def serve_parent(start: Callable[[dict[str, Any], Channel], None]) -> None:
    """Do what the process was started for: `start` takes the last argument, a JSON object, and a way to the parent."""
    channel = Channel()
    try:
        start(json.loads(sys.argv[-1]), channel)
    except BaseException as error:
        # Any error ends this process, and its parent tells the reader why.
        traceback.print_exc()
        channel.send(error=f"{type(error).__name__}: {error}")
        sys.exit(1)
