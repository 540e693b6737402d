"""scripts/baseline_dates.py: dateutil is measured on the dates, and what it refuses counts."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from hf_rnn.cli.baselines.dates import read_dates
from hf_rnn.runs.results import read_results


def test_the_day_stands_first_and_a_refusal_is_empty() -> None:
    texts = ["03/05/2021", "05/23/2021", "May 3rd, 2021", "3 de maio de 2021", "99999999999999999999"]
    assert read_dates(texts) == ["2021-05-03", "2021-05-23", "2021-05-03", "", ""]


def test_the_results_have_the_share_of_right_dates(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "validation.csv").write_text("text,iso\n3.5.2021,2021-05-03\n3 de maio de 2021,2021-05-03\n")
    (tmp_path / "test.csv").write_text("text,iso\n3-May-2021,2021-05-03\n")
    monkeypatch.setattr(sys, "argv", ["baseline_dates.py", str(tmp_path), "--output_dir", str(tmp_path / "out")])
    runpy.run_path(str(project / "scripts" / "baseline_dates.py"), run_name="__main__")
    results = read_results(tmp_path / "out" / "results.json")
    assert results["dataset"]["splits"] == {"validation": 2, "test": 1}
    assert results["metrics"]["validation"]["exact_match"] == 0.5
    assert results["metrics"]["test"] == {"exact_match": 1.0, "character_error_rate": 0.0}
    assert "test: exact match 1.0000" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["baseline_dates.py", str(tmp_path / "no"), "--output_dir", str(tmp_path / "b")])
    with pytest.raises(SystemExit):
        runpy.run_path(str(project / "scripts" / "baseline_dates.py"), run_name="__main__")
    assert "validation.csv" in capsys.readouterr().err
