"""Several numbers of a text, learnt together: the columns, the run, its predictions and figures, the baseline."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error
from transformers import pipeline

import hf_rnn
from hf_rnn.baselines.texts import number_scores
from hf_rnn.data.readers.texts import DataArguments, load_text_classification
from tests.tasks.small_runs import run


COLUMNS = ("joy", "length")


def write(path: Path, rows: int, lacking: bool = False) -> str:
    """Texts with the share of glad words in them, and the number of their words."""
    drawn = random.Random(path.stem)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", *COLUMNS])
        for row in range(rows):
            words = drawn.choices(("good", "fine", "bad", "dull"), k=drawn.randint(2, 8))
            joy = sum(word in ("good", "fine") for word in words) / len(words)
            writer.writerow([" ".join(words), joy, "" if lacking and not row else len(words)])
    return str(path)


def test_columns_of_numbers_are_read_together(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write(tmp_path / "train.csv", 30, lacking=True)
    data = load_text_classification(DataArguments(train_file=path, label_column_name="joy,length"))
    assert (data.problem_type, data.label_names) == ("regression", [*COLUMNS])
    assert "2 columns of numbers, so this is a regression of all of them" in caplog.text
    # The row that lacks a number is left out, and said.
    assert len(data.splits["train"]) == 29 and data.splits["train"].features["label"].feature.dtype == "float32"
    (tmp_path / "marks.csv").write_text("text,a,b\nfine film,1,0\ndull film,0,1\n")
    marks = DataArguments(train_file=str(tmp_path / "marks.csv"), label_column_name="a,b")
    assert load_text_classification(marks).problem_type == "multi_label_classification"
    assert load_text_classification(marks, problem_type="regression").problem_type == "regression"
    (tmp_path / "marks.csv").write_text("text,a,b\nfine film,1.5,x\ndull film,0,1\n")
    marks.problem_type = "regression"
    with pytest.raises(ValueError, match=r"it must be 2 finite numbers, one for each of 'a', 'b'"):
        load_text_classification(marks)


def test_ridge_tells_several_numbers_as_it_tells_each():
    texts = {"train": ["good good", "bad", "dull bad good", "fine"] * 5, "test": ["good bad", "fine fine"]}
    numbers = np.random.default_rng(0).normal(size=(20, 2))
    both = number_scores(texts, {"train": numbers}).answers["test"]
    each = [number_scores(texts, {"train": numbers[:, index]}).answers["test"] for index in range(2)]
    assert both == pytest.approx(np.hstack(each), abs=1e-5)


@pytest.mark.slow
def test_a_run_predicts_a_column_each(tmp_path: Path):
    files = {f"{split}_file": write(tmp_path / f"{split}.csv", rows) for split, rows in (("train", 40), ("test", 12))}
    folder = tmp_path / "run"
    results = run(folder, label_column_name="joy,length", validation_split_percentage=20, num_train_epochs=1, **files)
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    test = results["metrics"]["test"]
    found = []
    for name in COLUMNS:
        true, said = ([float(row[f"{kind}_{name}"]) for row in rows] for kind in ("label", "prediction"))
        found.append(mean_squared_error(true, said))
        assert test[f"mse_{name}"] == pytest.approx(found[-1], rel=1e-4)
    assert test["mse"] == pytest.approx(np.mean(found), rel=1e-4)
    assert (
        results["baselines"][0]["name"] == "TF-IDF + ridge" and "mse_joy" in results["baselines"][0]["metrics"]["test"]
    )
    hf_rnn.predict_file(folder, files["test_file"], tmp_path / "answers.csv", progress=False)
    with (tmp_path / "answers.csv").open(newline="") as file:
        answers = list(csv.DictReader(file))
    for name in COLUMNS:
        said = [float(row[f"score_{name}"]) for row in answers]
        assert said == pytest.approx([float(row[f"prediction_{name}"]) for row in rows], abs=1e-5)
    # The columns are found by the names that the model has.
    evaluated = hf_rnn.evaluate_file(folder, files["test_file"], output=tmp_path / "figures.json", progress=False)
    assert evaluated.metrics["mse_length"] == pytest.approx(test["mse_length"], rel=1e-4)
    # transformers' pipeline gives the numbers as they are, with `top_k=None` all of them.
    answer = pipeline("text-classification", model=str(folder))("good bad", top_k=None)
    assert {one["label"] for one in answer} == {*COLUMNS}
