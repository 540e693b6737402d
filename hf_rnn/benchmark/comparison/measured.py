"""The model that is measured in a process of its own, whatever library it is of."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ...runs.kinds import find_kind
from ..workers.child import peak_memory_mb


__all__ = ["BATCH_SIZE", "Measured"]


# How many texts are answered together.
BATCH_SIZE = 32


class Measured(ABC):
    """A model as its users run it.

    Args:
        folder: The folder, or the file, of the model.
        task: The name of the task.
        texts: A JSON file of `latency` and `throughput`, lists of what the model answers.
    """

    def __init__(self, folder: str, task: str, texts: str) -> None:
        self.folder, self.kind = folder, find_kind(task)
        # All that will be imported is imported now, so that it is no memory of the model.
        self.import_libraries()
        self.texts: dict[str, list[Any]] = json.loads(Path(texts).read_text(encoding="utf-8"))
        self.import_mb = peak_memory_mb()

    @abstractmethod
    def import_libraries(self) -> None:
        """Import what the model needs."""

    @abstractmethod
    def load(self) -> dict[str, float]:
        """Load the model anew, one at a time in memory; `seconds` that it took."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """`model_class`, `model_type`, `parameters`, and what else is known of the loaded model."""

    @abstractmethod
    def answer(self, text: Any) -> None:
        """One text alone."""

    @abstractmethod
    def answer_all(self, texts: list[Any]) -> None:
        """Many texts in batches."""

    @abstractmethod
    def count(self, text: Any) -> int:
        """The tokens that the model makes of a text."""

    @abstractmethod
    def predict(self, inputs: list[Any]) -> dict[str, list[Any]]:
        """`predictions` for each input: {label: logit}, a tag for every token, or the similarity of a pair."""

    def one_thread(self) -> AbstractContextManager[Any]:
        """Inside the block the model computes on one thread."""
        return nullcontext()

    def latency(self, start: int, stop: int) -> dict[str, list[float]]:
        """Milliseconds from the raw text to the answer, of each text alone, on one thread."""
        milliseconds = []
        with self.one_thread():
            for text in self.texts["latency"][start:stop]:
                begin = time.perf_counter()
                self.answer(text)
                milliseconds.append(1000 * (time.perf_counter() - begin))
        return {"milliseconds": milliseconds}

    def throughput(self) -> dict[str, float]:
        """Seconds for all texts in batches; `tokens` are the model's own."""
        texts = self.texts["throughput"]
        begin = time.perf_counter()
        self.answer_all(texts)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "texts": len(texts), "tokens": sum(map(self.count, texts))}

    def memory(self) -> dict[str, float]:
        """The most memory this process had held when everything was imported, and until now, in MB of 10⁶ bytes."""
        return {"import_mb": self.import_mb, "peak_mb": peak_memory_mb()}
