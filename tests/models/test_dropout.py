"""Dropout: one mask a sequence or one a step, whole tokens, where it stands, and none in eval mode."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.models.recurrent import LockedDropout
from hf_rnn.models.steps import Steps
from tests.models.common import (
    VARIANTS,
    alone,
    batch_of,
    build,
    build_language_model,
    build_tagger,
    configure,
    sentences,
)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def dropped(probability: float = 0.5, locked: bool = True) -> torch.Tensor:
    return LockedDropout(probability, locked).train()(torch.ones(40, 30, 50))


def test_a_locked_mask_is_the_same_for_all_steps_of_a_sequence():
    result = dropped()
    assert torch.equal(result, result[:, :1].expand_as(result))
    masks = result[:, 0]
    assert not any(torch.equal(one, other) for one, other in zip(masks, masks[1:], strict=False))


def test_an_unlocked_mask_differs_between_the_steps():
    steps = dropped(locked=False)[0]
    assert not any(torch.equal(one, other) for one, other in zip(steps, steps[1:], strict=False))


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize("probability", [0.2, 0.5])
def test_what_is_kept_is_scaled(locked, probability):
    result = dropped(probability, locked)
    # A standard error of 0.02 at most (2,000 independent draws when locked, each kept with at least 1/2).
    assert result.mean().item() == pytest.approx(1, abs=0.08)
    assert (result == 0).double().mean().item() == pytest.approx(probability, abs=0.05)
    assert torch.allclose(result[result > 0], torch.tensor(1 / (1 - probability)))


def embedded(**options) -> tuple[torch.Tensor, torch.Tensor]:
    """What the first layer reads in training, and the mask of the batch."""
    model = build("gru", head=False, embedding_size=40, **options).train()
    batch, _ = batch_of(sentences([30] * 20), "holes")
    return model(**batch, output_hidden_states=True).hidden_states[0], batch["attention_mask"].bool()


def test_word_dropout_zeroes_whole_tokens():
    features, mask = embedded(word_dropout=0.3)
    zero = (features == 0)[mask]
    assert torch.equal(zero.any(1), zero.all(1))
    assert zero.all(1).double().mean().item() == pytest.approx(0.3, abs=0.06)
    # Not scaled: what is left are the tokens' own vectors.
    model = build("gru", head=False, embedding_size=40)
    batch, _ = batch_of(sentences([30] * 20), "holes")
    own = model.get_input_embeddings()(batch["input_ids"])[mask]
    assert torch.equal(features[mask][~zero.all(1)], own[~zero.all(1)])


@pytest.mark.parametrize("locked", [True, False])
def test_embedding_dropout(locked):
    features, mask = embedded(embedding_dropout=0.4, locked_dropout=locked)
    zero = features == 0
    assert zero[mask].double().mean().item() == pytest.approx(0.4, abs=0.05)
    same = [torch.equal(row[steps][0], row[steps][1]) for row, steps in zip(zero, mask, strict=True)]
    assert all(same) if locked else not any(same)


def types_kept(options: dict[str, object]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids of the real steps, what the first layer reads at them, and what it reads there in eval mode."""
    model = build("gru", head=False, vocab_size=300, **options)
    batch, _ = batch_of(sentences([40] * 30), "holes")
    batch["input_ids"] = batch["input_ids"] * 23 + torch.arange(30).unsqueeze(1) % 23  # of all 299 types
    own = model(**batch, output_hidden_states=True).hidden_states[0]
    read = model.train()(**batch, output_hidden_states=True).hidden_states[0]
    mask = batch["attention_mask"].bool()
    return batch["input_ids"][mask], read[mask], own[mask]


