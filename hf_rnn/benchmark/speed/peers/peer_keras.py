"""The network in Keras on TensorFlow, as its users write it for a CPU: everything padded, no mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..network import DENSE, DROPOUT, FEATURES, UNITS, VOCABULARY, Weights, common_weights
from ..texts import MAX_TOKENS, Text, bucketed_batches, pad
from .base import AskedPeer, Epochs, Job, TrainedPeer


class KerasLstm(TrainedPeer, AskedPeer):
    """Trained by `fit`, an epoch at a time and without metrics; asked by `predict_on_batch`, the fastest of its calls
    for one text and no slower than `predict` for many. `Embedding(mask_zero=True)` would be exact, and slower.

    Args:
        buckets: Train on batches of similar length.
        locked_dropout: One mask for all steps (SpatialDropout1D).
        bf16: Under the policy mixed_bfloat16.
    """

    def __init__(self, job: Job, buckets: bool = False, locked_dropout: bool = False, bf16: bool = False) -> None:
        super().__init__(job)
        self.bucketed, self.locked_dropout, self.bf16 = buckets, locked_dropout, bf16

    def build(self) -> Any:
        """The network, initialised as Keras does."""
        import keras
        from keras import layers

        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy("mixed_bfloat16" if self.bf16 else "float32")
        between = layers.SpatialDropout1D if self.locked_dropout else layers.Dropout
        return keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                layers.Embedding(VOCABULARY, FEATURES),
                layers.Bidirectional(layers.LSTM(UNITS[0], return_sequences=True)),
                between(DROPOUT),
                layers.Bidirectional(layers.LSTM(UNITS[1])),
                layers.Dropout(DROPOUT),
                layers.Dense(DENSE, activation="relu"),
                layers.Dense(1, dtype="float32"),
            ]
        )

    def train(self, epochs: Epochs) -> None:
        import keras

        class Clock(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                epochs.start()

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                epochs.stop()

        model = self.build()
        model.compile(optimizer="adam", loss=keras.losses.BinaryCrossentropy(from_logits=True))
        ids = pad(self.sample.texts, MAX_TOKENS).astype(np.int32)
        batches = self._bucketed_dataset() if self.bucketed else None
        # A `fit` must not wait while others are measured: its iterator would live on, and its threads with it. What a
        # `fit` sets up is not counted.
        while epochs.next():
            if batches is not None:
                model.fit(batches, verbose=0, callbacks=[Clock()])
            else:
                model.fit(ids, self.sample.labels, batch_size=self.job.batch_size, verbose=0, callbacks=[Clock()])

    def _bucketed_dataset(self) -> Any:
        import tensorflow as tf

        texts, labels, generator = self.sample.texts, self.sample.labels, np.random.default_rng(0)

        def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for rows in bucketed_batches(self.sample.lengths, self.job.batch_size, generator):
                yield pad([texts[row] for row in rows]).astype(np.int32), labels[rows]

        shapes = (tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32))
        return tf.data.Dataset.from_generator(batches, output_signature=shapes).prefetch(tf.data.AUTOTUNE)

    def prepare(self) -> list[Path]:
        self.folder.mkdir(parents=True)
        model = self.build()
        model.set_weights(keras_weights(common_weights()))
        model.save(self.folder / "model.keras")
        return [self.folder / "model.keras"]

    def load(self) -> None:
        import keras

        self.model = keras.saving.load_model(self.folder / "model.keras")

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        return pad(texts, max_tokens).astype(np.int32)

    def answer(self, inputs: Any) -> np.ndarray:
        logits: np.ndarray = self.model.predict_on_batch(inputs)[:, 0]
        return logits


def keras_weights(weights: Weights) -> list[np.ndarray]:
    """Common weights as Keras orders them: columns for what comes out, one bias where torch adds two."""
    ordered = [weights["embedding.weight"]]
    for index in range(len(UNITS)):
        for suffix in ("_l0", "_l0_reverse"):
            of = {name: weights[f"layers.{index}.{name}{suffix}"] for name in ("weight_ih", "weight_hh")}
            bias = weights[f"layers.{index}.bias_ih{suffix}"] + weights[f"layers.{index}.bias_hh{suffix}"]
            ordered += [of["weight_ih"].T, of["weight_hh"].T, bias]
    for name in ("dense", "output"):
        ordered += [weights[f"{name}.weight"].T, weights[f"{name}.bias"]]
    return ordered
