"""How the properties are run: a few generated inputs in every run, many in that of the slow tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy


def generated(few: int, many: int, **strategies: SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Make a test of a check: it is called with inputs that Hypothesis draws from `strategies`.

    Args:
        few: How many inputs, always the same ones, are tried in every run.
        many: How many are tried in the run of the slow tests; other ones each time, and a failure prints how to have
            its input again.
    """

    def decorate(check: Callable[..., None]) -> Callable[..., None]:
        @pytest.mark.parametrize("inputs", [few, pytest.param(many, marks=pytest.mark.slow)])
        def test(inputs: int, outcome: Callable[[str], None]) -> None:
            tried = 0

            def counted(**values: Any) -> None:
                nonlocal tried
                tried += 1
                check(**values)

            # Hypothesis finds an input again by the name and the place of what it calls.
            counted.__name__, counted.__qualname__, counted.__module__ = (
                check.__name__,
                check.__name__,
                check.__module__,
            )
            profile = settings(
                max_examples=inputs,
                # The machine may be busy.
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
                database=None,
                derandomize=inputs == few,
                print_blob=inputs != few,
            )
            profile(given(**strategies)(counted))()
            assert tried >= inputs
            outcome(f"{tried:,} generated inputs, none fails")

        test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
        test.__module__ = check.__module__
        return test

    return decorate
