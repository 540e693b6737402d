"""Which modules of a model have 8 bits, and how they are put in place of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from torch import nn
from transformers import PreTrainedModel

from ..models.cell import Cell
from ..models.configuration_rnn import RecurrentConfig
from ..models.embeddings import RecurrentEmbeddings
from .modules import Int8Cell, Int8Embedding, Int8Module


__all__ = ["int8_modules", "replace_modules"]


def replace_modules(model: PreTrainedModel, embeddings: bool, filled: bool) -> None:
    """Put modules of 8 bits in place of the recurrent cells that have a kernel and of the tables of vectors.

    Args:
        model: The model that is changed.
        embeddings: Whether tables are replaced, too.
        filled: Whether the new modules take the rounded weights; else they are empty, to be loaded.

    Raises:
        ValueError: no layer of `model` is recurrent with a kernel, or a weight is NaN or infinite.
    """
    cells = [(name, cell) for name, cell in model.named_modules() if Int8Cell.serves(cell)]
    if not cells:
        raise ValueError(
            f"`model` is a {type(model).__name__} without a recurrent layer that has a kernel of 8 bits; it must have "
            "an LSTM, a GRU with `reset_after`, or an Elman network with `recurrence='hidden'`."
        )
    # All are rounded before the first is put in place: an error leaves the model as it was.
    replaced: list[tuple[str, nn.Module]] = []
    for name, cell in cells:
        new = Int8Cell.like(cast(Cell, cell))
        if filled:
            new.take(cast(Cell, cell), name)
        replaced.append((name, new))
    for name, table in _tables(model) if embeddings else ():
        of_table = Int8Embedding.like(table)
        if filled:
            of_table.take(table, name)
        replaced.append((name, of_table))
    for name, module in replaced:
        model.set_submodule(name, module.train(model.training))


def int8_modules(model: nn.Module) -> list[Int8Module]:
    """The modules of `model` that have 8 bits."""
    return [module for module in model.modules() if isinstance(module, Int8Module)]


def _tables(model: PreTrainedModel) -> Iterator[tuple[str, nn.Embedding]]:
    """The tables that no other layer shares, by name."""
    configs = [getattr(module, "config", None) for module in model.modules()]
    if any(isinstance(config, RecurrentConfig) and config.tie_word_embeddings for config in configs):
        return
    tied = {*model.all_tied_weights_keys, *model.all_tied_weights_keys.values()}
    for name, module in model.named_modules():
        if isinstance(module, RecurrentEmbeddings) and isinstance(module.word_embeddings, nn.Embedding):
            of_table = f"{name}.word_embeddings" if name else "word_embeddings"
            if f"{of_table}.weight" not in tied:
                yield of_table, module.word_embeddings
