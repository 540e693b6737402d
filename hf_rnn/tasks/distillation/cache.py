"""Keeps what a teacher says in a file as it is computed, so that a run that was stopped goes on from there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from transformers import PreTrainedModel


__all__ = ["Progress", "Questions", "cached_answers", "model_parts"]


# Seconds between two writes of how far the teacher has come.
WRITE_EVERY = 20.0
# What a configuration says of where a checkpoint lay and what wrote it.
OF_ITS_PLACE = ("_name_or_path", "transformers_version")


@dataclass(frozen=True)
class Questions:
    """What a teacher is asked.

    Attributes:
        rows: As its tokenizer makes them; `length` tells how many tokens each has.
        places: Of each row the items that it answers for, (items of the row); an item may be in no row.
        count: The number of items: texts, tokens or pairs.
    """

    rows: datasets.Dataset
    places: Sequence[np.ndarray]
    count: int


def model_parts(model: PreTrainedModel) -> Iterator[Any]:
    """The configuration and the weights of a model, for `checksum_of`; not where it lay."""
    settings = json.loads(model.config.to_json_string())
    for name in OF_ITS_PLACE:
        settings.pop(name, None)
    yield settings
    state = model.state_dict()
    for name in sorted(state):
        yield name
        yield state[name].cpu().contiguous().numpy()


class Progress:
    """A file that says how much of a computation is written, and of which one.

    Args:
        path: The file, a .json.
        identity: What the computation hangs on.
        refusal: The error where the file is of another computation.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], refusal: str) -> None:
        self.path, self.identity, self.refusal = path, dict(identity), refusal
        self._written = time.monotonic()

    def done(self) -> int:
        """The parts that are written.

        Raises:
            ValueError: they are parts of another computation.
        """
        if not self.path.is_file():
            return 0
        known = json.loads(self.path.read_text(encoding="utf-8"))
        if not isinstance(known, dict) or {name: known.get(name) for name in self.identity} != self.identity:
            raise ValueError(self.refusal)
        return int(known["done"])

    def is_due(self) -> bool:
        """Whether the last write is so long ago that the next one should come."""
        return time.monotonic() - self._written > WRITE_EVERY

    def write(self, done: int) -> None:
        """Say that so many parts are written; the file is there whole or not at all."""
        unfinished = self.path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(self.identity | {"done": done}) + "\n", encoding="utf-8")
        os.replace(unfinished, self.path)
        self._written = time.monotonic()


def cached_answers(
    path: Path,
    checksum: str,
    questions: Questions,
    values: int,
    answer: Callable[[list[int]], Sequence[np.ndarray]],
    batch_size: int,
    on_batch: Callable[[int], None] = lambda rows: None,
) -> np.ndarray:
    """The answers (items, values), float32, NaN where no row speaks of an item; read where they are in `path` already.

    Args:
        path: Ends in .npy. Beside it stands a .json of the same name, with the checksum and the batches that are done.
        checksum: Of the teacher and of what it is asked.
        answer: Given the numbers of some rows, of each the answers for its items, (items of the row, values).
        batch_size: Rows that are asked at once, of similar lengths, the longest first.
        on_batch: Called with the number of rows of each batch, also of those that were done before.

    Raises:
        ValueError: the file was made for another teacher or other texts.
    """
    shape = [questions.count, values]
    progress = Progress(
        path.with_suffix(".json"),
        {"checksum": checksum, "batch_size": batch_size, "shape": shape},
        f"`teacher_cache` has {str(path)!r}, which a teacher has written for other texts, or another teacher, or "
        "another `teacher_batch_size`. Remove it, or name another folder.",
    )
    lengths = questions.rows["length"][:]
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    done = progress.done() if path.is_file() else 0
    if done == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        # That of a file that was removed would say that this one is whole.
        progress.path.unlink(missing_ok=True)
        np.save(path, np.full(shape, np.nan, dtype=np.float32))
    found = _opened(path)
    for batch in batches[:done]:
        on_batch(len(batch))
    for number, batch in enumerate(batches[done:], start=done + 1):
        for row, said in zip(batch, answer(batch), strict=True):
            found[questions.places[row]] = said
        on_batch(len(batch))
        if number == len(batches) or progress.is_due():
            found.flush()
            progress.write(number)
    return np.array(found)


def _opened(path: Path) -> np.memmap[Any, Any]:
    try:
        # Opened to be written to, a file that is too short would be filled up with zeros.
        np.load(path, mmap_mode="r")
        found: np.memmap[Any, Any] = np.load(path, mmap_mode="r+")
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"`teacher_cache` has {str(path)!r}, which is damaged ({error}). Remove it.") from error
    return found
