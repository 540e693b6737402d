"""The dense layers behind the recurrent ones of a Keras model, as the classifier of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from .keras_layer import KerasLayer, Leftovers


__all__ = ["Block", "Head", "affine"]


ACTIVATIONS = ("relu", "tanh", "gelu")
PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")
# Activation of the last layer → what its outputs are the probabilities of; `linear` may be any.
_PROBLEM_OF = {"softmax": PROBLEMS[:1], "sigmoid": PROBLEMS[:2], "linear": PROBLEMS}
_LAYERS_OF_ACTIVATION = {"ReLU": "relu", "Softmax": "softmax"}


@dataclass
class Block:
    """A dense layer with what stands around it.

    Attributes:
        dense: The `Dense`.
        activation: Its activation, or that of the layer behind it.
        drop: The `Dropout` before it.
        before, after: Batch normalisation before the first block, and behind the activation.
    """

    dense: KerasLayer
    activation: str
    drop: KerasLayer | None = None
    before: KerasLayer | None = None
    after: KerasLayer | None = None

    @property
    def rate(self) -> float:
        """The share that the dropout before the layer zeroes; 0 without one."""
        return 0.0 if self.drop is None else float(self.drop.settings["rate"])

    @property
    def units(self) -> int:
        return int(self.dense.settings["units"])

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """W (units, inputs) and b (units)."""
        kernel, *biases = self.dense.arrays("", 2 if self.dense.settings.get("use_bias", True) else 1)
        return kernel.T, biases[0] if biases else np.zeros(self.units, dtype=kernel.dtype)


@dataclass
class Head:
    """The layers behind the recurrent ones, as one head.

    Attributes:
        blocks: The dense layers; without any, the model ends with its recurrent layers.
        labels_of: `sequence` or `token`.
        problem: `problem_type` of the configuration.
        single_logit: Whether the last layer has one unit for two labels.
    """

    labels_of: str
    blocks: list[Block] = field(default_factory=list)
    problem: str | None = None
    single_logit: bool = False

    @classmethod
    def read(cls, layers: Sequence[KerasLayer], labels_of: str, problem: str | None, leftovers: Leftovers) -> Head:
        """Raises:
        ValueError: names a layer, or its setting, that nothing here has.
        """
        head = cls(labels_of, _blocks(layers, labels_of, leftovers))
        if not head.blocks:
            if problem is not None:
                raise ValueError(f"`problem_type` is {problem!r}; for a model without a Dense layer it must be None.")
            return head
        head._find_problem(problem)
        for block in head.blocks[:-1]:
            name = block.activation
            if name not in ACTIVATIONS or name != head.blocks[0].activation:
                must = " or ".join(map(repr, ACTIVATIONS)) + ", and the same for all"
                raise block.dense.refused("activation", name, must)
        return head

    @property
    def all_normed(self) -> bool:
        """Whether each dense layer but the last has batch normalisation: `classifier_norm` is then `"batch"`."""
        return len(self.blocks) > 1 and all(block.after is not None for block in self.blocks[:-1])

    def settings(self, leftovers: Leftovers) -> dict[str, Any]:
        """The values of a configuration.

        Raises:
            ValueError: a dropout or a norm stands where a configuration has none.
        """
        hidden, last = self.blocks[:-1], self.blocks[-1]
        rate = self.blocks[0].rate
        for block in self.blocks[1:]:
            wanted = rate if block is not last else 0.0
            if block.rate != wanted:
                must = f"{wanted}: a classifier here has the same dropout before each Dense layer but the last"
                leftovers.add(block.drop or block.dense, "rate", block.rate, must)
        for norm in [self.blocks[0].before, *(block.after for block in hidden if not self.all_normed)]:
            if norm is not None:
                leftovers.fold(norm)
        found: dict[str, Any] = {"classifier_dropout": rate, "problem_type": self.problem}
        if hidden:
            found["classifier_hidden_sizes"] = [block.units for block in hidden]
            found["classifier_activation"] = hidden[0].activation
            found["classifier_norm"] = "batch" if self.all_normed else "none"
        found["single_logit"] = self.single_logit and self.labels_of == "sequence"
        found["num_labels"] = 2 if self.single_logit else last.units
        return found

    def _find_problem(self, problem: str | None) -> None:
        last = self.blocks[-1]
        if last.after is not None:
            raise ValueError(f"{last.after} stands behind the last Dense layer; it must not be there.")
        if problem not in (None, *PROBLEMS):
            raise ValueError(f"`problem_type` is {problem!r}; it must be one of {', '.join(PROBLEMS)}.")
        possible = _PROBLEM_OF.get(last.activation)
        if possible is None:
            raise last.dense.refused("activation", last.activation, " or ".join(map(repr, _PROBLEM_OF)))
        if problem is None:
            if last.activation == "linear":
                raise ValueError(
                    f"{last.dense} has no activation, so its outputs may be logits or numbers: `problem_type` must be "
                    f"one of {', '.join(PROBLEMS)}."
                )
            problem = possible[0] if last.units == 1 or last.activation == "softmax" else possible[1]
        if problem not in possible or (last.activation == "sigmoid" and last.units > 1 and problem == PROBLEMS[0]):
            raise ValueError(
                f"`problem_type` is {problem!r}, and {last.dense} has {last.units} units with the activation "
                f"{last.activation!r}, which is not that."
            )
        if last.activation == "softmax" and last.units == 1:
            raise last.dense.refused("units", 1, "at least 2 with a softmax, which is 1 for a single one")
        self.problem = problem
        self.single_logit = problem == PROBLEMS[0] and last.units == 1


def _blocks(layers: Sequence[KerasLayer], labels_of: str, leftovers: Leftovers) -> list[Block]:
    blocks: list[Block] = []
    drop, before = None, None
    for layer in layers:
        last = blocks[-1] if blocks and drop is None else None
        if layer.kind == "Dense":
            blocks.append(Block(layer, layer.activation(), drop, before))
            drop, before = None, None
        elif layer.kind == "Dropout" and drop is None:
            drop = layer if layer.settings["rate"] else None
        elif layer.kind in ("Activation", *_LAYERS_OF_ACTIVATION) and last is not None:
            _activate(last, layer)
        elif layer.kind == "BatchNormalization" and last is not None and last.after is None:
            _check_norm(layer, labels_of)
            last.after = layer
        elif layer.kind == "BatchNormalization" and not blocks and drop is None and before is None:
            _check_norm(layer, labels_of)
            before = layer
        else:
            raise ValueError(
                f"{layer} cannot be taken over where it stands; behind the recurrent layers and their pooling there "
                "must be nothing but BatchNormalization, Dropout, Dense and Activation, in this order, and "
                "TimeDistributed of these."
            )
    if before is not None:
        raise ValueError(f"{before} stands behind the recurrent layers with no Dense layer behind it, which it needs.")
    if drop is not None:
        leftovers.add(drop, "rate", drop.settings["rate"], "0, as no Dense layer follows")
    return blocks


def _activate(block: Block, layer: KerasLayer) -> None:
    if layer.kind == "ReLU":
        for setting in ("negative_slope", "threshold"):
            layer.must_have(setting, 0.0)
        layer.must_have("max_value", None)
    elif layer.kind == "Softmax":
        layer.must_have("axis", -1)
    if block.activation != "linear" or block.after is not None:
        raise ValueError(
            f"{layer} must stand right behind a Dense layer without an activation; `{block.dense.name}` is none."
        )
    block.activation = _LAYERS_OF_ACTIVATION.get(layer.kind) or layer.activation()


def _check_norm(layer: KerasLayer, labels_of: str) -> None:
    # The last axis is that of the features; without a TimeDistributed around it, steps have one before it.
    features = 2 if labels_of == "token" and not layer.each_step else 1
    axis = layer.settings.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) else axis
    if axis not in (-1, features):
        raise layer.refused("axis", axis, "-1, that of the features")
    layer.must_have("renorm", False)


def affine(norm: KerasLayer) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """γ, β, the mean and the variance of a batch normalisation, each (features). To the variance Keras' ε is added and
    torch's taken away, so that torch, which adds its own, divides by what Keras divides by.
    """
    scale, center = bool(norm.settings.get("scale", True)), bool(norm.settings.get("center", True))
    arrays = list(norm.arrays("", 2 + scale + center))
    mean, variance = arrays[-2:]
    gamma = arrays[0] if scale else np.ones_like(mean)
    beta = arrays[int(scale)] if center else np.zeros_like(mean)
    epsilon = float(norm.settings.get("epsilon", 1e-3)) - nn.BatchNorm1d(1).eps
    return gamma, beta, mean, (variance.astype(np.float64) + epsilon).astype(variance.dtype)
