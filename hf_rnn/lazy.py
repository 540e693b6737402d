"""Public names of a package that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .moved import warn_of_move


__all__ = ["lazily"]


def lazily(
    package: str, module_of: Mapping[str, str], moved: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__`, the `__dir__` and the `__all__` of a package:

        __getattr__, __dir__, __all__ = lazily(__name__, {"RecurrentTrainer": ".trainer"})

    Args:
        package: The package's name.
        module_of: Public name → the module that has it, absolute or relative to the package; where it has another
            name there, `module:name`.
        moved: Name that is public elsewhere by now → the package that has it. It is found, with a FutureWarning.

    Returns:
        The three; the first raises an AttributeError that lists what the package offers.
    """
    offered = sorted(module_of)

    def find(name: str) -> Any:
        if moved is not None and name in moved:
            warn_of_move(f"{package}.{name}", f"{moved[name]}.{name}")
            return getattr(importlib.import_module(moved[name]), name)
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it offers: {', '.join(offered)}.")
        module, _, inner = module_of[name].partition(":")
        value = getattr(importlib.import_module(module, package), inner or name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *offered})

    return find, names, offered
