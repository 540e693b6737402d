"""Finds the whole checkpoints of a run, which may be killed, or run out of disk, while it writes one."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ..checksums import CHECKSUMS_FILE, DamagedFileError, check_files, read_json


__all__ = [
    "STATE_FILE",
    "check_checkpoint",
    "checkpoints",
    "last_whole_checkpoint",
    "set_aside_earlier_checkpoints",
    "set_aside_unfinished_checkpoints",
]


logger = logging.getLogger(__name__)

# The Trainer writes this file of a checkpoint last; only the checksums come after it.
STATE_FILE = "trainer_state.json"
# If one of these is missing, the Trainer goes on with a new optimizer or with other random numbers, and does not say
# so.
_PARTS = ("*.safetensors", "optimizer.pt", "scheduler.pt", "rng_state*.pth")


def check_checkpoint(folder: str | Path) -> None:
    """Raise unless the checkpoint `folder` is whole: it has the file that is written last, and all files are those
    that were written (see `check_files`). One without checksums, as the stock Trainer writes them, has all its parts.

    Raises:
        DamagedFileError: names a file that is missing or damaged.
    """
    folder = Path(folder)
    _check_finished(folder)
    check_files(folder)
    if not (folder / CHECKSUMS_FILE).is_file():
        for part in _PARTS:
            if not any(folder.glob(part)):
                raise DamagedFileError(f"{str(folder / part)!r} is missing.")


def last_whole_checkpoint(output: str | Path) -> str | None:
    """The whole checkpoint in `output` with the most steps, if there is one; a warning names those left out."""
    for folder in reversed(checkpoints(output)):
        try:
            check_checkpoint(folder)
        except DamagedFileError as error:
            logger.warning("%s is not whole and is left out. %s", folder, error)
        else:
            return str(folder)
    return None


def set_aside_unfinished_checkpoints(output: str | Path) -> None:
    """Rename the checkpoints whose writing was never finished, with a warning: the stock Trainer, removing old ones,
    would keep them as the newest, and whatever takes the highest number would load them.
    """
    for folder in checkpoints(output):
        try:
            _check_finished(folder)
        except DamagedFileError:
            aside = folder.with_name(f"unfinished-{folder.name}")
            logger.warning("%s was never finished. It is now %s and may be removed.", folder, aside)
            if aside.exists():
                # An earlier run did not finish this part of the same checkpoint.
                shutil.rmtree(aside)
            folder.rename(aside)


def set_aside_earlier_checkpoints(output: str | Path) -> None:
    """Rename the checkpoints of an earlier training, with a warning, where a new one starts in its folder: by their
    numbers they would count among its own, which would be removed in their place. Those set aside before are replaced.
    """
    earlier = checkpoints(output)
    if earlier:
        logger.warning(
            "%s has checkpoints of an earlier training. They are now %s-… and may be removed; to go on from the last, "
            "train with `resume_from_checkpoint`.",
            output,
            f"earlier-{PREFIX_CHECKPOINT_DIR}",
        )
    for folder in earlier:
        aside = folder.with_name(f"earlier-{folder.name}")
        if aside.exists():
            shutil.rmtree(aside)
        folder.rename(aside)


def _check_finished(folder: Path) -> None:
    if not (folder / STATE_FILE).is_file():
        raise DamagedFileError(f"{str(folder / STATE_FILE)!r} is missing: the checkpoint was never finished.")
    read_json(folder / STATE_FILE)


def checkpoints(output: str | Path) -> list[Path]:
    """The folders of checkpoints in `output`, by their steps; whether they are whole is another question."""
    if not Path(output).is_dir():
        return []
    numbered = {
        int(match[1]): path
        for path in Path(output).iterdir()
        if (match := re.fullmatch(rf"{PREFIX_CHECKPOINT_DIR}-(\d+)", path.name)) and path.is_dir()
    }
    return [numbered[step] for step in sorted(numbered)]
