"""Every command of README and of the pages in docs runs on tiny data, or stands in a table with the reason why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.documents import tables, tiny
from tests.documents.blocks import INDENTED, Command, commands, python_blocks, read
from tests.documents.running import run


PROJECT = Path(__file__).parent.parent.parent
PAGES = {
    str(path.relative_to(PROJECT)): read(path)
    for path in (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")), PROJECT / "CONTRIBUTING.md")
}
COMMANDS = {name: commands(page) for name, page in PAGES.items()}


def reason(command: Command) -> str | None:
    """Why it is not run."""
    return next((why for start, why in tables.NOT_RUN.items() if command.line.startswith(start)), None)


def suffix(command: Command) -> list[str]:
    """What makes it small."""
    return next((more.split() for start, more in tables.SMALLER.items() if command.line.startswith(start)), [])


PARAMETERS = [
    pytest.param(name, marks=[pytest.mark.slow] if name in tables.SLOW_PAGES else [], id=name)
    for name, found in COMMANDS.items()
    if any(reason(command) is None for command in found)
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `files`, `corpora` and `packages`."""
    folder = tmp_path_factory.mktemp("documents")
    for name, write in (("corpora", tiny.write_corpora), ("packages", tiny.write_vectors)):
        (folder / name).mkdir()
        write(folder / name)
    (folder / "files").mkdir()
    tiny.write_files(folder / "files", PROJECT)
    return folder


@pytest.mark.parametrize("page", PARAMETERS)
def test_every_command_of_a_page_runs(page: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(world / "files", tmp_path, symlinks=True, dirs_exist_ok=True)
    corpus = tables.TEST_FILE.get(page)
    if corpus is not None:
        shutil.copy(world / "corpora" / corpus, tmp_path / "test.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_RNN_CORPORA", str(world / "corpora"))
    monkeypatch.syspath_prepend(world / "packages")
    places = [str(PROJECT), str(world / "packages")]
    for line in tables.BEFORE.get(page, ()):
        run(Command(line), suffix(Command(line)), monkeypatch, places)
    for command in COMMANDS[page]:
        if reason(command) is None:
            printed = run(command, suffix(command), monkeypatch, places)
            assert printed.endswith(command.output), command.line


def test_pages_are_read_whole() -> None:
    """Blocks that nothing would run have no place: indented commands, and Python that is no example of doctest."""
    for name, page in PAGES.items():
        assert INDENTED.findall(page) == [], name
        # tests/test_readme.py runs these.
        assert [block for block in python_blocks(page) if not block.startswith(">>> ")] == [], name
    assert sum(map(len, COMMANDS.values())) >= 50


@pytest.mark.parametrize("table", ["SMALLER", "NOT_RUN"])
def test_a_table_has_nothing_that_the_pages_no_longer_have(table: str) -> None:
    lines = [command.line for found in COMMANDS.values() for command in found]
    used = [*lines, *(line for before in tables.BEFORE.values() for line in before)] if table == "SMALLER" else lines
    assert [start for start in getattr(tables, table) if not any(line.startswith(start) for line in used)] == []


def test_tables_of_pages_name_pages() -> None:
    assert {*tables.BEFORE, *tables.TEST_FILE, *tables.SLOW_PAGES} <= {*PAGES}


def test_commands_are_found_as_a_page_has_them() -> None:
    page = (
        "# A page\n\nRun `hf-rnn one --flag`, never `hf-rnn two RECIPE` or `python three.py …`.\n\n"
        "```bash\nhf-rnn four \\\n    --flag 'a b'   # a comment\n# a comment\nmake five\n```\n\n"
        "```bash\n$ python six.py\nwhat it prints\n$ python seven.py\n```\n\n```python\n>>> 1 + 1\n2\n\n```\n"
        "```\nhf-rnn eight\n```\n"
    )
    assert commands(page) == [
        Command("hf-rnn one --flag"),
        Command("hf-rnn four      --flag 'a b'   # a comment"),
        Command("make five"),
        Command("python six.py", "what it prints\n"),
        Command("python seven.py"),
    ]
    assert commands(page)[1].words == ["hf-rnn", "four", "--flag", "a b"]
    assert python_blocks(page) == [">>> 1 + 1\n2\n\n"]
    assert INDENTED.findall("    pip install x\n") and not INDENTED.findall("    --flag\n")
