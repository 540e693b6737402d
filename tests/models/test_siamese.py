"""Siamese networks: one set of weights, two inputs in one batch, many inputs, and what they say of a pair."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel

from hf_rnn import ConvEncoderConfig, SiameseConfig, SiameseModel
from hf_rnn.models.similarity import SIMILARITIES, pairwise
from tests.models.siamese import ENCODERS, OTHERS, TEXTS, build_siamese, encoder_config, tokenizer_of_words


def tokens(texts, side="right", suffix=""):
    tokenizer = tokenizer_of_words()
    tokenizer.padding_side = side
    found = tokenizer(texts, padding=True, return_tensors="pt")
    return {name + suffix: value for name, value in found.items()}


@pytest.mark.parametrize("pooling", ["pooler", "mean", "first"])
@pytest.mark.parametrize("model_type", ENCODERS)
def test_a_pair_in_one_batch_is_two_passes(model_type, pooling):
    model = build_siamese(AutoModel, model_type, pooling=pooling, projection_size=3)
    passes = []
    model.encoder.register_forward_hook(lambda *_: passes.append(1))
    both = model(**tokens(TEXTS), **tokens(OTHERS, suffix="_b"))
    assert len(passes) == 1
    a, b = model(**tokens(TEXTS)).embeddings, model(**tokens(OTHERS)).embeddings
    assert a.shape == (5, 3)
    assert torch.allclose(both.embeddings, a, atol=1e-6) and torch.allclose(both.embeddings_b, b, atol=1e-6)
    assert torch.allclose(both.logits, pairwise(a, b, "cosine"), atol=1e-6)
    # The mask that follows from the padding is the one that was given.
    ids = {"input_ids": tokens(TEXTS)["input_ids"], "input_ids_b": tokens(OTHERS)["input_ids"]}
    assert torch.allclose(model(**ids).logits, both.logits, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_pooling_by_hand(pooling):
    model = build_siamese(AutoModel, "bilstm", pooling=pooling)
    for side in ("left", "right"):
        batch = tokens(TEXTS, side)
        steps = model.encoder(**batch).last_hidden_state
        rows = [row[mask.bool()] for row, mask in zip(steps, batch["attention_mask"], strict=True)]
        expected = torch.stack([row.mean(0) if pooling == "mean" else row[0] for row in rows])
        assert torch.allclose(model(**batch).embeddings, expected, atol=1e-6)


def test_one_gradient_and_one_update():
    model = build_siamese(AutoModel, "gru", projection_size=3)
    a, b = tokens(TEXTS), tokens(OTHERS, suffix="_b")

    def gradients(batch):
        model.zero_grad()
        model(**batch).logits.sum().backward()
        return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}

    # A second set of weights, held still, gives one side's part of the gradient.
    still_a, still_b = model(**a).embeddings.detach(), model(**tokens(OTHERS)).embeddings.detach()
    parts = []
    for batch, still in ((a, still_b), (tokens(OTHERS), still_a)):
        model.zero_grad()
        pairwise(model(**batch).embeddings, still, "cosine").sum().backward()
        parts.append({name: parameter.grad.clone() for name, parameter in model.named_parameters()})
    whole = gradients(a | b)
    for name, gradient in whole.items():
        assert gradient.abs().max() > 0
        assert torch.allclose(gradient, parts[0][name] + parts[1][name], atol=1e-5), name
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    found = model(**tokens(TEXTS), **tokens(TEXTS, suffix="_b"))
    assert torch.equal(found.embeddings, found.embeddings_b) and not torch.allclose(found.embeddings, still_a)


@pytest.mark.parametrize("model_type", ENCODERS)
def test_from_encoder_keeps_the_weights(model_type):
    encoder = AutoModel.from_config(encoder_config(model_type)).double().eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    model = SiameseModel.from_encoder(encoder, projection_size=3, similarity="dot")
    assert model.encoder is encoder and model.config.encoder is encoder.config
    assert model.config.similarity == "dot" and not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}
    for name, value in model.encoder.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_pretrained_encoder_keeps_its_attention():
    """The encoder keeps its implementation: without one a stock BERT attends to padding, and says nothing of it."""
    encoder = AutoModel.from_config(encoder_config("bert"))
    implementation = encoder.config._attn_implementation
    siamese = SiameseModel.from_encoder(encoder).eval()
    assert siamese.encoder.config._attn_implementation == implementation == "sdpa"
    ids, mask = torch.tensor([[3, 4, 5, 0, 0]]), torch.tensor([[1, 1, 1, 0, 0]])
    torch.testing.assert_close(siamese(ids, mask).embeddings, siamese(ids[:, :3]).embeddings)
    asked_for = SiameseConfig(encoder=siamese.encoder.config, attn_implementation="eager")
    assert asked_for.encoder._attn_implementation == "eager"


def test_more_tokens_are_in_what_is_saved(tmp_path):
    encoder = build_siamese(AutoModel, "bilstm").encoder
    model = SiameseModel(SiameseConfig(encoder=encoder.config.to_dict()), encoder)
    model.resize_token_embeddings(40)
    model.save_pretrained(tmp_path)
    assert AutoModel.from_pretrained(tmp_path).config.encoder.vocab_size == 40


@pytest.mark.parametrize("model_type", ENCODERS)
def test_encode(model_type):
    model, tokenizer = build_siamese(AutoModel, model_type).train(), tokenizer_of_words()
    texts = TEXTS + OTHERS
    found = model.encode(texts, tokenizer, batch_size=3)
    assert model.training and found.dtype == torch.float32 and not found.requires_grad
    model.eval()
    for text, vector in zip(texts, found, strict=True):
        assert torch.allclose(vector, model(**tokens([text])).embeddings[0], atol=1e-6)
        assert torch.allclose(vector, model.encode(text, tokenizer), atol=1e-6)
    unit = model.encode(iter(texts), tokenizer, normalize=True)
    assert torch.allclose(unit, found / found.norm(dim=1, keepdim=True), atol=1e-6)
    assert model.encode([], tokenizer).shape == (0, model.config.output_size)


def test_empty_texts_have_vectors():
    model, tokenizer = build_siamese(AutoModel, "bilstm"), tokenizer_of_words()
    found = model.encode(["", "fine", ""], tokenizer)
    assert torch.isfinite(found).all() and torch.allclose(model.encode("", tokenizer), found[0], atol=1e-6)
    assert model.similarity("", "fine", tokenizer).isfinite()


def test_long_texts_are_cut_where_the_tokenizer_says():
    model, tokenizer = build_siamese(AutoModel, "bert"), tokenizer_of_words()
    tokenizer.model_max_length = 2
    assert torch.allclose(model.encode("fine film bad", tokenizer), model.encode("fine film", tokenizer), atol=1e-6)


@pytest.mark.parametrize("kind", SIMILARITIES)
def test_similarity_and_predict(kind):
    model, tokenizer = build_siamese(AutoModel, "gru", similarity=kind), tokenizer_of_words()
    a, b = model.encode(TEXTS, tokenizer), model.encode(OTHERS, tokenizer)
    expected = pairwise(a, b, kind)
    assert torch.equal(model.similarity(a, b), expected)
    assert torch.equal(model.similarity(TEXTS, OTHERS, tokenizer), expected)
    one = model.similarity(TEXTS[0], OTHERS[0], tokenizer)
    assert one.shape == () and torch.allclose(one, expected[0], atol=1e-6)
    assert torch.allclose(model.similarity(a[0], b), pairwise(a[:1].expand(5, -1), b, kind))
    model.config.threshold = expected.median().item()
    pairs = list(zip(TEXTS, OTHERS, strict=True))
    assert sum(model.predict(pairs, tokenizer)) in (2, 3)  # the median's own pair is within rounding
    model.config.threshold = expected.max().item() + 0.1
    assert model.predict(pairs, tokenizer) == [False] * 5
    model.config.threshold = expected.min().item() - 0.1
    assert model.predict(pairs, tokenizer) == [True] * 5
    assert model.predict([]) == []


def test_images():
    encoder = ConvEncoderConfig(image_size=8, hidden_sizes=[3], kernel_sizes=[3], pool_sizes=[2], output_size=4)
    model = SiameseModel(SiameseConfig(encoder=encoder)).eval()
    images = torch.rand(7, 1, 8, 8)
    found = model(pixel_values=images[:3], pixel_values_b=images[3:6])
    assert torch.allclose(torch.cat([found.embeddings, found.embeddings_b]), model.encode(images)[:6], atol=1e-6)
    assert model.encode(images, batch_size=2).shape == (7, 4)


IDS = torch.tensor([[2, 3]])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "`input_ids` and `pixel_values` must be given; neither is"),
        ({"input_ids": IDS, "pixel_values": IDS}, "`input_ids` and `pixel_values` must be given; both are"),
        ({"input_ids": IDS, "attention_mask": IDS[:, :1]}, r"`attention_mask` has shape \(1, 1\)"),
        ({"input_ids": IDS, "input_ids_b": IDS.repeat(2, 1)}, "`input_ids_b` has 2 rows; .* `input_ids`, 1"),
        ({"input_ids": IDS, "pixel_values_b": IDS}, "A pair must be of one kind"),
        ({"input_ids": IDS, "token_type_ids": IDS * 0 + 1}, "`token_type_ids` holds other numbers than 0"),
    ],
)
def test_bad_inputs_are_named(inputs, message):
    with pytest.raises(ValueError, match=message):
        build_siamese(AutoModel, "gru")(**inputs)


def test_bad_calls_are_named():
    model, tokenizer = build_siamese(AutoModel, "gru"), tokenizer_of_words()
    with pytest.raises(ValueError, match="`config.threshold` is None"):
        model.predict([("a", "b")], tokenizer)
    with pytest.raises(ValueError, match="`tokenizer` is None"):
        model.encode(["a"])
    with pytest.raises(ValueError, match="`batch_size`=0"):
        model.encode(["a"], tokenizer, batch_size=0)
    with pytest.raises(ValueError, match="`inputs` has a NoneType at 1"):
        model.encode(["a", None], tokenizer)
    with pytest.raises(ValueError, match="`b` has 3 rows; it must have those of `a`, 2"):
        model.similarity(TEXTS[:2], TEXTS[:3], tokenizer)
    model.config.threshold = 0.5
    with pytest.raises(ValueError, match="`pairs` has 'ab' at 0"):
        model.predict(["ab"], tokenizer)


def test_a_pooling_that_the_encoder_has_not():
    encoder = ConvEncoderConfig(image_size=8, hidden_sizes=[3], kernel_sizes=[3], pool_sizes=[2])
    model = SiameseModel(SiameseConfig(encoder=encoder, pooling="mean"))
    with pytest.raises(ValueError, match="`pooling` is 'mean', which needs a `last_hidden_state`"):
        model(pixel_values=torch.rand(2, 1, 8, 8))


@pytest.mark.parametrize("model_type", ENCODERS)
def test_texts_are_padded_on_the_right_whatever_the_tokenizer_says(model_type):
    # BERT counts positions from the left of a row.
    model, tokenizer = build_siamese(AutoModel, model_type), tokenizer_of_words()
    expected = model.encode(TEXTS, tokenizer)
    tokenizer.padding_side = "left"
    assert torch.equal(model.encode(TEXTS, tokenizer), expected)
