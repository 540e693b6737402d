"""Models recorded by torch from one example without padding, and batches of other shapes to ask them for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.export import Dim
from torch.utils import _pytree as pytree

from .common import LAYOUTS, VOCAB_SIZE, batch_of, sentences


TOLERANCE = 1e-6
# What is as wide as a batch has words, and in a recording as it has pieces, zero beyond the words.
OF_WORDS = ("emissions", "last_hidden_state")
Inputs = dict[str, torch.Tensor]


@contextmanager
def quietly() -> Iterator[None]:
    """Silence what torch says of itself: that `torch.jit` is old, and of its own shape checks in a trace."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning, module=r"(torch|transformers)\.")
        yield


def trace(model: nn.Module, inputs: Inputs) -> Callable[..., object]:
    """`torch.jit.trace`, which refuses what is not the same when it is traced again."""
    with quietly():
        return torch.jit.trace(model, example_kwarg_inputs=inputs, strict=False)


def program(model: nn.Module, inputs: Inputs, fixed: tuple[str, ...] = ()) -> torch.export.ExportedProgram:
    """`torch.export.export`; the first two sizes of every tensor are dynamic, of those in `fixed` the first alone."""
    both, batch = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {0: Dim.DYNAMIC}
    shapes = {name: batch if name in fixed else both for name in inputs}
    with quietly():
        return torch.export.export(model, (), inputs, dynamic_shapes=shapes)


def export(model: nn.Module, inputs: Inputs, fixed: tuple[str, ...] = ()) -> Callable[..., object]:
    return program(model, inputs, fixed).module()


RECORDERS = {"trace": trace, "export": export}


def full(batch: int = 2, time: int = 5, seed: int = 4) -> Inputs:
    """A batch without padding."""
    ids = torch.randint(1, VOCAB_SIZE, (batch, time), generator=torch.Generator().manual_seed(seed))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def others() -> Iterator[tuple[str, Inputs]]:
    """Padded right, left and within, with empty texts; more and longer texts; a single one; a single step."""
    for layout in LAYOUTS:
        yield layout, batch_of(sentences(), layout)[0]
    yield "larger", batch_of(sentences([20, *range(12)]), "left")[0]
    yield "single text", batch_of(sentences([4]), "holes")[0]
    yield "single step", batch_of(sentences([1, 0, 1]), "right")[0]
    yield "single token", full(1, 1)


def tensors(outputs: object) -> dict[str, torch.Tensor]:
    """Every tensor of a model's outputs, by its place in them."""
    return {
        pytree.keystr(path): value
        for path, value in pytree.tree_flatten_with_path(outputs)[0]
        if isinstance(value, torch.Tensor)
    }


def assert_same(actual: object, expected: object, message: str = "") -> None:
    """Every tensor equal to `TOLERANCE`, of the largest value where that is above 1."""
    found, wanted = tensors(actual), tensors(expected)
    assert found.keys() == wanted.keys(), message
    for name, value in wanted.items():
        given, where = found[name], f"{message}: {name}"
        if any(name == f"['{wide}']" for wide in OF_WORDS):
            assert not given[:, value.shape[1] :].any(), where
            given = given[:, : value.shape[1]]
        assert given.shape == value.shape and given.dtype == value.dtype, where
        if value.numel():
            scale = max(1.0, value.abs().max().item())
            assert (given - value).abs().max().item() <= TOLERANCE * scale, where


def assert_recorded(how: str, model: nn.Module) -> None:
    """What was recorded of `full()` answers as the model for all `others()`."""
    recorded = RECORDERS[how](model, full())
    for name, inputs in others():
        with torch.no_grad():
            assert_same(recorded(**inputs), model(**inputs), name)
