"""Tags that training lacks are errors of the model in every figure; other tags give a trained tagger a new head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from transformers import AutoModelForTokenClassification

from hf_rnn.tasks.evaluation import evaluate_file
from tests.tasks.small_tagging_runs import (
    Sentence,
    read_predictions,
    read_sentences,
    run,
    save_tiny_bert,
    write_news,
    write_sentences,
)


RARE: Sentence = (["Ana", "ate", "blue", "cheese", "in", "Lisbon"], ["B-PER", "O", "B-FOOD", "I-FOOD", "O", "B-LOC"])
# No token of this one has a tag that a loss can be computed of.
ALONE: Sentence = (["cheese"], ["B-FOOD"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("news")
    written = write_news(folder, train=40, validation=12, test=12)
    for split in ("validation", "test"):
        sentences = read_sentences(written[f"{split}_file"])
        written[f"{split}_file"] = write_sentences(folder / f"{split}.jsonl", [RARE, *sentences, *[ALONE] * 9])
    return written


@pytest.mark.parametrize("kind", ["words", "bert"])
def test_unknown_tags_are_missed_entities(files: dict[str, str], tmp_path: Path, kind: str) -> None:
    model: dict[str, Any] = {}
    if kind == "bert":
        model["model_name_or_path"] = str(save_tiny_bert(tmp_path / "bert", read_sentences(files["train_file"])))
    results = run(tmp_path / "run", **files, **model, do_eval=True, num_train_epochs=3, learning_rate=0.03)
    found = read_predictions(tmp_path / "run")
    gold, predicted = [tags for _, tags, _ in found], [tags for _, _, tags in found]
    assert gold == [tags for _, tags in read_sentences(files["test_file"])]
    assert "FOOD" not in str(predicted)
    report = classification_report(gold, predicted, output_dict=True, mode="strict", scheme=IOB2, zero_division=0)
    metrics = results["metrics"]["test"]
    assert metrics["support_FOOD"] == 10 and metrics["recall_FOOD"] == 0.0
    assert metrics["recall"] == pytest.approx(report["micro avg"]["recall"])
    assert metrics["f1"] == pytest.approx(report["micro avg"]["f1-score"])
    assert metrics["recall"] <= 1 - 10 / report["micro avg"]["support"]
    # While it trains, too, by the figures that choose the checkpoint.
    history = json.loads((tmp_path / "run" / "trainer_state.json").read_text())["log_history"]
    evaluated = [entry for entry in history if "eval_f1" in entry]
    assert {entry["eval_support_FOOD"] for entry in evaluated} == {10}
    assert max(entry["eval_f1"] for entry in evaluated) == pytest.approx(results["metrics"]["validation"]["f1"])
    assert all(torch.isfinite(torch.tensor(entry["eval_loss"])) for entry in evaluated)
    config = AutoModelForTokenClassification.from_pretrained(tmp_path / "run").config
    assert "B-FOOD" not in config.label2id
    confusion = json.loads((tmp_path / "run" / "confusion.json").read_text())
    assert sum(confusion["FOOD"].values()) == 11 and confusion["FOOD"]["FOOD"] == 0


def test_a_finished_tagger_is_measured_alike(files: dict[str, str], tmp_path: Path) -> None:
    results = run(tmp_path / "run", **files, num_train_epochs=3)
    measured = evaluate_file(tmp_path / "run", files["test_file"], progress=False)
    assert measured.metrics["f1"] == pytest.approx(results["metrics"]["test"]["f1"])
    assert measured.confusion is not None and sum(measured.confusion["FOOD"].values()) == 11


@pytest.mark.parametrize("kind", ["words", "bert"])
@pytest.mark.parametrize("tags", ["as many", "fewer", "no entities"])
def test_a_trained_tagger_has_a_new_head_for_other_tags(
    files: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, tags: str
) -> None:
    """Its other weights are kept; the head starts at random even where it has the shape of the old one."""
    model: dict[str, Any] = {}
    if kind == "bert":
        model["model_name_or_path"] = str(save_tiny_bert(tmp_path / "bert", read_sentences(files["train_file"])))
    common: dict[str, Any] = {"do_predict": False, "validation_split_percentage": 20, "max_steps": 1}
    run(tmp_path / "old", train_file=files["train_file"], **common, **model)
    renamed = {"as many": "{}X", "fewer": "{}X", "no entities": "NN{}"}[tags]
    sentences = [
        (tokens, [tag if tag == "O" and tags != "no entities" else renamed.format(tag) for tag in each])
        for tokens, each in read_sentences(files["train_file"])
    ]
    if tags == "fewer":
        sentences = [(tokens, [tag.replace("ORGX", "LOCX") for tag in each]) for tokens, each in sentences]
    other = write_sentences(tmp_path / "other.jsonl", sentences)
    run(tmp_path / "new", model_name_or_path=str(tmp_path / "old"), train_file=other, learning_rate=1e-12, **common)
    assert "it has a new head for the" in caplog.text
    old, new = (AutoModelForTokenClassification.from_pretrained(tmp_path / name) for name in ("old", "new"))
    expected = {tag for _, each in sentences for tag in each}
    assert expected <= set(new.config.label2id) and not {"B-PER", "I-PER"} & set(new.config.label2id)
    kept = dict(old.base_model.named_parameters())
    assert all(torch.allclose(value, kept[name]) for name, value in new.base_model.named_parameters())
    heads = [
        {name: value for name, value in each.named_parameters() if not name.startswith(each.base_model_prefix)}
        for each in (old, new)
    ]
    weights = [name for name, value in heads[1].items() if value.ndim == 2 and "crf" not in name]
    assert weights and all(
        heads[0][name].shape != heads[1][name].shape or not torch.allclose(heads[0][name], heads[1][name])
        for name in weights
    )
