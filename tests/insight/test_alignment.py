"""The attention of an encoder-decoder to its source, and its figure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import MarianConfig, MarianMTModel

from hf_rnn import GruEncoderDecoderConfig, GruForSeq2SeqLM
from hf_rnn.data.tokenizers.separate_vocabularies import train_separate_vocabularies
from hf_rnn.data.tokenizers.sequence_end import with_sequence_end
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.insight import alignment_weights
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


def test_a_model_of_transformers_is_aligned_by_its_last_layer() -> None:
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
        attn_implementation="eager",
    )
    found = alignment_weights(MarianMTModel(config).eval(), TOKENIZER, SOURCE, TARGET)
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
    (axes,) = found.figure().axes
    np.testing.assert_allclose(axes.images[0].get_array(), found.weights)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(found.target)


def test_models_without_attention_and_wrong_texts_are_refused() -> None:
    with pytest.raises(NotApplicableError, match="`attention`=None"):
        alignment_weights(model(None), TOKENIZER, SOURCE)
    with pytest.raises(ValueError, match="`source`"):
        alignment_weights(model(), TOKENIZER, 7)  # type: ignore[arg-type]
