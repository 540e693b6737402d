"""Gives the recurrent layers of a model as a layer of PyTorch."""

from __future__ import annotations

import logging
from itertools import chain
from typing import Any

import torch
from torch import nn

from ..models.backbone import RecurrentModel, RecurrentPreTrainedModel
from ..models.configuration_rnn import RecurrentConfig


__all__ = ["to_torch"]


logger = logging.getLogger(__name__)

_LAYERS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}


def to_torch(model: RecurrentPreTrainedModel) -> nn.LSTM | nn.GRU | nn.RNN:
    """Make an `nn.LSTM`, `nn.GRU` or `nn.RNN` (with `batch_first=True`) of the recurrent layers of a model.

    It computes what the layers compute: for the same (batch, time, features) its output is `last_hidden_state`. What
    stands before and behind them, an embedding table and a classifier, is left to the caller. Padding is left to
    `pack_padded_sequence`.

    The dropout between the layers goes along; torch draws a fresh mask at each step. `weight_dropout` and
    `locked_dropout`, which torch has not and which only count in training, are named in a warning.

    Args:
        model: A backbone such as `LstmModel`, or a model with a head, whose backbone is meant.

    Returns:
        The layer, with copies of the weights, their type and device, and in the mode (training, evaluation) of the
        model.

    Raises:
        ValueError: for a model without such layers, and for a setting that torch has no layer for; the message names
            it: layers of unequal size, `merge="sum"`, `reset_after=False`, a `recurrence` that is not `"hidden"`.

    Example:
        >>> model = hf_rnn.LstmModel(hf_rnn.LstmConfig(vocab_size=None, embedding_size=8, hidden_size=16))
        >>> layer = hf_rnn.to_torch(model.eval())
        >>> inputs = torch.randn(2, 5, 8)
        >>> bool(torch.allclose(layer(inputs)[0], model(inputs_embeds=inputs).last_hidden_state, atol=1e-6))
        True
    """
    backbone = getattr(model, getattr(model, "base_model_prefix", ""), model)
    if not isinstance(backbone, RecurrentModel):
        raise ValueError(
            f"`model` is a {type(model).__name__}; it must be a model of one text, such as LstmModel. Of a siamese "
            "network or an encoder-decoder give one of its parts."
        )
    config: Any = backbone.config
    _check(config)
    sizes = config.layer_sizes
    options = {"nonlinearity": config.nonlinearity} if config.cell == "elman" else {}
    layer: Any = _LAYERS[config.cell](
        config.input_size,
        sizes[0],
        num_layers=len(sizes),
        bidirectional=config.bidirectional,
        batch_first=True,
        dropout=config.dropout if len(sizes) > 1 else 0.0,
        **options,
    )
    layer.to(dtype=backbone.dtype, device=backbone.device).train(backbone.training)
    weights: dict[str, torch.Tensor] = {}
    for index, own in enumerate(backbone.layers):
        cell: Any = own.cell
        # Asked for by name, a weight that others make (a parametrization) is what they make.
        for name in chain.from_iterable(cell.weight_names):
            weights[name.replace("_l0", f"_l{index}")] = getattr(cell, name).detach()
    layer.load_state_dict(weights)
    return layer


def _check(config: RecurrentConfig) -> None:
    """Raises:
    ValueError: for what torch has no layer for.
    """
    if config.cell not in _LAYERS:
        raise ValueError(
            f"`model` is of the family {config.model_type!r}, for which torch has no layer; it must be of one of "
            "'bilstm', 'lstm', 'gru', 'elman'."
        )
    sizes = config.layer_sizes
    merged = config.merge if config.bidirectional else "concat"
    for name, value, must in (
        ("hidden_sizes", sizes, [sizes[0]] * len(sizes)),
        ("merge", merged, "concat"),
        ("reset_after", getattr(config, "reset_after", True), True),
        ("recurrence", getattr(config, "recurrence", "hidden"), "hidden"),
    ):
        if value != must:
            raise ValueError(f"`{name}` of the configuration is {value!r}; a layer of torch must have {must!r}.")
    trained = [] if not config.weight_dropout else [f"`weight_dropout`={config.weight_dropout}"]
    if config.locked_dropout and config.dropout and len(sizes) > 1:
        trained.append("`locked_dropout`=True")
    if trained:
        logger.warning(
            "torch has no %s: training goes on without; what is computed in evaluation is the same.",
            " and no ".join(trained),
        )
