"""The claim of docs/distilling.md: what 200 labels do not tell a network, teachers and unlabelled texts do."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.cli.distill import main as distill
from hf_rnn.cli.train import main as train
from hf_rnn.data.synthetic.reviews import synthetic_reviews
from hf_rnn.runs.results import read_results


SMALL = ["--model_type", "gru", "--config_overrides", '{"hidden_size": 32}']


@pytest.mark.slow
def test_a_student_learns_the_order_of_words_from_its_teachers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    splits = synthetic_reviews(3000, 300, 300)
    for split, rows in splits.items():
        rows.to_csv(f"{split}.csv")
    splits["train"].select(range(200)).to_csv("few.csv")
    few = ["text-classification", "few.csv", "validation.csv", "test.csv", *SMALL]
    for number, family in enumerate(([], ["--model_type", "gru"]), start=1):
        line = ["text-classification", "train.csv", "validation.csv", *family, "--num_train_epochs", "5"]
        train([*line, "--output_dir", f"teacher_{number}"])
    teachers = ["--teacher_name_or_path", "teacher_1,teacher_2", "--unlabelled_file", "train.csv"]
    distill([*few, *teachers, "--output_dir", "taught"])
    train([*few, "--output_dir", "alone"])
    taught, alone = (read_results(tmp_path / name / "results.json") for name in ("taught", "alone"))
    assert taught["metrics"]["test"]["accuracy"] > 0.95
    assert alone["metrics"]["test"]["accuracy"] < 0.7
    beside = {each["name"]: each["metrics"]["test"]["accuracy"] for each in taught["baselines"]}
    assert beside["TF-IDF + logistic regression"] < 0.7 < beside["teacher teacher_1"]
    assert beside["the mean of the teachers"] > 0.9
