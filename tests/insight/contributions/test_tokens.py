"""Contributions of tokens: complete, equal to independent computations, and of what was asked."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
)

from hf_rnn.insight.contributions import tokens as contributions
from hf_rnn.insight.contributions.tokens import MAX_TOKENS, token_contributions
from hf_rnn.insight.reading import read
from tests.insight.texts import letters_tokenizer
from tests.missing import pretend
from tests.models.common import HEADS, POOLINGS, TAGS, VARIANTS, VOCAB_SIZE, build, build_language_model, build_tagger
from tests.models.siamese import ENCODERS, OTHERS, TEXTS, build_siamese, tokenizer_of_words


TEXT = "a c  d b\ne e h"
POINTS = 2000


def log_odds(logits: torch.Tensor, label: int) -> float:
    probability = logits.softmax(-1)[label].item()
    return math.log(probability / (1 - probability))


def build_bert(auto_class: type, **options):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=8,
        **options,
    )
    model = auto_class.from_config(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model


def assert_complete(found) -> None:
    assert found.completeness_error <= 0.01
    assert found.values.sum() == pytest.approx(found.score - found.baseline_score, rel=0.011, abs=1e-3)
    assert np.abs(found.values).max() > 0


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_contributions_of_every_family_add_up_to_its_answer(variant: str, pooling: str) -> None:
    if variant == "dan" and pooling == "last":
        pytest.skip("a bag of words has no last state")
    model, tokenizer = build(variant, pooling=pooling), letters_tokenizer()
    found = token_contributions(model, tokenizer, TEXT)
    assert_complete(found)
    logits = model(**tokenizer(TEXT, return_tensors="pt")).logits[0]
    label = int(logits.argmax())
    assert found.target == model.config.id2label[label]
    assert found.score == pytest.approx(log_odds(logits, label))
    assert found.tokens == ("a", "c", "d", "b", "e", "e", "h")
    assert [TEXT[start:end] for start, end in found.spans] == list(found.tokens)


def test_a_linear_model_has_gradient_times_input() -> None:
    model, tokenizer = build("dan", hidden_sizes=[], num_labels=1, pooling="mean"), letters_tokenizer()
    found = token_contributions(model, tokenizer, TEXT)
    embeddings = model.get_input_embeddings().weight[tokenizer(TEXT)["input_ids"]]
    expected = embeddings @ model.classifier.output.weight[0] / len(embeddings)
    np.testing.assert_allclose(found.values, expected.detach().numpy(), rtol=1e-6)
    assert found.score_name == "number"
    assert found.baseline_score == pytest.approx(float(model.classifier.output.bias))


def test_a_dan_shares_out_the_integral_over_its_mean() -> None:
    model, tokenizer = build("dan", hidden_sizes=[4, 3], classifier_activation="tanh"), letters_tokenizer()
    found = token_contributions(model, tokenizer, TEXT, target=1)
    embeddings = model.get_input_embeddings().weight[tokenizer(TEXT)["input_ids"]].detach()
    mean = embeddings.mean(0)
    places = ((torch.arange(POINTS) + 0.5) / POINTS).unsqueeze(1)
    points = (places * mean).requires_grad_()
    logits = model.classifier(model.model.dense(points))
    scores = logits[:, 1] - logits[:, [0, 2]].logsumexp(1)
    (gradients,) = torch.autograd.grad(scores.sum(), points)
    expected = embeddings @ gradients.mean(0) / len(embeddings)
    np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-4)


@pytest.mark.parametrize("problem_type", ["multi_label_classification", "regression"])
def test_labels_that_exclude_none_are_explained_by_their_own_logit(problem_type: str) -> None:
    model, tokenizer = build("gru", problem_type=problem_type), letters_tokenizer()
    found = token_contributions(model, tokenizer, TEXT, target="LABEL_2")
    logits = model(**tokenizer(TEXT, return_tensors="pt")).logits[0]
    assert found.score == pytest.approx(float(logits[2]))
    assert_complete(found)


def test_padding_and_what_is_computed_together_change_nothing() -> None:
    model, tokenizer = build("bilstm", pooling="mean"), letters_tokenizer()
    expected = token_contributions(model, tokenizer, TEXT, n_steps=60)
    tokenizer.backend_tokenizer.enable_padding(length=12)
    for together in (1, 7, 1000):
        found = token_contributions(model, tokenizer, TEXT, n_steps=60, internal_batch_size=together)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_similar_texts_in_either_order(encoder: str) -> None:
    model, tokenizer = build_siamese(AutoModel, encoder).double(), tokenizer_of_words()
    found = token_contributions(model, tokenizer, TEXTS[0], text_pair=OTHERS[2])
    assert_complete(found)
    assert (found.score_name, found.target) == ("similarity", "cosine")
    assert found.score == pytest.approx(float(model.similarity(TEXTS[0], OTHERS[2], tokenizer)), rel=1e-5)
    swapped = token_contributions(model, tokenizer, OTHERS[2], text_pair=TEXTS[0])
    for index in (0, 1):
        own, other = found.values[found.text_index == index], swapped.values[swapped.text_index == 1 - index]
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-9)


def test_each_text_of_a_pair_has_what_it_contributes_alone() -> None:
    # d(u·v) of two bags of words: each token's share of its own text's mean, the other's vector along the line.
    model = build_siamese(AutoModel, "dan", {"hidden_sizes": []}, similarity="dot").double()
    tokenizer = tokenizer_of_words()
    found = token_contributions(model, tokenizer, TEXTS[0], text_pair=OTHERS[2])
    table = model.get_input_embeddings().weight.detach()
    first, second = (table[tokenizer(text)["input_ids"]] for text in (TEXTS[0], OTHERS[2]))
    # The score α² u·v: half of it is either text's.
    own = first @ second.mean(0) / len(first) / 2
    np.testing.assert_allclose(found.values[found.text_index == 0], own.numpy(), rtol=1e-5)
    own = second @ first.mean(0) / len(second) / 2
    np.testing.assert_allclose(found.values[found.text_index == 1], own.numpy(), rtol=1e-5)


@pytest.mark.parametrize("encoder", ["bilstm", "bert"])
def test_classified_pairs(encoder: str) -> None:
    model = build_siamese(AutoModelForSequenceClassification, encoder, num_labels=3).double()
    tokenizer = tokenizer_of_words()
    found = token_contributions(model, tokenizer, TEXTS[2], text_pair=OTHERS[0], target=2)
    assert_complete(found)
    assert found.tokens == (*TEXTS[2].split(), *OTHERS[0].split())
    a, b = (tokenizer(text, return_tensors="pt")["input_ids"] for text in (TEXTS[2], OTHERS[0]))
    assert found.score == pytest.approx(log_odds(model(input_ids=a, input_ids_b=b).logits[0], 2), rel=1e-6)


@pytest.mark.parametrize("text_pair", [None, "b b z"])
def test_a_bert_keeps_its_special_tokens(text_pair: str | None) -> None:
    model, tokenizer = build_bert(AutoModelForSequenceClassification, num_labels=3), letters_tokenizer(special=True)
    found = token_contributions(model, tokenizer, "a c d", text_pair=text_pair)
    assert_complete(found)
    assert found.tokens == ("a", "c", "d", *(text_pair or "").split())
    assert list(found.text_index) == [0, 0, 0, 1, 1, 1][: len(found.tokens)]
    emptied = tokenizer("a c d", text_pair, return_tensors="pt")
    emptied["input_ids"][(emptied["input_ids"] < 10) | (emptied["input_ids"] == 12)] = 0
    logits = model(**emptied).logits[0]
    assert found.baseline_score == pytest.approx(log_odds(logits, model.config.label2id[found.target]))


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_the_label_of_a_word(head: str, words: bool) -> None:
    model, tokenizer = build_tagger("bilstm", head, words), letters_tokenizer()
    # Of a model of words the even tokens go on with a word: "b" with "a", "d" with "c".
    text, pieces = "a b c d e", ["a b", "c d", "e"] if words else ["a", "b", "c", "d", "e"]
    found = token_contributions(model, tokenizer, text, target=(2, "B-A"))
    assert found.tokens == tuple(pieces)
    assert (found.target, found.word) == ("B-A", 2)
    assert_complete(found)
    emissions = model(**tokenizer(text, return_tensors="pt")).emissions[0, 2].softmax(0)
    probability = float(emissions[model.head.state_labels[:, TAGS.index("B-A")]].sum())
    assert found.score == pytest.approx(np.log(probability / (1 - probability)))


def test_a_word_has_the_label_that_the_tagger_gives_it() -> None:
    model, tokenizer = build_tagger("bilstm", "bioes", words=False), letters_tokenizer()
    predicted = model(**tokenizer(TEXT, return_tensors="pt")).logits[0].argmax(1).tolist()
    for word, label in enumerate(predicted):
        assert token_contributions(model, tokenizer, TEXT, target=word).target == TAGS[label]
    first = next(word for word, label in enumerate(predicted) if label)
    found = token_contributions(model, tokenizer, TEXT)
    assert (found.word, found.target) == (first, TAGS[predicted[first]])


def test_a_bert_that_tags_is_asked_at_a_words_first_token() -> None:
    labels = dict(enumerate(TAGS))
    model, tokenizer = build_bert(AutoModelForTokenClassification, id2label=labels), letters_tokenizer(special=True)
    found = token_contributions(model, tokenizer, "a c d", target=(1, 3))
    assert_complete(found)
    logits = model(**tokenizer("a c d", return_tensors="pt")).logits[0, 2]
    assert found.score == pytest.approx(log_odds(logits, 3))


def test_the_model_is_left_as_it_was() -> None:
    model, tokenizer = build("lstm", dropout=0.5, classifier_dropout=0.5, num_hidden_layers=2), letters_tokenizer()
    model.train()
    model.classifier.eval()
    first, second = (token_contributions(model, tokenizer, TEXT) for _ in range(2))
    assert np.array_equal(first.values, second.values)
    assert model.training and model.model.training and not model.classifier.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not model.model.embeddings._forward_hooks


def test_a_text_of_100_000_characters_is_read_whole() -> None:
    model, tokenizer = build("bilstm", pooling="mean").float(), letters_tokenizer()
    text = "unknown " * 12_500
    found = token_contributions(model, tokenizer, text)
    assert len(found.tokens) == 12_500
    assert found.num_steps * 12_500 <= MAX_TOKENS
    assert_complete(found)
    assert "Drawn are the first 1,000 of 12,500 tokens" in "".join(
        text.get_text() + " " for text in found.figure().axes[0].texts[-3:]
    )


def test_steps_end_where_they_have_read_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is never complete enough takes all the steps that there may be.
    monkeypatch.setattr(contributions, "TOLERANCE", 0.0)
    monkeypatch.setattr(contributions, "MAX_TOKENS", 200 * len(TEXT.split()))
    found = token_contributions(build("gru"), letters_tokenizer(), TEXT, n_steps=10)
    assert 10 < found.num_steps <= 200


def test_a_text_of_emoji_alone() -> None:
    found = token_contributions(build("bilstm"), letters_tokenizer(), "😀😀 👍🏽")
    assert found.tokens == ("😀😀", "👍🏽")
    assert_complete(found)


def test_a_text_that_is_cut_says_so(caplog: pytest.LogCaptureFixture) -> None:
    tokenizer = letters_tokenizer(model_max_length=3)
    with caplog.at_level(logging.WARNING):
        found = token_contributions(build("gru"), tokenizer, TEXT)
    assert found.cut and len(found.tokens) == 3
    assert "3 tokens" in caplog.text
    assert "The end of the text was not read." in found.html()


def test_contributions_that_do_not_add_up_warn(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hf_rnn.insight.contributions.tokens.MAX_STEPS", 5)
    model = build("bilstm")
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(30)
    with caplog.at_level(logging.WARNING):
        found = token_contributions(model, letters_tokenizer(), TEXT, n_steps=5)
    assert found.completeness_error > 0.01
    assert f"off by {100 * found.completeness_error:.1f} % with 5 steps" in caplog.text


CLASSIFIER = {"model": "gru", "text": "a b"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": ""}, r"`text`='' has no token"),
        ({"text": " \n"}, r"`text`=' \\n' has no token"),
        ({"text": None}, "`text` is None; it must be a string"),
        ({"text": "a \ud800"}, "`text`='a .*' has half of a surrogate pair"),
        ({"text_pair": "", "model": "siamese"}, "`text_pair`='' has no token"),
        ({"model": "siamese"}, "`text_pair` is None; a siamese network compares two texts"),
        ({"model": "siamese", "text_pair": "b", "target": 0}, "`target`=0: a similarity has no labels"),
        ({"target": "good"}, "`target` has the label 'good'; it may be one of LABEL_0, LABEL_1, LABEL_2"),
        ({"target": 3}, "`target` has the label 3"),
        ({"target": True}, "`target` has the label True"),
        ({"model": "tagger", "target": 2}, r"`target`=2: .* in \[0, 2\)"),
        ({"model": "tagger", "target": (0, "B-C")}, "`target` has the label 'B-C'"),
        ({"model": "tagger", "target": "B-A"}, "`target`='B-A': of a tagger it must be the number of a word"),
        ({"model": "language"}, "`model` is a GruForCausalLM; it must be a sequence classifier"),
        ({"model": "backbone"}, "`model` is a GruModel; it must be a sequence classifier"),
        ({"n_steps": 0}, "`n_steps`=0 must be an integer of at least 1"),
        ({"internal_batch_size": 2.5}, "`internal_batch_size`=2.5 must be"),
    ],
)
def test_bad_input_is_named(values: dict[str, object], message: str) -> None:
    models = {
        "gru": lambda: build("gru"),
        "tagger": lambda: build_tagger("gru", words=False),
        # As many labels as it has tokens: their number does not tell it from a tagger.
        "language": lambda: build_language_model("gru", num_labels=VOCAB_SIZE),
        "backbone": lambda: build("gru", head=False),
        "siamese": lambda: build_siamese(AutoModel, "gru"),
    }
    arguments = {**CLASSIFIER, **values}
    model = models[arguments.pop("model")]()
    with pytest.raises(ValueError, match=message):
        token_contributions(model, letters_tokenizer(), arguments.pop("text"), **arguments)


def test_a_tokenizer_that_knows_no_places_is_refused() -> None:
    tokenizer = letters_tokenizer()
    slow = type("SlowTokenizer", (), {"is_fast": False})()
    with pytest.raises(ValueError, match="`tokenizer` is a SlowTokenizer; it must be a fast one"):
        token_contributions(build("gru"), slow, "a")
    assert read(build("gru"), tokenizer, "a").tokens == ("a",)


def test_captum_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, captum=None)
    with pytest.raises(ImportError, match=r'needs captum.*: pip install "hf_rnn\[insight\]"'):
        token_contributions(build("gru"), letters_tokenizer(), "a")
