"""A model that writes, from files to measured results, a card, a pipeline and a file of predictions."""

from __future__ import annotations

import csv
import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, pipeline

from hf_rnn.inference.files import predict_file
from hf_rnn.metrics.sequences import sequence_metrics
from hf_rnn.tasks.evaluation import evaluate_file
from hf_rnn.tasks.sequence_to_sequence.arguments import (
    SequenceArguments,
    SequenceModelArguments,
    SequenceTokenizerArguments,
    SequenceTrainingArguments,
)
from tests.tasks.small_sequence_runs import SMALL, TINY_MARIAN, run, write_numbers


def test_a_run_measures_what_the_saved_model_writes(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    results = run(tmp_path / "out", **files)
    assert results["model"]["class"] == "GruForSeq2SeqLM"
    assert results["dataset"]["splits"] == {"train": 60, "validation": 16, "test": 12}
    assert set(results["metrics"]) == {"validation", "test"}
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "source", "reference", "hypothesis"] and len(rows) == 12
    figures = sequence_metrics([row["hypothesis"] for row in rows], [row["reference"] for row in rows])
    for name in ("exact_match", "character_error_rate"):
        assert results["metrics"]["test"][name] == pytest.approx(figures[name])
    # The pipeline of the saved model writes the same, and so does `predict`.
    write = pipeline("text2text-generation", model=str(tmp_path / "out"))
    assert [write(row["source"])[0]["generated_text"] for row in rows] == [row["hypothesis"] for row in rows]
    done = predict_file(tmp_path / "out", files["test_file"], text_column="source", progress=False)
    with Path(done.output).open(encoding="utf-8", newline="") as file:
        assert [row["target"] for row in csv.DictReader(file)] == [row["hypothesis"] for row in rows]
    found = evaluate_file(tmp_path / "out", files["test_file"], progress=False)
    assert found.metrics["exact_match"] == pytest.approx(figures["exact_match"])
    assert [each["name"] for each in results["baselines"]] == ["target of the nearest source"]


def test_the_model_keeps_the_prefix_of_its_sources(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    results = run(tmp_path / "out", source_prefix="nine nine ", **files)
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["source"].startswith("nine nine ") for row in rows)
    write = pipeline("text2text-generation", model=str(tmp_path / "out"))
    sources = [row["source"].removeprefix("nine nine ") for row in rows]
    assert [write(source)[0]["generated_text"] for source in sources] == [row["hypothesis"] for row in rows]
    # Without it the model reads, and writes, something else.
    write.prefix = None
    assert [write(source)[0]["generated_text"] for source in sources] != [row["hypothesis"] for row in rows]
    found = evaluate_file(tmp_path / "out", files["test_file"], progress=False)
    rate = results["metrics"]["test"]["character_error_rate"]
    assert found.metrics["character_error_rate"] == pytest.approx(rate)


@pytest.mark.parametrize("values", [{}, {"model_type": "marian", "config_overrides": json.dumps(TINY_MARIAN)}])
def test_the_loss_is_that_of_the_targets_without_smoothing(tmp_path: Path, values: dict[str, str]) -> None:
    files = write_numbers(tmp_path / "data")
    # A model that has learnt something: at first, the scores are so even that smoothing changes nothing.
    learnt = {"label_smoothing_factor": 0.5, "num_train_epochs": 10, "learning_rate": 1e-2}
    results = run(tmp_path / "out", **learnt, **values, **files)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").eval()
    assert type(model).__name__ == ("MarianMTModel" if values else "GruForSeq2SeqLM")
    total = count = 0.0
    with Path(files["validation_file"]).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels = tokenizer(row["target"], return_tensors="pt").input_ids
            assert labels[0, -1] == tokenizer.eos_token_id
            with torch.no_grad():
                loss = model(**tokenizer(row["source"], return_tensors="pt"), labels=labels).loss
            total, count = total + float(loss) * labels.numel(), count + labels.numel()
    # The mean of the batches of an evaluation is weighed by their rows.
    assert results["metrics"]["validation"]["loss"] == pytest.approx(total / count, rel=0.02)


