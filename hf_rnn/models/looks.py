"""What depends on the values of a tensor, and where they can be looked at.

On the CPU a look is free, and saves work where nothing is padded. On a GPU the host would have to wait until all that
it has asked for is computed, and could not prepare what comes next; in a recording there is nothing to look at. There
a model goes the way that is right for all values, and what must hold is left to the device to check.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .tracing import recorded


__all__ = ["may_look", "require"]


def may_look(values: torch.Tensor) -> bool:
    """Whether what is computed may depend on these values: on the CPU, where nothing is recorded."""
    return not recorded() and _at_hand(values)


def _at_hand(values: torch.Tensor) -> bool:
    return values.device.type == "cpu"


def _checked_by_the_device(values: torch.Tensor) -> bool:
    # Others, such as Apple's, have no such check: there the host waits, and looks.
    return values.device.type == "cuda"


def require(right: torch.Tensor, message: str, say: Callable[[], str] | None = None) -> None:
    """Refuse a batch in which anything of `right` is False; in a recording nothing is checked.

    On CUDA the device finds it, after this has returned: a later operation ends in an AssertionError of the device,
    before which `message` is printed, and the process has to be started anew.

    Args:
        right: Of any shape.
        message: What must hold.
        say: Makes the message where the values can be looked at; None: `message`.

    Raises:
        ValueError: on other devices than CUDA.
    """
    if recorded() or right.device.type == "meta":
        return
    if _checked_by_the_device(right):
        torch._assert_async(right.all(), message)
    elif not bool(right.all()):
        raise ValueError(message if say is None else say())
