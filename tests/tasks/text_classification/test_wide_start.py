"""The linear model that a wide part starts as: its ratios, its fit, and runs of training that have it."""

from __future__ import annotations

import math
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_rnn.models.configuration_rnn import GruConfig
from hf_rnn.models.modeling_rnn import GruForSequenceClassification
from hf_rnn.tasks.text_classification import wide_start
from hf_rnn.tasks.text_classification.wide_fit import bags_of, fit, inverse_frequencies, log_count_ratios
from hf_rnn.tasks.text_classification.wide_start import start_wide_part, wide_values
from tests.insight.texts import letters_tokenizer
from tests.models.test_wide import TEXTS, build
from tests.tasks.small_runs import SMALL, run, write_reviews


SINGLE, SEVERAL, NUMBER = "single_label_classification", "multi_label_classification", "regression"


def letters(count: int = 60, seed: int = 0) -> tuple[list[list[int]], torch.Tensor]:
    """Texts of the words a to h, labelled by the first of a, b and c that they have, as a bag of words can tell."""
    generator = np.random.default_rng(seed)
    texts = [generator.integers(4, 9, size=generator.integers(3, 9)).tolist() for _ in range(count)]
    labels = generator.integers(0, 3, size=count)
    for text, label in zip(texts, labels, strict=True):
        text[generator.integers(len(text))] = int(label) + 1
    return texts, torch.from_numpy(labels)


def new_model(labels: int = 3, **options) -> GruForSequenceClassification:
    torch.manual_seed(0)
    config = GruConfig(
        vocab_size=13, embedding_size=4, hidden_size=4, num_labels=labels, wide_buckets=2**12, max_token_bytes=8
    )
    config.update(options)
    return GruForSequenceClassification(config).eval()


def split(texts: list[list[int]], labels: torch.Tensor) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"input_ids": texts, "labels": labels.tolist()})


def test_bags_hold_what_the_wide_part_adds_up() -> None:
    model = build()
    bags = bags_of(model.wide, TEXTS)
    logits = bags.matrix.double() @ model.wide.weight[bags.columns] + model.wide.bias
    for text, row in zip(TEXTS, logits, strict=True):
        ids = torch.tensor([text or [0]])
        expected = model.wide(ids, torch.full_like(ids, bool(text), dtype=torch.bool))[0]
        torch.testing.assert_close(row, expected, rtol=0, atol=1e-5)
    fewer = bags_of(model.wide, TEXTS, bags.columns[::2])
    torch.testing.assert_close(fewer.matrix.to_dense(), bags.matrix.to_dense()[:, ::2])


