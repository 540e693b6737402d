"""Models that Keras makes and computes itself, taken over as they are: many combinations, where Keras is installed."""

from __future__ import annotations

import doctest
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hf_rnn import from_keras
from tests.conversion.keras_models import FEATURES, MODELS, PROBLEMS, VOCABULARY, draw_weights, inputs_of
from tests.conversion.test_keras import outputs_of
from tests.documents.blocks import python_blocks


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow", reason="the extra `bench`, which has TensorFlow, is not installed")
    return pytest.importorskip("keras", reason="the extra `bench`, which has Keras, is not installed")


def check(model: Any, **options: Any) -> Any:
    """Take a model over with random weights and compare; the model here."""
    draw_weights(model)
    inputs = inputs_of(model)
    made = from_keras(model, **options)
    masking = any(type(layer).__name__ == "Masking" for layer in model.layers)
    np.testing.assert_allclose(outputs_of(made, inputs, masking), np.asarray(model(inputs)), rtol=0, atol=1e-6)
    return made


@pytest.mark.parametrize("name", MODELS)
def test_the_models_of_the_files(keras: Any, name: str) -> None:
    check(MODELS[name](keras), problem_type=PROBLEMS.get(name))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "Cho", "SimpleRNN"])
@pytest.mark.parametrize(("both", "mask"), [(None, True), (None, False), ("concat", True), ("sum", False)])
def test_every_layer_in_every_direction(keras: Any, kind: str, both: str | None, mask: bool) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(VOCABULARY, 4, mask_zero=mask)])
    for index in range(2):
        options = {"return_sequences": index == 0, "use_bias": index == 0}
        if kind == "Cho":
            layer = layers.GRU(3 + index, reset_after=False, **options)
        else:
            layer = getattr(layers, kind)(3 + index, **options)
        model.add(layer if both is None else layers.Bidirectional(layer, merge_mode=both))
    check(model)


def test_batch_normalisation_in_front_of_dense_layers_becomes_a_part_of_them(keras: Any) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None, FEATURES)),
            layers.GRU(4),
            layers.BatchNormalization(scale=False),
            layers.Dense(4, activation="gelu"),
            layers.Dense(5, activation="gelu"),
            layers.BatchNormalization(center=False, epsilon=1e-2),
            layers.Dense(2),
        ]
    )
    with pytest.raises(ValueError, match="`batch_normalization.*stands where no classifier here has one"):
        from_keras(model, problem_type="regression")
    made = check(model, problem_type="regression", inference_only=True)
    assert made.config.classifier_norm == "none"


def test_batch_normalisation_of_each_step(keras: Any) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(VOCABULARY, 4),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(4)),
            layers.ReLU(),
            layers.BatchNormalization(axis=2),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )
    assert check(model).config.classifier_norm == "batch"


def test_logits_and_one_sigmoid_for_each_step(keras: Any) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(VOCABULARY, 4, mask_zero=True)])
    model.add(layers.LSTM(3, dropout=0.2, return_sequences=True))
    model.add(layers.Dense(1, activation="sigmoid"))
    draw_weights(model)
    inputs = inputs_of(model)
    tagger = from_keras(model)
    assert tagger.config.num_labels == 2 and not tagger.config.single_logit and tagger.config.embedding_dropout == 0.2
    real = inputs != 0
    expected = np.asarray(model(inputs))[real][:, 0]
    np.testing.assert_allclose(outputs_of(tagger, inputs)[real][:, 1], expected, rtol=0, atol=1e-6)
    model.layers[-1].activation = keras.activations.linear
    model.layers[1].return_sequences = False
    numbers = check(model, problem_type="regression")
    assert numbers.config.num_labels == 1 and not numbers.config.single_logit
    logits = from_keras(model, problem_type="single_label_classification")
    np.testing.assert_allclose(
        outputs_of(logits, inputs)[:, 0], 1 / (1 + np.exp(-np.asarray(model(inputs))[:, 0])), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
@pytest.mark.parametrize("units", [1, 3])
def test_several_labels_and_numbers_for_each_step(keras: Any, problem: str, units: int) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(VOCABULARY, 4)])
    model.add(layers.Bidirectional(layers.GRU(3, return_sequences=True)))
    model.add(layers.Dense(5, activation="relu"))
    activation = "sigmoid" if problem == "multi_label_classification" else "linear"
    model.add(layers.TimeDistributed(layers.Dense(units, activation=activation)))
    tagger = check(model, problem_type=problem)
    assert type(tagger).__name__ == "GruForTokenClassification"
    assert (tagger.config.num_labels, tagger.config.problem_type) == (units, problem)


def test_several_sigmoids_for_each_step_say_themselves_what_they_are(keras: Any) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((None, FEATURES)), layers.LSTM(3, return_sequences=True)])
    model.add(layers.Dense(4, activation="sigmoid"))
    assert check(model).config.problem_type == "multi_label_classification"


def test_a_model_that_was_trained_is_taken_over_with_its_statistics(keras: Any) -> None:
    model = MODELS["classifier"](keras)
    model.compile(optimizer="adam", loss="binary_crossentropy")
    inputs = inputs_of(model)
    model.fit(inputs, np.array([0, 1, 0, 1]), epochs=3, verbose=0)
    np.testing.assert_allclose(
        outputs_of(from_keras(model), inputs), model.predict(inputs, verbose=0), rtol=0, atol=1e-6
    )


def test_layers_of_other_kinds_and_models_of_classes_are_refused(keras: Any) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((None, FEATURES)), layers.Conv1D(3, 2), layers.LSTM(3)])
    with pytest.raises(ValueError, match=r"`conv1d\w*` \(Conv1D\) cannot be taken over before `lstm"):
        from_keras(model)
    with pytest.raises(
        ValueError, match=r"`lstm\w*` has `class`='LSTM'|`class`='LSTM'.*must be 'GRU' as that of `gru"
    ):
        from_keras(
            keras.Sequential([keras.Input((None, FEATURES)), layers.GRU(3, return_sequences=True), layers.LSTM(3)])
        )


def test_the_words_of_a_text_vectorization_keep_their_numbers(keras: Any) -> None:
    """By the tokenizer that docs/migrating.md makes of a vocabulary."""
    page = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text(encoding="utf-8")
    block = next(block for block in python_blocks(page) if "WordLevel" in block)
    texts = ["The film: DULL, isn't it?", "a  well-made [film]; 10/10 \\ {yes}", "naïve\ncafé_bar ~ the"]
    vectorizer = keras.layers.TextVectorization(max_tokens=8)
    vectorizer.adapt(texts[:2])
    names: dict[str, Any] = {}
    for example in doctest.DocTestParser().get_examples(block):
        source = example.source
        if source.startswith("vocabulary = "):
            names["vocabulary"] = vectorizer.get_vocabulary()
        else:
            exec(source, names)
    found = names["of_keras"](texts, padding=True)["input_ids"]
    assert found == np.asarray(vectorizer(texts)).tolist()
