"""A contributor adds a field to results.json, and the next run has it."""

from __future__ import annotations

import re

import pytest

from tests.walks.checkout import Checkout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    copy = Checkout(tmp_path_factory.mktemp("checkout"))
    results = "hf_rnn/runs/results.py"
    copy.insert(results, '    "recipe": str | None,\n', '    "command": str,\n')
    copy.insert(results, '        "recipe": recipe,\n', '        "command": " ".join(sys.argv),\n')
    copy.insert(results, "import os\n", "import sys\n")
    copy.insert("CONTRIBUTING.md", "| `recipe` | str, null |", "| `command` | str | how the run was started |\n")
    return copy


def test_no_more_than_two_files_are_touched(checkout: Checkout) -> None:
    assert len(checkout.changed) <= 2
    assert checkout.added == []


def test_the_next_run_and_its_card_have_it(checkout: Checkout) -> None:
    checkout.run(
        """
from pathlib import Path
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.runs.results import read_results
from tests.tasks import small_runs

small_runs.run(Path("run"), **small_runs.write_reviews(Path("reviews")))
results = read_results("run/results.json")
assert results["command"] == "-c", results["command"]
write_model_card("run", results, license="mit", language="en")
"""
    )


def test_the_table_of_fields_and_the_schema_agree(checkout: Checkout) -> None:
    printed = checkout.run("from hf_rnn.runs.results import SCHEMA; print(*SCHEMA)")
    text = (checkout.folder / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## results.json\n")[1]
    told = [name for row in re.findall(r"^\| (`.*?) \|", text, re.M) for name in re.findall(r"`(\w+)", row)]
    assert set(printed.split()) <= set(told)
