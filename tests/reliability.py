"""What the tests marked `reliability` tried and what came of it, as a table in Markdown: `make reliability` writes
`docs/reliability.md`. A pytest plugin, which `tests/conftest.py` registers; its rows also come from xdist's workers.
"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest


SECTIONS = ("transformers' own tests", "Properties", "Faults", "Security", "Distributed", "Accumulation")
MARKER = (
    "reliability(section, fault, mutation): a row of docs/reliability.md. `section` is one of its headings, `fault` "
    "what is tried, `mutation` how the guarded code was broken to see the test fail: descriptions in "
    "tests/mutation_table.py, between them a semicolon."
)


@dataclass
class Row:
    """A line of the table: what the tests with this section, fault and mutation found."""

    section: str
    fault: str
    mutation: str
    tests: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


def row_of(item: pytest.Item) -> dict[str, str] | None:
    """What the test's marker says.

    Raises:
        pytest.UsageError: it lacks something, or names another section.
    """
    marker = item.get_closest_marker("reliability")
    if marker is None:
        return None
    if marker.args or set(marker.kwargs) != {"section", "fault", "mutation"}:
        raise pytest.UsageError(f"{item.nodeid}: the marker must be {MARKER}")
    if marker.kwargs["section"] not in SECTIONS:
        raise pytest.UsageError(
            f"{item.nodeid}: `section`={marker.kwargs['section']!r} must be one of {', '.join(SECTIONS)}."
        )
    return dict(marker.kwargs)


class ReliabilityTable:
    """Collects rows; with a `path`, writes them there when the session ends."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.rows: dict[tuple[str, str, str], Row] = {}

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if (row := row_of(item)) is not None:
                item.user_properties.append(("reliability", row))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # One report a test: that of its body, or that of what kept it from running.
        if report.when != "call" and report.outcome == "passed":
            return
        given: dict[str, object] = dict(report.user_properties)
        if isinstance(values := given.get("reliability"), dict):
            key = (values["section"], values["fault"], values["mutation"])
            row = self.rows.setdefault(key, Row(*key))
            row.tests.append(report.nodeid)
            row.outcomes.append(str(given.get("outcome", "passed")) if report.passed else report.outcome.upper())

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.path is not None and not hasattr(session.config, "workerinput"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(markdown(self.rows.values()), encoding="utf-8")


def markdown(rows: Iterable[Row]) -> str:
    """The document: where it was run, and a table a section."""
    # Not at the top: `tests/conftest.py` sets the environment before torch and transformers are imported.
    from hf_rnn.runs.provenance import describe_machine, git_commit, library_versions

    (commit, dirty), machine, versions = git_commit() or ("unknown", False), describe_machine(), library_versions()
    rows = sorted(rows, key=lambda row: (SECTIONS.index(row.section), row.tests[0].split("[")[0], row.fault))
    lines = [
        "# Reliability",
        "",
        "What was tried on purpose, and what came of it. Written by `make reliability`, never by hand: each row is a",
        "test, or several, and says how the code that it guards was broken to see it fail. `make mutations` breaks it",
        "again, in a copy of the checkout.",
        "",
        f"Commit {commit[:7]}{' with changes' if dirty else ''}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}; "
        f"{machine['cpu']}, {machine['cores']} cores; Python {platform.python_version()}, torch {versions['torch']}, "
        f"transformers {versions['transformers']}.",
    ]
    for section in SECTIONS:
        of_section = [row for row in rows if row.section == section]
        if of_section:
            lines += [
                "",
                f"## {section[0].upper()}{section[1:]}",
                "",
                "| Tried | Outcome | Test | Seen to fail with |",
            ]
            lines += ["|---|---|---|---|", *map(_line, of_section)]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    files = sorted({test.split("[")[0] for test in row.tests})
    outcomes = list(dict.fromkeys(row.outcomes))
    outcome = "; ".join(outcomes) + (f" ({len(row.tests)} cases)" if len(row.tests) > 1 else "")
    cells = (row.fault, outcome, "<br>".join(f"`{file}`" for file in files), row.mutation)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Call it with what the test found; a row says "passed" without it."""
    return lambda text: request.node.user_properties.append(("outcome", text))