def test_ratios_and_frequencies_are_those_counted_by_hand() -> None:
    bags = bags_of(build().wide, TEXTS)
    present = (bags.matrix.to_dense() > 0).double().numpy()
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    ratios, frequencies = log_count_ratios(bags, targets), inverse_frequencies(bags)
    columns = range(present.shape[1])
    for label in range(2):
        p = [1 + sum(present[text][column] for text in range(6) if targets[text][label]) for column in columns]
        q = [1 + sum(present[text][column] for text in range(6) if not targets[text][label]) for column in columns]
        expected = [math.log((p[column] / sum(p)) / (q[column] / sum(q))) for column in columns]
        np.testing.assert_allclose(ratios[:, label].numpy(), expected, rtol=1e-4, atol=1e-5)
    expected = [math.log(7 / (1 + present[:, column].sum())) + 1 for column in columns]
    np.testing.assert_allclose(frequencies[:, 0].numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("problem_type", [SINGLE, SEVERAL, NUMBER])
def test_the_fit_is_that_of_scikit_learn(problem_type: str) -> None:
    texts, labels = letters()
    model = new_model()
    model.wide.set_tokens([b"", *(b"\xff" + letter.encode() for letter in "abcdefgh")])
    bags = bags_of(model.wide, texts)
    scale, features = inverse_frequencies(bags), bags.matrix.to_dense()
    weighed = (features * scale.T).numpy()
    if problem_type == SINGLE:
        peer = LogisticRegression(C=2.0, tol=1e-8, max_iter=10_000).fit(weighed, labels)
        expected = peer.predict_log_proba(weighed)
        found = fit(bags, labels, problem_type, scale, 2.0, 3, iterations=500).logits(bags).log_softmax(1)
    elif problem_type == SEVERAL:
        peer = LogisticRegression(C=2.0, tol=1e-8, max_iter=10_000).fit(weighed, labels == 1)
        expected = peer.decision_function(weighed)[:, None]
        targets = (labels == 1).float().unsqueeze(1)
        found = fit(bags, targets, problem_type, scale, 2.0, 1, iterations=500).logits(bags)
    else:
        # Its loss is the squared error without a factor: 1 / (2 C) of ours.
        peer = Ridge(alpha=1 / 4, tol=1e-10).fit(weighed, labels)
        expected = peer.predict(weighed)[:, None]
        found = fit(bags, labels.float(), problem_type, scale, 2.0, 1, iterations=500).logits(bags)
    np.testing.assert_allclose(found.numpy(), expected, atol=5e-3)
    assert np.abs(expected).max() > 0.5


@pytest.mark.parametrize("problem_type", [SINGLE, SEVERAL, NUMBER, "single_logit"])
@torch.no_grad()
def test_the_model_starts_as_a_linear_model_before_any_update(problem_type: str) -> None:
    texts, labels = letters()
    others, truth = letters(40, seed=1)
    kind, outputs = problem_type, 3
    if problem_type == SEVERAL:
        labels = torch.nn.functional.one_hot(labels, 3).float()
    elif problem_type == NUMBER:
        labels, outputs = labels.float(), 1
    elif problem_type == "single_logit":
        labels, truth, kind, outputs = (labels == 1).long(), (truth == 1).long(), SINGLE, 2
    model = new_model(outputs, **({"single_logit": True} if problem_type == "single_logit" else {}))
    if problem_type == "single_logit":
        model = GruForSequenceClassification(model.config).eval()
    torch.nn.init.zeros_(model.classifier.output.weight)
    start_wide_part(model, letters_tokenizer(), {"train": split(texts, labels)}, kind)
    logits = torch.cat([model(torch.tensor([text])).logits for text in others])
    if problem_type == NUMBER:
        # The mean with a network that says 0.
        assert np.corrcoef(logits.flatten().numpy(), truth.numpy())[0, 1] > 0.8
    else:
        assert (logits.argmax(1) == truth).float().mean() > 0.9


def test_what_has_learnt_already_and_what_has_no_wide_part_stay_as_they_are() -> None:
    texts, labels = letters()
    splits = {"train": split(texts, labels), "validation": split(*letters(20, seed=2))}
    model = new_model()
    model.wide.weight.fill_(0.5)
    start_wide_part(model, letters_tokenizer(), splits, SINGLE)
    assert (model.wide.weight == 0.5).all() and not model.wide.bias.any()
    model.wide = None
    before = {name: value.clone() for name, value in model.state_dict().items()}
    start_wide_part(model, letters_tokenizer(), splits, SINGLE)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_rows_without_a_label_teach_nothing() -> None:
    texts, labels = letters()
    labelled, others = new_model(), new_model()
    start_wide_part(labelled, letters_tokenizer(), {"train": split(texts, labels)}, SINGLE)
    more = split([*texts, [9, 9, 9]], torch.cat([labels, torch.tensor([-100])]))
    start_wide_part(others, letters_tokenizer(), {"train": more}, SINGLE)
    used = {name: model.wide.weight.any(1).nonzero().flatten() for name, model in (("a", labelled), ("b", others))}
    assert torch.equal(used["a"], used["b"]) and len(used["a"])


@pytest.mark.parametrize(("labels", "buckets"), [(1, 2**17), (3, 2**17), (6, 2**16), (28, 2**14)])
def test_the_more_labels_the_fewer_rows(labels: int, buckets: int) -> None:
    values = wide_values(labels, letters_tokenizer(), {})
    assert values == {"wide_buckets": buckets, "max_token_bytes": len(b"\xff\xff[\xffcls\xff]\xff")}
    assert wide_values(labels, letters_tokenizer(), {"wide_buckets": None}) == {}


def test_a_run_has_a_wide_part_unless_it_is_refused(tmp_path: Path) -> None:
    files = write_reviews(tmp_path / "data")
    run(tmp_path / "with", **files)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "with")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "with")
    assert model.wide.weight.any() and model.config.wide_buckets == 2**17
    inputs = tokenizer(["a wonderful film", "an awful film"], return_tensors="pt", padding=True)
    assert model.wide(inputs["input_ids"], inputs["attention_mask"].bool()).std(0).min() > 0
    # Chosen on validation, so no longer the mean of both.
    assert model.wide.scales.tolist() != [0.5, 0.5] and (model.wide.scales >= 0).all()
    run(tmp_path / "without", **files, config_overrides={**SMALL, "wide_buckets": None})
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "without").wide is None


def test_the_average_of_weights_leaves_the_wide_part_as_it_is(tmp_path: Path) -> None:
    files = write_reviews(tmp_path / "data")
    for name, options in (("plain", {}), ("averaged", {"weight_average_decay": 0.9})):
        run(tmp_path / name, **files, **options)
    plain, averaged = (
        AutoModelForSequenceClassification.from_pretrained(tmp_path / name).wide for name in ("plain", "averaged")
    )
    assert torch.equal(plain.weight, averaged.weight) and averaged.scales.tolist() != [0.5, 0.5]


@pytest.mark.parametrize(("trained", "validated", "turns"), [(40, 5, 5), (40, 0, 5), (40, 200, 1), (1200, 5, 1)])
def test_few_validation_texts_have_all_texts_choose_in_turn(trained: int, validated: int, turns: int) -> None:
    # The number of a text is its only token, and its label.
    labels = torch.arange(trained)
    others = range(trained, trained + validated)
    rows = {"input_ids": [[number] for number in others], "labels": list(others)}
    validation = datasets.Dataset.from_dict(rows) if validated else None
    parts = wide_start._parts([[number] for number in range(trained)], labels, validation, SINGLE)
    assert len(parts) == turns
    for fitted, chosen in parts:
        assert not {text[0] for text in fitted[0]} & {text[0] for text in chosen[0]}, "none is fitted and chooses"
        for texts, known in (fitted, chosen):
            assert [text[0] for text in texts] == known.tolist()
    choosing = sorted(text[0] for _, chosen in parts for text in chosen[0])
    if turns > 1:
        assert choosing == list(range(trained + validated)), "each chooses once"
    elif validated >= 200:
        assert choosing == list(others)
