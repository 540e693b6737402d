"""Makes a model of what Keras saved, without TensorFlow.

    Embedding, Masking or nothing → LSTM, GRU or SimpleRNN layers → last step, pooling or each step → Dense layers

A model that ends with its recurrent layers gives a backbone, one with Dense layers behind the last step or a pooling
gives a classifier of sequences, one with Dense layers behind each step a token classifier.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from ..models import modeling_rnn
from ..models.backbone import RecurrentModel, RecurrentPreTrainedModel
from ..models.configuration_rnn import FAMILIES, RecurrentConfig
from .keras_file import read_layers
from .keras_front import Front
from .keras_head import Head, affine
from .keras_layer import KerasLayer, Leftovers
from .keras_recurrent import CELLS, Recurrence, cell_weights


__all__ = ["from_keras"]


logger = logging.getLogger(__name__)

_POOLING = {"GlobalMaxPooling1D": "max", "GlobalAveragePooling1D": "mean"}
_OF_EACH_STEP = ("Dense", "Dropout", "BatchNormalization", "Activation", "ReLU", "Softmax")
_SUFFIXES = {"sequence": "ForSequenceClassification", "token": "ForTokenClassification"}


def from_keras(
    source: Any,
    *,
    architecture: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    problem_type: str | None = None,
    inference_only: bool = False,
) -> RecurrentPreTrainedModel:
    """Make a model that computes what a model of Keras 3 computes.

    What is taken over: a `Sequential`, or a `Functional` model in which each layer reads the one before, of
    `Embedding` or `Masking`; `LSTM`, `GRU` (with and without `reset_after`) or `SimpleRNN`, all of one class, also in
    `Bidirectional`; `GlobalMaxPooling1D` or `GlobalAveragePooling1D`; `Dense`, `BatchNormalization`, `Activation`,
    also in `TimeDistributed`; `Dropout` and `SpatialDropout1D`. A last `Dense(1, "sigmoid")` becomes two labels, the
    second of which has its probability; `softmax` becomes a label of several; several `sigmoid` become several labels
    at once.

    Padding: with `mask_zero=True` the id 0 is padding in both, on either side of a text, wherever it stands. Without,
    Keras reads the padding as any other id, and so does the model here, as long as it is given no `attention_mask`.
    Where Keras has `Masking`, give `attention_mask=(inputs != mask_value).any(-1)`. At the padding itself the outputs
    for each step differ: they are zero here.

    The optimizer, initializers and the momentum of `BatchNormalization` are left behind; training goes on with those
    of this package. Frozen layers (`trainable=False`) stay frozen until the model is saved.

    Args:
        source: A Keras model, a `.keras` file, or a `.weights.h5` file. No code in a file is run.
        architecture: For a `.weights.h5` file what `model.to_json()` says: the text, its file, or the dictionary.
        problem_type: Where the last layer has no activation, what its outputs are: `"regression"`, or the logits of a
            `"single_label_classification"` or `"multi_label_classification"`. Default: what the activation says.
        inference_only: Whether to leave out what only training uses and nothing here has (`recurrent_dropout`,
            regularizers, a dropout where a configuration has no place for it), and to make a `BatchNormalization`
            that stands where no classifier here has one part of the layer behind it. Default: these are errors.

    Returns:
        The model in evaluation mode, in the type of its weights, float32 or float64.

    Raises:
        MissingExtraError: h5py is not installed.
        FileNotFoundError: there is no such file.
        ValueError: names the layer, its setting and what that may be.
    """
    leftovers = Leftovers(inference_only, [])
    layers = list(_unwrapped(read_layers(source, architecture), leftovers))
    front, stack, rest = _split(layers, leftovers)
    pooling, labels_of = _pooling(stack[-1], rest, front.masks, leftovers)
    head = Head.read(rest, labels_of, problem_type, leftovers)
    config = _config(front, stack, pooling, head, leftovers)
    # A model that ends with its recurrent layers is a backbone, whether it gives each step or the last.
    suffix = _SUFFIXES[labels_of] if head.blocks else "Model"
    model: Any = getattr(modeling_rnn, f"{_family(config)}{suffix}")(config)
    model.to(_dtype(layers))
    _fill_backbone(getattr(model, "model", model), front, stack)
    if head.blocks:
        _fill_head(getattr(model, "head", model).classifier, head)
    if leftovers.found:
        logger.warning("Left out, as `inference_only` is True: %s.", ", ".join(leftovers.found))
    made: RecurrentPreTrainedModel = model.eval()
    return made


def _unwrapped(layers: Sequence[KerasLayer], leftovers: Leftovers) -> Iterator[KerasLayer]:
    """The layers, without what changes nothing in evaluation."""
    for layer in layers:
        if layer.kind == "TimeDistributed" and layer.settings["layer"]["class_name"] in _OF_EACH_STEP:
            layer = layer.inside()
        if layer.kind in ("GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization"):
            leftovers.add(layer, "class", layer.kind, "Dropout or SpatialDropout1D")
            continue
        if layer.kind == "Activation" and layer.activation() == "linear":
            continue
        for part in (layer.settings, layer.settings.get("layer"), layer.settings.get("backward_layer")):
            for name, value in dict((part or {}).get("config", part or {})).items():
                if name.endswith(("_regularizer", "_constraint")) and value is not None:
                    leftovers.add(layer, name, value.get("class_name", value), "None")
        yield layer


def _split(layers: Sequence[KerasLayer], leftovers: Leftovers) -> tuple[Front, list[Recurrence], list[KerasLayer]]:
    """What stands before the recurrent layers, these, and what stands behind."""
    found = [Recurrence.read(layer, leftovers) for layer in layers]
    places = [place for place, recurrence in enumerate(found) if recurrence is not None]
    if not places:
        kinds = ", ".join(f"`{layer.name}` ({layer.kind})" for layer in layers)
        raise ValueError(f"The model has no recurrent layer, only {kinds}; it must have one of {', '.join(CELLS)}.")
    stack = [recurrence for recurrence in found if recurrence is not None]
    for recurrence in stack[1:]:
        for name, value in stack[0].in_common().items():
            if recurrence.in_common()[name] != value:
                must = f"{value!r} as that of `{stack[0].layer.name}`: the layers of a stack are alike here"
                raise recurrence.layer.refused(name, recurrence.in_common()[name], must)
    front = Front.read(layers[: places[0]], stack[0], leftovers)
    for (above, below), recurrence in zip(pairwise(places), stack[1:], strict=True):
        front.read_between(layers[above + 1 : below], recurrence, leftovers)
    return front, stack, list(layers[places[-1] + 1 :])


def _pooling(
    last: Recurrence, rest: list[KerasLayer], masks: KerasLayer | None, leftovers: Leftovers
) -> tuple[str, str]:
    """How the steps become a vector, and what has the labels; the layers up to that which pools are taken out of
    `rest`.
    """
    if not last.returns_sequences:
        return "last", "sequence"
    place = next((place for place, layer in enumerate(rest) if layer.kind in _POOLING), None)
    if place is None:
        return "last", "token"
    layer = rest[place]
    for above in rest[:place]:
        if above.kind not in ("Dropout", "SpatialDropout1D"):
            raise ValueError(
                f"{above} stands between the recurrent layers and `{layer.name}`; no layer must stand there."
            )
        leftovers.add(above, "rate", above.settings["rate"], f"0 before `{layer.name}`")
    layer.must_have("keepdims", False)
    layer.must_have("data_format", "channels_last")
    if masks is not None and layer.kind == "GlobalMaxPooling1D":
        raise ValueError(
            f"{layer} looks at the padding that `{masks.name}` masks, which no pooling here does; it must be "
            "GlobalAveragePooling1D, or there must be no mask."
        )
    del rest[: place + 1]
    return _POOLING[layer.kind], "sequence"


def _config(
    front: Front, stack: Sequence[Recurrence], pooling: str, head: Head, leftovers: Leftovers
) -> RecurrentConfig:
    first = stack[0].cells[0]
    bidirectional = len(stack[0].cells) == 2
    values = front.settings(leftovers)
    values |= {"hidden_sizes": [each.units for each in stack], "merge": stack[0].merge, "pooling": pooling}
    if head.blocks:
        values |= head.settings(leftovers)
    if first.kind == "LSTM":
        return FAMILIES["bilstm" if bidirectional else "lstm"](**values)
    if first.kind == "GRU":
        values["reset_after"] = bool(first.settings.get("reset_after", True))
    else:
        values["nonlinearity"] = first.activation()
    return FAMILIES[CELLS[first.kind]](**values, bidirectional=bidirectional)


def _family(config: RecurrentConfig) -> str:
    return type(config).__name__.removesuffix("Config")


def _dtype(layers: Sequence[KerasLayer]) -> torch.dtype:
    types = {array.dtype for layer in layers for arrays in layer.weights.values() for array in arrays}
    if len(types) != 1:
        raise ValueError(f"The weights are of the types {', '.join(sorted(map(str, types)))}; they must be of one.")
    return torch.from_numpy(np.zeros(0, dtype=types.pop())).dtype


def _put(parameter: Any, array: np.ndarray, layer: KerasLayer) -> None:
    if tuple(parameter.shape) != array.shape:
        raise ValueError(
            f"{layer} has weights of shape {array.shape} in the file; by the layers before it must be "
            f"{tuple(parameter.shape)}."
        )
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    if isinstance(parameter, nn.Parameter):
        parameter.requires_grad_(layer.trainable)


def _fill_backbone(backbone: RecurrentModel, front: Front, stack: Sequence[Recurrence]) -> None:
    if front.embedding is not None:
        (table,) = front.embedding.arrays("", 1)
        _put(backbone.get_input_embeddings().weight, table, front.embedding)
    for layer, recurrence in zip(backbone.layers, stack, strict=True):
        for cell, suffix in zip(recurrence.cells, ("", "_reverse"), strict=False):
            for name, array in cell_weights(cell).items():
                _put(getattr(layer.cell, f"{name}_l0{suffix}"), array, cell)


def _fill_head(classifier: Any, head: Head) -> None:
    hidden = [module for module in classifier.dense if isinstance(module, nn.Linear)]
    norms = [module for module in classifier.dense if isinstance(module, nn.BatchNorm1d)]
    before = head.blocks[0].before
    for block, linear in zip(head.blocks, [*hidden, classifier.output], strict=True):
        weight, bias = block.weights()
        if before is not None:
            weight, bias = _folded(before, weight, bias)
        if linear is classifier.output and head.single_logit and head.labels_of == "token":
            # The sigmoid of z is the softmax of 0 and z.
            weight, bias = (np.concatenate([np.zeros_like(part), part]) for part in (weight, bias))
        _put(linear.weight, weight, block.dense)
        _put(linear.bias, bias, block.dense)
        before = None if head.all_normed else block.after
    for block, norm in zip(head.blocks, norms, strict=False):
        if block.after is not None:
            targets = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
            for target, array in zip(targets, affine(block.after), strict=True):
                _put(target, array, block.after)


def _folded(norm: KerasLayer, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W and b that compute of x what these compute of the batch normalisation of x."""
    gamma, beta, mean, variance = (array.astype(np.float64) for array in affine(norm))
    scale = gamma / np.sqrt(variance + nn.BatchNorm1d(1).eps)
    shifted = bias + weight.astype(np.float64) @ (beta - mean * scale)
    return (weight * scale).astype(weight.dtype), shifted.astype(bias.dtype)
