"""The network that every peer computes: sizes, and common weights.

    source: Embedding(5000, 256) → bidirectional LSTM(256), whose final states a dense layer joins
    target: Embedding(5000, 256) → LSTM(512) from there → attention to the source ("general", Luong et al. 2015)
            → tanh(Dense(256)) of context and state → Dense(5000)

Or with GRUs; or with the attended state of each step fed to the next one, so that nothing can be computed for all
steps at once. This file needs numpy alone: what a peer's start costs is its own.
"""

from __future__ import annotations

import numpy as np

from ..network import GATES, Weights


PADDING, UNKNOWN, END = 0, 1, 2
FIRST_WORD = 3
VOCABULARY, FEATURES, ENCODER, DECODER, READOUT = 5000, 256, 256, 512, 256
EMBEDDING_DROPOUT, OUTPUT_DROPOUT = 0.3, 0.4
LEARNING_RATE = 1e-3
# The parts of a cell's state that the encoder hands over.
STATES = {"lstm": ("h", "c"), "gru": ("h",)}
DESCRIPTION = (
    f"source: Embedding({VOCABULARY}, {FEATURES}) → bidirectional({ENCODER}); target: Embedding({VOCABULARY}, "
    f"{FEATURES}) → one direction({DECODER}) → general attention → Dense({READOUT}, tanh) → Dense({VOCABULARY}); "
    f"dropout {EMBEDDING_DROPOUT} behind the embeddings, {OUTPUT_DROPOUT} before the last layer"
)


def shapes(cell: str, fed: bool) -> dict[str, tuple[int, ...]]:
    """Parameter → shape, named as in `torch_network.TutorialNetwork`; rows are what comes out."""
    of_encoder, of_decoder = GATES[cell] * ENCODER, GATES[cell] * DECODER
    found: dict[str, tuple[int, ...]] = {
        "source_embedding.weight": (VOCABULARY, FEATURES),
        "target_embedding.weight": (VOCABULARY, FEATURES),
    }
    for suffix in ("", "_reverse"):
        found |= {
            f"encoder.weight_ih_l0{suffix}": (of_encoder, FEATURES),
            f"encoder.weight_hh_l0{suffix}": (of_encoder, ENCODER),
            f"encoder.bias_ih_l0{suffix}": (of_encoder,),
            f"encoder.bias_hh_l0{suffix}": (of_encoder,),
        }
    for part in STATES[cell]:
        found |= {f"bridge.{part}.weight": (DECODER, 2 * ENCODER), f"bridge.{part}.bias": (DECODER,)}
    return found | {
        "decoder.weight_ih_l0": (of_decoder, FEATURES + READOUT * fed),
        "decoder.weight_hh_l0": (of_decoder, DECODER),
        "decoder.bias_ih_l0": (of_decoder,),
        "decoder.bias_hh_l0": (of_decoder,),
        "keys.weight": (DECODER, 2 * ENCODER),
        "readout.weight": (READOUT, 2 * ENCODER + DECODER),
        "output.weight": (VOCABULARY, READOUT),
        "output.bias": (VOCABULARY,),
    }


def common_weights(cell: str = "lstm", fed: bool = False, seed: int = 0) -> Weights:
    """Weights for peers that have to write the same; see `shapes`.

    They are uniform, and larger than weights that training starts from: what is written depends on the source. No text
    ends by itself.
    """
    generator = np.random.default_rng(seed)

    def uniform(shape: tuple[int, ...]) -> np.ndarray:
        bound = 2 * shape[-1] ** -0.5
        return generator.uniform(-bound, bound, shape).astype(np.float32)

    weights = {name: uniform(shape) for name, shape in shapes(cell, fed).items()}
    for side in ("source", "target"):
        weights[f"{side}_embedding.weight"] = generator.uniform(-1, 1, (VOCABULARY, FEATURES)).astype(np.float32)
        weights[f"{side}_embedding.weight"][PADDING] = 0
    weights["output.bias"][END] = -100
    return weights


def parameter_count(cell: str = "lstm", fed: bool = False) -> int:
    """Trained numbers of the network."""
    return sum(int(np.prod(shape)) for shape in shapes(cell, fed).values())
