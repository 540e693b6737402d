"""The Python examples of the README and of docs/tracing.md print what these say."""

from __future__ import annotations

import doctest
from pathlib import Path


PROJECT = Path(__file__).parent.parent


def test_python_examples_print_what_the_readme_says():
    run_examples(PROJECT / "README.md")


def test_models_are_recorded_as_the_documentation_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it saves files
    run_examples(PROJECT / "docs" / "tracing.md")


def run_examples(page: Path) -> None:
    # doctest reads a fence's last line as output; an empty line before it ends the example.
    examples = doctest.DocTestParser().get_doctest(page.read_text(encoding="utf-8"), {}, page.stem, str(page), 0)
    assert examples.examples, f"{page} has no example"
    outcome = doctest.DocTestRunner().run(examples)
    assert outcome.failed == 0
