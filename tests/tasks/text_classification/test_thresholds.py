"""Several labels a text: their threshold is chosen on validation, kept with the model, used by whatever answers."""

from __future__ import annotations

import csv
import json
import logging
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score
from transformers import AutoConfig, pipeline

from hf_rnn.inference.files import predict_file
from hf_rnn.models.configuration_rnn import BiLstmConfig
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.evaluation import evaluate_file
from tests.tasks.small_runs import run, save_tiny_bert


NAMES = ("anger", "fear", "joy")
Rows = list[dict[str, Any]]


def rows(count: int, seed: int) -> Rows:
    """Texts of words that hint at their labels, each of which is rare, so that no probability comes near 0.5."""
    drawn = random.Random(seed)
    made = []
    for number in range(count):
        labels = [name for name in NAMES if drawn.random() < 0.2]
        words = [f"{name}word" for name in labels if drawn.random() < 0.7] + [f"filler{number % 7}"]
        made.append({"text": " ".join(words), "labels": labels or [NAMES[number % 3]]})
    return made


def write(path: Path, made: Rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return str(path)


def files(folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"train": 60, "validation": 40, "test": 30}
    return {
        f"{split}_file": write(folder / f"{split}.jsonl", rows(size, seed))
        for seed, (split, size) in enumerate(sizes.items())
    }


def trained(folder: Path, **changes: Any) -> dict[str, Any]:
    return run(folder, do_eval=True, num_train_epochs=1, **changes)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A run that has ended, and the flags that name its files."""
    folder = tmp_path_factory.mktemp("several")
    given = files(folder)
    trained(folder / "out", **given)
    return folder / "out", given


def probabilities(folder: Path, path: str) -> tuple[np.ndarray, np.ndarray]:
    """Give what transformers' own pipeline says of the texts of a file, (texts, labels), and their labels."""
    made = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    answers: Any = pipeline("text-classification", model=str(folder), top_k=None)([row["text"] for row in made])
    scores = [{one["label"]: one["score"] for one in answer} for answer in answers]
    truth = [[int(name in row["labels"]) for name in NAMES] for row in made]
    return np.array([[row[name] for name in NAMES] for row in scores]), np.array(truth)


def micro_f1(scores: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    return float(f1_score(truth, (scores >= threshold).astype(int), average="micro", zero_division=0.0))


def threshold_of(folder: Path) -> float | None:
    found: float | None = AutoConfig.from_pretrained(folder).label_threshold
    return found


def test_the_threshold_is_the_best_on_validation_and_is_recorded(model: tuple[Path, dict[str, str]]) -> None:
    folder, given = model
    chosen = threshold_of(folder)
    assert chosen is not None and chosen != 0.5
    scores, truth = probabilities(folder, given["validation_file"])
    best = max(micro_f1(scores, truth, threshold) for threshold in np.unique(scores))
    assert micro_f1(scores, truth, chosen) == pytest.approx(best, abs=1e-9)
    assert best > micro_f1(scores, truth, 0.5)
    results = read_results(folder / "results.json")
    assert results["model"]["config"]["label_threshold"] == chosen
    assert results["metrics"]["validation"]["f1_micro"] == pytest.approx(best, abs=1e-9)
    # The checkpoint was chosen by the threshold of that evaluation, which is the same one.
    history = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    logged = [entry["eval_f1_micro"] for entry in history if "eval_f1_micro" in entry]
    assert max(logged) == pytest.approx(best, abs=1e-9)


def test_whatever_answers_uses_it(model: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, given = model
    chosen = threshold_of(folder)
    assert chosen is not None
    scores, truth = probabilities(folder, given["test_file"])
    labels = [[name for name, score in zip(NAMES, row, strict=True) if score >= chosen] for row in scores]
    expected = micro_f1(scores, truth, chosen)
    assert expected != micro_f1(scores, truth, 0.5)
    assert read_results(folder / "results.json")["metrics"]["test"]["f1_micro"] == pytest.approx(expected)
    assert evaluate_file(folder, given["test_file"], tmp_path / "e.json").metrics["f1_micro"] == pytest.approx(
        expected
    )
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["prediction"].split() for row in csv.DictReader(stream)] == labels
    done = predict_file(folder, given["test_file"], tmp_path / "answers.jsonl", progress=False)
    answers = [json.loads(line) for line in Path(done.output).read_text(encoding="utf-8").splitlines()]
    assert [answer["labels"] for answer in answers] == labels


def test_the_test_split_has_no_part_in_it(model: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, given = model
    # Other texts, and no label where there was one.
    turned = [{"text": "filler", "labels": [NAMES[0]]}, {"text": "joyword", "labels": [NAMES[1], NAMES[2]]}]
    other = write(tmp_path / "test.jsonl", turned)
    trained(tmp_path / "out", **given | {"test_file": other})
    assert threshold_of(tmp_path / "out") == threshold_of(folder)


@pytest.mark.parametrize("source", ["validation_file", "train_file"])
def test_other_rows_of_validation_change_it_and_training_rows_do_not_choose(
    model: tuple[Path, dict[str, str]], tmp_path: Path, source: str
) -> None:
    folder, given = model
    made = rows(40, 11) if source == "validation_file" else rows(60, 0)
    path = write(tmp_path / "rows.jsonl", made)
    trained(tmp_path / "out", **given | {source: path})
    same = threshold_of(tmp_path / "out") == threshold_of(folder)
    assert same == (source == "train_file")


def test_a_model_that_is_measured_alone_keeps_its_own(model: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, given = model
    options = {"model_name_or_path": str(folder), "do_train": False, "do_eval": True}
    results = run(tmp_path / "out", **options, **given | {"validation_file": given["test_file"]})
    assert threshold_of(tmp_path / "out") == threshold_of(folder)
    expected = read_results(folder / "results.json")["metrics"]["test"]["f1_micro"]
    assert results["metrics"]["test"]["f1_micro"] == pytest.approx(expected)


def test_one_that_is_given_stays(model: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    _, given = model
    sizes = {"embedding_size": 8, "hidden_size": 6, "label_threshold": 0.125}
    results = trained(tmp_path / "out", config_overrides=sizes, **given)
    assert threshold_of(tmp_path / "out") == 0.125
    scores, truth = probabilities(tmp_path / "out", given["test_file"])
    assert results["metrics"]["test"]["f1_micro"] == pytest.approx(micro_f1(scores, truth, 0.125))


def test_without_rows_to_choose_on_it_is_a_half_and_said(
    model: tuple[Path, dict[str, str]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, given = model
    alone = {"train_file": given["train_file"], "test_file": given["test_file"], "hold_out_percentage": 0}
    with caplog.at_level(logging.WARNING):
        results = trained(tmp_path / "out", eval_strategy="no", load_best_model_at_end=False, **alone)
    assert "There is no validation split to choose the threshold of the labels on" in caplog.text
    assert threshold_of(tmp_path / "out") is None
    scores, truth = probabilities(tmp_path / "out", given["test_file"])
    assert results["metrics"]["test"]["f1_micro"] == pytest.approx(micro_f1(scores, truth, 0.5))


def test_a_stock_model_keeps_it_too_and_loses_it_with_one_label_a_text(tmp_path: Path) -> None:
    given = files(tmp_path / "data")
    bert = save_tiny_bert(tmp_path / "bert", [row["text"] for row in rows(60, 0)])
    results = trained(tmp_path / "several", model_name_or_path=str(bert), **given)
    chosen = threshold_of(tmp_path / "several")
    assert chosen is not None and results["model"]["config"]["label_threshold"] == chosen
    one = [{"text": row["text"], "labels": row["labels"][0]} for row in rows(60, 0)]
    path = write(tmp_path / "one.jsonl", one)
    options = {"train_file": path, "validation_file": path, "do_predict": False}
    trained(tmp_path / "one", model_name_or_path=str(tmp_path / "several"), **options)
    assert threshold_of(tmp_path / "one") is None


@pytest.mark.parametrize("value", [0, 1, -0.5, 1.5, math.nan])
def test_a_threshold_is_a_probability(value: Any) -> None:
    with pytest.raises(Exception, match=r"`label_threshold` is .*; it must lie between 0 and 1"):
        BiLstmConfig(label_threshold=value)


def counts(labels: Sequence[Sequence[str]]) -> int:
    return sum(map(len, labels))


def test_a_model_without_one_answers_from_a_half_on(model: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, given = model
    scores, _ = probabilities(folder, given["test_file"])
    plain = tmp_path / "plain"
    plain.mkdir()
    for file in folder.iterdir():
        if file.is_file():
            (plain / file.name).write_bytes(file.read_bytes())
    config = json.loads((plain / "config.json").read_text(encoding="utf-8"))
    del config["label_threshold"]
    (plain / "config.json").write_text(json.dumps(config), encoding="utf-8")
    done = predict_file(plain, given["test_file"], tmp_path / "answers.jsonl", progress=False)
    answers = [json.loads(line)["labels"] for line in Path(done.output).read_text(encoding="utf-8").splitlines()]
    assert counts(answers) == int((scores >= 0.5).sum())
    assert counts(answers) < int((scores >= (threshold_of(folder) or 0.5)).sum())
