"""A long text as streams that are read side by side, in windows that continue each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase


__all__ = ["TokenStreams", "TokenizedText", "collate_windows", "encode_text", "window_bounds"]

# Characters that are tokenized in one go: a tokenizer keeps a hundred bytes for each.
PIECE = 2**20
DOCUMENTS = 1000


@dataclass(frozen=True)
class TokenizedText:
    """The tokens of a text.

    Attributes:
        documents: The tokens (int32) of each; a text that is no documents is one of them.
        end: The token that is put before the first document and after each; None: nothing is.
        characters: The characters of the text, for figures by character; the token `end` counts as one.
    """

    documents: Sequence[torch.Tensor]
    end: int | None = None
    characters: int = 0

    def ids(self, order: int | None = None) -> torch.Tensor:
        """(tokens), the documents one after the other; with an `order`, the seed of a shuffle, not as they come."""
        number = len(self.documents)
        indices = torch.arange(number)
        if order is not None:
            indices = torch.randperm(number, generator=torch.Generator().manual_seed(order))
        end = torch.tensor([] if self.end is None else [self.end], dtype=torch.int32)
        return torch.cat([end, *(part for index in indices.tolist() for part in (self.documents[index], end))])


class TokenStreams(Dataset[Any]):
    """The tokens of a text, cut into `num_columns` streams of the same length; the i-th goes on where the one before
    it ends. Each token but the first is predicted once, except the remainder that no stream has room for.

    `streams[order, column, start, end]` is a window, of the documents in that `order` (see [`TokenizedText`]):
    `input_ids` and `shift_labels`, the token after each, both (end - start).

    Args:
        text: What is read.
        num_columns: How many streams are read side by side.

    Raises:
        ValueError: the text is too short for a prediction in each stream.
    """

    def __init__(self, text: TokenizedText, num_columns: int = 1) -> None:
        self.text = text
        self.num_columns = num_columns
        self.arrange(None)

    def arrange(self, order: int | None) -> None:
        """Put the documents into this order: `inputs` and `targets` (streams, steps)."""
        ids = self.text.ids(order)
        self.order = order
        self.num_tokens = len(ids)
        self.num_steps = (len(ids) - 1) // self.num_columns
        if self.num_steps < 1:
            raise ValueError(
                f"The text has {len(ids)} tokens; {self.num_columns} streams need at least {self.num_columns + 1}. "
                "Give more text, or a smaller batch size."
            )
        self.inputs, self.targets = self._columns(ids), self._columns(ids[1:])

    def checksum_parts(self) -> Iterator[Any]:
        """Yield what tells this text from others, for `rows_checksum`."""
        yield [self.num_columns, self.text.end, self.text.characters, len(self.text.documents)]
        for document in self.text.documents:
            yield document.numpy()

    def _columns(self, ids: torch.Tensor) -> torch.Tensor:
        return ids[: self.num_columns * self.num_steps].view(self.num_columns, self.num_steps)

    @property
    def predicted_characters(self) -> float:
        """The characters of the tokens that are predicted, if all tokens have as many as the mean."""
        return self.text.characters * len(self) / self.num_tokens

    def __len__(self) -> int:
        """Tokens that are predicted."""
        return self.num_columns * self.num_steps

    def __getitem__(self, window: tuple[int | None, int, int, int]) -> dict[str, Any]:
        order, column, start, end = window
        if order != self.order:
            self.arrange(order)
        return {
            "input_ids": self.inputs[column, start:end].long(),
            "shift_labels": self.targets[column, start:end].long(),
            "column": column,
            "start": start,
        }


def collate_windows(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One window of several streams: `input_ids` and `shift_labels` (streams, time), the first `column`, `start`."""
    batch: dict[str, Any] = {name: torch.stack([row[name] for row in rows]) for name in ("input_ids", "shift_labels")}
    return {**batch, "column": rows[0]["column"], "start": rows[0]["start"]}


def window_bounds(num_steps: int, length: int, generator: torch.Generator | None = None) -> list[tuple[int, int]]:
    """`[start, end)` of the windows that cover `num_steps` steps: of `length` steps each but the last, or, with a
    `generator`, of random lengths, between about half and one and a half times of it. Then no token is always the
    first of a window, of which the gradient knows no past (the aim of Merity et al. 2018, section 5). There are as
    many of them in either case.
    """
    count = -(-num_steps // length)
    inner = length * torch.arange(1, count)
    if generator is not None and count > 1:
        quarter = length // 4
        moves = torch.randint(-quarter, quarter + 1, (count - 1,), generator=generator)
        # The last window may be of any length, and must not vanish.
        inner = (inner + moves).clamp(max=num_steps - 1)
    edges = [0, *inner.tolist(), num_steps]
    return list(zip(edges[:-1], edges[1:], strict=True))


def encode_text(
    tokenizer: PreTrainedTokenizerBase, documents: Sequence[str], *, end: int | None = None, reverse: bool = False
) -> TokenizedText:
    """The tokens of the documents.

    Args:
        end: As in [`TokenizedText`].
        reverse: Each from its last token to its first, for a model that reads backwards.
    """
    tokenized: list[torch.Tensor] = []
    for first in range(0, len(documents), DOCUMENTS):
        # A long text in pieces, each to the end of a line.
        pieces = [_pieces(document) for document in documents[first : first + DOCUMENTS]]
        flat = [piece for of in pieces for piece in of]
        encoded = iter(tokenizer(flat, add_special_tokens=False, verbose=False)["input_ids"])
        for of in pieces:
            ids = torch.tensor([token for _ in of for token in next(encoded)], dtype=torch.int32)
            tokenized.append(ids.flip(0) if reverse else ids)
    characters = sum(map(len, documents)) + (0 if end is None else len(documents) + 1)
    return TokenizedText(tokenized, end, characters)


def _pieces(document: str) -> list[str]:
    pieces, start = [], 0
    while len(document) - start > PIECE:
        end = document.rfind("\n", start, start + PIECE) + 1 or start + PIECE
        pieces.append(document[start:end])
        start = end
    return [*pieces, document[start:]]
