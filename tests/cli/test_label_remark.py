"""That numbers are learnt as classes stands in the last lines of a training, where people read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hf_rnn.cli import train
from hf_rnn.runs.folder import RESULTS_FILE
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.text_classification.label_remark import label_remark


def trained(folder: Path, labels: list[str], *flags: str) -> list[str]:
    """The lines of a training on some rows, and the last ones again by the function itself."""
    rows = (f"some words of number {index},{labels[index % len(labels)]}" for index in range(40))
    (folder / "rows.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    small = ["--from_scratch", "true", "--config_overrides", '{"hidden_size": 8}', "--max_steps", "1", "--use_cpu"]
    train.main(["text-classification", str(folder / "rows.csv"), *small, "--output_dir", str(folder / "run"), *flags])
    return label_remark(read_results(folder / "run" / RESULTS_FILE), folder / "run")


def test_ages_that_are_learnt_as_classes_are_said_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    trained(tmp_path, ["18", "98", "35", "-1"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("The labels are 4 whole numbers from -1 to 98, and each was learnt as a class of its own")
    assert last.endswith("train again with --problem_type regression.")


@pytest.mark.parametrize(
    ("labels", "flags"),
    [
        (["0", "1"], []),
        (["low", "high", "80"], []),
        (["18", "98", "35"], ["--problem_type", "regression"]),
        (["18", "98", "35"], ["--problem_type", "single_label_classification"]),
    ],
)
def test_nothing_is_said_of_names_and_of_what_was_asked_for(
    tmp_path: Path, labels: list[str], flags: list[str], capsys: pytest.CaptureFixture
) -> None:
    assert trained(tmp_path, labels, *flags) == []
    assert "whole numbers" not in capsys.readouterr().out


def test_a_model_that_was_only_measured_has_chosen_nothing(tmp_path: Path) -> None:
    results: dict[str, Any] = {"task": "text-classification", "training": {"steps": 0, "arguments": {}}}
    assert label_remark(results, tmp_path) == []
