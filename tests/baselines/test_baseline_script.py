"""scripts/baseline_tfidf.py: a whole run on a few texts, with word pairs and without, and what it refuses."""

from __future__ import annotations

import csv
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, load_dataset

from hf_rnn.runs.results import read_results


Run = Callable[..., dict[str, Any]]
# Which word comes first decides the label: only pairs of words tell.
PAIRS = {"good not": "positive", "not good": "negative"}


def write_rows(path: Path, count: int) -> str:
    rows = [(f"{PAIR} word{i % 3}", label) for i in range(count) for PAIR, label in PAIRS.items()]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


@pytest.fixture
def run(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    files = {split: write_rows(tmp_path / f"{split}.csv", 12) for split in ("train", "validation", "test")}

    def run_script(*flags: str, splits: tuple[str, ...] = ("train", "validation", "test")) -> dict[str, Any]:
        given = [part for split in splits for part in (f"--{split}_file", files[split])]
        output = str(tmp_path / "run")
        monkeypatch.setattr(sys, "argv", ["baseline_tfidf.py", *given, "--output_dir", output, *flags])
        runpy.run_path(str(project / "scripts" / "baseline_tfidf.py"), run_name="__main__")
        return read_results(tmp_path / "run" / "results.json")

    return run_script


def test_pairs_of_words_tell_what_words_do_not(run: Run) -> None:
    assert run("--do_predict")["metrics"]["test"]["accuracy"] == 1.0
    assert run("--do_predict", "--ngram_max", "1")["metrics"]["test"]["accuracy"] == 0.5


def test_the_test_split_is_measured_only_when_asked(run: Run) -> None:
    results = run("--dataset_title", "pairs")
    assert results["metrics"].keys() == {"train", "validation"}
    assert (results["name"], results["dataset"]["name"]) == ("run", "pairs")
    assert results["dataset"]["splits"] == {"train": 24, "validation": 24, "test": 24}
    assert results["training"]["selection"] == {"split": "validation", "metric": "accuracy"}
    # not, good, word0-2; "good not", "not good", "good word0-2", "not word0-2".
    terms = 5 + 2 + 6
    assert results["model"]["config"]["terms"] == terms
    assert results["model"]["parameters"] == terms + 1
    words = ["not", "good", "good not", "not good"]
    words += [f"{before}word{i}" for i in range(3) for before in ("", "not ", "good ")]
    assert results["model"]["size_bytes"] == len("\n".join(words)) + 1 + 4 * (2 * terms + 1)


def test_refitting_takes_the_validation_rows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LogisticRegression

    rows: list[int] = []
    fit = LogisticRegression.fit
    monkeypatch.setattr(
        LogisticRegression, "fit", lambda self, x, y: (rows.append(int(np.shape(x)[0])), fit(self, x, y))[1]
    )
    results = run("--refit")
    assert rows == [24, 24, 24, 24, 48]
    assert "Fitted again on train and validation rows" in results["dataset"]["notes"]


def test_the_recipes_are_read_and_recorded(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path))
    (tmp_path / "imdb").mkdir()
    for split in ("train", "test"):
        texts = [text for i in range(12) for text in (f"fine film {i}", f"dull film {i}")]
        Dataset.from_dict({"text": texts, "label": [1, 0] * 12}).to_parquet(tmp_path / "imdb" / f"{split}.parquet")
    recipes = sorted((project / "hf_rnn" / "recipes" / "baselines").glob("*_tfidf*.json"))
    assert recipes
    for recipe in recipes:
        flags = ["--validation_split_size", "4", "--output_dir", str(tmp_path / recipe.stem)]
        monkeypatch.setattr(sys, "argv", ["baseline_tfidf.py", str(recipe), *flags])
        runpy.run_path(str(project / "scripts" / "baseline_tfidf.py"), run_name="__main__")
        results = read_results(tmp_path / recipe.stem / "results.json")
        assert results["recipe"] == recipe.relative_to(project).as_posix()
        assert results["dataset"]["source"] == "${HF_RNN_CORPORA}/imdb/train.parquet"
        assert results["metrics"]["test"]["accuracy"] == 1.0


def test_a_missing_split_is_named(run: Run, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(splits=("train", "test"))
    assert "Give `validation_file` or `validation_split_percentage`" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        run("--do_predict", splits=("train", "validation"))
    assert "Give `test_file` or `test_split_percentage`" in capsys.readouterr().err


def test_naive_bayes_tells_the_pairs_too(run: Run, tmp_path: Path) -> None:
    with open(tmp_path / "unlabelled.csv", "w", newline="") as file:
        csv.writer(file).writerows([["text"], *([pair] for pair in [*PAIRS] * 10)])
    flags = ("--weighting", "naive_bayes", "--unlabelled_file", str(tmp_path / "unlabelled.csv"), "--refit")
    # All rows of the other file are read, however few are trained on.
    results = run("--do_predict", *flags, "--max_train_samples", "12")
    assert results["metrics"]["test"]["accuracy"] == 1.0
    assert results["model"]["size_bytes"] < run("--do_predict")["model"]["size_bytes"]
    written = load_dataset("parquet", data_files=str(tmp_path / "run" / "teacher_logits.parquet"), split="train")
    # Each text once, those of validation and test among them.
    assert sorted(written["text"][:]) == sorted({*written["text"][:]}) and {*PAIRS} <= {*written["text"][:]}
    said = dict(zip(written["text"][:], written["teacher_logits"][:], strict=True))
    for text, label in PAIRS.items():
        logits = said[text]
        assert logits[0] == -logits[1] and (logits[1] > 0) is (label == max(PAIRS.values()))


def test_three_classes_have_no_ratio(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with open(tmp_path / "three.csv", "w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *([word, word] for word in "abc")])
    three = str(tmp_path / "three.csv")
    for flags in (["--weighting", "naive_bayes"], ["--unlabelled_file", "x.csv"]):
        with pytest.raises(SystemExit, match="2"):
            run(*flags, *(part for split in ("train", "validation") for part in (f"--{split}_file", three)), splits=())
        said = capsys.readouterr().err
        assert f"`{flags[0][2:]}`='{flags[1]}' is for data of two classes; there are a, b, c" in said
