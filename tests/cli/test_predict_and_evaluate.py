"""hf-rnn predict and hf-rnn evaluate, from their flags to what they print."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_rnn.cli import evaluate, predict
from hf_rnn.inference.files import FilePrediction
from tests.inference.small_models import TEXTS, classifier, rows_of, texts_file


def test_predict_says_where_the_answers_are_and_which_rows_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model, data = classifier(tmp_path), texts_file(tmp_path, [*TEXTS, ""])
    line = [
        model,
        str(data),
        "--output",
        str(tmp_path / "o.csv"),
        "--top_k",
        "2",
        "--batch_size",
        "8",
        "--no_progress",
    ]
    predict.main(line)
    written = capsys.readouterr()
    assert written.out == ""
    output = tmp_path / "o.csv"
    assert written.err.splitlines()[-1] == (
        f"{len(TEXTS) + 1} rows, 1 of them without an answer (row {len(TEXTS)}: there is no text (null)): {output}"
    )
    rows = rows_of(tmp_path / "o.csv")
    assert list(rows[0]) == ["row", "label_1", "score_1", "label_2", "score_2", "problem"]
    assert len(rows) == len(TEXTS) + 1


def test_predict_says_what_the_score_of_a_pair_means(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    done = FilePrediction("o.csv", "sentence-similarity", 2, 0, 0, [], 0.5, scale="The score is from 0 to 1.")
    monkeypatch.setattr(predict, "predict_file", lambda *_, **__: done)
    predict.main(["a_model", "x.csv"])
    assert capsys.readouterr().err.splitlines() == [
        "2 rows answered; sentence-similarity, 0.5 s: o.csv",
        "The score is from 0 to 1.",
    ]


def test_predict_takes_a_bundled_model_and_standard_input(project: Path, tmp_path: Path) -> None:
    code = "import sys; from hf_rnn.cli.predict import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "bundled:bilstm-imdb", "-", "--probabilities"],
        input="A great film, and a moving one.\n\nDull and far too long.\n",
        env={**os.environ, "PYTHONPATH": str(project)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["label"] for row in rows] == ["positive", "", "negative"]
    assert float(rows[0]["probability_positive"]) == float(rows[0]["score"]) > 0.5
    assert done.stderr.splitlines()[-1].endswith("(row 1: the text is empty): standard output")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_prediction_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "predict_file", stop)
    with pytest.raises(SystemExit) as end:
        predict.main([str(tmp_path), "x.csv"])
    assert end.value.code == 130
    assert capsys.readouterr().err == "Stopped. The same command goes on from here.\n"
    with pytest.raises(SystemExit):
        predict.main([str(tmp_path), "-"])
    assert capsys.readouterr().err == "Stopped.\n"


@pytest.mark.parametrize("command", [predict, evaluate])
def test_a_flag_that_does_not_exist_is_named(command: object) -> None:
    with pytest.raises(ValueError, match="--colour"):
        command.main(["model", "data.csv", "--colour", "red"])  # type: ignore[attr-defined]


def test_evaluate_prints_the_figures_and_the_confusions(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model, data = classifier(tmp_path), tmp_path / "labelled.csv"
    predict.main([model, str(texts_file(tmp_path)), "--output", str(tmp_path / "o.csv"), "--no_progress"])
    labels = [row["label"] for row in rows_of(tmp_path / "o.csv")]
    right = dict(zip(TEXTS, labels, strict=True))
    wrong = next(name for name in ("bad", "so so", "good") if name != labels[0])
    right[TEXTS[0]] = wrong
    with data.open("w", newline="") as stream:
        csv.writer(stream).writerows([["text", "class"], *right.items()])
    capsys.readouterr()
    evaluate.main([model, str(data), "--label_column_name", "class", "--no_progress"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"text-classification on {len(TEXTS)} rows of {data}"
    assert lines[1].split() == ["accuracy", f"{1 - 1 / len(TEXTS):.4f}"]
    assert "| true \\ predicted | bad | so so | good |" in lines
    assert lines[-1] == f"All figures: {Path(model) / 'evaluations' / 'labelled.json'}"
    counts = {line.split(" | ")[0][2:]: line.strip("| ").split(" | ")[1:] for line in lines[-4:-1]}
    assert counts[wrong][["bad", "so so", "good"].index(labels[0])] == "1"
