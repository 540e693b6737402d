"""Penalties of the activations and of their changes: by hand, at any padding, under accumulation, and when."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.models.losses import penalties
from tests.models.common import LAYOUTS, ONE_WAY, alone, assert_close, batch_of, build_language_model, sentences


BOTH = {"activation_penalty": 2.0, "temporal_activation_penalty": 0.7}
TEXTS = sentences([3, 1, 7, 5])


def model_with(variant: str = "lstm", **options):
    """Build a model in training mode, with no dropout but that of `options`."""
    return build_language_model(variant, hidden_sizes=[4, 3], **options).train()


def labels_of(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)


def gradients(model, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def test_by_hand():
    # Two units; h = (1, 2), (3, 2), (0, 4), of which dropout left (2, 0), (6, 0), (0, 0).
    outputs = torch.tensor([[[1.0, 2], [3, 2], [0, 4]]])
    dropped = torch.tensor([[[2.0, 0], [6, 0], [0, 0]]])
    mask = torch.ones(1, 3, dtype=torch.bool)
    # (4 + 0) / 2 + (36 + 0) / 2 + 0 = 20;  (4 + 0) / 2 + (9 + 4) / 2 = 8.5
    assert penalties(outputs, dropped, mask, 1, 0) == 20
    assert penalties(outputs, dropped, mask, 0, 1) == 8.5
    assert penalties(outputs, dropped, mask, 0.5, 2) == 27
    assert penalties(outputs, dropped, mask, 0, 0) == 0
    # The second step is padding, at which the first is repeated: 2 + 0;  (1 + 4) / 2.
    outputs[0, 1] = outputs[0, 0]
    mask[0, 1] = False
    assert penalties(outputs, dropped, mask, 1, 0) == 2
    assert penalties(outputs, dropped, mask, 0, 1) == 2.5
    # As is the first, which leaves nothing before the third.
    mask[0, 0] = False
    assert penalties(outputs, dropped, mask, 1, 1) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_single(dtype):
    outputs = torch.full((1, 1000, 2), 10.0, dtype=dtype)
    total = penalties(outputs, outputs, torch.ones(1, 1000, dtype=torch.bool), 1, 1)
    assert total.dtype == torch.float32 and total == 100_000


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("variant", ONE_WAY)
def test_added_to_the_loss_whatever_the_padding(variant, layout):
    model, plain = model_with(variant, **BOTH), model_with(variant)
    batch, _ = batch_of(TEXTS, layout)
    loss = model(**batch, labels=labels_of(batch)).loss
    wanted = plain(**batch, labels=labels_of(batch)).loss
    predicted = sum(len(text) - 1 for text in TEXTS)
    for text in TEXTS:
        h = plain.model(**alone(text)).last_hidden_state[0]
        wanted = wanted + 2.0 * h.square().mean(1).sum() / predicted
        wanted = wanted + 0.7 * (h[1:] - h[:-1]).square().mean(1).sum() / predicted
    assert_close(loss, wanted)
    expected = gradients(plain, wanted)
    for name, gradient in gradients(model, loss).items():
        assert_close(gradient, expected[name], name)


@pytest.mark.parametrize("kind", ["labels", "shift_labels"])
def test_the_formula_of_the_paper(kind):
    """`alpha * h.pow(2).mean()` and `beta * (h[1:] - h[:-1]).pow(2).mean()`, but for the ends of a text."""
    model, plain = model_with(**BOTH), model_with()
    ids = torch.stack(sentences([6, 6, 6]))
    given = {"labels": ids} if kind == "labels" else {"shift_labels": ids.roll(-1, 1)}
    h = plain.model(ids).last_hidden_state
    first, second = 2.0 * h.pow(2).mean(), 0.7 * (h[:, 1:] - h[:, :-1]).pow(2).mean()
    wanted = first * 6 / 5 + second if kind == "labels" else first + second * 5 / 6
    assert_close(model(ids, **given).loss - plain(ids, **given).loss, wanted)


def test_the_first_sees_dropout_and_the_second_does_not():
    ids = torch.stack(sentences([6, 6, 6]))
    seen: dict[str, torch.Tensor] = {}
    for name, weight in BOTH.items():
        model, plain = model_with(dropout=0.5, **{name: weight}), model_with(dropout=0.5)
        model.projection.register_forward_hook(lambda module, inputs, output: seen.update(dropped=output))
        losses = []
        for each in (model, plain):
            torch.manual_seed(4)
            losses.append(each(ids, shift_labels=ids, output_hidden_states=True))
        h = losses[0].hidden_states[-1]
        wanted = (
            seen["dropped"].square().mean() if name == "activation_penalty" else h.diff(dim=1).square().mean() * 5 / 6
        )
        assert (seen["dropped"] == 0).any()
        assert_close(losses[0].loss - losses[1].loss, weight * wanted)


def test_accumulated_gradients_equal_those_of_the_whole_batch():
    model = model_with(**BOTH)
    batch, _ = batch_of(TEXTS, "left")
    labels = labels_of(batch)
    whole = gradients(model, model(**batch, labels=labels).loss)
    predicted = sum(len(text) - 1 for text in TEXTS)
    losses = [
        model(
            **{name: value[rows] for name, value in batch.items()}, labels=labels[rows], num_items_in_batch=items
        ).loss
        for rows, items in ((slice(1), predicted), (slice(1, None), torch.tensor(predicted)))
    ]
    for name, gradient in gradients(model, losses[0] + losses[1]).items():
        assert_close(gradient, whole[name], name)


@pytest.mark.parametrize("layout", ["right", "left"])
def test_nothing_is_asked_of_the_step_from_the_window_before(layout):
    """A window's first step has no step before it, whatever state the window starts from."""
    model, plain = model_with(**BOTH), model_with()
    batch, places = batch_of(TEXTS, layout)
    start = plain(torch.stack(sentences([4] * 4)), use_cache=True).cache
    given = {**batch, "labels": labels_of(batch), "cache": start}
    h = plain.model(**batch, cache=start).last_hidden_state
    rows = [own[place] for own, place in zip(h, places, strict=True)]
    wanted = sum(2.0 * row.square().mean(1).sum() + 0.7 * row.diff(dim=0).square().mean(1).sum() for row in rows)
    assert_close(model(**given).loss - plain(**given).loss, wanted / sum(len(text) - 1 for text in TEXTS))


def test_not_in_eval_mode_and_not_by_default():
    batch, _ = batch_of(TEXTS, "right")
    losses = {
        name: model(**batch, labels=labels_of(batch)).loss
        for name, model in {
            "eval": model_with(**BOTH).eval(),
            "default": model_with(),
            "both": model_with(**BOTH),
        }.items()
    }
    assert losses["eval"] == losses["default"] < losses["both"]
