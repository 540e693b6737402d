"""What `scripts/measure_int8.py` writes, and the table that is made of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hf_rnn.benchmark.int8 import CHECKPOINTS, Int8Arguments, int8_table, measure_int8, read_int8


CORPORA = Path(os.environ["HF_RNN_CORPORA"])  # tests/conftest.py sets it


def test_a_row_has_the_figures_of_its_checkpoint(project: Path) -> None:
    document = read_int8(project / "model_cards" / "benchmarks" / "int8.json")
    document["measured"] = document["measured"][:1]
    record = document["measured"][0]
    record["figures"] = {"float32": 0.9, "int8": 0.8975}
    record["bytes"] = {"bundled": 5_000_000, "int8": 3_000_000}
    record["median_seconds"] = {"float32": 4.0, "int8": 2.0, "onnx_int8": 3.0}
    row = int8_table(document).splitlines()[2]
    assert row.split(" | ")[3:] == ["90.00", "89.75", "5.0 MB", "3.0 MB", "2.0×", "1.5× |"]


def test_folders_that_lack_a_corpus_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"`corpora`=.* must be a folder that has imdb/train\.parquet"):
        Int8Arguments(corpora=str(tmp_path))
    for checkpoint in CHECKPOINTS:
        (tmp_path / checkpoint.file).parent.mkdir(exist_ok=True)
        (tmp_path / checkpoint.file).touch()
    with pytest.raises(ValueError, match=r"`output`='int8\.txt' must be the name of a \.json file"):
        Int8Arguments(corpora=str(tmp_path), output="int8.txt")


@pytest.mark.corpus
@pytest.mark.slow
def test_a_quick_run_measures_every_checkpoint_and_is_no_figure(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    output, lines = tmp_path / "int8.json", []
    arguments = Int8Arguments(corpora=str(CORPORA), output=str(output), quick=True)
    document = measure_int8(arguments, lines.append)
    assert [record["name"] for record in document["measured"]] == [checkpoint.name for checkpoint in CHECKPOINTS]
    for record, line in zip(document["measured"], lines, strict=True):
        assert line.startswith(record["name"]) and record["bytes"]["int8"] < record["bytes"]["bundled"]
        assert record["figures"]["int8"] == pytest.approx(record["figures"]["float32"], abs=0.05)
    assert json.loads(output.read_text()) == document
    with pytest.raises(ValueError, match="quick"):
        read_int8(output)
