"""A file of answers that is there whole or not at all, and that a killed run goes on with where it was."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from filelock import FileLock, Timeout

from ..data.readers.conll import SEPARATORS
from ..data.readers.row_stream import BadRow


__all__ = ["FORMATS", "AnswerFile", "OutputExistsError", "Progress", "StandardOutput"]


FORMATS = ("csv", "jsonl", "conll")
# Rows without an answer that are named when the run has ended; all of them are named in the file.
NAMED_PROBLEMS = 3


class OutputExistsError(ValueError):
    """The file of answers is there already, or a part of it that another job has written."""


@dataclass
class Progress:
    """The progress of a job.

    Attributes:
        rows: Rows that are in the file, answered or not.
        size: Its bytes.
        unanswered: Rows without an answer.
        problems: The first of these, each with its row (from 0) and the reason.
    """

    rows: int = 0
    size: int = 0
    unanswered: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)

    def add(self, answers: Sequence[Mapping[str, Any] | BadRow], size: int) -> None:
        """Count more answers, which take `size` bytes."""
        bad = [(self.rows + index, one.problem) for index, one in enumerate(answers) if isinstance(one, BadRow)]
        self.unanswered += len(bad)
        self.problems = [*self.problems, *bad][:NAMED_PROBLEMS]
        self.rows += len(answers)
        self.size += size


class AnswerFile:
    """Answers that are written to `NAME.part`, which becomes the file when all are in it.

    `NAME.part.json` says which job it is of and how much of it is done. After a kill the same job goes on from there:
    what was written after the last note is cut off and written again.

    Args:
        path: The file.
        format: One of `FORMATS`.
        fields: The names in an answer, in their order.
        job: What the answers depend on, as JSON holds it; None: nobody can go on with it.

    Raises:
        OutputExistsError: on entering, there is such a file, or a part of one that is of another job or is being
            written.
    """

    def __init__(self, path: Path, format: str, fields: Sequence[str], job: Mapping[str, Any] | None) -> None:
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self.note = path.with_name(f"{path.name}.part.json")
        self.job = job
        self.progress = Progress()
        self._lines = formatter(format, fields)
        self._header = _csv_line(["row", *fields, "problem"]) if format == "csv" else ""
        self._lock = FileLock(path.with_name(f"{path.name}.part.lock"))

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise OutputExistsError(f"`output`={str(self.path)!r} is being written by another process.") from None
        try:
            self._open()
        except BaseException:
            self._release()
            raise
        return self

    def _open(self) -> None:
        if self.path.exists():
            raise OutputExistsError(
                f"`output`={str(self.path)!r} exists already; name another by `--output`, or remove it."
            )
        if self.part.exists():
            self.progress = self._noted()
        elif self.job is not None:
            self._write_note()
        self._stream = self.part.open("ab")
        self._stream.truncate(self.progress.size)
        if self._header and not self.progress.size:
            self.progress.size = self._stream.write(self._header.encode("utf-8"))

    def _noted(self) -> Progress:
        """Read how far the part is from the note beside it."""
        advice = f"remove {str(self.part)!r} to begin anew, or name another `output`."
        if self.job is None or not self.note.is_file():
            raise OutputExistsError(f"{str(self.part)!r} is a part of answers that nobody can go on with: {advice}")
        noted = json.loads(self.note.read_text(encoding="utf-8"))
        wanted = json.loads(json.dumps(self.job))
        differing = [name for name in {**wanted, **noted["job"]} if wanted.get(name) != noted["job"].get(name)]
        if differing:
            raise OutputExistsError(
                f"{str(self.part)!r} is a part of other answers, which differ in {', '.join(differing)}: {advice}"
            )
        progress = Progress(**noted["progress"])
        progress.problems = [(row, problem) for row, problem in progress.problems]
        if self.part.stat().st_size < progress.size:
            raise OutputExistsError(f"{str(self.part)!r} is shorter than {str(self.note)!r} says: {advice}")
        return progress

    def _write_note(self) -> None:
        unfinished = self.note.with_name(f"{self.note.name}.tmp")
        document = {"job": self.job, "progress": vars(self.progress)}
        with unfinished.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, ensure_ascii=False, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, self.note)

    def append(self, answers: Sequence[Mapping[str, Any] | BadRow]) -> None:
        """Write the answers to the next rows; they are on the disk when this returns."""
        written = self._stream.write(self._lines(self.progress.rows, answers).encode("utf-8"))
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.progress.add(answers, written)
        if self.job is not None:
            self._write_note()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        if kind is None:
            os.replace(self.part, self.path)
            self.note.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        if self._lock.is_locked:
            # While it is held, so that nobody has a lock of a file that is gone.
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()


class StandardOutput:
    """Answers that are written to standard output, as an `AnswerFile` writes them."""

    def __init__(self, format: str, fields: Sequence[str], stream: IO[str] | None = None) -> None:
        self.progress = Progress()
        self._stream = stream or sys.stdout
        self._lines = formatter(format, fields)
        if format == "csv":
            self._stream.write(_csv_line(["row", *fields, "problem"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self._stream.flush()

    def append(self, answers: Sequence[Mapping[str, Any] | BadRow]) -> None:
        """Write the answers to the next rows."""
        self._stream.write(self._lines(self.progress.rows, answers))
        self._stream.flush()
        self.progress.add(answers, 0)


def formatter(format: str, fields: Sequence[str]) -> Callable[[int, Sequence[Mapping[str, Any] | BadRow]], str]:
    """Make the function that, given the number of the first row and some answers, gives their lines.

    In csv and jsonl every row has one line; where there is no answer, `problem` says why. In conll a row without an
    answer is a comment in place of its sentence, and a sentence without a token is nothing.
    """
    of_one = {"csv": lambda row, one: _csv_row(row, one, fields), "jsonl": _json_row, "conll": _conll_rows}[format]

    def lines(first: int, answers: Sequence[Mapping[str, Any] | BadRow]) -> str:
        return "".join(of_one(first + index, answer) for index, answer in enumerate(answers))

    return lines


def _csv_row(row: int, answer: Mapping[str, Any] | BadRow, fields: Sequence[str]) -> str:
    if isinstance(answer, BadRow):
        return _csv_line([row, *("" for _ in fields), answer.problem])
    return _csv_line([row, *(_cell(answer[name]) for name in fields), ""])


def _csv_line(cells: Sequence[Any]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(cells)
    return stream.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        words = all(isinstance(item, str) for item in value)
        return ",".join(value) if words else json.dumps(value, ensure_ascii=False)
    return value


def _json_row(row: int, answer: Mapping[str, Any] | BadRow) -> str:
    found = {"problem": answer.problem} if isinstance(answer, BadRow) else answer
    return json.dumps({"row": row, **found}, ensure_ascii=False) + "\n"


def _conll_rows(row: int, answer: Mapping[str, Any] | BadRow) -> str:
    if isinstance(answer, BadRow):
        return f"# row {row} has no answer: {' '.join(answer.problem.split())}\n\n"
    # White space in a token would end its column.
    rows = zip(answer["tokens"], answer["tags"], strict=True)
    lines = [f"{SEPARATORS.sub(chr(0xA0), token)}\t{tag}\n" for token, tag in rows]
    return "".join([*lines, "\n"]) if lines else ""
