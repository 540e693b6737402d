"""A run of several processes: which of them writes, and whether they are there at all."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from transformers import TrainingArguments


__all__ = ["folder_to_write", "warn_of_missing"]


logger = logging.getLogger(__name__)

# A process knows by these how many there are, of torchrun and of the kinds of MPI.
WORLD_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


@contextlib.contextmanager
def folder_to_write(arguments: TrainingArguments) -> Iterator[Path]:
    """The output folder for the first process; for any other, one that is gone afterwards."""
    if arguments.process_index == 0:
        yield Path(arguments.output_dir or ".")
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def warn_of_missing(world_size: int, environment: Mapping[str, str] = os.environ) -> None:
    """Say so where several processes were asked for and there is one.

    `accelerate launch --cpu --num_processes 2` starts one process. It tells it where the first of several would be,
    and not how many there are.
    """
    named = [name for name in WORLD_SIZES if name in environment]
    by_accelerate = "ACCELERATE_MIXED_PRECISION" in environment and "MASTER_ADDR" in environment
    if world_size == 1 and by_accelerate and not named:
        logger.warning(
            "Several processes were asked for, and this is the only one: `accelerate launch` starts no more of them "
            "on CPUs. Use `torchrun --nproc_per_node`, or `accelerate launch --multi_gpu` and `--use_cpu` for the "
            "script (see docs/distributed.md)."
        )
