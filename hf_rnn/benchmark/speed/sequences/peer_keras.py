"""The network by Keras' functional API on TensorFlow, as its users write it for a CPU: everything padded, no mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..peers.base import Epochs, Job, TrainedPeer
from .network import (
    DECODER,
    EMBEDDING_DROPOUT,
    ENCODER,
    FEATURES,
    LEARNING_RATE,
    OUTPUT_DROPOUT,
    PADDING,
    READOUT,
    STATES,
    VOCABULARY,
)
from .pairs import LONGEST, padded, read_targets, shifted


class KerasFunctional(TrainedPeer):
    """Trained by `fit`, an epoch at a time and without metrics; the decoder reads all steps of a target in one layer.

    Args:
        cell: `lstm` or `gru`.
    """

    def __init__(self, job: Job, cell: str = "lstm") -> None:
        super().__init__(job)
        self.cell = cell

    def build(self) -> Any:
        """The network, initialised as Keras does."""
        import keras
        from keras import layers

        keras.utils.set_random_seed(0)
        layer = {"lstm": layers.LSTM, "gru": layers.GRU}[self.cell]
        source, read = keras.Input((LONGEST,), dtype="int32"), keras.Input((LONGEST,), dtype="int32")
        embedded = layers.Dropout(EMBEDDING_DROPOUT)(layers.Embedding(VOCABULARY, FEATURES)(source))
        encoder = layers.Bidirectional(layer(ENCODER, return_sequences=True, return_state=True))
        memory, *finals = encoder(embedded)
        count = len(STATES[self.cell])
        starts = [
            layers.Dense(DECODER, activation="tanh" if part == 0 else None)(
                layers.Concatenate()([finals[part], finals[part + count]])
            )
            for part in range(count)
        ]
        features = layers.Dropout(EMBEDDING_DROPOUT)(layers.Embedding(VOCABULARY, FEATURES)(read))
        states = layer(DECODER, return_sequences=True)(features, initial_state=starts)
        keys = layers.Dense(DECODER, use_bias=False)(memory)
        context = layers.Attention()([states, memory, keys])
        joined = layers.Concatenate()([context, states])
        attended = layers.Dense(READOUT, activation="tanh", use_bias=False)(joined)
        return keras.Model([source, read], layers.Dense(VOCABULARY)(layers.Dropout(OUTPUT_DROPOUT)(attended)))

    def train(self, epochs: Epochs) -> None:
        import keras

        class Clock(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                epochs.start()

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                epochs.stop()

        model = self.build()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING)
        model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=loss)
        sources = padded([text.ids for text in self.sample.texts], LONGEST).astype(np.int32)
        targets = padded(read_targets(Path(self.job.folder)), LONGEST).astype(np.int32)
        # What a `fit` sets up is not counted; see the peers of classification.
        while epochs.next():
            model.fit(
                [sources, shifted(targets)], targets, batch_size=self.job.batch_size, verbose=0, callbacks=[Clock()]
            )
