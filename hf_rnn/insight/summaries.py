"""Lists the layers of a model with their output shapes and numbers of parameters, as Keras' `Model.summary` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from ..models.modeling_conv import ConvEncoderModel
from ..models.modeling_series import RecurrentForTimeSeriesPrediction
from .evaluation import evaluation_mode


__all__ = ["LayerSummary", "ModelSummary", "summary"]


# The sizes of the batches that a model reads: what changes from the first to the second is the batch, to the third the
# time, in both a number of steps of all texts.
PROBES = ((2, 3), (5, 3), (2, 7))
NAMES = {(True, False): "batch", (False, True): "time", (True, True): "steps"}


@dataclass(frozen=True)
class LayerSummary:
    """A module that has parameters of its own.

    Attributes:
        name: Where it is in the model, such as `model.layers.0.cell`.
        kind: Its class.
        output_shape: A size or "batch", "time" or "steps" (those of all texts together) for each dimension; of a cell
            that of its outputs. None for what a prediction does not call, such as a CRF.
        parameters: How many it has that no layer above has.
        trainable: How many of them are trained.
        shares_with: The layers whose weights it has besides, such as an output layer tied to the embeddings.
    """

    name: str
    kind: str
    output_shape: tuple[int | str, ...] | None
    parameters: int
    trainable: int
    shares_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSummary:
    """What `summary` returns; printed, it is a table.

    Attributes:
        name: The model's class.
        layers: In the order in which the model has them.
        size_bytes: Of the parameters in memory.
        buffer_bytes: Of what is kept beside them and never trained by a gradient, such as the running statistics of a
            batch normalisation, or the weights of a wide part.
    """

    name: str
    layers: tuple[LayerSummary, ...]
    size_bytes: int
    buffer_bytes: int

    @property
    def parameters(self) -> int:
        """All parameters, each counted once: `model.num_parameters()`."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable(self) -> int:
        """Those that are trained: `model.num_parameters(only_trainable=True)`."""
        return sum(layer.trainable for layer in self.layers)

    def __str__(self) -> str:
        rows = [("Layer (type)", "Output shape", "Parameters", "Trained"), *map(_cells, self.layers)]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in rows
        ]
        rule = "─" * (sum(widths) + 6)
        frozen = self.parameters - self.trainable
        total = f"Parameters: {self.parameters:,} ({_megabytes(self.size_bytes)}), "
        total += f"{self.trainable:,} trained, {frozen:,} not trained."
        if self.buffer_bytes:
            total += f" Beside them: {_megabytes(self.buffer_bytes)} that no gradient trains."
        return "\n".join([self.name, rule, lines[0], rule, *lines[1:], rule, total])

    __repr__ = __str__


def summary(model: PreTrainedModel) -> ModelSummary:
    """List the layers of `model` that have parameters, with output shapes and numbers of parameters.

    The shapes are those of predictions: the model reads three tiny batches in evaluation mode, and is left as it was.

    Args:
        model: Any model of this package, or one of transformers that reads token ids. In a model of series that reads
            each channel by itself, "batch" counts the channels of all series.

    Returns:
        The layers, whose sum is `model.num_parameters()`: a weight that two layers share counts once.

    Raises:
        ValueError: `model` is none of transformers', or no batch can be made for it.

    Example:
        >>> from hf_rnn import LstmConfig, LstmForSequenceClassification
        >>> summary(LstmForSequenceClassification(LstmConfig(vocab_size=100, embedding_size=8, hidden_size=16)))
        LstmForSequenceClassification
        ────────────────────────────────────────────────────────────────────────────────────
        Layer (type)                                  Output shape       Parameters  Trained
        ────────────────────────────────────────────────────────────────────────────────────
        model.embeddings.word_embeddings (Embedding)  (batch, time, 8)          800  yes
        model.layers.0.cell (LstmCell)                (batch, time, 16)       1,664  yes
        classifier.output (Linear)                    (batch, 2)                 34  yes
        ────────────────────────────────────────────────────────────────────────────────────
        Parameters: 2,498 (0.01 MB), 2,498 trained, 0 not trained.
    """
    if not isinstance(model, PreTrainedModel):
        raise ValueError(f"`model` is a {type(model).__name__}; it must be a model of this package or transformers.")
    shapes = _output_shapes(model)
    first: dict[int, str] = {}
    layers = []
    for name, module in model.named_modules():
        own = [parameter for _, parameter in module.named_parameters(recurse=False)]
        if own:
            new = [parameter for parameter in own if first.setdefault(id(parameter), name) == name]
            shared = tuple(dict.fromkeys(first[id(one)] for one in own if first[id(one)] != name))
            trained = sum(one.numel() for one in new if one.requires_grad)
            total = sum(one.numel() for one in new)
            layers.append(LayerSummary(name, type(module).__name__, shapes.get(name), total, trained, shared))
    return ModelSummary(type(model).__name__, tuple(layers), _bytes(model.parameters()), _bytes(model.buffers()))


