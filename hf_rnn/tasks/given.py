"""What a run was given: the facts of its command that its training hangs on, and the content of what flags name."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..checksums import file_checksum
from ..data.readers.files import expand_path
from ..training.arguments import RecurrentTrainingArguments
from ..training.resuming.run_facts import comparable
from .arguments import ReportArguments


__all__ = ["facts_given", "named_content"]


# These flags of a task's own may differ when a run goes on: what a teacher says is kept in a folder that grows.
MAY_CHANGE = frozenset(("teacher_batch_size", "teacher_cache", "trust_remote_code"))
# These flags of the report choose what the model starts from, too.
OF_THE_REPORT = ("language",)
# Flags that may name a file or a folder: by their endings, and others. The name of a column may be that of a folder.
ENDINGS = ("_file", "_folder", "_path")
OTHERS = ("config_overrides", "dataset_name", "embedding_vectors", "init_from_lm", "init_from_lm_backward")


def facts_given(groups: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """The sections `arguments` and `files` of a fingerprint: every flag but those of the training, which the Trainer
    knows better, and those that only say how results are called.

    Args:
        groups: The argument dataclasses of a run, as they were given: preparing the run may change them.
    """
    flags = {name: value for group in groups for name, value in _flags(group) if name not in MAY_CHANGE}
    files = named_content({name: flags[name] for name in flags if name.endswith(ENDINGS) or name in OTHERS})
    # The same content may lie in another place.
    arguments = {name: "a file or folder" if name in files else comparable(value) for name, value in flags.items()}
    return {"arguments": arguments, "files": files}


def _flags(group: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(group, RecurrentTrainingArguments):
        return
    for field in dataclasses.fields(group):
        if field.init and (not isinstance(group, ReportArguments) or field.name in OF_THE_REPORT):
            yield field.name, getattr(group, field.name)


def named_content(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the files and folders of this machine that flags name, by flag: the SHA-256 of a file; of a
    folder that of each file in it, by its path.
    """
    found: dict[str, Any] = {}
    for flag, value in flags.items():
        if not isinstance(value, str) or not value:
            continue
        path = expand_path(value) if flag.endswith("_file") else Path(value)
        # Unlike those of `Path` these functions say no to a text that is too long for a path.
        if os.path.isfile(path):
            found[flag] = file_checksum(path)
        elif os.path.isdir(path):
            files = sorted(file for file in path.rglob("*") if file.is_file())
            found[flag] = {file.relative_to(path).as_posix(): file_checksum(file) for file in files}
    return found
