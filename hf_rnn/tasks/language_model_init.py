"""A classifier that starts with the weights of language models: ULMFiT (Howard & Ruder 2018,
https://arxiv.org/abs/1801.06146), with both directions in one network.

A bidirectional classifier holds a language model that was trained on the texts as they are and one that was trained on
the reversed texts. Its embeddings are those of the two side by side, or the one table that both have; where a layer of
one direction would read what only the other has made, its input weights start at zero and are learnt from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ..models.backbone import RecurrentModel, RecurrentPreTrainedModel
from ..models.cell import Cell
from ..models.configuration_rnn import RecurrentConfig
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.recurrent import RecurrentLayer
from ..progress import without_weight_bars


__all__ = ["classifier_overrides_from", "initialize_from_language_models", "load_language_model"]


@without_weight_bars()
def load_language_model(
    path: str, argument: str, tokenizer: PreTrainedTokenizerBase, *, trust_remote_code: bool = False
) -> RecurrentForCausalLM:
    """The language model in a folder or a repository of the Hub, in float32.

    Args:
        path: Where it is, its tokenizer beside it.
        argument: Which argument named it, for the messages.
        tokenizer: That of the classifier, which must have the same vocabulary.
        trust_remote_code: As in transformers.

    Raises:
        ValueError: it is no recurrent language model, or one of other tokens.
    """
    config = AutoConfig.from_pretrained(path, trust_remote_code=trust_remote_code)
    written = config.architectures or []
    if not isinstance(config, RecurrentConfig) or not any(name.endswith("ForCausalLM") for name in written):
        raise ValueError(
            f"`{argument}`={path!r} holds {', '.join(written) or config.model_type}; it must hold a recurrent "
            "language model, such as LstmForCausalLM or MinGruForCausalLM."
        )
    found = AutoTokenizer.from_pretrained(path, trust_remote_code=trust_remote_code).get_vocab()
    if found != tokenizer.get_vocab():
        raise ValueError(
            f"`{argument}`={path!r} has another vocabulary than the classifier's tokenizer ({len(found)} entries, "
            f"{len(tokenizer)}): the tokenizer must be the one that every language model was trained with."
        )
    model = AutoModelForCausalLM.from_pretrained(
        path, config=config, dtype=torch.float32, trust_remote_code=trust_remote_code
    )
    return cast(RecurrentForCausalLM, model)


def classifier_overrides_from(
    forward: RecurrentForCausalLM, backward: RecurrentForCausalLM | None = None
) -> dict[str, Any]:
    """What the language models settle of the configuration of a classifier that starts with their weights.

    Args:
        forward: One that was trained on the texts as they are.
        backward: One that was trained on the reversed texts; None: the classifier reads forwards only.

    Raises:
        ValueError: `backward` differs from `forward` in more than its weights and the width of its embeddings.
    """
    config, settled = forward.config, _settled(forward)
    if backward is None:
        return {**settled, "embedding_size": config.embedding_size, "bidirectional": False}
    if backward.config.cell != config.cell:
        raise ValueError(f"`backward` is of {backward.config.cell} cells; `forward` is of {config.cell} cells.")
    for name, value in _settled(backward).items():
        if value != settled[name]:
            raise ValueError(f"`backward` has `{name}` {value!r}; it must be that of `forward`, {settled[name]!r}.")
    width = config.embedding_size + (0 if _read_alike([forward, backward]) else backward.config.embedding_size)
    return {**settled, "embedding_size": width, "bidirectional": True, "merge": "concat"}


def initialize_from_language_models(
    model: PreTrainedModel, forward: RecurrentForCausalLM, backward: RecurrentForCausalLM | None = None
) -> None:
    """Give the backbone of `model` the weights of language models, so that at every step each direction of each layer
    has the hidden state of its language model; the head stays as it is.

    Args:
        model: Any recurrent model with the values of `classifier_overrides_from(forward, backward)`.
        forward, backward: As there.

    Raises:
        ValueError: the three do not fit together; the message names which.
    """
    config = model.config
    if not isinstance(model, RecurrentPreTrainedModel) or config.cell != forward.config.cell:
        cell = getattr(config, "cell", config.model_type)
        raise ValueError(f"`model` is of {cell} cells; `forward` is of {forward.config.cell} cells.")
    if config.bidirectional != (backward is not None):
        direction = "reads both ways: give one" if config.bidirectional else "reads forwards only: leave it out"
        raise ValueError(f"`backward` is {'given' if backward else 'None'}, but `model` {direction}.")
    for name, value in classifier_overrides_from(forward, backward).items():
        own = config.layer_sizes if name == "hidden_sizes" else getattr(config, name)
        if own != value and name != "hidden_size":
            raise ValueError(
                f"`model` has `{name}` {own!r}; from these language models it must be {value!r} "
                "(`classifier_overrides_from` gives all such values)."
            )
    sources = [forward] if backward is None else [forward, backward]
    _copy_weights(cast(RecurrentModel, model.base_model), sources, _read_alike(sources))


def _settled(model: RecurrentForCausalLM) -> dict[str, Any]:
    # Two directions must have these in common, and what a family has of its own, such as `reset_after` of a GRU.
    config = cast(RecurrentConfig, model.config)
    own = {field.name for field in fields(type(config))} - {field.name for field in fields(RecurrentConfig)}
    own -= {"gate_bias", "chrono_time_scales"}  # What new weights start from; these are trained.
    common = ("num_hidden_layers", "vocab_size", "pad_token_id", "one_hot_input", "word_vocab_size")
    sizes = {"hidden_sizes": config.layer_sizes, "hidden_size": config.layer_sizes[0]}
    return sizes | {name: getattr(config, name) for name in (*common, *sorted(own))}


def _read_alike(models: Sequence[RecurrentForCausalLM]) -> bool:
    """Whether the first layers of all `models` read the same vectors: one-hot, or of equal tables."""
    tables = [model.get_input_embeddings() for model in models]
    return all(table is None or torch.equal(table.weight, tables[0].weight) for table in tables)


@torch.no_grad()
def _copy_weights(backbone: RecurrentModel, sources: Sequence[RecurrentForCausalLM], alike: bool) -> None:
    tables = [model.get_input_embeddings().weight for model in sources if model.get_input_embeddings() is not None]
    if tables:
        own = cast(nn.Embedding, backbone.embeddings.word_embeddings).weight
        own.copy_(tables[0] if alike else torch.cat(tables, dim=1))
    stacks = [backbone.layers, *(model.model.layers for model in sources)]
    for index, layers in enumerate(zip(*stacks, strict=True)):
        target, *cells = (cast(RecurrentLayer, layer).cell for layer in layers)
        _copy_cells(target, cells, alike and index == 0)


def _copy_cells(target: Cell, sources: Sequence[Cell], alike: bool) -> None:
    # A direction reads the columns that its own language model would; all of them, where both read `alike`.
    first_column = 0
    for suffix, source in zip(("", "_reverse"), sources, strict=False):
        for name, weight in source.named_parameters():
            own = target.get_parameter(name + suffix)
            if name == "weight_ih_l0":
                own.zero_()
                own[:, first_column : first_column + weight.shape[1]] = weight
                first_column += 0 if alike else weight.shape[1]
            else:
                own.copy_(weight)
