"""Programs that follow a run while it trains: that those of `report_to` are there, and that they see one run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from transformers import TrainingArguments
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK


__all__ = ["PACKAGES", "name_tracked_run", "require_trackers"]


# Trackers that need no account → the packages each may come as; the first is what one is told to install.
PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "trackio": ("trackio",), "wandb": ("wandb",)}


def require_trackers(report_to: Iterable[str]) -> None:
    """Raise unless every program that `report_to` names can be reported to. The Trainer would find out when the data
    are read and the tokenizer is trained. Of programs that are not in `PACKAGES` it is left to tell.

    Raises:
        ValueError: transformers knows no such program.
        ImportError: its package is not installed; the message says how to install it.
    """
    for name in report_to:
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(("none", "all", *sorted(INTEGRATION_TO_CALLBACK)))
            raise ValueError(f"`report_to`={name!r} must be one or several of {known}.")
        packages = PACKAGES.get(name)
        if packages is not None and not any(find_spec(package) for package in packages):
            raise ImportError(f"`report_to`={name!r} needs a package that is not installed: pip install {packages[0]}")


def name_tracked_run(arguments: TrainingArguments) -> None:
    """Name the run after its folder and the time, unless it has a name: what is measured in the end then goes to the
    run of the training. Of one without a name, trackio makes two.
    """
    if arguments.report_to and arguments.run_name is None:
        arguments.run_name = f"{Path(arguments.output_dir or '.').resolve().name} {datetime.now():%Y-%m-%d %H:%M:%S}"
