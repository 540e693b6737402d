"""The bundled checkpoints and encoders: where they are, and the one way in which a checkpoint is named.

Those that are free for every use are in the package. The others have a distribution of their own, `DISTRIBUTION`,
which is built from the same repository; a checkout has both.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers.utils import logging

from .checksums import check_files


__all__ = [
    "DISTRIBUTION",
    "PREFIX",
    "TERMS",
    "bundled",
    "bundled_folders",
    "bundled_name",
    "checkpoint_folder",
    "encoder_folders",
    "find_named",
    "list_bundled",
    "named_if_missing",
]


logger = logging.get_logger(__name__)

PREFIX = "bundled:"
_PACKAGE = Path(__file__).resolve().parent
PRETRAINED = _PACKAGE / "pretrained"
# The folder in it that holds encoders of general language, from which models of a task start.
ENCODERS = "encoders"
DISTRIBUTION = "hf_rnn-research-weights"
_RESEARCH_PACKAGE = "hf_rnn_research_weights"
# A checkout has the distribution's package here.
RESEARCH_WEIGHTS = _PACKAGE / "research_weights" / _RESEARCH_PACKAGE
# Checkpoint of the distribution → its terms.
TERMS = {
    "bilstm-crf-conll2003": "for research only, as is the Reuters news of CoNLL-2003 that it was trained on",
    "bilstm-crf-pt": "for research only: Paramopama and the second HAREM, which it was trained on, name no terms",
    "siamese-bilstm-quora": "not for commercial use (CC-BY-NC-4.0), as are the questions of Quora it was trained on",
    "siamese-bilstm-stsb": "for research only: the texts of the STS benchmark have several owners",
}


def _folders() -> list[Path]:
    """The folders that hold bundled checkpoints. In a checkout its own are taken before those that are installed."""
    if RESEARCH_WEIGHTS.is_dir():
        return [PRETRAINED, RESEARCH_WEIGHTS]
    spec = importlib.util.find_spec(_RESEARCH_PACKAGE)
    return [PRETRAINED, *map(Path, (spec and spec.submodule_search_locations) or ())]


def encoder_folders() -> dict[str, Path]:
    """Name → folder of every bundled encoder, from which models of a task start, sorted by name."""
    return {path.parent.name: path.parent for path in sorted((PRETRAINED / ENCODERS).glob("*/config.json"))}


def bundled_folders() -> dict[str, Path]:
    """Name → folder of every bundled checkpoint of a task that is installed, sorted by name."""
    found = {path.parent.name: path.parent for folder in _folders() for path in folder.glob("*/config.json")}
    return dict(sorted(found.items()))


def list_bundled() -> list[str]:
    """Names of the bundled checkpoints of a task that are installed, sorted."""
    return list(bundled_folders())


def bundled(name: str) -> str:
    """Folder of the bundled checkpoint or encoder `name`, for `from_pretrained` and `pipeline`.

    The first time in a process, the terms of one that is not free for every use are logged as a warning.

    Raises:
        ValueError: there is none of this name, or it is in the distribution hf_rnn-research-weights, which is not
            installed; the message says how it is.
        DamagedFileError: a file of it is missing or is not the one that was bundled; the message names it.
    """
    return _find(name, "name", name, "")


def checkpoint_folder(name: str | os.PathLike[str], argument: str) -> str:
    """A checkpoint as `from_pretrained` takes it: the folder of the bundled one that `bundled:NAME` names. Everything
    else, a folder or a repository of the Hub, is given back as it is.

    Args:
        name: What the user named.
        argument: How it was given, for the errors.

    Raises:
        ValueError: as `bundled`; or `name` is that of a bundled checkpoint without `bundled:` before it, and there is
            no such folder.
        DamagedFileError: as `bundled`.
    """
    given = os.fspath(name)
    if given.startswith(PREFIX):
        return _find(given.removeprefix(PREFIX), argument, given, PREFIX)
    if given in {*_all_folders(), *TERMS} and not Path(given).exists():
        raise ValueError(
            f"`{argument}`={given!r} is no folder; the bundled checkpoint of this name is {PREFIX + given!r}."
        )
    return given


@contextmanager
def named_if_missing(name: str | os.PathLike[str], argument: str, given: str) -> Iterator[None]:
    """Inside the block, which loads the checkpoint `name`, the error of one that is not there says what was given.

    Args:
        name: As `from_pretrained` takes it.
        argument: How it was given.
        given: What the user named.

    Raises:
        OSError: `name` is no folder here, and the Hub does not have it or cannot be asked; the message says both.
    """
    try:
        yield
    except OSError as error:
        if Path(name).exists():
            raise
        raise OSError(
            f"`{argument}`={given!r} is no folder here ({Path(name).absolute()}), and no repository of the Hub "
            f"of this name can be loaded: {error}"
        ) from error


def find_named(arguments: Any, *fields: str) -> None:
    """`checkpoint_folder` of these fields of an argument dataclass, where they are not None, in place of their values.

    Raises:
        ValueError, DamagedFileError: as `checkpoint_folder`.
    """
    for field in fields:
        if (value := getattr(arguments, field)) is not None:
            setattr(arguments, field, checkpoint_folder(value, field))


def bundled_name(folder: str) -> str | None:
    """`bundled:NAME` where `folder` is that of a bundled checkpoint; None otherwise."""
    names = (PREFIX + name for name, path in _all_folders().items() if str(path) == folder)
    return next(names, None)


def _all_folders() -> dict[str, Path]:
    return {**bundled_folders(), **encoder_folders()}


def _find(name: str, argument: str, given: str, prefix: str) -> str:
    folders = _all_folders()
    if name not in folders and name in TERMS:
        raise ValueError(
            f"`{argument}`={given!r} is in the distribution {DISTRIBUTION}, which is not installed. The checkpoint is "
            f"{TERMS[name]}. If that is what you do: pip install {DISTRIBUTION}"
        )
    if name not in folders:
        names = ", ".join(prefix + known for known in folders) or "there are none"
        raise ValueError(f"`{argument}` must be a bundled checkpoint ({names}); it is {given!r}")
    check_files(folders[name])
    if name in TERMS:
        logger.warning_once(f"The bundled checkpoint {name} is {TERMS[name]}.")
    return str(folders[name])
