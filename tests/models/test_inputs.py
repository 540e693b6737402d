"""What the models read: token ids, one-hot vectors, real-valued features, masks; and what they refuse."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from tests.models.common import (
    EMBEDDING_SIZE,
    VARIANTS,
    VOCAB_SIZE,
    alone,
    assert_close,
    batch_of,
    build,
    build_language_model,
    build_tagger,
    sentences,
)


@pytest.mark.parametrize("variant", VARIANTS)
def test_inputs_embeds_equal_the_looked_up_tokens(variant):
    model = build(variant)
    batch, _ = batch_of(sentences(), "holes")
    embedded = model.get_input_embeddings()(batch["input_ids"])
    assert torch.equal(
        model(inputs_embeds=embedded, attention_mask=batch["attention_mask"]).logits, model(**batch).logits
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_hot_equals_an_embedding_of_identity_rows(variant):
    # The padding token's row, too: under a mask that calls it a token it is one.
    embedding = build(variant, embedding_size=VOCAB_SIZE)
    embedding.get_input_embeddings().weight.data.copy_(torch.eye(VOCAB_SIZE))
    one_hot = build(variant, one_hot_input=True)
    assert one_hot.get_input_embeddings() is None
    one_hot.load_state_dict({name: w for name, w in embedding.state_dict().items() if "word_embeddings" not in name})
    batch, _ = batch_of(sentences(), "holes")
    assert_close(one_hot(**batch).logits, embedding(**batch).logits)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_are_of_the_models_dtype(variant, one_hot, dtype):
    model = build(variant, one_hot_input=one_hot).to(dtype)
    batch, _ = batch_of(sentences(), "right")
    outputs = model(**batch, use_cache=True)
    assert outputs.logits.dtype == dtype
    wanted = build(variant, one_hot_input=one_hot)(**batch).logits
    assert torch.allclose(outputs.logits.double(), wanted, atol=0.1 if dtype == torch.bfloat16 else 1e-5)


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_bfloat16_autocast_trains_and_keeps_its_state(variant, one_hot):
    model = build(variant, one_hot_input=one_hot, num_hidden_layers=2).float().train()
    batch, _ = batch_of(sentences(), "left")
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first = model(**batch, labels=labels, use_cache=True)
        second = model(**batch, labels=labels, cache=first.cache)
    second.loss.backward()
    assert second.loss.dtype == torch.float32
    wanted = model(**batch, cache=model(**batch, use_cache=True).cache).logits
    assert torch.allclose(second.logits.float(), wanted, atol=0.1)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_model_without_a_vocabulary_learns_a_time_series(variant):
    """The model tells a slow wave from a fast and raised one, by real-valued features of unequal lengths."""
    torch.manual_seed(0)
    model = build(variant, vocab_size=None, embedding_size=2, num_labels=2, hidden_size=8).train()
    assert model.get_input_embeddings() is None
    labels = torch.arange(16) % 2
    times = torch.arange(12, dtype=torch.float64)
    waves = torch.sin(times * (0.5 + labels).unsqueeze(1) + torch.rand(16, 1, dtype=torch.float64))
    features = torch.stack([waves, waves.square() + labels.unsqueeze(1)], dim=2)
    mask = (times < torch.randint(8, 13, (16, 1))).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        loss = model(inputs_embeds=features, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("wrong", [VOCAB_SIZE, -1])
def test_token_ids_out_of_range(wrong, one_hot):
    model = build("gru", one_hot_input=one_hot)
    ids = torch.tensor([[3, wrong, 4]])
    with pytest.raises(IndexError, match=rf"`input_ids` holds ids from {min(3, wrong)} to .*\[0, {VOCAB_SIZE}\)"):
        model(ids, torch.ones_like(ids))


def test_after_resizing_the_new_ids_are_in_range(tmp_path):
    model = build("gru").float()
    ids = torch.tensor([[3, VOCAB_SIZE + 1]])
    old = model(ids[:, :1]).logits
    model.resize_token_embeddings(VOCAB_SIZE + 2)
    assert torch.equal(model(ids[:, :1]).logits, old)
    model.save_pretrained(tmp_path)
    assert torch.equal(type(model).from_pretrained(tmp_path)(ids).logits, model(ids).logits)
    with pytest.raises(IndexError, match=rf"\[0, {VOCAB_SIZE + 2}\)"):
        model(ids + 1)


def test_embeddings_can_be_replaced():
    model = build("gru")
    table = nn.Embedding(20, EMBEDDING_SIZE).double()
    model.set_input_embeddings(table)
    assert model.get_input_embeddings() is model.model.get_input_embeddings() is table
    assert model(torch.tensor([[19]])).logits.shape == (1, 3)


@pytest.mark.parametrize(
    ("options", "width", "message"),
    [
        ({}, 6, "`inputs_embeds` has 6 features; the model reads 5 .*`input_size`"),
        ({"one_hot_input": True}, 5, "`inputs_embeds` has 5 features; the model reads 13 .*`input_size`"),
    ],
)
def test_features_of_another_width(options, width, message):
    with pytest.raises(ValueError, match=message):
        build("gru", **options)(inputs_embeds=torch.zeros(2, 3, width, dtype=torch.float64))


IDS, FEATURES = torch.ones(2, 3, dtype=torch.long), torch.zeros(2, 3, EMBEDDING_SIZE, dtype=torch.float64)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "Exactly one of `input_ids` and `inputs_embeds`.*neither is"),
        ({"input_ids": IDS, "inputs_embeds": FEATURES}, "Exactly one of `input_ids` and `inputs_embeds`.*both are"),
        ({"input_ids": IDS[0]}, r"`input_ids` has shape \(3,\); it must be \(batch, time\)"),
        ({"inputs_embeds": FEATURES[0]}, r"`inputs_embeds` has shape \(3, 5\); it must be \(batch, time, features\)"),
        (
            {"input_ids": IDS, "attention_mask": IDS[:, :2]},
            r"`attention_mask` has shape \(2, 2\); with these inputs it must be \(2, 3\)",
        ),
        (
            {"inputs_embeds": FEATURES, "attention_mask": IDS[:1]},
            r"`attention_mask` has shape \(1, 3\); with these inputs it must be \(2, 3\)",
        ),
    ],
)
def test_inputs_that_do_not_fit(inputs, message):
    with pytest.raises(ValueError, match=message):
        build("gru")(**inputs)


def test_ids_without_a_vocabulary():
    with pytest.raises(ValueError, match="`input_ids` given to a model whose config has `vocab_size=None`"):
        build("gru", vocab_size=None)(IDS)


@pytest.mark.parametrize("pooling", ["mean", "max", "mean_max"])
def test_a_bag_of_words_has_no_weights(pooling, tmp_path):
    options = {"one_hot_input": True, "hidden_sizes": [], "pooling": pooling}
    encoder = build("dan", head=False, **options)
    assert not list(encoder.parameters())
    assert encoder.dtype == torch.float64 and encoder.device == torch.device("cpu")
    inputs, _ = batch_of(sentences(), "left")
    pooled = encoder(**inputs).pooler_output
    (text,) = sentences([7])
    counts = torch.nn.functional.one_hot(text, VOCAB_SIZE).double()
    wanted = {"mean": [counts.mean(0)], "max": [counts.amax(0)], "mean_max": [counts.mean(0), counts.amax(0)]}[pooling]
    assert_close(encoder(**alone(text)).pooler_output[0], torch.cat(wanted))
    encoder.float().save_pretrained(tmp_path)
    again = type(encoder).from_pretrained(tmp_path)
    assert torch.equal(again(**inputs).pooler_output, pooled.float())
    # With a head it is a logistic regression of the words.
    classifier = build("dan", **options)
    assert classifier(**inputs).logits.dtype == torch.float64


HEADS = {
    "backbone": lambda variant: build(variant, head=False).float(),
    "classifier": lambda variant: build(variant).float(),
    "tagger": lambda variant: build_tagger(variant, words=False).float(),
    "tagger of words": lambda variant: build_tagger(variant).float(),
}
SERIES = torch.randn(2, 3, EMBEDDING_SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("head", HEADS)
def test_a_series_of_another_type_is_refused_by_name(head, variant):
    model = HEADS[head](variant)
    features = torch.cat([SERIES] * 2, dim=2)[:, :, : model.config.input_size]
    message = r"`inputs_embeds` is torch.float64; the weights of the model are float32: give inputs_embeds.float\(\)"
    for context in (nullcontext(), torch.autocast("cpu", dtype=torch.bfloat16)):
        with context, pytest.raises(ValueError, match=rf"{message}, or make the model float64 with model.double\(\)"):
            model(inputs_embeds=features)
    # Both of what it says.
    single, double = model(inputs_embeds=features.float()), model.double()(inputs_embeds=features)
    torch.testing.assert_close(single[0].double(), double[0], atol=1e-4, rtol=1e-4)


def test_a_language_model_refuses_it_too():
    model = build_language_model("lstm").float()
    with pytest.raises(ValueError, match=r"`inputs_embeds` is torch.float64; the weights of the model are float32"):
        model(inputs_embeds=SERIES)
    with pytest.raises(
        ValueError, match=r"`inputs_embeds` is torch.int64; .* float32: give inputs_embeds.float\(\)\."
    ):
        model(inputs_embeds=SERIES.long())
    with pytest.raises(ValueError, match=r"is torch.float32; .* bfloat16: give inputs_embeds.to\(torch.bfloat16\)\."):
        model.bfloat16()(inputs_embeds=SERIES.float())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_autocast_takes_a_series_of_other_types(dtype):
    model = build("bilstm").float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(inputs_embeds=SERIES.to(dtype)).logits
    wanted = model(inputs_embeds=SERIES.float()).logits
    torch.testing.assert_close(found.float(), wanted, atol=0.1, rtol=0.1)
