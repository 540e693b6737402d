"""The name of a model's state: `past_key_values` in transformers up to 5.23, `cache` from 5.24 on.

Every other file says `cache`. What is given under either name, or under the next one, reaches the state; what is
returned has the name that this version of transformers looks for, and answers to the others.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import fields
from typing import Any

from transformers.cache_utils import Cache
from transformers.modeling_outputs import CausalLMOutput, CausalLMOutputWithPast


__all__ = ["STATE_NAME", "STATE_NAMES", "StateOutputMixin", "named_state", "take_state"]


def _name_in(with_state: type[Any], without: type[Any]) -> str:
    # The field that the outputs of a model with a state have, and those of one without do not.
    others = {field.name for field in fields(without)}
    return next(field.name for field in fields(with_state) if field.name not in others)


# The name that the outputs of this version of transformers have, and that its `generate` passes on.
STATE_NAME = _name_in(CausalLMOutputWithPast, CausalLMOutput)
STATE_NAMES = tuple(dict.fromkeys(("cache", "past_key_values", STATE_NAME)))


def take_state(arguments: MutableMapping[str, Any], cache: Any = None, past_key_values: Any = None) -> Any:
    """Take the state out of what a model was called with, by whichever name it was given.

    Args:
        arguments: The other named arguments; the state is removed from them.
        cache: What was given as `cache`.
        past_key_values: What was given as `past_key_values`.

    Returns:
        The state, unchecked; None where none was given.

    Raises:
        ValueError: for two states, or one under a name that is not known here, which would be lost.
    """
    named = [("cache", cache), ("past_key_values", past_key_values)]
    named += [(name, arguments.pop(name, None)) for name in STATE_NAMES]
    given = {name: state for name, state in named if state is not None}
    if len(given) > 1:
        names = " and ".join(f"`{name}`" for name in given)
        raise ValueError(f"{names} are two names of one state; give one of them.")
    for name, value in arguments.items():
        if isinstance(value, Cache):
            raise ValueError(f"`{name}` is a {type(value).__name__}; a state must be given as `cache`.")
    return next(iter(given.values()), None)


class StateOutputMixin:
    """An output whose state answers to every name of [`STATE_NAMES`], whatever transformers calls it."""

    # Python calls it only for a name that the output does not have.
    def __getattr__(self, name: str) -> Any:
        if name in STATE_NAMES:
            return getattr(self, STATE_NAME)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def named_state(cache: Cache | None) -> dict[str, Any]:
    """The state as a named argument of an output of this version of transformers."""
    return {STATE_NAME: cache}
