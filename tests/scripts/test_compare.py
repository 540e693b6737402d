"""scripts/compare.py: quick runs, with tiny models in processes of their own."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.comparison.report import read_comparison
from hf_rnn.runs.describe import describe_model
from hf_rnn.runs.results import write_results
from tests.benchmark.comparisons import (
    CLASSES,
    SENTENCES,
    TAGS,
    TEXTS,
    save_bert,
    save_bilstm,
    save_encoder,
    save_siamese,
)
from tests.results_document import results_document


@pytest.fixture
def compare(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The script, run with flags."""

    def run(*flags: object) -> None:
        monkeypatch.setattr(sys, "argv", ["compare.py", *map(str, flags), "--quick", "--threads", "1"])
        runpy.run_path(str(project / "scripts" / "compare.py"), run_name="__main__")

    return run


def write_json(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows))
    return path


@pytest.mark.slow
def test_classifiers_are_compared(
    tmp_path: Path, compare: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    ours = save_bilstm(tmp_path / "ours")
    model = AutoModelForSequenceClassification.from_pretrained(ours)
    write_results(results_document(model=describe_model(model, ours)), ours / "results.json")
    # Its labels in the other order: they are compared by name.
    bert = save_bert(tmp_path / "bert", CLASSES[::-1])
    answers = pipeline("text-classification", model=str(bert), truncation=True, max_length=12)(TEXTS)
    labels = [CLASSES.index(answer["label"]) for answer in answers]
    rows = write_json(
        tmp_path / "test.json", [{"text": text, "label": label} for text, label in zip(TEXTS, labels, strict=True)]
    )
    output = tmp_path / "comparison" / "films.json"
    flags = ["--task", "text-classification", "--models", ours, bert, "--baseline", "bert", "--test_file", rows]
    compare(*flags, "--cited", "bert-large=0.95=A paper", "--output", output)
    document = read_comparison(output)
    figures = {row["name"]: row for row in document["models"]}
    assert figures["bert"]["quality"]["accuracy"] == 1.0
    own = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(ours))(TEXTS)
    right = sum(answer["label"] == CLASSES[label] for answer, label in zip(own, labels, strict=True))
    assert figures["ours"]["quality"]["accuracy"] == right / len(TEXTS)
    assert figures["ours"]["dtype"] == "float16"
    assert figures["ours"]["training"] == {"minutes": 21.37, "epochs": 4.0, "seeds": 1}
    assert figures["bert"]["training"] is None
    assert document["quick"] is True
    assert document["ratios"]["bert"]["latency"] == 1.0
    for row in figures.values():
        assert row["latency_ms"]["p50"] > 0 and row["throughput"]["tokens_per_second"] > 0
        assert row["load_seconds"]["median"] > 0 and row["memory_mb"]["imports"] > 50
    table = output.with_suffix(".md").read_text()
    assert table in capsys.readouterr().out
    assert "| bert-large, not measured here: A paper | 0.9500 |" in table
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_taggers_are_compared_and_random_weights_have_no_quality(tmp_path: Path, compare: Callable[..., None]) -> None:
    from hf_rnn.benchmark.comparison.worker import MeasuredModel

    first = save_bert(tmp_path / "first", TAGS, tagger=True)
    second = save_bert(tmp_path / "second", TAGS[::-1], tagger=True, seed=1)
    (tmp_path / "texts.json").write_text("{}")
    model = MeasuredModel(str(second), "token-classification", str(tmp_path / "texts.json"))
    model.load()
    tags = model.predict(SENTENCES)["predictions"]
    rows = write_json(
        tmp_path / "test.json",
        [{"tokens": tokens, "ner_tags": row} for tokens, row in zip(SENTENCES, tags, strict=True)],
    )
    (tmp_path / "untrained").mkdir()
    (tmp_path / "untrained" / "config.json").write_bytes((first / "config.json").read_bytes())
    output = tmp_path / "tags.json"
    models = [first, second, f"random:{tmp_path}/untrained"]
    compare(
        *("--task", "token-classification", "--models", *models, "--test_file", rows, "--output", output),
        *("--invalid_tags", "keep"),
    )
    figures = {row["name"]: row for row in read_comparison(output)["models"]}
    assert figures["second"]["quality"]["accuracy"] == 1.0
    assert figures["first"]["quality"]["accuracy"] < 1.0
    untrained = figures["untrained"]
    assert (untrained["quality"], untrained["random"], untrained["tokenizer_of"]) == (None, True, "first")
    assert untrained["parameters"] == figures["first"]["parameters"]
    assert untrained["size_bytes"] == pytest.approx(figures["first"]["size_bytes"], rel=0.2)
    assert "| `untrained` (random weights) | not measured |" in output.with_suffix(".md").read_text()