@pytest.mark.slow
def test_numbers_are_learnt_to_the_letter(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data", train=600)
    sizes = '{"encoder": {"hidden_size": 32}, "decoder": {"hidden_size": 64}}'
    results = run(
        tmp_path / "out", model_type="lstm", config_overrides=sizes, num_train_epochs=15, learning_rate=5e-3, **files
    )
    assert results["model"]["class"] == "LstmForSeq2SeqLM"
    assert results["metrics"]["test"]["exact_match"] >= 0.9
    nearest = results["baselines"][0]["metrics"]["test"]["exact_match"]
    assert results["metrics"]["test"]["exact_match"] >= nearest


def test_a_model_of_transformers_is_trained_by_the_same_command(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    results = run(
        tmp_path / "out",
        model_type="marian",
        config_overrides=json.dumps(TINY_MARIAN),
        learning_rate=1e-3,
        source_prefix="nine ",
        **files,
    )
    assert results["model"]["class"] == "MarianMTModel"
    assert AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").config.prefix == "nine "
    found = evaluate_file(tmp_path / "out", files["test_file"], progress=False)
    for name in ("exact_match", "character_error_rate"):
        assert results["metrics"]["test"][name] == pytest.approx(found.metrics[name])


def test_the_checkpoint_may_be_chosen_by_what_it_writes(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    results = run(tmp_path / "out", num_train_epochs=2, predict_with_generate=True, **files)
    assert results["training"]["selection"] == {"split": "validation", "metric": "exact_match"}
    state = json.loads((tmp_path / "out" / "trainer_state.json").read_text())
    assert len([entry for entry in state["log_history"] if "eval_exact_match" in entry]) == 2


def test_a_run_stops_early_by_what_it_writes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # The loss falls in each epoch, and the tiny model writes nothing right in any.
    files = write_numbers(tmp_path / "data")
    values = {"num_train_epochs": 6, "early_stopping_patience": 1, "predict_with_generate": True}
    with caplog.at_level(logging.WARNING):
        assert run(tmp_path / "out", **values, **files)["training"]["epochs"] == 2
    assert "early stopping is disabled" not in caplog.text


def test_smoothing_that_changes_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = {"config_overrides": json.dumps({**json.loads(SMALL), "sampled_softmax": 4}), "max_steps": 1}
    files = write_numbers(tmp_path / "data")
    said = "`label_smoothing_factor`=0.1 changes nothing with `sampled_softmax`=4"
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "smoothed", **values, **files)
    assert said in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "hard", label_smoothing_factor=0, **values, **files)
    assert "label_smoothing_factor" not in caplog.text


def test_targets_that_are_too_long_are_cut_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = write_numbers(tmp_path / "data")
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "out", max_target_length=3, **files)
    with Path(files["train_file"]).open(encoding="utf-8", newline="") as file:
        # Each digit is a token, and the end is one.
        longer = sum(len(row["target"].split()) + 1 > 3 for row in csv.DictReader(file))
    assert f"{longer} of 60 train targets are cut to 3 tokens (--max_target_length)" in caplog.text


def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    # Scheduled sampling draws random numbers in training, too.
    values = {"config_overrides": json.dumps({**json.loads(SMALL), "scheduled_sampling": 0.5})}
    steps = {"save_strategy": "steps", "eval_strategy": "steps", "save_steps": 4, "eval_steps": 4, "max_steps": 12}
    whole = run(tmp_path / "whole", save_total_limit=9, **steps, **values, **files)
    # The folder as it was when the run was killed.
    shutil.copytree(tmp_path / "whole" / "checkpoint-4", tmp_path / "broken" / "checkpoint-4")
    gone_on = run(tmp_path / "broken", save_total_limit=9, **steps, **values, **files)
    assert gone_on["metrics"] == whole["metrics"]
    ours, theirs = (load_file(tmp_path / name / "checkpoint-12" / "model.safetensors") for name in ("broken", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="`num_beams`=0 must be at least 1"):
        SequenceArguments(num_beams=0)
    with pytest.raises(ValueError, match="`figures`='bleurt' must be one of translation, summarization, exact"):
        SequenceArguments(figures="bleurt")
    with pytest.raises(ValueError, match="`model_type`='bert' must be one of gru, lstm, .*marian.*t5"):
        SequenceModelArguments(model_type="bert")


def test_flags_that_would_change_nothing_are_refused() -> None:
    vectors = [("embedding_vectors", value) for value in ("glove.txt", "encoder:lm")]
    for name, value in (*vectors, ("freeze_embeddings", True), ("init_from_lm", "lm")):
        with pytest.raises(ValueError, match=f"`{name}`={value!r} is not for a model that reads a source and writes"):
            SequenceModelArguments(**{name: value})  # type: ignore[arg-type]
    for name in ("max_seq_length", "max_eval_seq_length"):
        with pytest.raises(ValueError, match=f"`{name}`=9 is not for .*; give `max_source_length` and `max_target"):
            SequenceTokenizerArguments(**{name: 9})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`vocab_from_vectors`=True is not for"):
        SequenceTokenizerArguments(vocab_from_vectors=True)
    with pytest.raises(ValueError, match="`from_scratch`=True is not for .* starts at random"):
        SequenceModelArguments(from_scratch=True)
    with pytest.raises(ValueError, match="`class_weights`='balanced' is not for .* no classes"):
        SequenceTrainingArguments(class_weights="balanced", use_cpu=True)
