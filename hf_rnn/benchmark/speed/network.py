"""The network that every peer computes: sizes, common weights, and the operations it costs.

    Embedding(20000, 128) → BiLSTM(64) → dropout → BiLSTM(32), last states → dropout → Dense(64, relu) → Dense(1)

This file and all that a worker imports before its peer need numpy alone: what a peer's start costs is its own.
"""

from __future__ import annotations

import numpy as np


VOCABULARY, FEATURES, UNITS, DENSE = 20_000, 128, (64, 32), 64
DROPOUT = 0.5
GATES = {"lstm": 4, "gru": 3}
DESCRIPTION = (
    f"Embedding({VOCABULARY}, {FEATURES}) → BiLSTM({UNITS[0]}) → dropout {DROPOUT} → BiLSTM({UNITS[1]}), last states "
    f"→ dropout {DROPOUT} → Dense({DENSE}, relu) → Dense(1)"
)

Weights = dict[str, np.ndarray]


def layer_inputs() -> tuple[int, ...]:
    """Features that each recurrent layer reads."""
    return (FEATURES, *(2 * units for units in UNITS[:-1]))


def common_weights(cell: str = "lstm", seed: int = 0) -> Weights:
    """Weights for peers that have to give the same answers; the order of gates is that of torch.

    They are uniform, and larger than weights that training starts from: the answers to different texts differ by more
    than rounding.

    Args:
        cell: `"lstm"` or `"gru"`.

    Returns:
        `embedding.weight`; for each layer `layers.0.weight_ih_l0` and so on, as `torch.nn.LSTM` names them;
        `dense.weight`, `dense.bias`, `output.weight`, `output.bias` (rows: what comes out). Row 0 of the embedding,
        the padding, is zero.
    """
    generator = np.random.default_rng(seed)

    def uniform(inputs: int, *shape: int) -> np.ndarray:
        bound = 2 * inputs**-0.5
        return generator.uniform(-bound, bound, shape).astype(np.float32)

    weights = {"embedding.weight": uniform(1, VOCABULARY, FEATURES)}
    weights["embedding.weight"][0] = 0
    for index, (size, units) in enumerate(zip(layer_inputs(), UNITS, strict=True)):
        rows = GATES[cell] * units
        for suffix in ("", "_reverse"):
            for name, shape in {"weight_ih": (rows, size), "weight_hh": (rows, units)}.items():
                weights[f"layers.{index}.{name}_l0{suffix}"] = uniform(shape[1], *shape)
            for name in ("bias_ih", "bias_hh"):
                weights[f"layers.{index}.{name}_l0{suffix}"] = uniform(units, rows)
    for name, (outputs, inputs) in {"dense": (DENSE, 2 * UNITS[-1]), "output": (1, DENSE)}.items():
        weights[f"{name}.weight"] = uniform(inputs, outputs, inputs)
        weights[f"{name}.bias"] = uniform(inputs, outputs)
    return weights


def parameter_count(cell: str = "lstm") -> int:
    """Trained numbers of the network."""
    return sum(weight.size for weight in common_weights(cell).values())


def forward_operations(tokens: float, cell: str = "lstm") -> float:
    """Floating point operations in the matrix products of one text's forward pass, a multiplication and an addition
    counted as two: 2·T·G·H·(I + H) for a direction of a layer, with T tokens, G gates, H units and I inputs; and the
    dense layers. A backward pass costs twice as much again.
    """
    recurrent = sum(
        2 * 2 * tokens * GATES[cell] * units * (size + units)
        for size, units in zip(layer_inputs(), UNITS, strict=True)
    )
    return recurrent + 2 * (2 * UNITS[-1] * DENSE + DENSE)
