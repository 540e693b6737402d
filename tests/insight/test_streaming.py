"""Reading a token at a time: equal to reading each prefix anew, whatever the chunks."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from hf_rnn.data.tokenizers.spelling import spell_with_boundaries
from hf_rnn.data.tokenizers.text_pieces import train_text_pieces, words_of
from hf_rnn.insight import steps
from hf_rnn.insight.steps import NotApplicableError
from hf_rnn.insight.streaming import next_tokens, reading_curve
from hf_rnn.tasks.arguments import ModelArguments, TokenizerArguments
from hf_rnn.tasks.text_classification.building import build_classifier
from tests.insight.small import TEXT, tokenizer
from tests.models.common import ONE_WAY, build, build_language_model, build_tagger


@pytest.fixture(params=[1, 3, 1024])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Steps between two points at which nothing but the state is kept."""
    monkeypatch.setattr(steps, "CHUNK", request.param)
    return request.param


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "mean_max", "attention"])
@pytest.mark.parametrize("variant", ONE_WAY)
def test_the_curve_is_the_answer_to_every_prefix(variant: str, pooling: str, chunk: int) -> None:
    model = build(variant, num_hidden_layers=2, classifier_hidden_sizes=[3], pooling=pooling)
    found = reading_curve(model, tokenizer(), TEXT)
    assert found.steps == tuple(TEXT.split())
    for length, row in enumerate(found.probabilities, start=1):
        ids = tokenizer()(" ".join(TEXT.split()[:length]), return_tensors="pt").input_ids
        with torch.no_grad():
            expected = model(ids).logits[0].softmax(0)
        np.testing.assert_allclose(row, expected, atol=1e-10)


@pytest.mark.parametrize("wide", [True, False])
def test_a_model_of_words_answers_after_each_word(wide: bool, chunk: int) -> None:
    pieces = train_text_pieces([TEXT] * 2, show_progress=False)
    text = f"{TEXT} Uzbekistan, isn't it"
    words = next(words_of(pieces, [text]))
    arguments = ModelArguments(model_type="lstm", config_overrides=json.dumps({"hidden_size": 4}))
    values = {"wide_buckets": 64, "max_token_bytes": 24} if wide else {}
    labels = {"id2label": {0: "a", 1: "b", 2: "c"}}
    torch.manual_seed(0)
    model = build_classifier(arguments, TokenizerArguments(), pieces, [TEXT] * 2, **labels, **values).double().eval()
    if wide:
        model.wide.set_tokens(spell_with_boundaries(pieces))
        model.wide.weight.normal_()
    found = reading_curve(model, pieces, text)
    assert [step.lower() for step in found.steps] == words
    assert found.total_tokens > len(words)
    for length, row in enumerate(found.probabilities, start=1):
        ids = [token for word in words[:length] for token in pieces(word)["input_ids"]]
        with torch.no_grad():
            expected = model(torch.tensor([ids])).logits[0].softmax(0)
        np.testing.assert_allclose(row, expected, atol=1e-10)


def test_labels_that_do_not_exclude_each_other_have_probabilities_of_their_own() -> None:
    model = build("gru", problem_type="multi_label_classification")
    with torch.no_grad():
        expected = model(tokenizer()(TEXT, return_tensors="pt").input_ids).logits[0].sigmoid()
    np.testing.assert_allclose(reading_curve(model, tokenizer(), TEXT).probabilities[-1], expected, atol=1e-10)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: build("bilstm"), "`bidirectional`=True; to read token by token it must be False"),
        (lambda: build("dan", pooling="mean"), "of type 'dan', which has no recurrence"),
        (lambda: build("lstm", problem_type="regression"), "answers with a number"),
        (lambda: build_tagger("lstm"), "LstmForTokenClassification; it must be a classifier of texts"),
    ],
)
def test_models_that_cannot_read_so(model, message: str) -> None:
    with pytest.raises(NotApplicableError, match=message):
        reading_curve(model(), tokenizer(), TEXT)


def test_the_figure_of_two_classes_is_one_line() -> None:
    found = reading_curve(build("lstm", num_labels=2), tokenizer(), TEXT)
    (axes,) = found.figure().axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), found.probabilities[:, 1])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["LABEL_1"]
    (axes,) = reading_curve(build("lstm"), tokenizer(), " ".join([TEXT] * 20)).figure().axes
    assert len(axes.get_legend().get_texts()) == 3
    assert axes.get_xlabel() == "token"


def test_next_tokens_are_those_of_the_whole_text(chunk: int) -> None:
    model = build_language_model("lstm", num_hidden_layers=2)
    with torch.no_grad():
        expected = model(tokenizer()(TEXT, return_tensors="pt").input_ids).logits[0, -1].softmax(0).numpy()
    found = next_tokens(model, tokenizer(), TEXT, k=4)
    order = np.argsort(-expected)[:4]
    np.testing.assert_allclose(found.probabilities, expected[order], atol=1e-10)
    assert found.tokens == tuple(tokenizer().convert_ids_to_tokens(order.tolist()))
    assert len(next_tokens(model, tokenizer(), TEXT, k=100).tokens) == 13
    assert len(found.figure().axes[0].patches) == 4


def test_next_tokens_are_refused() -> None:
    with pytest.raises(NotApplicableError, match="must be a language model of hf_rnn"):
        next_tokens(build("lstm"), tokenizer(), TEXT)
    with pytest.raises(ValueError, match="`k`=0 must be at least 1"):
        next_tokens(build_language_model("lstm"), tokenizer(), TEXT, k=0)
