"""Small models of Keras, and the files in `tests/fixtures/keras` that tests read where Keras is not installed.

    python -m tests.conversion.keras_models

writes them again: for each model NAME.keras, or NAME.weights.h5 and NAME.json, and NAME.npz with inputs and outputs.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


FOLDER = Path(__file__).parent.parent / "fixtures" / "keras"
VOCABULARY, FEATURES = 12, 3
# Padding on the right, on the left, in the middle and nowhere; a step of features is padding where all are zero.
LENGTHS = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 1, 0], [1, 1, 1, 1, 1]], dtype=bool)


def classifier(keras: Any) -> Any:
    """A film critic: two BiLSTMs that skip padding, a dense layer with batch normalisation, one sigmoid."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(VOCABULARY, 4, mask_zero=True, name="words"),
            layers.SpatialDropout1D(0.1),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.SpatialDropout1D(0.3),
            layers.Bidirectional(layers.LSTM(2)),
            layers.Dropout(0.4),
            layers.Dense(4, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def tagger(keras: Any) -> Any:
    """A functional model: a GRU of torch's form over words without a mask, a softmax for each step."""
    layers = keras.layers
    words = keras.Input((None,), dtype="int32")
    steps = layers.Embedding(VOCABULARY, 4, trainable=False)(words)
    steps = layers.GRU(3, return_sequences=True)(layers.Dropout(0.1)(steps))
    steps = layers.GRU(2, return_sequences=True)(layers.Dropout(0.2)(steps))
    return keras.Model(words, layers.TimeDistributed(layers.Dense(3, activation="softmax"))(steps))


def series(keras: Any) -> Any:
    """Features in which zeros are padding, a GRU of the textbook form in both directions, their mean, numbers."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, FEATURES)),
            layers.Masking(),
            layers.Bidirectional(
                layers.GRU(3, reset_after=False, return_sequences=True, use_bias=True), merge_mode="sum"
            ),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3),
            layers.Activation("tanh"),
            layers.Dense(2),
        ]
    )


def topics(keras: Any) -> Any:
    """Simple recurrent layers without biases, the largest of the steps, several sigmoids."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(VOCABULARY, 4),
            layers.SimpleRNN(3, activation="relu", use_bias=False, return_sequences=True),
            layers.SimpleRNN(2, activation="relu", return_sequences=True),
            layers.GlobalMaxPooling1D(),
            layers.Dense(3, activation="sigmoid", use_bias=False),
        ]
    )


def backbone(keras: Any) -> Any:
    """An LSTM alone, in float64."""
    layers = keras.layers
    return keras.Sequential([keras.Input((None, FEATURES), dtype="float64"), layers.LSTM(3, dtype="float64")])


MODELS: dict[str, Callable[[Any], Any]] = {
    each.__name__: each for each in (classifier, tagger, series, topics, backbone)
}
# Kept as weights and a description of the layers.
APART = ("topics",)
# Have a `Masking`.
MASKED = ("series",)
PROBLEMS = {"series": "regression"}


def draw_weights(model: Any, seed: int = 0) -> Any:
    """Give all weights, statistics of batch normalisation among them, values that are not those of the start."""
    random = np.random.default_rng(seed)
    drawn = []
    for variable in model.weights:
        values = random.normal(0, 0.5, variable.shape)
        drawn.append(np.abs(values) + 0.3 if "variance" in variable.path else values)
    model.set_weights(drawn)
    return model


def inputs_of(model: Any, seed: int = 1) -> np.ndarray:
    """Ids from 1, or features that are not zero, and zeros at the padding."""
    random = np.random.default_rng(seed)
    if len(model.inputs[0].shape) == 2:
        return random.integers(1, VOCABULARY, LENGTHS.shape) * LENGTHS
    # `predict` makes all features float32.
    return random.normal(size=(*LENGTHS.shape, FEATURES)).astype(np.float32) * LENGTHS[..., None]


def write(keras: Any, name: str, folder: Path) -> None:
    """Write a model, what it reads and what it makes of that."""
    model = draw_weights(MODELS[name](keras))
    inputs = inputs_of(model)
    np.savez_compressed(folder / f"{name}.npz", inputs=inputs, outputs=model.predict(inputs, verbose=0))
    if name in APART:
        model.save_weights(folder / f"{name}.weights.h5")
        (folder / f"{name}.json").write_text(model.to_json(), encoding="utf-8")
        return
    model.save(folder / "large.keras")
    # Keras does not compress; what HDF5 leaves empty is most of such a small file.
    with (
        zipfile.ZipFile(folder / "large.keras") as large,
        zipfile.ZipFile(folder / f"{name}.keras", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for member in large.namelist():
            small.writestr(zipfile.ZipInfo(member), large.read(member), zipfile.ZIP_DEFLATED)
    (folder / "large.keras").unlink()


def main() -> None:
    import keras

    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name in MODELS:
        write(keras, name, FOLDER)


if __name__ == "__main__":
    main()
