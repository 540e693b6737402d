"""Token classification against every sequence of labels written out, whatever the family, the head and the steps."""

from __future__ import annotations

import itertools
import re
from functools import cache

import pytest
import torch
from torch.nn import functional
from transformers import PreTrainedModel

from hf_rnn.models.state_name import STATE_NAME
from hf_rnn.models.tagging import bioes_states, inside
from tests.models.common import (
    HEADS,
    LAYOUTS,
    ONE_WAY,
    STARTS,
    TAGS,
    VARIANTS,
    alone,
    assert_close,
    batch_of,
    build_tagger,
)


TEXTS = [torch.tensor(ids, dtype=torch.long) for ids in ([1, 2, 4, 3, 6, 5], [], [8], [2, 7, 9, 11, 12])]
CASES = pytest.mark.parametrize(
    ("variant", "head", "words"),
    [
        pytest.param(variant, head, words, id=f"{variant}-{head}-{'words' if words else 'tokens'}")
        for variant in VARIANTS
        for head in HEADS
        for words in (False, True)
    ],
)
HEAD_AND_STEPS = pytest.mark.parametrize(("head", "words"), list(itertools.product(HEADS, (False, True))))

# Sequences of states, each followed by a space, that the scheme allows with these labels.
GRAMMAR = {
    "crf": r"(\S+ )*",
    "bio": r"(O |B-B |B-A (I-A )*)*",
    "bioes": r"(O |S-B |S-A |B-A (I-A )*E-A )*",
}


def states_of(head: str) -> list[str]:
    return list(bioes_states(TAGS)) if head == "bioes" else TAGS


@cache
def allowed_paths(head: str, length: int) -> torch.Tensor:
    """(paths, length), the numbers of states."""
    names = states_of(head)
    paths = itertools.product(range(len(names)), repeat=length)
    fits = re.compile(GRAMMAR[head])
    found = [path for path in paths if fits.fullmatch("".join(f"{names[state]} " for state in path))]
    return torch.tensor(found, dtype=torch.long).view(len(found), length)


def labels_of(head: str, paths: torch.Tensor) -> torch.Tensor:
    """The labels in BIO that states stand for."""
    names = [re.sub("^S", "B", re.sub("^E", "I", name)) for name in states_of(head)]
    return torch.tensor([TAGS.index(name) for name in names])[paths]


def score_paths(model: PreTrainedModel, emissions: torch.Tensor, paths: torch.Tensor) -> torch.Tensor:
    """Score `paths` (paths, length) over `emissions` (length, states)."""
    crf, length = model.head.crf, paths.shape[1]
    if length == 0:
        return torch.zeros(len(paths), dtype=torch.float64)
    emitted = emissions[torch.arange(length), paths].sum(1)
    moves = crf.transition[paths[:, :-1], paths[:, 1:]].sum(1)
    return crf.start[paths[:, 0]] + emitted + moves + crf.end[paths[:, -1]]


def words_in(text: torch.Tensor, words: bool) -> list[list[int]]:
    """The places of the pieces of each step of the model."""
    found: list[list[int]] = []
    for place, token in enumerate(text.tolist()):
        if not words or STARTS[token] or not found:
            found.append([place])
        else:
            found[-1].append(place)
    return found