@pytest.mark.parametrize("inputs", [{"embedding_size": 40}, {"one_hot_input": True}], ids=["embedding", "one-hot"])
@pytest.mark.parametrize("probability", [0.2, 0.5])
def test_type_dropout_drops_a_type_wherever_it_occurs(probability, inputs):
    ids, read, own = types_kept({"word_type_dropout": probability, **inputs})
    zero = (read == 0).all(1)
    dropped = set(ids[zero].tolist())
    assert not dropped & set(ids[~zero].tolist())
    # About 290 types: a standard error of 0.03 at most.
    assert len(dropped) / len(set(ids.tolist())) == pytest.approx(probability, abs=0.12)
    assert torch.allclose(read[~zero], own[~zero] / (1 - probability), rtol=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_type_dropout_and_the_gradient(tied):
    """A dropped type's row is not trained where it is read; where it is to be predicted the table is whole."""
    model = build_language_model("lstm", hidden_size=5, word_type_dropout=0.5, tie_word_embeddings=tied).train()
    (text,) = sentences([60])
    outputs = model(text.unsqueeze(0), labels=text.unsqueeze(0), output_hidden_states=True)
    zero = (outputs.hidden_states[0][0] == 0).all(1)
    gradient = torch.autograd.grad(outputs.loss, outputs.hidden_states[0], retain_graph=True)[0]
    assert gradient.abs().sum() > 0
    outputs.loss.backward()
    table = model.get_input_embeddings().weight.grad
    assert 0 < zero.sum() < len(text)
    assert table[text[~zero]].any(1).all()
    assert table[text[zero]].any(1).all() if tied else not table[text[zero]].any()


def test_type_dropout_leaves_the_tied_output_layer_whole():
    model = build_language_model("lstm", hidden_size=5, word_type_dropout=0.5, tie_word_embeddings=True).train()
    (text,) = sentences([6])
    table = model.get_input_embeddings().weight.detach().clone()
    outputs = model(text.unsqueeze(0), output_hidden_states=True)
    wanted = outputs.hidden_states[-1] @ table.T + model.lm_head.bias
    assert torch.allclose(outputs.logits, wanted, atol=1e-12)


def test_type_dropout_leaves_given_features_and_draws_anew():
    model = build("gru", head=False, word_type_dropout=0.5).train()
    features = torch.randn(2, 3, 5, dtype=torch.float64)
    assert torch.equal(model(inputs_embeds=features, output_hidden_states=True).hidden_states[0], features)
    ids = torch.stack(sentences([12, 12]))
    first, second = (model(ids, output_hidden_states=True).hidden_states[0] for _ in range(2))
    assert not torch.equal(first == 0, second == 0)


def test_type_dropout_of_words_leaves_their_spelling():
    model = build_tagger("bilstm", word_vocab_size=200, word_type_dropout=0.5)
    embeddings = model.model.embeddings.train()
    embeddings.set_words([chr(97 + n // 26) + chr(97 + n % 26) for n in range(199)])
    spelt = [bytes([97 + n // 2, 97 + n % 26]) for n in range(13)]
    embeddings.set_tokens(spelt, [True] * 13)
    ids, mask = torch.arange(1, 13).repeat(2, 1), torch.ones(2, 12, dtype=torch.bool)
    given = (ids, Steps.of(mask, 2), torch.float64, embeddings.find_words(ids, mask))
    read, own = embeddings(*given), embeddings.eval()(*given)
    zero = (read[:, :, :5] == 0).all(2)
    assert torch.equal(zero[0], zero[1]) and 0 < zero[0].sum() < 12
    assert read[:, :, 5:].any(2).all()
    assert torch.equal(read[:, :, 5:], own[:, :, 5:])
    assert torch.allclose(read[~zero][:, :5], 2 * own[~zero][:, :5])


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize(
    ("options", "share"), [({"dropout": 0.4}, 0.4), ({"dropout": 0.4, "classifier_dropout": 0.2}, 0.2)]
)
def test_dropout_before_the_output_layer_of_a_language_model(options, share, locked):
    model = build_language_model("gru", hidden_size=50, locked_dropout=locked, **options).train()
    batch, _ = batch_of(sentences([30] * 10), "left")
    seen = []
    model.projection.register_forward_hook(lambda module, inputs, output: seen.append(output))
    outputs = model(**batch, output_hidden_states=True).hidden_states[-1]
    mask = batch["attention_mask"].bool()
    zero = seen[0] == 0
    # 500 draws at least: a standard error of 0.022 at most.
    assert zero[mask].double().mean().item() == pytest.approx(share, abs=0.08)
    rows = [row[real] for row, real in zip(zero, mask, strict=True)]
    assert all(torch.equal(row[:1].expand_as(row), row) for row in rows) == locked
    kept = ~zero & mask.unsqueeze(2)
    assert torch.allclose(seen[0][kept], outputs[kept] / (1 - share), rtol=1e-12)


def test_no_dropout_before_an_output_layer_that_has_none():
    model = build_language_model("gru", dropout=0.4, classifier_dropout=0)
    ids = torch.stack(sentences([9, 9]))
    assert torch.equal(model(ids).logits, model.train()(ids).logits)


def test_dropout_stands_between_the_layers():
    model = build("bilstm", num_hidden_layers=3, dropout=0.4, locked_dropout=False)
    probabilities = [layer.dropout.probability for layer in model.model.layers]
    assert probabilities == [0.0, 0.4, 0.4]
    assert not any(layer.dropout.locked for layer in model.model.layers)


@pytest.mark.parametrize(
    ("options", "before_dense", "before_output"),
    [
        ({"dropout": 0.4}, [], 0.4),
        ({"dropout": 0.4, "classifier_dropout": 0.1}, [], 0.1),
        ({"dropout": 0.4, "classifier_hidden_sizes": [5, 4]}, [0.4, 0.4], 0.0),
        ({"dropout": 0.4, "classifier_dropout": 0, "classifier_hidden_sizes": [5]}, [0.0], 0.0),
    ],
)
def test_dropout_of_the_classifier(options, before_dense, before_output):
    head = build("gru", **options).classifier
    assert [module.p for module in head.dense if isinstance(module, torch.nn.Dropout)] == before_dense
    assert head.dropout.p == before_output


ALL = {"word_dropout": 0.3, "word_type_dropout": 0.3, "embedding_dropout": 0.3, "dropout": 0.3}
ALL |= {"classifier_dropout": 0.3, "weight_dropout": 0.3}


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
def test_none_in_eval_mode_and_all_in_training(variant, locked):
    options = {**ALL, "weight_dropout": 0} if variant in ("dan", "min_gru", "min_lstm") else ALL
    model = build(variant, num_hidden_layers=2, locked_dropout=locked, **options)
    plain = build(variant, num_hidden_layers=2)
    batch, _ = batch_of(sentences(), "right")
    assert torch.equal(model(**batch).logits, plain(**batch).logits)
    model.train()
    assert not torch.allclose(model(**batch).logits, model(**batch).logits)


@pytest.mark.parametrize("name", ALL)
def test_each_dropout_acts_on_its_own(name):
    model = build("gru", num_hidden_layers=2, **{name: 0.5}).train()
    (text,) = sentences([12])
    answers = {round(model(**alone(text)).logits[0, 0].item(), 9) for _ in range(10)}
    assert len(answers) > 1


def test_no_dropout_by_default():
    config = configure("gru")
    found = {name: getattr(config, name) for name in ALL}
    assert found == dict.fromkeys(ALL, 0.0) | {"classifier_dropout": None}
