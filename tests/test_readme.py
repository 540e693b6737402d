"""The Python examples of README and of the pages in docs print what these say."""

from __future__ import annotations

import doctest
import re
import shutil
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.fixtures.loopback import LoopbackHub
from tests.publishing import ana_fixture, writes  # noqa: F401  (a fixture)


PROJECT = Path(__file__).parent.parent
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
WITH_EXAMPLES = [page for page in PAGES if ">>> " in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_python_examples_print_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ana: HfApi, loopback_hub: LoopbackHub
) -> None:
    monkeypatch.chdir(tmp_path)  # some save files
    shutil.copy(PROJECT / "tests" / "fixtures" / "keras" / "classifier.keras", tmp_path / "reviews.keras")
    # doctest reads a fence's last line as output; an empty line before it ends the example.
    examples = doctest.DocTestParser().get_doctest(page.read_text(encoding="utf-8"), {}, page.stem, str(page), 0)
    assert examples.examples
    published = [example for example in examples.examples if example.options.pop(doctest.SKIP, False)]
    for example in published:
        # A reader without a Hub skips it. Here it goes to the Hub on loopback, whose address it prints.
        assert ".push_to_hub(" in example.source
        example.want, example.options[doctest.ELLIPSIS] = "...\n", True
    assert doctest.DocTestRunner().run(examples).failed == 0
    assert len([line for line in writes(loopback_hub) if "/commit/" in line]) >= len(published)


def test_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", prose)]
    files = [target for target in targets if target and "://" not in target]
    assert [target for target in files if not (page.parent / target).exists()] == []
