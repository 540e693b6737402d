"""The mutations that the rows of docs/reliability.md name are those that can be made again."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation_table import MUTATIONS, Mutation
from tests.mutations import PROJECT


def named(path: Path) -> set[str]:
    """The mutations that the markers `reliability` of a file name; that one has none is an error."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.reliability":
            values = {keyword.arg: keyword.value for keyword in node.keywords}
            assert "mutation" in values, f"{path.name}, line {node.lineno}: how was this test seen to fail?"
            found |= set(ast.literal_eval(values["mutation"]).split("; "))
    return found


def test_every_row_names_mutations_that_are_there_and_no_other_is_kept() -> None:
    files = [path for path in (PROJECT / "tests").rglob("test_*.py") if path.name != "test_reliability.py"]
    assert set().union(*map(named, files)) == MUTATIONS.keys()


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_there_is_something_to_change_and_a_test_that_is_asked(mutation: Mutation) -> None:
    assert (PROJECT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1
    assert mutation.new != mutation.old
    assert (PROJECT / mutation.tests.split()[0]).exists()


def test_a_row_without_a_mutation_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "test_it.py"
    path.write_text('@pytest.mark.reliability(section="Faults", fault="x")\ndef test_it(): pass\n')
    with pytest.raises(AssertionError, match=r"test_it\.py, line 1: how was"):
        named(path)
