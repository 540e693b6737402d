"""Token classifiers whose steps have numbers or several labels: losses and gradients beside those by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from torch import nn

import hf_rnn
from hf_rnn.models.configuration_rnn import FAMILIES
from hf_rnn.models.losses import classification_loss, known_targets


REGRESSION, MULTI = "regression", "multi_label_classification"
NAN = math.nan
OUTPUTS = 3
SIZES = {"vocab_size": 17, "embedding_size": 6, "hidden_size": 5}


def tagger(prefix: str = "Lstm", **values) -> torch.nn.Module:
    torch.manual_seed(0)
    if prefix == "Dan":
        values = {"hidden_sizes": [5], **values}
    config = getattr(hf_rnn, f"{prefix}Config")(**{**SIZES, "num_labels": OUTPUTS, **values})
    return getattr(hf_rnn, f"{prefix}ForTokenClassification")(config).eval()


def prefixes() -> list[str]:
    return [config.__name__.removesuffix("Config") for config in FAMILIES.values()]


def batch(lengths: list[int], left: bool = False) -> dict[str, torch.Tensor]:
    """Token ids from 1 and their mask, padded on the right or on the left."""
    generator = torch.Generator().manual_seed(1)
    width = max(lengths)
    ids, mask = torch.zeros(len(lengths), width, dtype=torch.long), torch.zeros(len(lengths), width, dtype=torch.long)
    for row, length in enumerate(lengths):
        place = slice(width - length, width) if left else slice(0, length)
        ids[row, place] = torch.randint(1, 17, (length,), generator=generator)
        mask[row, place] = 1
    return {"input_ids": ids, "attention_mask": mask}


def targets(kind: str, lengths: list[int], left: bool = False) -> torch.Tensor:
    """(batch, time, outputs): NaN at the padding, and at one output of the first text's first step."""
    generator = torch.Generator().manual_seed(2)
    width = max(lengths)
    found = torch.full((len(lengths), width, OUTPUTS), NAN)
    for row, length in enumerate(lengths):
        drawn = torch.randn(length, OUTPUTS, generator=generator)
        place = slice(width - length, width) if left else slice(0, length)
        found[row, place] = drawn * 50 - 100 if kind == REGRESSION else (drawn > 0).float()
    found[0, -lengths[0] if left else 0, 1] = NAN
    return found


def by_hand(kind: str, logits: np.ndarray, wanted: np.ndarray) -> float:
    """The sum over what is known, in numpy, from the textbook's formulas."""
    known = ~np.isnan(wanted)
    x, y = logits[known].astype(np.float64), wanted[known].astype(np.float64)
    if kind == REGRESSION:
        return float(((x - y) ** 2).sum())
    p = 1 / (1 + np.exp(-x))
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum())


