"""A model of another library than transformers: how it is named, found, described and measured."""

from __future__ import annotations

import gc
import importlib.util
import json
import time
from abc import abstractmethod
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from ....data.readers.files import expand_path
from ....tasks.test_set import TestSet
from ..measured import Measured


__all__ = ["TRAINING_FILE", "MeasuredLibrary", "MissingLibraryError"]


# `scripts/train_libraries.py` writes it beside a model: what it was made of, and how.
TRAINING_FILE = "training.json"


class MissingLibraryError(ImportError):
    """A library that a compared model is of is not installed; the message has the line of pip."""


class MeasuredLibrary(Measured):
    """A model of another library, as users of that library run it.

    Attributes:
        key: What stands before a model's place on the command line, with a colon: `fasttext:model.bin`.
        title: The library's name in tables.
        task: The one task that its models are compared in.
        needs: Module → the argument of pip that installs it.
        distributions: The distributions that bring the module; one of them is installed.
        method: How its models are measured, in the text of a document.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    task: ClassVar[str]
    needs: ClassVar[Mapping[str, str]]
    distributions: ClassVar[tuple[str, ...]]
    method: ClassVar[str]

    model: Any = None

    @classmethod
    def require(cls, wanted_by: str) -> None:
        """Raise unless the library is installed.

        Raises:
            MissingLibraryError: it is not; the message says how it is.
        """
        absent = [line for module, line in cls.needs.items() if importlib.util.find_spec(module) is None]
        if absent:
            raise MissingLibraryError(f"{wanted_by} needs {cls.title} (not installed): pip install {' '.join(absent)}")

    @classmethod
    def find(cls, source: str) -> Path:
        """The file or folder of a model.

        Raises:
            MissingLibraryError: the library is not installed.
            ValueError: there is no such model.
        """
        cls.require(f"`models`: {cls.key}:{source}")
        path = cls.place(source).resolve()
        if not cls.holds_model(path):
            raise ValueError(f"`models` names '{cls.key}:{source}', which is not {cls.wanted}.")
        return path

    # What `holds_model` wants, in words.
    wanted: ClassVar[str]

    @classmethod
    def place(cls, source: str) -> Path:
        """Where a model lies that is named so on the command line."""
        return expand_path(source)

    @classmethod
    @abstractmethod
    def holds_model(cls, path: Path) -> bool:
        """Whether a model of the library is there."""

    @classmethod
    def labels(cls, path: Path) -> list[str] | None:
        """The classes of a classifier, in the order of their ids; None of other models."""
        return None

    @classmethod
    def read_types(cls, path: Path, test: TestSet) -> dict[str, str | None] | None:
        """How the entity types of a tagger are read on `test`: its own → the test set's, or None for no entity. None
        in place of all: as they are.

        Raises:
            ValueError: models of the library have no answer to such a test set.
        """
        return None

    @classmethod
    def version(cls) -> str | None:
        """The version of the library; None where no distribution tells."""
        for name in cls.distributions:
            try:
                return metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return None

    @classmethod
    def training(cls, path: Path) -> dict[str, Any] | None:
        """What `scripts/train_libraries.py` left beside a model; None: nothing."""
        file = (path if path.is_dir() else path.parent) / TRAINING_FILE
        if not file.is_file():
            return None
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found if found.get("library") == cls.key else None

    @staticmethod
    def size_bytes(path: Path) -> int:
        """Bytes on disk of the file, or of all files of the folder but `TRAINING_FILE`."""
        if path.is_file():
            return path.stat().st_size
        files = (file for file in path.rglob("*") if file.is_file() and file != path / TRAINING_FILE)
        return sum(file.stat().st_size for file in files)

    def load(self) -> dict[str, float]:
        """Seconds that the library took to load the model."""
        # One at a time in memory.
        self.model = None
        gc.collect()
        start = time.perf_counter()
        self.model = self.loaded(Path(self.folder))
        return {"seconds": time.perf_counter() - start}

    @abstractmethod
    def loaded(self, path: Path) -> Any:
        """The model there, by the library's own call."""

    def describe(self) -> dict[str, Any]:
        """What the model is, `dtype` of its weights, and the library's `version`."""
        return {"model_type": self.key, "version": self.version(), **self.figures()}

    @abstractmethod
    def figures(self) -> dict[str, Any]:
        """`model_class`, `parameters` and `dtype` of the loaded model."""
