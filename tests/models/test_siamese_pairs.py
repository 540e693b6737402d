"""A label for a pair: two inputs, or one sequence with both texts, and the stock pipeline."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForSequenceClassification, pipeline

from hf_rnn import ConvEncoderConfig, SiameseConfig, SiameseForPairClassification
from hf_rnn.data.tokenizers.pair_template import with_pair_template
from tests.models.siamese import ENCODERS, OTHERS, TEXTS, build_siamese, tokenizer_of_words


def apart():
    tokenizer = tokenizer_of_words()
    a = tokenizer(TEXTS, padding=True, return_tensors="pt")
    b = tokenizer(OTHERS, padding=True, return_tensors="pt")
    return {**a, **{name + "_b": value for name, value in b.items()}}


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("model_type", ENCODERS)
def test_one_sequence_is_two_texts(model_type, side):
    model = build_siamese(AutoModelForSequenceClassification, model_type, num_labels=3)
    tokenizer = with_pair_template(tokenizer_of_words())
    tokenizer.padding_side = side
    joined = model(**tokenizer(TEXTS, OTHERS, padding=True, return_tensors="pt"))
    expected = model(**apart())
    for name in ("logits", "embeddings", "embeddings_b"):
        assert torch.allclose(joined[name], expected[name], atol=1e-6), name
    assert torch.allclose(joined.embeddings, model.model.encode(TEXTS, tokenizer_of_words()), atol=1e-6)
    assert torch.allclose(joined.embeddings_b, model.model.encode(OTHERS, tokenizer_of_words()), atol=1e-6)


def test_features_by_hand():
    model = build_siamese(AutoModelForSequenceClassification, "gru", num_labels=3)
    found = model(**apart())
    u, v = found.embeddings, found.embeddings_b
    by_hand = torch.cat([u, v, (u - v).abs(), u * v], dim=1) @ model.output.weight.T + model.output.bias
    assert torch.allclose(found.logits, by_hand, atol=1e-6)


def test_dense_layers_loss_and_gradient():
    values = {"classifier_hidden_sizes": [6, 5], "classifier_activation": "tanh", "classifier_dropout": 0.1}
    model = build_siamese(AutoModelForSequenceClassification, "bilstm", num_labels=3, **values).train()
    assert [layer.out_features for layer in model.dense if isinstance(layer, torch.nn.Linear)] == [6, 5]
    labels = torch.tensor([0, 1, 2, 0, -100])
    found = model.eval()(**apart(), labels=labels)
    assert torch.allclose(found.loss, torch.nn.functional.cross_entropy(found.logits, labels))
    assert torch.allclose(model(**apart(), labels=labels, num_items_in_batch=8).loss, found.loss * 4 / 8)
    found.loss.backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("model_type", ["bilstm", "bert"])
def test_the_stock_pipeline(model_type):
    model = build_siamese(AutoModelForSequenceClassification, model_type, num_labels=3)
    classify = pipeline("text-classification", model=model, tokenizer=with_pair_template(tokenizer_of_words()))
    pairs = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, OTHERS, strict=True)]
    probabilities = model(**apart()).logits.softmax(1)
    for batch_size in (1, 3):
        found = classify(pairs, batch_size=batch_size, top_k=None)
        for answers, expected in zip(found, probabilities, strict=True):
            scores = {answer["label"]: answer["score"] for answer in answers}
            assert [scores[f"LABEL_{label}"] for label in range(3)] == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_text_without_tokens_is_the_empty_text():
    model, tokenizer = (
        build_siamese(AutoModelForSequenceClassification, "gru"),
        with_pair_template(tokenizer_of_words()),
    )
    found = model(**tokenizer(["fine", ""], ["", "film"], padding=True, return_tensors="pt"))
    empty = model.model.encode("", tokenizer)
    assert torch.isfinite(found.logits).all()
    assert torch.allclose(found.embeddings_b[0], empty) and torch.allclose(found.embeddings[1], empty)


def test_pairs_of_images():
    encoder = ConvEncoderConfig(image_size=8, hidden_sizes=[3], kernel_sizes=[3], pool_sizes=[2], output_size=4)
    model = SiameseForPairClassification(SiameseConfig(encoder=encoder)).eval()
    images = torch.rand(6, 1, 8, 8)
    found = model(pixel_values=images[:3], pixel_values_b=images[3:])
    assert found.logits.shape == (3, 2)
    with pytest.raises(ValueError, match="`pixel_values_b` is None"):
        model(pixel_values=images)


@pytest.mark.parametrize(
    ("types", "message"),
    [
        (None, "`token_type_ids` is None; .*with_pair_template"),
        ([[0, 1, 2]], "`token_type_ids` holds other numbers than 0 and 1"),
        ([[0, 1]], r"`token_type_ids` has shape \(1, 2\)"),
    ],
)
def test_texts_that_cannot_be_told_apart(types, message):
    model = build_siamese(AutoModelForSequenceClassification, "gru")
    types = None if types is None else torch.tensor(types)
    with pytest.raises(ValueError, match=message):
        model(torch.tensor([[2, 3, 4]]), token_type_ids=types)


@pytest.mark.parametrize("model_type", ENCODERS)
def test_hidden_states_of_each_input(model_type):
    model = build_siamese(AutoModelForSequenceClassification, model_type, num_labels=3)
    pair = apart()
    both = model(**pair, output_hidden_states=True)
    for suffix in ("", "_b"):
        names = ("input_ids", "attention_mask")
        alone = model.model(**{name: pair[name + suffix] for name in names}, output_hidden_states=True).hidden_states
        found = both["hidden_states" + suffix]
        assert len(found) == len(alone) > 0
        tokens = pair["attention_mask" + suffix].bool()
        for ours, own in zip(found, alone, strict=True):
            assert torch.allclose(ours[:, : tokens.shape[1]][tokens], own[tokens], atol=1e-6)
    assert model(**pair).hidden_states is None
    last = model(**pair, output_hidden_states=[-1]).hidden_states_b
    assert [states is None for states in last] == [True] * (len(last) - 1) + [False]
    model.config.output_hidden_states = True
    assert torch.equal(model(**pair).hidden_states[-1], both.hidden_states[-1])