def random_labels(head: str, words: bool, seed: int = 0) -> list[torch.Tensor]:
    """Draw allowed labels for each of `TEXTS`, and at the further pieces of a word ones that count for nothing."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for text in TEXTS:
        found = words_in(text, words)
        paths = allowed_paths("crf" if head == "softmax" else head, len(found))
        chosen = paths[int(torch.randint(len(paths), (1,), generator=generator))]
        labels = torch.full_like(text, TAGS.index("I-A"))
        labels[[word[0] for word in found]] = labels_of("bio" if head == "softmax" else head, chosen)
        rows.append(labels)
    return rows


def lay_out(rows: list[torch.Tensor], places: list[torch.Tensor], width: int) -> torch.Tensor:
    """Labels in a batch; at the padding one that counts for nothing."""
    labels = torch.full((len(rows), width), 2)
    for row, (values, place) in enumerate(zip(rows, places, strict=True)):
        labels[row, place] = values
    return labels


def gradient(model: PreTrainedModel, *losses: torch.Tensor) -> torch.Tensor:
    wanted = torch.autograd.grad(sum(losses), list(model.parameters()), allow_unused=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in wanted])


@CASES
def test_alone_equals_in_a_batch(variant, head, words):
    model, labels = build_tagger(variant, head, words), random_labels(head, words)
    singles = []
    for text, own in zip(TEXTS, labels, strict=True):
        own = own.unsqueeze(0) if len(own) else torch.tensor([[0]])
        singles.append(model(**alone(text), labels=own, num_items_in_batch=1))
    wanted_gradient = gradient(model, *(single.loss for single in singles))
    for layout in LAYOUTS:
        batch, places = batch_of(TEXTS, layout)
        outputs = model(**batch, labels=lay_out(labels, places, batch["input_ids"].shape[1]), num_items_in_batch=1)
        assert not outputs.logits[batch["attention_mask"] == 0].any()
        for row, (single, place) in enumerate(zip(singles, places, strict=True)):
            assert_close(outputs.logits[row, place], single.logits[0, : len(place)], f"logits, {layout}")
            length = len(words_in(TEXTS[row], words))
            assert_close(outputs.emissions[row, :length], single.emissions[0, :length], f"emissions, {layout}")
            assert not outputs.emissions[row, length:].any()
        assert_close(outputs.loss, sum(single.loss for single in singles), f"loss, {layout}")
        assert_close(gradient(model, outputs.loss), wanted_gradient, f"gradient, {layout}")


@HEAD_AND_STEPS
def test_garbage_at_the_padding_of_inputs_embeds_changes_nothing(head, words):
    model, labels = build_tagger("bilstm", head, words), random_labels(head, False)
    for layout in LAYOUTS:
        batch, places = batch_of(TEXTS, layout)
        mask = batch["attention_mask"]
        clean = torch.randn(*mask.shape, model.config.input_size, dtype=torch.float64)
        dirty = clean.masked_fill(mask.unsqueeze(2) == 0, float("nan"))
        found = []
        for features in (clean, dirty):
            inputs = {"inputs_embeds": features, "attention_mask": mask}
            outputs = model(**inputs, labels=lay_out(labels, places, mask.shape[1]))
            found.append((outputs.logits, outputs.loss, gradient(model, outputs.loss)))
        for wanted, actual in zip(*found, strict=True):
            assert torch.isfinite(actual).all() and torch.equal(actual, wanted)


def without_forbidden(logits: torch.Tensor) -> torch.Tensor:
    """What no allowed sequence goes through is far below all else; by how much says nothing."""
    return logits.masked_fill(logits < -9000, -1e4)


@CASES
def test_logits_are_those_of_the_best_sequence_through_each_label(variant, head, words):
    model = build_tagger(variant, head, words)
    with torch.no_grad():
        outputs = model(**batch_of(TEXTS, "right")[0])
    for row, text in enumerate(TEXTS):
        found = words_in(text, words)
        emissions = outputs.emissions[row, : len(found)]
        if head == "softmax":
            wanted, best = emissions, emissions.argmax(1)
        else:
            paths = allowed_paths(head, len(found))
            scores, labels = score_paths(model, emissions, paths), labels_of(head, paths)
            best = labels[scores.argmax()]
            wanted = torch.full((len(found), len(TAGS)), -1e4, dtype=torch.float64)
            for t, label in itertools.product(range(len(found)), range(len(TAGS))):
                through = labels[:, t] == label
                if through.any():
                    wanted[t, label] = scores[through].max() - scores.max()
        for word, own, label in zip(found, wanted, best.tolist(), strict=True):
            assert_close(without_forbidden(outputs.logits[row, word[0]]), own)
            assert outputs.logits[row, word[0]].argmax() == label
            for piece in word[1:]:
                # O, the better of B-A and I-A for I-A, B-B for itself, as these labels have no I-B; never B-A.
                further = torch.stack([own[0], torch.tensor(-1e4).double(), own[1:3].max(), own[3]])
                assert_close(without_forbidden(outputs.logits[row, piece]), further)
                assert outputs.logits[row, piece].argmax() == {1: 2}.get(label, label)


@CASES
def test_loss_is_the_negative_log_likelihood_by_the_labelled_words(variant, head, words):
    model, labels = build_tagger(variant, head, words), random_labels(head, words)
    batch, places = batch_of(TEXTS, "right")
    given = lay_out(labels, places, batch["input_ids"].shape[1])
    # Unlabelled words, in the middle and at an end: what they might be is summed over.
    given[0, 0], given[3, 1] = -100, -100
    emissions = model(**batch).emissions
    total, count = torch.zeros((), dtype=torch.float64), 0
    for row, text in enumerate(TEXTS):
        found = words_in(text, words)
        own = given[row, [word[0] for word in found]]
        count += int((own != -100).sum())
        if head == "softmax":
            total = total + functional.cross_entropy(emissions[row, : len(found)], own, reduction="sum")
            continue
        paths = allowed_paths(head, len(found))
        scores = score_paths(model, emissions[row, : len(found)], paths)
        agree = ((labels_of(head, paths) == own) | (own == -100)).all(1)
        total = total + scores.logsumexp(0) - scores[agree].logsumexp(0)
    actual = model(**batch, labels=given).loss
    assert_close(actual, total / count)
    assert_close(gradient(model, actual), gradient(model, total / count))
    assert_close(model(**batch, labels=given, num_items_in_batch=torch.tensor(3)).loss, total / 3)


@HEAD_AND_STEPS
def test_a_batch_without_a_label_has_no_loss(head, words):
    model, (batch, _) = build_tagger("gru", head, words), batch_of(TEXTS, "left")
    loss = model(**batch, labels=torch.full_like(batch["input_ids"], -100)).loss
    assert loss.abs() < 1e-12 and gradient(model, loss).abs().max() < 1e-12


@HEAD_AND_STEPS
def test_gradients_accumulate(head, words):
    model, labels = build_tagger("bilstm", head, words), random_labels(head, words)
    batch, places = batch_of(TEXTS, "holes")
    given = lay_out(labels, places, batch["input_ids"].shape[1])
    whole = gradient(model, model(**batch, labels=given).loss)
    count = sum(len(words_in(text, words)) for text in TEXTS)
    halves = [{name: part[rows] for name, part in batch.items()} for rows in (slice(0, 1), slice(1, 4))]
    parts = [
        model(**half, labels=own, num_items_in_batch=count).loss
        for half, own in zip(halves, (given[:1], given[1:]), strict=True)
    ]
    assert_close(gradient(model, *parts), whole)


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_forbidden_labels_are_refused(scheme, words):
    model = build_tagger("gru", scheme, words)
    for labels in ([0, 2, 0], [2, 0, 0], [3, 2, 0]):
        with pytest.raises(ValueError, match="`labels` of sentence 0 of the batch .* what the scheme"):
            model(torch.tensor([[1, 3, 5]]), labels=torch.tensor([labels]))


@HEAD_AND_STEPS
def test_labels_out_of_range_and_of_another_shape_are_refused(head, words):
    model, ids = build_tagger("gru", head, words), torch.tensor([[1, 3, 5]])
    for bad in (4, -1, 99):
        with pytest.raises(ValueError, match=rf"`labels` holds {bad}; .*\[0, 4\)"):
            model(ids, labels=torch.tensor([[0, bad, 0]]))
    with pytest.raises(ValueError, match=r"`labels` has shape \(1, 2\); it must be \(1, 3\)"):
        model(ids, labels=torch.tensor([[0, 0]]))


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("variant", ONE_WAY)
def test_a_text_may_be_read_in_chunks(variant, words):
    model = build_tagger(variant, "softmax", words, num_hidden_layers=2)
    text = torch.tensor([[1, 2, 3, 5, 6, 8]])
    whole = model(text, use_cache=True)
    first = model(text[:, :2], use_cache=True)
    second = model(text[:, 2:], cache=first.cache)
    assert_close(torch.cat([first.logits, second.logits], dim=1), whole.logits)
    for actual, wanted in zip(second.cache.states, whole.cache.states, strict=True):
        for part, whole_part in zip(actual, wanted, strict=True):
            assert_close(part, whole_part)


@pytest.mark.parametrize("char_encoder", ["cnn", "lstm"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_hidden_states_are_those_of_the_words(variant, char_encoder):
    model = build_tagger(variant, char_encoder=char_encoder, hidden_sizes=[4, 3])
    batch, _ = batch_of(TEXTS, "right")
    every = model(**batch, output_hidden_states=True).hidden_states
    widths = [model.config.input_size] + [size * model.config.num_directions for size in (4, 3)]
    count = max(len(words_in(text, True)) for text in TEXTS)
    # A Dan has no layer that reads step by step, and a character encoder's is none of the model's.
    assert [tuple(states.shape) for states in every] == [
        (len(TEXTS), count, width) for width in (widths[:1] if variant == "dan" else widths)
    ]
    assert torch.equal(every[-1], model.model(**batch).last_hidden_state)


def test_outputs_as_a_tuple():
    model, ids = build_tagger("gru"), torch.tensor([[1, 3, 6]])
    options = {"labels": torch.tensor([[0, 1, 0]]), "use_cache": True, "output_hidden_states": True}
    outputs = model(ids, **options)
    as_tuple = model(ids, **options, return_dict=False)
    assert list(outputs) == ["loss", "logits", STATE_NAME, "hidden_states", "emissions"]
    assert len(as_tuple) == 5 and all(torch.equal(as_tuple[i], outputs[i]) for i in (0, 1, 4))


@HEAD_AND_STEPS
def test_bfloat16(head, words):
    model = build_tagger("bilstm", head, words)
    batch, places = batch_of(TEXTS, "right")
    labels = lay_out(random_labels(head, words), places, batch["input_ids"].shape[1])
    wanted = model(**batch, labels=labels)
    half = model.to(torch.bfloat16)(**batch, labels=labels)
    assert half.emissions.dtype == torch.bfloat16
    assert half.loss.item() == pytest.approx(wanted.loss.item(), rel=0.05)
    assert (half.logits - wanted.logits)[wanted.logits > -5000].abs().max() < 0.2


@HEAD_AND_STEPS
def test_logits_in_training_are_what_the_emissions_say(head, words):
    model, (batch, _) = build_tagger("gru", head, words).train(), batch_of(TEXTS, "right")
    outputs = model(**batch)
    for row, text in enumerate(TEXTS):
        for number, word in enumerate(words_in(text, words)):
            for label in range(len(TAGS)):
                states = labels_of(head if head == "bioes" else "crf", torch.arange(outputs.emissions.shape[2]))
                own = outputs.emissions[row, number][states == label].max()
                assert torch.equal(outputs.logits[row, word[0], label], own)


def test_states_and_further_pieces():
    assert bioes_states(["O", "B-A", "I-A", "B-B"]) == {
        "O": "O",
        "B-A": "B-A",
        "S-A": "B-A",
        "I-A": "I-A",
        "E-A": "I-A",
        "S-B": "B-B",
    }
    assert inside(TAGS) == {"O": "O", "B-A": "I-A", "I-A": "I-A", "B-B": "B-B"}
    with pytest.raises(ValueError, match="`labels` holds 'E-A', which is no label of BIO"):
        bioes_states(["O", "B-A", "E-A"])


def test_a_single_logit_is_refused():
    with pytest.raises(ValueError, match="`single_logit` is True, which is for classifiers"):
        build_tagger("gru", single_logit=True, id2label={0: "O", 1: "B-A"})
