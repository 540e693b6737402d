"""The C interface of the network that reads one text in one call (`network.cpp`)."""

from __future__ import annotations

import ctypes
import weakref
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch


__all__ = [
    "ACTIVATIONS",
    "POOLINGS",
    "DenseSpec",
    "LayerSpec",
    "Network",
    "NetworkLibrary",
    "NetworkSpec",
    "Parts",
    "TagSpec",
    "WordSpec",
]


# In the order of the enumerations of heads.h; the status in that of network.cpp.
ACTIVATIONS = (None, "relu", "tanh", "gelu")
POOLINGS = ("last", "mean", "max", "mean_max", "attention")
_DONE, _NO_MEMORY, _UNKNOWN_ID = range(3)


def _mirror(numbers: str, pointers: str, more: Sequence[tuple[str, Any]] = ()) -> list[tuple[str, Any]]:
    fields: list[tuple[str, Any]] = [(name, ctypes.c_int64) for name in numbers.split()]
    return [*fields, *((name, ctypes.c_void_p) for name in pointers.split()), *more]


class LayerSpec(ctypes.Structure):
    """Mirrors `LayerSpec` of stack.h."""

    _fields_ = _mirror("kind directions inputs units summed", "", [("weights", ctypes.c_void_p * 8)])


class DenseSpec(ctypes.Structure):
    """Mirrors `DenseSpec` of heads.h."""

    _fields_ = _mirror("inputs outputs activation", "weight bias scale shift")


class WordSpec(ctypes.Structure):
    """Mirrors `WordSpec` of words.h."""

    _fields_ = _mirror(
        "vocabulary token_width num_keys num_aliases char_width filters casing",
        "token_bytes token_lengths token_starts classes keys alias_keys alias_rows char_table char_weight char_bias",
    )


class TagSpec(ctypes.Structure):
    """Mirrors `TagSpec` of tags.h."""

    _fields_ = _mirror(
        "states labels",
        "label_of_state inside_of_label start transition end",
        [("forbidden", ctypes.c_float)],
    )


class NetworkSpec(ctypes.Structure):
    """Mirrors `NetworkSpec` of network.cpp."""

    _fields_ = _mirror(
        "table_rows table_width num_layers pooling num_dense", "table layers dense attention context words tags"
    )


class Parts:
    """The tensors and structures that a specification points at: they live until the network has copied them."""

    def __init__(self) -> None:
        self._held: list[Any] = []

    def numbers(self, tensor: torch.Tensor, dtype: torch.dtype = torch.float32) -> int:
        """The address of the numbers of `tensor`, row-major, as `dtype`."""
        held = tensor.detach().resolve_neg().to(dtype).contiguous()
        self._held.append(held)
        return held.data_ptr()

    def structures(self, kind: type[ctypes.Structure], specs: Sequence[ctypes.Structure]) -> int:
        """The address of `specs`, all of them of `kind`, one after the other."""
        held = (kind * max(1, len(specs)))(*specs)
        self._held.append(held)
        return ctypes.addressof(held)


class NetworkLibrary:
    """The functions of the loaded library that make and ask a [`Network`]."""

    def __init__(self, path: Path) -> None:
        functions = ctypes.CDLL(str(path))
        pointer, size = ctypes.c_void_p, ctypes.c_int64
        for name, result, arguments in (
            ("create", pointer, [ctypes.POINTER(NetworkSpec)]),
            ("free", None, [pointer]),
            ("pool", ctypes.c_int, [pointer, pointer, size, pointer]),
            ("tag", ctypes.c_int, [pointer, pointer, size, pointer, pointer, pointer]),
            ("step", ctypes.c_int, [pointer, pointer, size, pointer, pointer, pointer]),
        ):
            function = getattr(functions, f"hf_rnn_network_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    create: Any
    free: Any
    pool: Any
    tag: Any
    step: Any


class Network:
    """A frozen copy of a network's weights, laid out to be read once for each text or step. Threads may share it.

    Args:
        library: The loaded library.
        spec: What the network is made of; everything it points at is copied.
        vocabulary: The number of ids it knows, for its errors.
        outputs: The numbers of its answer to a text, or to a token.

    Raises:
        MemoryError: there is none for the copy.
    """

    def __init__(self, library: NetworkLibrary, spec: NetworkSpec, vocabulary: int, outputs: int) -> None:
        self._library, self._vocabulary, self.outputs = library, vocabulary, outputs
        self._handle = library.create(ctypes.byref(spec))
        if not self._handle:
            raise MemoryError("A network could not be laid out for one text at a time: there is no memory for it.")
        weakref.finalize(self, library.free, self._handle)

    def pool(self, ids: Sequence[int]) -> array[float]:
        """The logits of a text, or its vector (outputs), of its token ids.

        Raises:
            IndexError: an id is not of the vocabulary.
        """
        given, found = array("q", ids), array("f", bytes(4 * self.outputs))
        status = self._library.pool(self._handle, given.buffer_info()[0], len(given), found.buffer_info()[0])
        self._check(status, given)
        return found

    def tag(self, ids: Sequence[int]) -> tuple[array[int], array[float]]:
        """The best label of each token (tokens), and its probability (tokens) by a softmax over the scores.

        Raises:
            IndexError: an id is not of the vocabulary.
        """
        best, probabilities, _ = self._tagged(ids, with_scores=False)
        return best, probabilities

    def scores(self, ids: Sequence[int]) -> array[float]:
        """The scores (tokens, labels) of the labels of each token, row after row; with a CRF they are max-marginals.

        Raises:
            IndexError: an id is not of the vocabulary.
        """
        return self._tagged(ids, with_scores=True)[2]

    def _tagged(self, ids: Sequence[int], with_scores: bool) -> tuple[array[int], array[float], array[float]]:
        given = array("q", ids)
        count = len(given)
        best, probabilities = array("q", bytes(8 * count)), array("f", bytes(4 * count))
        scores = array("f", bytes(4 * self.outputs * count)) if with_scores else array("f")
        status = self._library.tag(
            self._handle,
            given.buffer_info()[0],
            count,
            best.buffer_info()[0],
            probabilities.buffer_info()[0],
            scores.buffer_info()[0] if with_scores else None,
        )
        self._check(status, given)
        return best, probabilities, scores

    def step(
        self,
        ids: torch.Tensor,
        before: Sequence[torch.Tensor],
        after: Sequence[torch.Tensor],
        logits: torch.Tensor,
    ) -> None:
        """Read one token of each of a few texts.

        Args:
            ids: (texts) or (texts, 1), int64.
            before: For each layer h, and for an LSTM c, each (texts, 1, units).
            after: In the same form, what is written.
            logits: (texts, 1, outputs), what is written.

        All are contiguous, and float32 but for the ids.

        Raises:
            IndexError: an id is not of the vocabulary.
        """
        many = ctypes.c_void_p * len(before)
        status = self._library.step(
            self._handle,
            ids.data_ptr(),
            len(ids),
            many(*[part.data_ptr() for part in before]),
            many(*[part.data_ptr() for part in after]),
            logits.data_ptr(),
        )
        if status != _DONE:
            self._check(status, ids.flatten().tolist())

    def _check(self, status: int, ids: Sequence[int]) -> None:
        if status == _UNKNOWN_ID:
            raise IndexError(
                f"`input_ids` holds ids from {min(ids)} to {max(ids)}; the model's vocabulary is [0, "
                f"{self._vocabulary}). Is this the tokenizer the model was trained with?"
            )
        if status == _NO_MEMORY:
            raise MemoryError("A text ran out of memory; take a shorter one.")
