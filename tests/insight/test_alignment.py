"""The attention of an encoder-decoder to its source, and its figure."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import MarianConfig, MarianMTModel, pipeline

from hf_rnn import GruEncoderDecoderConfig, GruForSeq2SeqLM
from hf_rnn.data.tokenizers.separate_vocabularies import train_separate_vocabularies
from hf_rnn.data.tokenizers.sequence_end import with_sequence_end
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.insight import alignment_weights
from hf_rnn.insight.alignment import Alignment, written_text
from hf_rnn.insight.report import explain
from hf_rnn.insight.steps import NotApplicableError


SOURCE, TARGET = "a b c d", "d c"
TOKENIZER = with_sequence_end(
    train_tokenizer(["a b c d e f g"], min_frequency=1, end_of_text=True, show_progress=False)
)


def model(attention: str | None = "dot") -> GruForSeq2SeqLM:
    torch.manual_seed(0)
    sizes = {"vocab_size": len(TOKENIZER), "hidden_size": 6, "embedding_size": 5}
    config = GruEncoderDecoderConfig(
        encoder={**sizes, "bidirectional": False},
        decoder=sizes,
        attention=attention,
        pad_token_id=0,
        eos_token_id=TOKENIZER.eos_token_id,
        decoder_start_token_id=TOKENIZER.eos_token_id,
    )
    return GruForSeq2SeqLM(config).eval()


def test_the_weights_are_the_softmax_of_products_of_states() -> None:
    network = model()
    found = alignment_weights(network, TOKENIZER, SOURCE, TARGET)
    assert found.source == ("a", "b", "c", "d", "[EOS]") and found.target == ("d", "c", "[EOS]")
    assert found.text == TARGET
    ids, labels = (TOKENIZER(text, return_tensors="pt").input_ids for text in (SOURCE, TARGET))
    read = torch.cat([torch.tensor([[TOKENIZER.eos_token_id]]), labels[:, :-1]], 1)
    with torch.no_grad():
        memory = network.model.encoder.network(ids).last_hidden_state
        outputs = network(ids, decoder_input_ids=read, output_hidden_states=True)
    expected = (outputs.decoder_hidden_states[-1] @ memory.transpose(1, 2)).softmax(2)[0]
    np.testing.assert_allclose(found.weights, expected, atol=1e-6)
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-6)


def test_what_the_model_writes_itself_is_aligned() -> None:
    network = model()
    found = alignment_weights(network, TOKENIZER, SOURCE, max_new_tokens=4)
    written = network.generate(TOKENIZER(SOURCE, return_tensors="pt").input_ids, max_new_tokens=4, do_sample=False)
    assert found.weights.shape == (written.shape[1] - 1, 5)
    assert found.text == TOKENIZER.decode(written[0], skip_special_tokens=True).strip()


def test_a_prefix_is_read_as_by_the_pipeline() -> None:
    network = model()
    network.config.prefix = "e f "
    found = alignment_weights(network, TOKENIZER, SOURCE, max_new_tokens=4)
    assert found.source[:-1] == ("e", "f", *SOURCE.split())
    answer = pipeline("text2text-generation", model=network, tokenizer=TOKENIZER)(SOURCE, max_new_tokens=4)
    assert written_text(network, TOKENIZER, SOURCE, max_new_tokens=4) == found.text == answer[0]["generated_text"]


def marian(attention: str) -> MarianMTModel:
    config = MarianConfig(
        vocab_size=len(TOKENIZER),
        d_model=8,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=8,
        decoder_ffn_dim=8,
        pad_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=2,
        attn_implementation=attention,
    )
    return MarianMTModel(config).eval()


def test_a_model_of_transformers_is_aligned_by_its_last_layer() -> None:
    found = alignment_weights(marian("eager"), TOKENIZER, SOURCE, TARGET)
    assert found.weights.shape == (3, 5)
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-5)


def test_a_target_is_aligned_in_the_vocabulary_of_targets() -> None:
    options = {"min_frequency": 1, "end_of_text": True, "show_progress": False}
    trained, size = train_separate_vocabularies(["a b c"], ["d e"], kind="word", **options)
    tokenizer = with_sequence_end(trained)
    tokens = {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2}
    parts = {
        part: {"vocab_size": vocab_size, "hidden_size": 6, "embedding_size": 5}
        for part, vocab_size in (("encoder", len(tokenizer)), ("decoder", size))
    }
    network = GruForSeq2SeqLM(GruEncoderDecoderConfig(**parts, **tokens)).eval()
    found = alignment_weights(network, tokenizer, "a b", "d c e")
    assert found.source == ("a", "b", "[EOS]") and found.target == ("d", "[UNK]", "e", "[EOS]")
    assert found.weights.shape == (4, 3)


def test_a_figure_shows_every_weight() -> None:
    found = alignment_weights(model(), TOKENIZER, SOURCE, TARGET)
    axes, bar = found.figure().axes
    np.testing.assert_allclose(axes.images[0].get_array(), found.weights)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(found.target)
    assert [label.get_text() for label in axes.get_xticklabels()] == list(found.source)
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("read", "written", "weight")


def test_a_file_has_every_weight_and_a_picture_lies_beside_it(tmp_path: Path) -> None:
    found = alignment_weights(model(), TOKENIZER, SOURCE, TARGET)
    path, picture = found.write(tmp_path / "new" / "weights.csv")
    assert (path, picture) == (tmp_path / "new" / "weights.csv", tmp_path / "new" / "weights.png")
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["written", *found.source] and [row[0] for row in rows] == list(found.target)
    assert np.array_equal(np.array([row[1:] for row in rows], dtype=np.float32), found.weights)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_strongest_of_each_row() -> None:
    weights = np.array([[0.25, 0.5, 0.25], [0.125, 0.0, 0.875]], dtype=np.float32)
    found = Alignment(("a", "b", "c"), ("x", "y"), weights, "x y")
    assert found.strongest() == (("x", "b", "0.50"), ("y", "c", "0.88"))


def test_a_page_shows_what_is_written_and_what_it_looks_at() -> None:
    network = model()
    network.generation_config.max_new_tokens = 4
    report = explain(network, TOKENIZER, SOURCE)
    shown = {"Answer", "Alignment with the source", "Neighbours in the embedding table", "Gates and states"}
    assert set(report.sections) == shown
    found = alignment_weights(network, TOKENIZER, SOURCE)
    assert report.sections["Answer"].tables[0].rows == ((SOURCE, found.text),)
    assert written_text(network, TOKENIZER, SOURCE) == found.text
    section = report.sections["Alignment with the source"]
    assert section.tables[0].rows == found.strongest() and section.pictures[0].png.startswith(b"\x89PNG")
    assert " of the encoder " in report.sections["Gates and states"].shows
    assert "an encoder-decoder writes a text" in report.left_out["Contributions of tokens"]
    assert "Alignment with the source" in report.html()
    left_out = explain(model(None), TOKENIZER, SOURCE).left_out
    assert left_out["Alignment with the source"].startswith("`model` has `attention`=None")
    with pytest.raises(ValueError, match="`label`='x': an encoder-decoder has no label of a text"):
        explain(network, TOKENIZER, SOURCE, label="x")


def test_models_without_attention_and_wrong_texts_are_refused() -> None:
    with pytest.raises(NotApplicableError, match="`attention`=None"):
        alignment_weights(model(None), TOKENIZER, SOURCE)
    with pytest.raises(
        NotApplicableError, match='a MarianMTModel that keeps no weights .* `attn_implementation="eager"`'
    ):
        alignment_weights(marian("sdpa"), TOKENIZER, SOURCE, TARGET)
    with pytest.raises(ValueError, match="`source`"):
        alignment_weights(model(), TOKENIZER, 7)  # type: ignore[arg-type]
