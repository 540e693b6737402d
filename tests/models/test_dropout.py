"""Dropout: one mask a sequence or one a step, whole tokens, where it stands, and none in eval mode."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.models.recurrent import LockedDropout
from tests.models.common import VARIANTS, alone, batch_of, build, configure, sentences


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


ALL = {"word_dropout": 0.3, "embedding_dropout": 0.3, "dropout": 0.3, "classifier_dropout": 0.3}


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
def test_none_in_eval_mode_and_all_in_training(variant, locked):
    model = build(variant, num_hidden_layers=2, locked_dropout=locked, **ALL)
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
    assert [getattr(config, name) for name in ALL] == [0.0, 0.0, 0.0, None]
