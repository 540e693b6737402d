"""The process of one peer: reads a problem, solves it when told to, and writes its answers to a file.

    {"do": "solve"}     → {"seconds", "size_bytes", "options"}

The first line comes without being asked: the problem is read.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ..workers.child import Channel, commands, serve_parent
from .peers.base import Problem
from .peers.table import find_peer


def start(job: dict[str, Any], channel: Channel) -> None:
    """Args:
    job: `peer`, its key; `problem` and `answers`, the files to read and to write.
    """
    peer = find_peer(job["peer"])
    problem = Problem(**json.loads(Path(job["problem"]).read_text(encoding="utf-8")))
    channel.send(ready=True)
    for _ in commands(channel):
        started = time.perf_counter()
        answered = peer.solve(problem)
        seconds = time.perf_counter() - started
        Path(job["answers"]).write_text(json.dumps(answered.answers), encoding="utf-8")
        channel.send(seconds=seconds, size_bytes=answered.size_bytes, options=answered.options)


if __name__ == "__main__":
    serve_parent(start)
