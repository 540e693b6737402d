"""Numbers and several labels at every token, from files to results, predictions, an evaluation and a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

import hf_rnn
from hf_rnn.baselines.steps import most_frequent_sets, training_means
from hf_rnn.hub.model_card import model_card
from hf_rnn.insight import explain
from hf_rnn.tasks.beside import comparison_lines
from tests.tasks.small_tagging_runs import SMALL, generate_tagged, run


REGRESSION, MULTI = "regression", "multi_label_classification"
TINY = {**SMALL, "char_encoder": None, "casing_features": False}


def write(folder: Path, kind: str) -> dict[str, str]:
    """Tokens with the share of capitals in them, or with what they are."""
    flags = {}
    for split, size in {"train": 24, "validation": 8, "test": 8}.items():
        rows = []
        for tokens, tags in generate_tagged(size, seed=len(split)):
            levels: list[Any] = [sum(map(str.isupper, token)) / len(token) for token in tokens]
            names = [
                [name for name, is_so in (("name", tag != "O"), ("short", len(token) < 4)) if is_so]
                for token, tag in zip(tokens, tags, strict=True)
            ]
            labels = levels if kind == REGRESSION else names
            labels[0] = labels[0] if len(rows) else None
            rows.append(json.dumps({"tokens": tokens, "labels": labels}) + "\n")
        flags[f"{split}_file"] = str(folder / f"{split}.jsonl")
        Path(flags[f"{split}_file"]).write_text("".join(rows))
    return flags


@pytest.mark.slow
@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
def test_a_run_is_measured_as_its_predictions_are(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]):
    files = write(tmp_path, kind)
    folder = tmp_path / "run"
    results = run(folder, config_overrides=TINY, num_train_epochs=1, **files)
    metric = "mse" if kind == REGRESSION else "f1"
    assert results["training"]["selection"]["metric"] == metric
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    said = [json.loads(line) for line in Path(files["test_file"]).read_text().splitlines()]
    assert [line["tokens"] for line in lines] == [line["tokens"] for line in said]
    test = results["metrics"]["test"]
    if kind == REGRESSION:
        pairs = [
            (a, b) for line in lines for a, b in zip(line["targets"], line["scores"], strict=True) if a is not None
        ]
        assert test["mse"] == pytest.approx(np.mean([(a - b) ** 2 for a, b in pairs]), rel=1e-4)
    else:
        pairs = [
            (a, b) for line in lines for a, b in zip(line["targets"], line["labels"], strict=True) if a is not None
        ]
        hits = sum(len({*a} & {*b}) for a, b in pairs)
        assert test["f1"] == pytest.approx(2 * hits / max(1, sum(len(a) + len(b) for a, b in pairs)))
    assert (folder / "README.md").exists() is False and metric.upper()[:2] in comparison_lines(results)[0].upper()
    card = str(model_card(results, license="mit", language="en"))
    assert "predict_steps(model, tokenizer" in card and "pipeline(" not in card
    # The same answers, figures and refusals from the folder.
    hf_rnn.predict_file(folder, files["test_file"], tmp_path / "answers.jsonl", progress=False)
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    key = "scores" if kind == REGRESSION else "labels"
    for answer, line in zip(answers, lines, strict=True):
        if kind == REGRESSION:
            assert answer[key] == pytest.approx(line[key], abs=1e-5)
        else:
            assert answer[key] == line[key] and [*map(len, answer["probabilities"])] == [*map(len, answer[key])]
    evaluated = hf_rnn.evaluate_file(folder, files["test_file"], output=tmp_path / "figures.json", progress=False)
    assert evaluated.metrics[metric] == pytest.approx(test[metric], abs=1e-5)
    model, tokenizer = AutoModelForTokenClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    asked = pipeline("token-classification", model=model, tokenizer=tokenizer)
    refused = {
        "call `hf_rnn.predict_steps": lambda: hf_rnn.predict_texts(asked, ["Ana sings ."]),
        "`format`='conll'": lambda: hf_rnn.predict_file(folder, files["test_file"], tmp_path / "a.conll"),
        "of one tag a token": lambda: hf_rnn.export_onnx(folder, tmp_path / "onnx"),
        "must have one label a token": lambda: explain(model, tokenizer, "Ana sings ."),
    }
    for message, ask in refused.items():
        with pytest.raises(ValueError, match=message):
            ask()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"label_all_tokens": True}, "`label_all_tokens`=True was given; it is for one tag a token"),
        ({"config_overrides": {"crf": True}}, "`config_overrides` give `crf`=True.*regression"),
        ({"config_overrides": {"problem_type": MULTI}}, "`config_overrides` give `problem_type`=.*--problem_type"),
    ],
)
def test_what_does_not_go_with_numbers_is_refused(tmp_path: Path, changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "run", **{"config_overrides": TINY, **changes}, **write(tmp_path, REGRESSION))


def test_baselines_count():
    tokens = {"train": [["a", "b"], ["a"]], "test": [["a", "c"], ["b"]]}
    means = training_means(tokens, [[[1.0, 4.0], [3.0, float("nan")]], [[2.0, 0.0]]])
    assert means.answers["test"].tolist() == [[2.0, 2.0]] * 3
    sets = most_frequent_sets(tokens, [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]]])
    assert sets.answers["test"].tolist() == [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    for fit in (training_means, most_frequent_sets):
        with pytest.raises(ValueError, match="no t"):
            fit(tokens, [[[float("nan")]] * 2, [[float("nan")]]])


def test_predict_steps_refuses_other_models():
    config = hf_rnn.LstmConfig(vocab_size=5, embedding_size=4, hidden_size=4, num_labels=2)
    with pytest.raises(ValueError, match="`model` is a LstmForTokenClassification with `problem_type`=None"):
        hf_rnn.predict_steps(hf_rnn.LstmForTokenClassification(config), None, [["a"]])
