"""Runs with a vocabulary of sources and one of targets: from the command to what the saved folder writes."""

from __future__ import annotations

import csv
import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedTokenizerFast, pipeline

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.inference.files import predict_file
from hf_rnn.metrics.sequences import sequence_metrics
from hf_rnn.tasks.evaluation import evaluate_file
from tests.tasks.small_sequence_runs import SMALL, run, write_numbers


SEPARATE = {"separate_vocabularies": True, "vocab_size": 300}
SPECIAL, BYTES = 3, 256


def read(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_row(path: str, source: str, target: str) -> None:
    with Path(path).open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow((source, target))


def sizes_by_hand(kind: str, rows: list[dict[str, str]]) -> tuple[int, int]:
    """The entries of the decoder and of the encoder for these rows."""
    sides = [[row[name] for row in rows] for name in ("target", "source")]
    if kind == "bpe":
        joint = train_tokenizer(
            [*sides[1], *sides[0]], kind="bpe", vocab_size=300, end_of_text=True, show_progress=False, lowercase=False
        )
        longer = {piece for text in sides[0] for piece in joint.tokenize(text) if len(piece) > 1}
        return SPECIAL + BYTES + len(longer), len(joint)
    targets, sources = (
        {part for text in side for part in (text if kind == "character" else text.split())} for side in sides
    )
    return SPECIAL + len(targets), SPECIAL + len(targets | sources)


@pytest.mark.parametrize("kind", ["word", "bpe", "character"])
def test_the_decoder_has_the_tokens_of_targets_alone(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = write_numbers(tmp_path / "data")
    # Neither word is in a target of training, both are in its sources.
    add_row(files["validation_file"], "one", "one seven")
    results = run(tmp_path / "out", tokenizer_kind=kind, **SEPARATE, **files)
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert type(tokenizer) is PreTrainedTokenizerFast
    target_size, size = sizes_by_hand(kind, read(files["train_file"]))
    assert target_size < size == len(tokenizer)
    assert (model.config.decoder.vocab_size, model.config.encoder.vocab_size) == (target_size, size)
    assert model.config.vocab_size == model.lm_head.out_features == target_size
    decoder, encoder = (
        part.word_embeddings.weight
        for part in (model.model.decoder.embeddings, model.model.encoder.network.embeddings)
    )
    assert model.lm_head.weight is decoder and decoder.shape == (target_size, 8) and encoder.shape == (size, 8)
    for row in read(files["train_file"]):
        assert max(tokenizer(text_target=row["target"])["input_ids"]) < target_size
    beyond = torch.tensor([[target_size]])
    with pytest.raises(ValueError, match="`labels`"):
        model(beyond, labels=beyond)
    with pytest.raises(IndexError, match="`input_ids` holds ids"):
        model(beyond, decoder_input_ids=beyond)
    counted = [message for message in caplog.messages if "only in the vocabulary of sources" in message]
    assert len(counted) == 1 and "of the validation targets" in counted[0]
    stands = "the shorter ones that they are made of stand" if kind == "bpe" else "[UNK] stands"
    assert counted[0].endswith(f"and {stands} in their place.")
    # What is unknown weighs on the loss as any token does.
    assert 0 < results["metrics"]["validation"]["loss"] < 20


def test_the_saved_folder_predicts_and_evaluates_as_the_run_did(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    results = run(tmp_path / "out", max_steps=12, learning_rate=1e-2, **SEPARATE, **files)
    rows = read(tmp_path / "out" / "predictions.csv")
    written = [row["hypothesis"] for row in rows]
    figures = sequence_metrics(written, [row["reference"] for row in rows])
    assert results["metrics"]["test"]["character_error_rate"] == pytest.approx(figures["character_error_rate"])
    write = pipeline("text2text-generation", model=str(tmp_path / "out"))
    assert [write(row["source"])[0]["generated_text"] for row in rows] == written
    assert set(" ".join(written).split()) <= set("0123456789")
    done = predict_file(tmp_path / "out", files["test_file"], text_column="source", progress=False)
    assert [row["target"] for row in read(done.output)] == written
    found = evaluate_file(tmp_path / "out", files["test_file"], progress=False)
    assert found.metrics["character_error_rate"] == pytest.approx(figures["character_error_rate"])


def test_a_folder_is_trained_further(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = write_numbers(tmp_path / "data")
    add_row(files["validation_file"], "one", "one")
    run(tmp_path / "first", **SEPARATE, **files)
    caplog.clear()
    start = {"model_name_or_path": str(tmp_path / "first"), "config_overrides": None}
    results = run(tmp_path / "second", **start, **files)
    assert "1 of" in caplog.text and "[UNK] stands in their place" in caplog.text
    first, second = (AutoModelForSeq2SeqLM.from_pretrained(tmp_path / name) for name in ("first", "second"))
    assert second.config.decoder.vocab_size == first.config.decoder.vocab_size < second.config.encoder.vocab_size
    assert not torch.equal(second.lm_head.weight, first.lm_head.weight)
    assert 0 < results["metrics"]["validation"]["loss"] < 20
    with pytest.raises(ValueError, match="`separate_vocabularies` and `model_name_or_path`='.*first' were both given"):
        run(tmp_path / "third", **start, **SEPARATE, **files)


def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    steps = {"save_strategy": "steps", "eval_strategy": "steps", "save_steps": 4, "eval_steps": 4, "max_steps": 8}
    whole = run(tmp_path / "whole", save_total_limit=9, **steps, **SEPARATE, **files)
    shutil.copytree(tmp_path / "whole" / "checkpoint-4", tmp_path / "broken" / "checkpoint-4")
    gone_on = run(tmp_path / "broken", save_total_limit=9, **steps, **SEPARATE, **files)
    assert gone_on["metrics"] == whole["metrics"]
    ours, theirs = (load_file(tmp_path / name / "checkpoint-8" / "model.safetensors") for name in ("broken", "whole"))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_of_one_vocabulary_does_not_go_on_with_two(tmp_path: Path) -> None:
    files = write_numbers(tmp_path / "data")
    steps = {"save_strategy": "steps", "eval_strategy": "steps", "save_steps": 4, "eval_steps": 4}
    run(tmp_path / "whole", max_steps=4, **steps, **files)
    shutil.copytree(tmp_path / "whole" / "checkpoint-4", tmp_path / "broken" / "checkpoint-4")
    with pytest.raises(
        ValueError, match="checkpoint-4', which was trained with .*: `separate_vocabularies` was False and is True"
    ):
        run(tmp_path / "broken", max_steps=8, **steps, **SEPARATE, **files)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"config_overrides": json.dumps({**json.loads(SMALL), "share_embeddings": True})},
            "`config_overrides` give `share_embeddings`=true, .* it must be false",
        ),
        ({"tokenizer_name_or_path": "one"}, "`separate_vocabularies` and `tokenizer_name_or_path`='one' were both"),
        (
            {"model_type": "marian", "config_overrides": None},
            "`separate_vocabularies` needs `model_type` to be one of gru, lstm; it is 'marian'",
        ),
        (
            {"config_overrides": '{"decoder": {"vocab_size": 9}}'},
            "The tokenizer has 13 entries of targets; the decoder has 9 embeddings.*no `vocab_size` in",
        ),
        (
            {"config_overrides": '{"encoder": {"vocab_size": 13}}'},
            "The tokenizer has 23 entries; the encoder has 13 embeddings",
        ),
    ],
)
def test_contradictions_are_named(changes: dict[str, str | None], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "out", **SEPARATE, **changes, **write_numbers(tmp_path / "data"))


def test_parts_may_be_of_other_families(tmp_path: Path) -> None:
    overrides = {"encoder": {"model_type": "lstm", "hidden_size": 6}, "decoder": {"hidden_size": 6}}
    run(tmp_path / "out", config_overrides=json.dumps(overrides), **SEPARATE, **write_numbers(tmp_path / "data"))
    config = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").config
    assert (config.encoder.model_type, config.encoder.vocab_size, config.decoder.vocab_size) == ("lstm", 23, 13)


def test_nothing_is_said_where_targets_are_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "out", **SEPARATE, **write_numbers(tmp_path / "data"))
    assert "vocabulary of sources" not in caplog.text
