"""The process of one peer: reads commands, a JSON object a line, from standard input and answers each with one.

    {"do": "epoch"}                                       train one epoch         → {"seconds"}
    {"do": "pass"}                                        answer the whole sample → {"seconds", "texts"}
    {"do": "batch", "size", "tokens", "count"}            answer a batch `count` times → {"milliseconds": […]}
    {"do": "product"}                                     multiply matrices       → {"rates"}
    {"do": "end"}                                         → {"peak_memory_mb"}

The first line comes without being asked: the peer is ready (trained peers: set up; asked peers: loaded, one text
answered). A line with `error` says why there will be no other. Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

from ..workers.child import Channel, commands, peak_memory_mb, serve_parent
from .peers.base import AskedPeer, Epochs, Job
from .products import Products
from .texts import MAX_TOKENS


# The length of the one text that a peer answers before it calls itself ready.
FIRST_TOKENS = 50


def serve(job: Job, channel: Channel) -> None:
    """Do the job until told to end."""
    module, name = job.implementation.split(":")
    peer = getattr(importlib.import_module(module), name)(job, **job.options)
    if job.mode == "train":
        peer.train(CommandedEpochs(channel))
    elif job.mode == "prepare":
        channel.send(size_bytes=sum(path.stat().st_size for path in peer.prepare()))
    elif job.mode == "multiply":
        multiply(peer, channel)
    else:
        answer(peer, channel)
    channel.send(peak_memory_mb=peak_memory_mb())


class CommandedEpochs(Epochs):
    """Epochs that are asked for over a channel, and whose seconds are sent back."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._started: float | None = None
        self._seconds: float | None = None

    def next(self) -> bool:
        if self._started is not None and self._seconds is None:
            self.stop()
        self._channel.send(**({} if self._seconds is None else {"seconds": self._seconds}))
        go_on = self._channel.receive()["do"] == "epoch"
        self.start()
        return go_on

    def start(self) -> None:
        self._started, self._seconds = time.perf_counter(), None

    def stop(self) -> None:
        assert self._started is not None
        self._seconds = time.perf_counter() - self._started


def answer(peer: AskedPeer, channel: Channel) -> None:
    """Load, answer one text, and then what is asked for."""
    peer.load()
    first = peer.answer(peer.inputs(peer.sample.of_length(1, FIRST_TOKENS), FIRST_TOKENS))
    channel.send(first_answer=float(first[0]))
    batches: list[tuple[int, Any]] = []
    for command in commands(channel):
        if command["do"] == "pass":
            batches = batches or [(len(batch), peer.inputs(batch, MAX_TOKENS)) for batch in peer.batches()]
            seconds = sum(timed(peer, inputs) for _, inputs in batches)
            channel.send(seconds=seconds, texts=sum(count for count, _ in batches))
        else:
            texts = peer.sample.of_length(command["size"], command["tokens"])
            inputs = peer.inputs(texts, command["tokens"])
            channel.send(milliseconds=[1000 * timed(peer, inputs) for _ in range(command["count"])])


def multiply(peer: Products, channel: Channel) -> None:
    """The machine's rate, as often as it is asked for."""
    channel.send()
    for _ in commands(channel):
        channel.send(rates=peer.measure())


def timed(peer: AskedPeer, inputs: Any) -> float:
    start = time.perf_counter()
    peer.answer(inputs)
    return time.perf_counter() - start


def main() -> None:
    """Serve the job that is the last argument, in JSON."""
    serve_parent(lambda job, channel: serve(Job(**job), channel))


if __name__ == "__main__":
    main()
