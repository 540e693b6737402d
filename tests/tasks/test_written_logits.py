"""Runs that learn from what a teacher has said already, written beside unlabelled texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tasks import small_runs, small_tagging_runs
from tests.tasks.distillation_runs import CLASSES, catching, reviews, run, texts


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("data")
    sizes = {"train": 60, "validation": 20, "test": 20}
    rows = {split: reviews(size, seed) for seed, (split, size) in enumerate(sizes.items())}
    return {f"{split}_file": str(small_runs.write_rows(folder / f"{split}.csv", rows[split])) for split in rows}


def scored(path: Path, rows: list[Any]) -> dict[str, Any]:
    """Flags of a run that learns from what a file says of its texts."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return {"unlabelled_file": str(path)}


def test_what_a_teacher_has_said_already_is_read(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [[float(index), -0.5 * index] for index in range(150)]
    rows = [{"text": text, "teacher_logits": values} for text, values in zip(texts(150, 77), said, strict=True)]
    task = catching(monkeypatch)("texts", tmp_path, **files, **scored(tmp_path / "u.jsonl", rows))
    of_labelled, of_others = task.train["teacher_logits"][:60], task.train["teacher_logits"][60:]
    assert np.isnan(of_labelled).all() and of_others == said
    assert task.train["labels"][:60] == [0, 1] * 30 and task.train["labels"][60:] == [-100] * 150


def test_a_student_learns_from_what_was_said(files: dict[str, str], tmp_path: Path) -> None:
    # The opposite of the labels, of so many texts that they outweigh these.
    unlabelled = [
        {"text": text, "teacher_logits": [4.0, -4.0] if label == CLASSES[1] else [-4.0, 4.0]}
        for text, label in reviews(150, 77)
    ]
    flags = scored(tmp_path / "u.jsonl", unlabelled)
    options = {"distillation_weight": 0.95, "load_best_model_at_end": False}
    results = run("texts", tmp_path / "out", **files, **flags, **options)
    assert results["dataset"]["splits"]["unlabelled"] == 150
    assert results["metrics"]["test"]["accuracy"] < 0.3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"text": "a"},
            "needs a `teacher_name_or_path` to say what is in it, or a column `teacher_logits`; its columns",
        ),
        ({"text": " ", "teacher_logits": [1.0, 2.0]}, "The train split: .* has no text .1 of 1 rows lack something"),
        ({"text": "a", "teacher_logits": [1.0]}, r"`teacher_logits` of row 0 is \[1.0\]; it must be 2 finite numbers"),
        ({"text": "a", "teacher_logits": 0.5}, "`teacher_logits` of row 0 is 0.5; it must be 2 finite numbers"),
        ({"text": "a", "teacher_logits": None}, "`teacher_logits` of row 0 is None; it must be 2 finite numbers"),
    ],
)
def test_files_that_do_not_say_it_are_refused(
    row: dict[str, Any], message: str, files: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"`unlabelled_file`=.*{message}"):
        run("texts", tmp_path / "out", **files, **scored(tmp_path / "u.jsonl", [row]))


def test_sentences_need_a_teacher(tmp_path: Path) -> None:
    tags = small_tagging_runs.write_news(tmp_path)
    with pytest.raises(ValueError, match="`unlabelled_file`='.*' needs a `teacher_name_or_path`"):
        run("tags", tmp_path / "out", **tags, unlabelled_file=tags["train_file"])
