"""Runs a whole test class of transformers' mixins, and says what became of each test."""

from __future__ import annotations

import contextlib
import io
import unittest
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from transformers import PreTrainedModel


@dataclass
class Outcome(unittest.TestResult):
    """What became of the tests of a class, by their names.

    Attributes:
        ran: All of them.
        skipped_because: Those that were skipped, with the reasons.
        problems: Failures and errors, as text; those of a sub-test are those of its test.
        built: How many models each has built.
    """

    ran: set[str] = field(default_factory=set)
    skipped_because: dict[str, set[str]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    built: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self.current = ""

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self.current = _name(test)
        self.ran.add(self.current)
        self.built[self.current] = 0

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self.skipped_because.setdefault(_name(test), set()).add(reason)

    def _add(self, test: Any, error: Any) -> None:
        self.problems[_name(test)] = self._exc_info_to_string(error, test)

    def addFailure(self, test: Any, err: Any) -> None:
        self._add(test, err)

    def addError(self, test: Any, err: Any) -> None:
        self._add(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._add(test, err)

    @property
    def passed(self) -> set[str]:
        return self.ran - self.skipped_because.keys() - self.problems.keys()

    @property
    def with_a_model(self) -> set[str]:
        """Those passed that have built a model: others pass by finding that they have nothing to say of the class."""
        return {name for name in self.passed if self.built[name]}


def _name(test: Any) -> str:
    # A sub-test knows its test; what fails in setUpClass is none.
    return str(getattr(getattr(test, "test_case", test), "_testMethodName", test))


@contextlib.contextmanager
def _counting_models(outcome: Outcome) -> Iterator[None]:
    plain = PreTrainedModel.__init__

    def counted(model: PreTrainedModel, *args: Any, **kwargs: Any) -> None:
        if outcome.current:
            outcome.built[outcome.current] += 1
        plain(model, *args, **kwargs)

    with mock.patch.object(PreTrainedModel, "__init__", counted):
        yield


def run(test_class: type[unittest.TestCase], only: Iterable[str] | None = None) -> Outcome:
    """All tests of `test_class`, or `only` those, quietly."""
    names = unittest.TestLoader().getTestCaseNames(test_class) if only is None else only
    outcome = Outcome()
    with _counting_models(outcome), contextlib.redirect_stdout(io.StringIO()):
        unittest.TestSuite(map(test_class, names)).run(outcome)
    return outcome


__all__ = ["Outcome", "run"]