def _cells(layer: LayerSummary) -> tuple[str, str, str, str]:
    shape = "" if layer.output_shape is None else f"({', '.join(map(str, layer.output_shape))})"
    trained = {0: "no", layer.parameters: "yes"}.get(layer.trainable, f"{layer.trainable:,}")
    if layer.shares_with:
        shares = f"shared with {', '.join(layer.shares_with)}"
        trained = f"{trained}; {shares}" if layer.parameters else shares
    return f"{layer.name} ({layer.kind})", shape, f"{layer.parameters:,}", trained


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"


def _bytes(tensors: Iterator[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _output_shapes(model: PreTrainedModel) -> dict[str, tuple[int | str, ...]]:
    runs = []
    with torch.no_grad(), evaluation_mode(model):
        for batch, time in PROBES:
            with _recorded(model) as seen:
                model(**_inputs(model, batch, time))
            runs.append(seen)
    named = {}
    for name, shape in runs[0].items():
        others = [run.get(name, ()) for run in runs[1:]]
        if all(len(other) == len(shape) for other in others):
            changes = [tuple(other[axis] != size for other in others) for axis, size in enumerate(shape)]
            named[name] = tuple(NAMES.get((c[0], c[1]), size) for c, size in zip(changes, shape, strict=True))
    return named


@contextmanager
def _recorded(model: nn.Module) -> Iterator[dict[str, tuple[int, ...]]]:
    seen: dict[str, tuple[int, ...]] = {}
    handles = []
    for name, module in model.named_modules():

        def keep(_module: nn.Module, _inputs: Any, output: Any, name: str = name) -> None:
            found = output[0] if isinstance(output, tuple) else output
            if isinstance(found, torch.Tensor):
                seen[name] = tuple(found.shape)

        handles.append(module.register_forward_hook(keep))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _inputs(model: PreTrainedModel, batch: int, time: int) -> dict[str, torch.Tensor]:
    config: Any = model.config
    if isinstance(model, RecurrentForTimeSeriesPrediction):
        return _series(model, config, batch, time)
    if config.model_type == "siamese":
        side = _side(model, config.encoder, batch, time)
        return {**side, **{f"{name}_b": value for name, value in side.items()}}
    if not config.is_encoder_decoder:
        return _side(model, config, batch, time)
    encoder, decoder = getattr(config, "reads", config), getattr(config, "writes", config)
    given = _side(model, decoder, batch, time)
    return {
        **_side(model, encoder, batch, time),
        "decoder_input_ids": given["input_ids"],
        "decoder_attention_mask": given["attention_mask"],
    }


def _series(model: PreTrainedModel, config: Any, batch: int, time: int) -> dict[str, torch.Tensor]:
    # The network reads a step for each patch.
    past = time * config.patch_length
    given = {"past_values": torch.zeros(batch, past, config.num_channels, device=model.device)}
    if config.num_time_features:
        for name, steps in (("past_time_features", past), ("future_time_features", config.prediction_length)):
            given[name] = torch.zeros(batch, steps, config.num_time_features, device=model.device)
    return given


def _side(model: PreTrainedModel, config: Any, batch: int, time: int) -> dict[str, torch.Tensor]:
    if config.model_type == ConvEncoderModel.config_class.model_type:
        size = config.image_size
        return {"pixel_values": torch.zeros(batch, config.num_channels, size, size, device=model.device)}
    mask = torch.ones(batch, time, dtype=torch.long, device=model.device)
    vocab_size = getattr(config, "vocab_size", None)
    if vocab_size is not None:
        return {"input_ids": torch.full_like(mask, min(1, vocab_size - 1)), "attention_mask": mask}
    if not hasattr(config, "embedding_size"):
        raise ValueError(f"`model` is a {type(model).__name__}, which reads neither token ids nor known features.")
    features = torch.zeros(batch, time, config.embedding_size, dtype=model.dtype, device=model.device)
    return {"inputs_embeds": features, "attention_mask": mask}
