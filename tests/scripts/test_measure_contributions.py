"""scripts/measure_contributions.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.insight.texts import letters_tokenizer
from tests.models.common import build


def test_from_flags_to_the_table_and_the_file(run_script: Callable[..., Any], tmp_path: Path) -> None:
    build("gru", num_labels=2).float().save_pretrained(tmp_path / "model")
    letters_tokenizer().save_pretrained(tmp_path / "model")
    rows = ["a b c d e f g h", "b b", "c a h d e f g", "h h h h h h a"]
    (tmp_path / "texts.csv").write_text("text\n" + "\n".join(rows) + "\n")
    done = run_script(
        "measure_contributions",
        *(
            "--model",
            "model",
            "--test_file",
            "texts.csv",
            "--max_texts",
            "3",
            "--draws",
            "2",
            "--output",
            "out/c.json",
        ),
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "c.json").read_text())
    assert document["dataset"] | {"sha256": ""} == {
        "source": "texts.csv",
        "sha256": "",
        "rows": 4,
        "sampled": 3,
        "seed": 0,
    }
    assert document["completeness_error"]["max"] <= 0.01
    assert 2 <= document["deletion"]["by_tokens"]["5"]["texts"] <= 3
    assert "10" not in document["deletion"]["by_tokens"]
    assert "captum" in document["versions"]
    assert "| 5 | " in done.stdout and "Wrote out/c.json." in done.stdout
