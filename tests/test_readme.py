"""The README's Python examples print what it says they print."""

from __future__ import annotations

import doctest
from pathlib import Path


README = Path(__file__).parent.parent / "README.md"


def test_python_examples_print_what_the_readme_says():
    # doctest reads a fence's last line as output; an empty line before it ends the example.
    examples = doctest.DocTestParser().get_doctest(README.read_text(encoding="utf-8"), {}, "README", str(README), 0)
    assert examples.examples, "the README has no example"
    outcome = doctest.DocTestRunner().run(examples)
    assert outcome.failed == 0