@pytest.mark.slow
def test_siamese_networks_and_encoders_are_compared(tmp_path: Path, compare: Callable[..., None]) -> None:
    from hf_rnn import SiameseModel

    pairs = list(combinations(TEXTS, 2))
    siamese = SiameseModel.from_pretrained(save_siamese(tmp_path / "siamese"))
    scores = [siamese.similarity(*pair).item() for pair in pairs]
    threshold = sorted(scores)[len(scores) // 2]
    ours = save_siamese(tmp_path / "siamese", threshold=threshold)
    bert = save_encoder(tmp_path / "bert")
    columns = [
        {"question1": a, "question2": b, "is_duplicate": int(s >= threshold)}
        for (a, b), s in zip(pairs, scores, strict=True)
    ]
    rows = write_json(tmp_path / "test.json", columns)
    output = tmp_path / "pairs.json"
    models = [f"ours={ours}", bert, f"untrained=random:{ours}"]
    compare(
        *("--task", "sentence-similarity", "--models", *models, "--baseline", "bert"),
        *("--test_file", rows, "--text_column_names", "question1,question2", "--output", output),
    )
    document = read_comparison(output)
    figures = {row["name"]: row for row in document["models"]}
    assert {name: figures["ours"]["quality"][name] for name in ("roc_auc", "accuracy", "f1")} == {
        "roc_auc": 1.0,
        "accuracy": 1.0,
        "f1": 1.0,
    }
    assert figures["bert"]["quality"].keys() == {"roc_auc", "average_precision"}
    assert figures["untrained"]["quality"] is None
    assert (figures["ours"]["model_type"], figures["bert"]["model_type"]) == ("bilstm", "bert")
    assert (document["metric"], document["dataset"]["texts"]) == ("roc_auc", len(pairs))
    assert figures["ours"]["throughput"]["texts"] == figures["bert"]["throughput"]["texts"] == len(TEXTS)
    assert document["ratios"]["ours"]["throughput"] > 0
    assert "by `SiameseModel.encode`" in document["method"]
    assert "| `ours` | 1.0000 |" in output.with_suffix(".md").read_text()
    assert output.with_suffix(".png").is_file()


def test_models_with_other_labels_stop_the_run_before_it_begins(
    tmp_path: Path, compare: Callable[..., None], capsys: pytest.CaptureFixture
) -> None:
    save_bert(tmp_path / "a")
    save_bert(tmp_path / "b", ["bad", "good"])
    flags = ["--models", tmp_path / "a", tmp_path / "b", "--test_file", tmp_path / "none.csv"]
    with pytest.raises(SystemExit, match="2"):
        compare("--task", "text-classification", *flags, "--output", tmp_path / "x.json")
    assert "`models`: 'b' has the labels bad, good; 'a' has negative, positive" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_fails_is_named(
    tmp_path: Path, compare: Callable[..., None], capsys: pytest.CaptureFixture
) -> None:
    broken = save_bert(tmp_path / "broken")
    rows = write_json(tmp_path / "test.json", [{"text": "fine", "label": 1}, {"text": "dull", "label": 0}])
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-64])
    flags = ["--task", "text-classification", "--models", broken, "--test_file", rows]
    with pytest.raises(SystemExit, match="2"):
        compare(*flags, "--output", tmp_path / "x.json")
    assert "broken: " in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()
