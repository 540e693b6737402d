"""A table that does not fit in memory is mapped into it, and is the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hf_rnn.data.readers.files import read_rows


CONTENT = "text,label\n" + "".join(f"{'word ' * 40}{number},{number % 2}\n" for number in range(20_000))
# The growth of the most memory that a process held, in MB, while it read a file.
MEASURE = """
import sys
import pyarrow, datasets
from hf_rnn.data.readers import files
from hf_rnn.data.readers.tables import building
building.LARGEST_IN_MEMORY = int(sys.argv[2])
def held(field):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024
small = held("RssAnon")
rows = files.read_rows(sys.argv[1])
assert bool(rows.cache_files) == (int(sys.argv[2]) < 2**30), rows.cache_files
print(len(rows), held("RssAnon") - small)
"""


def test_a_large_table_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CONTENT, encoding="utf-8")
    in_memory = read_rows(str(path))
    assert in_memory.cache_files == []
    monkeypatch.setattr("hf_rnn.data.readers.tables.building.LARGEST_IN_MEMORY", 2**20)
    monkeypatch.setattr("hf_rnn.data.readers.tables.building.CHUNK_BYTES", 2**18)
    mapped = read_rows(str(path))
    assert mapped.cache_files and Path(mapped.cache_files[0]["filename"]).is_file()
    assert mapped.to_list() == in_memory.to_list()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_table_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write("text,label\n")
        for number in range(500_000):
            stream.write(f"{'word ' * 40}{number},{number % 2}\n")
    grown = {}
    for limit in (2**24, 2**40):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path), str(limit)], capture_output=True, text=True, check=True
        )
        rows, megabytes = done.stdout.split()
        assert int(rows) == 500_000
        grown[limit] = float(megabytes)
    # The file has 100 MB.
    assert grown[2**40] > 90
    assert grown[2**24] < 70, grown
