"""What a folder of a trained model knows of its training: prefix, figures, and what reads and measures it later."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, pipeline

from hf_rnn.inference.files import predict_file
from hf_rnn.insight.page import Question
from hf_rnn.insight.sections import states
from hf_rnn.tasks.evaluation import evaluate_file
from tests.tasks.small_sequence_runs import TINY_MARIAN, run, write_numbers


def sources_of(folder: Path) -> list[str]:
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return [row["source"] for row in csv.DictReader(file)]


def test_evaluations_measure_what_the_run_measured(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    results = run(tmp_path / "out", figures="translation", lowercase_figures=True, **files)
    # Of columns called source and target, exact matches would be measured.
    found = evaluate_file(tmp_path / "out", files["test_file"], progress=False)
    assert set(found.metrics) == {"bleu", "chrf", "exact_match"}
    for name, value in found.metrics.items():
        assert results["metrics"]["test"][name] == pytest.approx(value)
    asked = evaluate_file(
        tmp_path / "out", files["test_file"], tmp_path / "asked.json", figures="exact", progress=False
    )
    assert "character_error_rate" in asked.metrics and "bleu" not in asked.metrics


def test_a_run_in_lower_case_is_evaluated_so(tmp_path: Path) -> None:
    rows = [(text.upper(), digits) for text, digits in (("one", "A b C d"), ("two", "E f G h"), ("one two", "A f"))]
    for split in ("train", "validation", "test"):
        with (tmp_path / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("en", "de"), *rows * 4])
    files = {f"{split}_file": str(tmp_path / f"{split}.csv") for split in ("train", "validation", "test")}
    written = {}
    for lowercase in (True, False):
        output = tmp_path / f"out-{lowercase}"
        run(output, lowercase=True, lowercase_figures=lowercase, num_train_epochs=40, learning_rate=0.02, **files)
        written[lowercase] = evaluate_file(output, files["test_file"], progress=False).metrics["exact_match"]
    # The tokenizer makes all letters small, so that no target is right to the letter but where case does not count.
    assert written[False] == 0 and written[True] > 0


def test_results_that_are_not_of_a_run_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = write_numbers(tmp_path / "data")
    run(tmp_path / "out", figures="translation", **files)
    (tmp_path / "out" / "results.json").write_text('{"bleu": 40}', encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        found = evaluate_file(tmp_path / "out", files["test_file"], progress=False)
    assert "bleu" not in found.metrics
    assert any("The columns of the data decide" in message for message in caplog.messages)


def test_a_folder_that_is_trained_further_keeps_its_prefix(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = write_numbers(tmp_path / "data")
    run(tmp_path / "first", source_prefix="nine nine ", **files)
    further = {"model_name_or_path": str(tmp_path / "first"), "tokenizer_kind": None, "config_overrides": None}
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "kept", **files, **further)
    assert (
        "Sources have the prefix of the checkpoint, 'nine nine ' (--source_prefix gives another)." in caplog.messages
    )
    assert all(source.startswith("nine nine ") for source in sources_of(tmp_path / "kept"))
    assert AutoConfig.from_pretrained(tmp_path / "kept").prefix == "nine nine "
    run(tmp_path / "without", source_prefix="", **files, **further)
    assert not any(source.startswith("nine nine nine") for source in sources_of(tmp_path / "without"))
    assert AutoConfig.from_pretrained(tmp_path / "without").prefix is None


def test_gates_are_those_of_the_source_behind_its_prefix(tmp_path: Path) -> None:
    run(tmp_path / "out", source_prefix="nine nine ", **write_numbers(tmp_path / "data"))
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    question = Question(model, tokenizer, "one two")
    assert question.read_texts == ("nine nine one two",)
    bare = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").eval()
    bare.config.prefix = None
    of_whole = states(Question(bare, tokenizer, "nine nine one two"))
    assert states(question).pictures == of_whole.pictures != states(Question(bare, tokenizer, "one two")).pictures


def test_a_new_transformer_learns_faster_than_a_trained_one(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    new = {"model_type": "marian", "config_overrides": json.dumps(TINY_MARIAN)}
    further = {
        "model_name_or_path": str(tmp_path / "new"),
        "tokenizer_kind": None,
        "config_overrides": None,
    }
    rates = {}
    for name, changes in (("new", new), ("trained", further)):
        run(tmp_path / name, logging_steps=1, lr_scheduler_type="constant", **changes, **files)
        state = json.loads((tmp_path / name / "trainer_state.json").read_text())
        rates[name] = {entry["learning_rate"] for entry in state["log_history"] if "learning_rate" in entry}
    assert rates == {"new": {5e-4}, "trained": {2e-5}}


@pytest.mark.parametrize("ending", ["en", "DE", "pt.gz"])
def test_lines_that_are_called_by_their_language_are_read(ending: str, tmp_path: Path) -> None:
    run(tmp_path / "out", **write_numbers(tmp_path / "data"))
    path = tmp_path / f"new.{ending}"
    text = "one two\n\nthree\n"
    if ending.endswith("gz"):
        import gzip

        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    done = predict_file(tmp_path / "out", path, progress=False)
    assert (done.rows, done.unanswered) == (3, 1)
    with Path(done.output).open(encoding="utf-8", newline="") as file:
        written = [row["target"] for row in csv.DictReader(file)]
    write = pipeline("text2text-generation", model=str(tmp_path / "out"))
    assert [written[0], written[2]] == [write(text)[0]["generated_text"] for text in ("one two", "three")]


def test_other_endings_are_refused_still(tmp_path: Path) -> None:
    run(tmp_path / "out", **write_numbers(tmp_path / "data"))
    (tmp_path / "new.docx").write_text("one two\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"has the extension '.docx'; it must be one of"):
        predict_file(tmp_path / "out", tmp_path / "new.docx", progress=False)