@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
@pytest.mark.parametrize("prefix", prefixes())
def test_loss_and_gradients_of_a_padded_batch_are_those_of_the_sequences_alone(prefix: str, kind: str):
    model = tagger(prefix, problem_type=kind).double()
    lengths = [4, 7, 1]
    inputs, wanted = batch(lengths), targets(kind, lengths).double()
    known = int((~wanted.isnan()).sum())
    outputs = model(**inputs, labels=wanted)
    outputs.loss.backward()
    found = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    model.zero_grad()
    total = 0.0
    for row, length in enumerate(lengths):
        alone = model(input_ids=inputs["input_ids"][row : row + 1, :length]).logits
        rows = wanted[row : row + 1, :length]
        total += by_hand(kind, alone.detach().numpy(), rows.numpy())
        # The derivative of the sum with respect to each logit, by hand.
        slope = 2 * (alone - rows) if kind == REGRESSION else alone.sigmoid() - rows
        (alone * slope.detach().nan_to_num(0)).sum().backward()
    assert math.isclose(outputs.loss.item(), total / known, rel_tol=1e-9)
    for name, each in model.named_parameters():
        if each.grad is not None:
            torch.testing.assert_close(found[name], each.grad / known, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
def test_where_the_padding_stands_and_what_labels_hold_there_changes_nothing(kind: str):
    model, lengths = tagger(problem_type=kind), [3, 6]
    right = model(**batch(lengths), labels=targets(kind, lengths))
    left = model(**batch(lengths, left=True), labels=targets(kind, lengths, left=True))
    # Not masked by NaN, but by the attention mask alone.
    filled = torch.where(batch(lengths)["attention_mask"].unsqueeze(2) == 1, targets(kind, lengths), 1.0)
    torch.testing.assert_close(left.loss, right.loss)
    torch.testing.assert_close(model(**batch(lengths), labels=filled).loss, right.loss)
    assert (right.logits[0, 3:] == 0).all()


def test_minus_one_hundred_is_a_number_of_a_regression_and_no_target_of_several_labels():
    model, inputs = tagger(problem_type=REGRESSION), batch([2])
    labels = torch.full((1, 2, OUTPUTS), -100.0)
    logits = model(**inputs).logits
    torch.testing.assert_close(model(**inputs, labels=labels).loss, (logits + 100).square().mean())
    model = tagger(problem_type=MULTI)
    labels = torch.tensor([[[1, 0, 1], [-100, -100, -100]]])
    logits = model(**inputs).logits
    expected = nn.functional.binary_cross_entropy_with_logits(logits[:, 0], labels[:, 0].float())
    torch.testing.assert_close(model(**inputs, labels=labels).loss, expected)
    # So is it where a text has one number.
    logits, labels = torch.tensor([[1.0], [2.0]]), torch.tensor([-100.0, 0.0])
    torch.testing.assert_close(classification_loss(logits, labels, REGRESSION), torch.tensor((101.0**2 + 4) / 2))
    assert known_targets(torch.tensor([-100.0, NAN]), REGRESSION).tolist() == [True, False]
    assert known_targets(torch.tensor([-100.0, NAN, 1.0]), MULTI).tolist() == [False, False, True]


def test_one_number_a_step_needs_no_axis_of_its_own():
    model, inputs = tagger(problem_type=REGRESSION, num_labels=1), batch([3, 5])
    labels = targets(REGRESSION, [3, 5])[..., :1]
    torch.testing.assert_close(model(**inputs, labels=labels[..., 0]).loss, model(**inputs, labels=labels).loss)


@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
def test_the_sum_is_divided_by_the_targets_of_the_whole_step(kind: str):
    model, lengths = tagger(problem_type=kind), [2, 6, 3, 4]
    inputs, wanted = batch(lengths), targets(kind, lengths)
    number = int((~wanted.isnan()).sum())
    whole = model(**inputs, labels=wanted).loss
    halves = [
        model(**{name: each[rows] for name, each in inputs.items()}, labels=wanted[rows], num_items_in_batch=number)
        for rows in (slice(0, 2), slice(2, 4))
    ]
    torch.testing.assert_close(sum(half.loss for half in halves), whole)


@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
def test_nothing_to_learn_from_is_a_loss_of_zero(kind: str):
    model = tagger(problem_type=kind)
    outputs = model(**batch([2, 3]), labels=torch.full((2, 3, OUTPUTS), NAN))
    outputs.loss.backward()
    assert outputs.loss.item() == 0
    assert all((each.grad == 0).all() for each in model.parameters() if each.grad is not None)


def test_polyphonic_notes_are_learnt_from_features():
    """`inputs_embeds` in place of tokens: the notes of the next step, of a melody that repeats itself."""
    notes = torch.eye(88)[torch.arange(22).repeat(2).view(2, 22) % 2 * 7]
    notes[..., 60] = 1.0
    model = tagger("Lstm", problem_type=MULTI, num_labels=88, embedding_size=88, hidden_size=32).train()
    mask = torch.ones(2, 21, dtype=torch.long)
    mask[1, 10:] = 0
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    losses = []
    for _ in range(100):
        outputs = model(inputs_embeds=notes[:, :-1], attention_mask=mask, labels=notes[:, 1:])
        optimizer.zero_grad()
        outputs.loss.backward()
        optimizer.step()
        losses.append(outputs.loss.item())
    logits = model.eval()(inputs_embeds=notes[:, :-1], attention_mask=mask).logits
    assert losses[-1] < 0.05 * losses[0]
    assert torch.equal(logits[mask == 1] > 0, notes[:, 1:][mask == 1] == 1)


def test_models_of_words_learn_at_the_first_piece():
    values = {"word_vocab_size": 4, "problem_type": REGRESSION, "num_labels": 1}
    model = tagger("BiLstm", **values)
    marks = model.model.embeddings
    ids = torch.tensor([[3, 4, 5]])
    words = marks.find_words(ids, torch.ones_like(ids, dtype=torch.bool))
    logits = model(input_ids=ids).logits[..., 0]
    labels = torch.tensor([[1.0, 5.0, 5.0]])
    first = words.begins
    expected = (logits - labels)[first].square().mean()
    torch.testing.assert_close(model(input_ids=ids, labels=labels).loss, expected)


def test_large_numbers_are_answered_as_they_are():
    model = tagger(problem_type=REGRESSION, num_labels=1)
    with torch.no_grad():
        model.head.classifier.output.bias.fill_(-1e6)
    assert (model(**batch([2])).logits < -9e5).all()


@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
def test_a_crf_is_refused_by_name(kind: str):
    refusal = f"`crf` is True, .*`problem_type`='{kind}' it must be False"
    with pytest.raises(StrictDataclassClassValidationError, match=refusal):
        tagger(problem_type=kind, crf=True)
    model = tagger(crf=True)
    model.config.problem_type = kind
    with pytest.raises(ValueError, match="`crf` is True"):
        model(**batch([2]), labels=torch.zeros(1, 2, OUTPUTS))


@pytest.mark.parametrize(
    "kind, labels, message",
    [
        (REGRESSION, torch.zeros(1, 2, 2), r"`labels` has shape \(1, 2, 2\); for regression it must be \(1, 2, 3\)"),
        (REGRESSION, torch.zeros(1, 2), r"`labels` has shape \(1, 2\); for regression it must be \(1, 2, 3\)"),
        (REGRESSION, torch.full((1, 2, 3), math.inf), "`labels` holds inf; for regression it must be a finite number"),
        (MULTI, torch.full((1, 2, 3), 2.0), r"`labels` holds 2.0; .* it must lie in \[0, 1\]"),
        (MULTI, torch.zeros(1, 3, 3), r"`labels` has shape \(1, 3, 3\); it must be \(1, 2\)"),
        (None, torch.zeros(1, 2, 3), "`config.problem_type` 'regression' or 'multi_label_classification'"),
        (None, torch.full((1, 2), 0.3), "whole number in .*unless `config.problem_type` is 'regression'"),
    ],
)
def test_bad_labels_are_refused(kind, labels, message):
    with pytest.raises(ValueError, match=message):
        tagger(problem_type=kind)(**batch([2]), labels=labels)
