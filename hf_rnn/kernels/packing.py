"""Lays out the weights of a model once, for one short text or one token at a time (`network.cpp`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules import module as torch_modules
from transformers.utils import output_capturing

from ..models.backbone import RecurrentModel
from ..models.cell import Cell, OneStep
from ..models.cells import ElmanCell, GruCell, LstmCell
from ..models.char_encoder import ByteEmbedding, CharacterCnn, NeighbourhoodConvolution
from ..models.crf import FORBIDDEN, ConditionalRandomField
from ..models.embeddings import RecurrentEmbeddings, TypeDropout
from ..models.heads import BatchNorm, ClassificationHead, DenseStack
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_rnn import RecurrentForSequenceClassification, RecurrentForTokenClassification
from ..models.pooling import AttentionPool, Pooler
from ..models.recurrent import LockedDropout, StackedLayer
from ..models.tagging import TaggingHead
from ..models.word_embeddings import CASING_CLASSES, WordEmbeddings
from .binding import KINDS
from .network_binding import (
    ACTIVATIONS,
    POOLINGS,
    DenseSpec,
    LayerSpec,
    Network,
    NetworkLibrary,
    NetworkSpec,
    Parts,
    TagSpec,
    WordSpec,
)


__all__ = ["obstacle", "pack"]


_MODELS = (
    RecurrentModel,
    RecurrentForSequenceClassification,
    RecurrentForTokenClassification,
    RecurrentForCausalLM,
)
# What `pack` knows, or what does nothing in evaluation. A parametrised module is of a class of its own.
_MODULES = {
    *(nn.ModuleList, nn.Linear, nn.Embedding, nn.Dropout, nn.Identity, nn.ReLU, nn.Tanh, nn.GELU),
    *(LstmCell, GruCell, ElmanCell, OneStep, StackedLayer, LockedDropout, TypeDropout),
    *(RecurrentEmbeddings, WordEmbeddings, CharacterCnn, ByteEmbedding, NeighbourhoodConvolution),
    *(Pooler, AttentionPool, DenseStack, ClassificationHead, BatchNorm, TaggingHead, ConditionalRandomField),
}
_ACTIVATION_OF = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.GELU: "gelu"}


def obstacle(model: nn.Module) -> str | None:
    """Say what keeps `model` from being packed: a part that the compiled network does not have, a weight that is made
    of others, or that is not float32 on the CPU; None: nothing does.
    """
    known = next((kind for kind in _MODELS if isinstance(model, kind)), None)
    if known is None or type(model).forward is not known.forward:
        return f"a {type(model).__name__} is not among the models that are packed"
    if torch_modules._global_forward_hooks or torch_modules._global_forward_pre_hooks:
        return "there are hooks on all modules"
    for name, module in model.named_modules():
        if found := _obstacle_of(module):
            return f"{name or 'the model'}: {found}"
    for name, weight in model.named_parameters():
        if weight.dtype != torch.float32 or weight.device.type != "cpu" or type(weight) is not nn.Parameter:
            return f"{name} is {weight.dtype} on {weight.device}, and not float32 on the CPU"
    return _obstacle_of_config(model)


def _obstacle_of(module: nn.Module) -> str | None:
    if type(module) not in _MODULES and not isinstance(module, _MODELS):
        return f"it is a {type(module).__name__}, which the compiled network does not have"
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    # Those by which transformers records hidden states do nothing but where these are asked for.
    if any(getattr(hook, "__module__", None) != output_capturing.__name__ for hook in hooks):
        return "it has a forward hook"
    if "forward" in vars(module):
        return "its `forward` has been replaced"
    if isinstance(module, Cell) and module.kernel not in KINDS:
        return "no kernel computes this cell"
    return None


def _obstacle_of_config(model: Any) -> str | None:
    backbone = _backbone(model)
    if backbone.embeddings.word_embeddings is None:
        return "it reads no token ids through an embedding table"
    if not len(backbone.layers) and backbone.pooler.pooling == "last":
        return "there is no last state without a recurrent layer"
    if isinstance(model, RecurrentForTokenClassification) and model.head.of_steps is not None:
        return f"it has a target at every step (`problem_type` {model.head.of_steps!r})"
    return None


def pack(model: Any, library: NetworkLibrary, projection: nn.Linear | None = None) -> Network:
    """A network with copies of the weights that `model` has now, for evaluation.

    Args:
        model: A backbone, a classifier, a tagger or a language model, of which [`obstacle`] says None.
        library: The loaded library.
        projection: A further layer, which reads what a backbone gives of a text.
    """
    parts, backbone = Parts(), _backbone(model)
    table = backbone.embeddings.word_embeddings.weight
    layers = [_layer(layer, parts) for layer in backbone.layers]
    dense = list(_dense_of([*_head(model), *([] if projection is None else [projection])], parts))
    spec = NetworkSpec(
        table_rows=table.shape[0],
        table_width=table.shape[1],
        num_layers=len(layers),
        pooling=POOLINGS.index(backbone.pooler.pooling),
        num_dense=len(dense),
        table=parts.numbers(table),
        layers=parts.structures(LayerSpec, layers),
        dense=parts.structures(DenseSpec, dense),
    )
    if (attention := backbone.pooler.attention) is not None:
        spec.attention = parts.structures(DenseSpec, [_dense(attention.dense, parts, "tanh")])
        spec.context = parts.numbers(attention.context.weight)
    if isinstance(backbone.embeddings, WordEmbeddings):
        spec.words = parts.structures(WordSpec, [_words(backbone.embeddings, parts)])
    outputs = dense[-1].outputs if dense else backbone.config.output_size
    if isinstance(model, RecurrentForTokenClassification):
        spec.tags = parts.structures(TagSpec, [_tags(model.head, parts)])
        outputs = model.head.inside_labels.shape[0]
    return Network(library, spec, backbone.embeddings.vocab_size, outputs)


def _backbone(model: Any) -> Any:
    return model if isinstance(model, RecurrentModel) else model.model


def _head(model: Any) -> list[nn.Module]:
    """What follows the pooled vector, or each step."""
    if isinstance(model, RecurrentModel):
        return [model.dense]
    if isinstance(model, RecurrentForSequenceClassification):
        return [model.model.dense, model.classifier.dense, model.classifier.output]
    if isinstance(model, RecurrentForTokenClassification):
        return [model.head.classifier.dense, model.head.classifier.output]
    return [model.projection, model.lm_head]


def _layer(layer: Any, parts: Parts) -> LayerSpec:
    cell = layer.cell
    weights = [parts.numbers(weight) for way in range(layer.num_directions) for weight in cell.weights(way)]
    return LayerSpec(
        kind=KINDS[cell.kernel],
        directions=layer.num_directions,
        inputs=cell.input_size,
        units=layer.hidden_size,
        summed=layer.num_directions == 2 and layer.merge != "concat",
        weights=(LayerSpec._fields_[-1][1])(*weights),
    )


def _dense_of(modules: Iterable[nn.Module], parts: Parts) -> Iterable[DenseSpec]:
    flat = [part for module in modules for part in (module if isinstance(module, DenseStack) else [module])]
    made: DenseSpec | None = None
    for module in flat:
        if isinstance(module, nn.Linear):
            if made is not None:
                yield made
            made = _dense(module, parts)
        elif type(module) in _ACTIVATION_OF:
            cast(Any, made).activation = ACTIVATIONS.index(_ACTIVATION_OF[type(module)])
        elif isinstance(module, BatchNorm):
            scale, shift = _scale_and_shift(module)
            cast(Any, made).scale, cast(Any, made).shift = parts.numbers(scale), parts.numbers(shift)
    if made is not None:
        yield made


def _dense(linear: nn.Linear, parts: Parts, activation: str | None = None) -> DenseSpec:
    return DenseSpec(
        inputs=linear.in_features,
        outputs=linear.out_features,
        activation=ACTIVATIONS.index(activation),
        weight=parts.numbers(linear.weight),
        bias=None if linear.bias is None else parts.numbers(linear.bias),
    )


def _scale_and_shift(norm: Any) -> tuple[torch.Tensor, torch.Tensor]:
    # In evaluation it is one product and one sum.
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def _words(embeddings: WordEmbeddings, parts: Parts) -> WordSpec:
    spec = WordSpec(
        vocabulary=len(embeddings.token_lengths),
        token_width=embeddings.token_bytes.shape[1],
        num_keys=embeddings.num_keys,
        num_aliases=embeddings.num_aliases,
        casing=bool(embeddings.casing_features),
        token_bytes=parts.numbers(embeddings.token_bytes, torch.uint8),
        token_lengths=parts.numbers(embeddings.token_lengths, torch.uint8),
        token_starts=parts.numbers(embeddings.token_starts, torch.uint8),
        classes=parts.numbers(CASING_CLASSES, torch.uint8),
        keys=parts.numbers(embeddings.keys, torch.int64),
    )
    if embeddings.num_aliases:
        spec.alias_keys = parts.numbers(embeddings.alias_keys, torch.int64)
        spec.alias_rows = parts.numbers(embeddings.alias_rows, torch.int32)
    if (encoder := cast(Any, embeddings.char_encoder)) is not None:
        spec.char_width, spec.filters = encoder.embeddings.embedding_dim, encoder.convolution.out_channels
        spec.char_table = parts.numbers(encoder.embeddings.weight)
        spec.char_weight = parts.numbers(encoder.convolution.weight)
        spec.char_bias = parts.numbers(encoder.convolution.bias)
    return spec


def _tags(head: TaggingHead, parts: Parts) -> TagSpec:
    states, labels = head.state_labels.shape
    spec = TagSpec(
        states=states,
        labels=labels,
        label_of_state=parts.numbers(head.state_labels.int().argmax(1), torch.int64),
        inside_of_label=parts.numbers(head.inside_labels.int().argmax(1), torch.int64),
        forbidden=FORBIDDEN,
    )
    if head.crf is not None:
        with torch.no_grad():
            spec.start, spec.transition, spec.end = (parts.numbers(rule) for rule in head.crf.rules())
    return spec
