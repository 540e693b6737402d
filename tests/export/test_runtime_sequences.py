"""Encoder-decoders by the runtime: what `generate` and the pipeline write, without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, pipeline

from hf_rnn.data.tokenizers.separate_vocabularies import train_separate_vocabularies
from hf_rnn.data.tokenizers.sequence_end import with_sequence_end
from hf_rnn.export import export_onnx
from hf_rnn.export.runtime import SequenceWriter, load
from hf_rnn.export.runtime_search import Writing, write_tokens
from tests.export.sequences import SOURCES, save_sequence_model, sequence_model, word_tokenizer
from tests.models.seq2seq import JOINTS


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sequences") / "checkpoint"
    return save_sequence_model(folder, joint="general-attended", generation={"max_new_tokens": 12})


@pytest.fixture(scope="module")
def exported(checkpoint: Path) -> Path:
    return export_onnx(checkpoint, checkpoint.parent / "onnx", int8=True)


def generated(model: Any, tokenizer: Any, **options: Any) -> list[str]:
    """What `generate` of transformers writes for the sources, all in one batch with padding."""
    batch = tokenizer(SOURCES, padding=True, return_tensors="pt")
    written = model.generate(batch["input_ids"], attention_mask=batch["attention_mask"], do_sample=False, **options)
    return [text.strip() for text in tokenizer.batch_decode(written, skip_special_tokens=True)]


def texts(answers: list[dict[str, str]]) -> list[str]:
    return [answer["generated_text"] for answer in answers]


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize(("family", "seed"), [("gru", 1), ("lstm", 2)])
def test_texts_are_those_of_generate(tmp_path: Path, family: str, seed: int, joint: str) -> None:
    """Greedily and with beams, for batches of sources of different lengths."""
    tokenizer = word_tokenizer()
    model = sequence_model(tokenizer, family, joint, seed)
    write = load(export_onnx(model, tmp_path, tokenizer=tokenizer))
    assert isinstance(write, SequenceWriter)
    seen = set()
    for options in (
        {"max_new_tokens": 15},
        {"num_beams": 2, "max_new_tokens": 15},
        {"num_beams": 5, "max_new_tokens": 9, "length_penalty": 2.0},
        {"num_beams": 4, "max_new_tokens": 15, "length_penalty": -1.0},
        {"num_beams": 3, "max_new_tokens": 1, "length_penalty": 0.0},
    ):
        expected = generated(model, tokenizer, **options)
        assert texts(write(SOURCES, **options)) == expected, options
        seen |= set(expected)
    assert len(seen) > 2


def test_a_vocabulary_of_targets_is_written_as_by_generate(tmp_path: Path) -> None:
    targets = ["le chat", "un chien et un autre", "pas un tapis"]
    options = {"min_frequency": 1, "end_of_text": True, "show_progress": False}
    trained, size = train_separate_vocabularies(SOURCES[:3], targets, kind="word", **options)
    tokenizer = with_sequence_end(trained)
    model = sequence_model(tokenizer, "gru", "general-attended", 3, decoder={"vocab_size": size})
    assert model.config.decoder.vocab_size < model.config.encoder.vocab_size
    write = load(export_onnx(model, tmp_path, tokenizer=tokenizer))
    seen = set()
    for options in ({"max_new_tokens": 15}, {"num_beams": 4, "max_new_tokens": 15}):
        expected = generated(model, tokenizer, **options)
        assert texts(write(SOURCES, **options)) == expected
        seen |= set(expected)
    assert len(seen) > 2 and {word for text in seen for word in text.split()} <= set(" ".join(targets).split())


@pytest.mark.parametrize("seed", range(6))
def test_beams_end_where_those_of_transformers_end(tmp_path: Path, seed: int) -> None:
    """Models that end their texts sooner or later, with one, two and no tokens that do so."""
    tokenizer = word_tokenizer()
    model = sequence_model(tokenizer, "gru", "additive-None", 10 + seed)
    with torch.no_grad():
        model.lm_head.bias[tokenizer.eos_token_id] += seed - 3
    end = tokenizer.eos_token_id
    for ends in (end, [end, 5, 6], None):
        model.generation_config.eos_token_id = ends
        write = load(export_onnx(model, tmp_path, tokenizer=tokenizer))
        for beams in (1, 2, 6):
            options = {"num_beams": beams, "max_new_tokens": 14}
            if ends is None:
                # Nothing stands behind the text that could be cut.
                assert texts(write(SOURCES, **options)) == generated(model, tokenizer, **options)
            else:
                alone = pipeline("text2text-generation", model=model, tokenizer=tokenizer)
                expected = [alone(text, do_sample=False, **options)[0] for text in SOURCES]
                assert write(SOURCES, **options) == expected


def test_scores_of_beams_are_those_of_an_exhaustive_search() -> None:
    """With as many beams as there are texts, the best of all texts is found, by log-probability over length."""
    random = np.random.default_rng(3)
    first, second = random.normal(size=(1, 3)), random.normal(size=(3, 3))
    end = 2

    def log(scores: np.ndarray) -> np.ndarray:
        return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))

    for penalty in (-1.0, 0.0, 1.0, 3.0):
        table = {(end,): log(first)[0, end]}
        for one in (0, 1):
            for two in range(3):
                table[one, two] = (log(first)[0, one] + log(second)[one, two]) / 2**penalty
        reading: list[int] = []

        def step(tokens: np.ndarray, order: np.ndarray | None, reading: list[int] = reading) -> np.ndarray:
            reading.append(len(tokens))
            scores = np.repeat(first, len(tokens), axis=0) if order is None else second[tokens]
            return scores.astype(np.float32)

        writing = Writing(7, [end], [], num_beams=4, length_penalty=penalty, max_new_tokens=2)
        (found,) = write_tokens(step, 1, writing)
        assert tuple(found) == max(table, key=lambda text: table[text]), penalty
        assert set(reading) == {4}


def test_a_text_may_be_forced_to_end(tmp_path: Path) -> None:
    tokenizer = word_tokenizer()
    model = sequence_model(tokenizer, "lstm", "dot-attended", 5)
    with torch.no_grad():
        model.lm_head.bias[tokenizer.eos_token_id] -= 20
    model.generation_config.update(max_new_tokens=6)
    free = load(export_onnx(model, tmp_path / "free", tokenizer=tokenizer))
    # By a token that is seen in the text.
    model.generation_config.update(forced_eos_token_id=tokenizer.convert_tokens_to_ids("dog"))
    write = load(export_onnx(model, tmp_path / "forced", tokenizer=tokenizer))
    for beams in (1, 3):
        written = write(SOURCES, num_beams=beams)
        assert texts(written) == generated(model, tokenizer, num_beams=beams)
        assert written != free(SOURCES, num_beams=beams)
        assert all(text.endswith("dog") for text in texts(written))


def test_answers_and_defaults_are_those_of_the_pipeline(tmp_path: Path, exported: Path, checkpoint: Path) -> None:
    stock, write = pipeline("text2text-generation", model=str(checkpoint)), load(exported)
    assert write(SOURCES[0]) == stock(SOURCES[0])
    assert write(SOURCES) == stock(SOURCES)
    assert write([]) == []
    assert write(SOURCES[:1]) == stock(SOURCES[:1])
    generation = {"num_beams": 3, "length_penalty": 0.5, "max_length": 9}
    other = save_sequence_model(tmp_path / "checkpoint", joint="general-attended", generation=generation)
    stock, write = pipeline("text2text-generation", model=str(other)), load(export_onnx(other, tmp_path / "onnx"))
    assert write.settings["writing"] == {
        "start_token_id": stock.tokenizer.eos_token_id,
        "eos_token_ids": [stock.tokenizer.eos_token_id],
        "forced_eos_token_ids": [],
        "num_beams": 3,
        "length_penalty": 0.5,
        "max_new_tokens": 8,
    }
    assert write(SOURCES) == stock(SOURCES)
    silent = save_sequence_model(tmp_path / "silent", generation={"max_new_tokens": None})
    assert load(export_onnx(silent, tmp_path / "other")).settings["writing"]["max_new_tokens"] == 256


def test_a_prefix_stands_before_each_source_as_in_the_pipeline(tmp_path: Path) -> None:
    folder = save_sequence_model(tmp_path / "checkpoint", prefix="the cat ", generation={"max_new_tokens": 9})
    stock, write = pipeline("text2text-generation", model=str(folder)), load(export_onnx(folder, tmp_path / "onnx"))
    assert write(SOURCES) == stock(SOURCES)
    stock.prefix = None
    assert write(SOURCES) == stock([f"the cat {source}" for source in SOURCES]) != stock(SOURCES)


def test_many_sources_keep_their_order(exported: Path) -> None:
    write = load(exported)
    each = {source: write(source)[0] for source in SOURCES}
    many = [SOURCES[index % len(SOURCES)] for index in range(75)]
    assert write(many, num_beams=1) == [each[source] for source in many]


def test_the_folder_and_its_report(exported: Path, checkpoint: Path, classifier: Path, tmp_path: Path) -> None:
    graphs = {"encoder.onnx", "decoder.onnx", "encoder_int8.onnx", "decoder_int8.onnx"}
    runtime = {"runtime.py", "runtime_scores.py", "runtime_search.py"}
    others = {"export.json", "runtime.json", "tokenizer.json"}
    assert {path.name for path in exported.iterdir()} == graphs | runtime | others
    report = json.loads((exported / "export.json").read_text())
    assert report["model_class"] == "GruForSeq2SeqLM"
    assert 0 < report["parity"]["largest_difference"] <= 1e-5
    assert report["size_bytes"] == {name: (exported / name).stat().st_size for name in graphs}
    # The graphs of another model do not stay.
    shutil.copytree(classifier, tmp_path / "both")
    export_onnx(checkpoint, tmp_path / "both")
    assert {path.name for path in (tmp_path / "both").glob("*.onnx")} == {"encoder.onnx", "decoder.onnx"}


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_8_bits_answer_nearly_the_same(tmp_path: Path, cell: str) -> None:
    tokenizer = word_tokenizer()
    sizes = {"embedding_size": 64, "hidden_size": 64}
    model = sequence_model(tokenizer, cell, "general-None", encoder={**sizes, "model_type": "lstm"}, decoder=sizes)
    with torch.no_grad():
        # Sums of so many numbers would saturate the gates.
        for parameter in model.model.parameters():
            parameter /= 4
    folder = export_onnx(model, tmp_path, tokenizer=tokenizer, int8=True)
    sizes = json.loads((folder / "export.json").read_text())["size_bytes"]
    for name in ("encoder", "decoder"):
        assert sizes[f"{name}_int8.onnx"] < 0.4 * sizes[f"{name}.onnx"]
    ids = np.array([tokenizer(SOURCES[0])["input_ids"]])
    scores = []
    for int8 in (False, True):
        encoder, decoder = load(folder, int8=int8).sessions
        source = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        names = [output.name for output in encoder.get_outputs()]
        source |= dict(zip(names, encoder.run(names, source), strict=True)) | {"input_ids": np.array([[5]])}
        scores.append(decoder.run(["logits"], source)[0])
    difference = np.abs(scores[1] - scores[0]).max() / np.abs(scores[0]).max()
    assert 0 < difference < 0.05
    assert len(load(folder, int8=True)(SOURCES, num_beams=3)) == len(SOURCES)


def test_the_command_line_without_torch_and_transformers(exported: Path) -> None:
    code = (
        "import runpy, sys; sys.modules.update(torch=None, transformers=None, hf_rnn=None); sys.argv = sys.argv[1:]; "
        "sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-P", "-c", code, str(exported / "runtime.py"), str(exported), *SOURCES[:2]]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [json.loads(line) for line in lines] == load(exported)(SOURCES[:2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_beams": 0}, "`num_beams`=0 must be a whole number from 1"),
        ({"num_beams": True}, "`num_beams`=True must be a whole number from 1"),
        ({"max_new_tokens": 1.5}, "`max_new_tokens`=1.5 must be a whole number from 1"),
        ({"length_penalty": float("nan")}, "`length_penalty`=nan must be a finite number"),
        ({"length_penalty": "1"}, "`length_penalty`='1' must be a finite number"),
    ],
)
def test_bad_input_is_named(exported: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(exported)("a", **options)


def test_what_is_no_text_is_named(exported: Path) -> None:
    with pytest.raises(ValueError, match="`texts` has 3 at 1, where a string must stand"):
        load(exported)(["a", 3])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("generation", "message"),
    [
        ({"no_repeat_ngram_size": 2}, "`generation_config` of the model has `no_repeat_ngram_size`=2, which the"),
        ({"early_stopping": True}, "has `early_stopping`=True, which the runtime does not follow; set it to None"),
        ({"do_sample": True}, "has `do_sample`=True"),
        ({"repetition_penalty": 1.2}, "has `repetition_penalty`=1.2"),
        ({"decoder_start_token_id": None}, "has no `decoder_start_token_id`, with which a target begins"),
    ],
)
def test_options_that_the_runtime_does_not_follow_are_refused(
    tmp_path: Path, generation: dict[str, Any], message: str
) -> None:
    tokenizer = word_tokenizer()
    model = sequence_model(tokenizer)
    model.generation_config.update(**generation)
    with pytest.raises(ValueError, match=message):
        export_onnx(model, tmp_path / "out", tokenizer=tokenizer)
    assert not (tmp_path / "out").exists()


def test_options_without_effect_are_no_obstacle(tmp_path: Path, checkpoint: Path) -> None:
    model = AutoModelForSeq2SeqLM.from_pretrained(checkpoint)
    model.generation_config.update(repetition_penalty=1.0, no_repeat_ngram_size=0, top_k=50, num_return_sequences=1)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    assert load(export_onnx(model, tmp_path, tokenizer=tokenizer))(SOURCES[0])
