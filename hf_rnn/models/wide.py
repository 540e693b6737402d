"""The wide part of a classifier of texts: a linear model over hashed n-grams of words and of characters.

Its logits are added to those of the network (Cheng et al. 2016, https://arxiv.org/abs/1606.07792). The n-grams come
from `input_ids` alone: a table of the checkpoint tells which bytes each token spells, so that words are the same
whatever pieces they were cut into. Rows of the weights are shared by what has the same hash (Joulin et al. 2017,
https://aclanthology.org/E17-2068).

Both parts are trained by themselves, the wide one first. How much each counts in the sum is chosen on texts that
neither has seen (stacked generalisation, Wolpert 1992): trained together, or on what the other leaves over, the
network learns little from texts that a linear model has learnt by heart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import initialization as init

from .configuration_rnn import RecurrentConfig
from .tracing import recorded


__all__ = ["BASE", "BOUNDARY", "EQUAL_SCALE", "LEAST_CHARACTERS", "MODULUS", "POWERS", "NGrams", "WidePart", "salt_of"]


# What stands before and after every word, and behind a text; no byte of UTF-8 has this value.
BOUNDARY = 0xFF
# Hashes are values of polynomials at this base, modulo this prime: no product leaves the range of int64.
MODULUS = 2**31 - 1
BASE = 1_000_003
# From this byte of a word on its bytes have the same power.
POWERS = 256
# The shortest n-grams of characters.
LEAST_CHARACTERS = 2
# What either part counts in the sum until it is known better: their mean.
EQUAL_SCALE = 0.5


def salt_of(kind: str, order: int) -> int:
    """Give the number by which the hashes of n-grams of a kind, "word" or "character", and an order are shifted."""
    return (order + (0 if kind == "word" else 100)) * 104_729 * 7_919 % MODULUS


@dataclass
class NGrams:
    """The n-grams of a batch, of one kind and order.

    Attributes:
        kind: "word" or "character".
        rows: (batch, places), the row of the weights of each; any row where there is none.
        real: (batch, places), whether there is one.
        first, last: (batch, places), the first and the last of the `symbols` that it reaches over.
    """

    kind: str
    rows: torch.Tensor
    real: torch.Tensor
    first: torch.Tensor
    last: torch.Tensor


class WidePart(nn.Module):
    """Ids of tokens and their mask (batch, time) to logits (batch, labels):

        Σ w[n-gram of words] / √(their number) + Σ w[n-gram of characters] / √(their number) + bias

    N-grams of words are those of up to `config.wide_ngrams` words, n-grams of characters those of 2 to
    `config.wide_characters` bytes inside a word, its two boundaries among them; each counts as often as it occurs.
    A text's logits depend on nothing that it is batched with.

    Until `set_tokens` is called every token is a word, spelt by up to three bytes of its id. The weights are no
    parameters, and zero until they are set: a linear model is fitted sooner, and better, by itself.

    Attributes:
        scales: (2), what the logits of the network and those of the wide part count, see `combined`.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    scales: torch.Tensor

    token_bytes: torch.Tensor
    token_lengths: torch.Tensor
    powers: torch.Tensor

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        vocab_size = config.vocab_size or 0
        self.buckets = config.wide_buckets or 1
        self.orders = {"word": range(1, config.wide_ngrams + 1)}
        self.orders["character"] = range(LEAST_CHARACTERS, config.wide_characters + 1)
        self.single_logit = config.single_logit
        outputs = 1 if config.single_logit else config.num_labels or 1
        self.register_buffer("weight", torch.zeros(self.buckets, outputs))
        self.register_buffer("bias", torch.zeros(outputs))
        self.register_buffer("scales", torch.full((2,), EQUAL_SCALE))
        self.register_buffer("token_bytes", torch.zeros(vocab_size, config.max_token_bytes, dtype=torch.uint8))
        self.register_buffer("token_lengths", torch.zeros(vocab_size, dtype=torch.uint8))
        self.register_buffer("powers", torch.zeros(POWERS, dtype=torch.int64))

    def extra_repr(self) -> str:
        return f"buckets={self.buckets}, outputs={self.weight.shape[1]}"

    def initialize(self) -> None:
        """Set the weights to zero, and the tables to what they are before a tokenizer is given."""
        init.zeros_(self.weight)
        init.zeros_(self.bias)
        init.constant_(self.scales, EQUAL_SCALE)
        ids = torch.arange(len(self.token_lengths), device="cpu")
        spelt = torch.full(self.token_bytes.shape, BOUNDARY, dtype=torch.uint8, device="cpu")
        digits = min(3, spelt.shape[1] - 1)
        for digit in range(digits):
            # Seven bits each: none is the boundary.
            spelt[:, digit + 1] = (ids >> (7 * digit) & 0x7F).to(torch.uint8)
        init.copy_(self.token_bytes, spelt)
        init.copy_(self.token_lengths, torch.full_like(ids, digits + 1).to(torch.uint8))
        powers = [pow(BASE, power, MODULUS) for power in range(POWERS)]
        init.copy_(self.powers, torch.tensor(powers, device="cpu"))

    def set_tokens(self, spelt: Sequence[bytes]) -> None:
        """Say what the tokens of the tokenizer spell.

        Args:
            spelt: The bytes of every token, in the order of the ids, with `BOUNDARY` where a word begins or ends; none
                for a token that is no part of a text. What is longer than `config.max_token_bytes` is cut.

        Raises:
            ValueError: for more tokens than `config.vocab_size`.
        """
        size, width = self.token_bytes.shape
        if len(spelt) > size:
            raise ValueError(f"`spelt` is of {len(spelt)} tokens; `vocab_size` of the config is {size}.")
        cut = [text[:width] for text in spelt] + [b""] * (size - len(spelt))
        rows = [[*text, *[BOUNDARY] * (width - len(text))] for text in cut]
        self.token_bytes.copy_(torch.tensor(rows, dtype=torch.uint8))
        self.token_lengths.copy_(torch.tensor([len(text) for text in cut]))

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found = list(self.ngrams(self.symbols(input_ids, mask)[0]))
        logits = self.bias
        for each, shares in zip(found, self.shares(found), strict=True):
            # A product adds up with less error than `embedding_bag`, which matters where a text is long.
            counted = shares.to(self.weight.dtype).unsqueeze(1) @ self.weight[each.rows]
            logits = logits + counted.squeeze(1)
        return self.completed(logits)

    def combined(self, deep: torch.Tensor, wide: torch.Tensor) -> torch.Tensor:
        """The logits of the model (…, labels) from those of the network and those of this part."""
        return self.scales[0] * deep + self.scales[1] * wide

    def completed(self, logits: torch.Tensor) -> torch.Tensor:
        """(…, outputs) to (…, labels): with `config.single_logit` the first of two labels has the logit 0."""
        return torch.cat([torch.zeros_like(logits), logits], dim=-1) if self.single_logit else logits

    def bag(self, input_ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The rows of a text's n-grams (batch, places), and what each counts (batch, places), float64; 0 for none."""
        found = list(self.ngrams(self.symbols(input_ids, mask)[0]))
        return torch.cat([each.rows for each in found], 1), torch.cat(self.shares(found), 1)

    def shares(self, found: Sequence[NGrams]) -> list[torch.Tensor]:
        """Weigh each of the n-grams `found` (batch, places), float64: 1 / √(the number of its kind), or 0."""
        number: dict[str, torch.Tensor] = {}
        for each in found:
            count = each.real.sum(1, keepdim=True)
            number[each.kind] = number[each.kind] + count if each.kind in number else count
        return [each.real / number[each.kind].clamp(min=1).to(torch.float64).sqrt() for each in found]

    def symbols(self, input_ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spell a text without its padding, and tell which token each symbol is of.

        Returns:
            The bytes and boundaries (batch, symbols), int64, the first of each row and the last ones a boundary; and
            the place in `input_ids` of each (batch, symbols), 0 where a boundary was added.
        """
        lengths = self._of_tokens(input_ids).masked_fill(~mask, 0)
        ends = lengths.cumsum(1)
        width = self.token_bytes.shape[1]
        # Before the text there is one boundary, behind it one; more where another row is longer.
        longest = input_ids.shape[1] * width
        if not recorded():
            longest = int(ends.amax()) if ends.numel() else 0
        columns = torch.arange(width, device=input_ids.device)
        place = (ends - lengths + 1).unsqueeze(2) + columns
        # What is no byte of a token goes to one place more, which is cut off.
        place = torch.where(columns < lengths.unsqueeze(2), place, longest + 2).flatten(1)
        rows = input_ids.shape[0]
        spelt = torch.full((rows, longest + 3), BOUNDARY, device=input_ids.device)
        spelt = spelt.scatter(1, place, self.token_bytes[input_ids].long().flatten(1))
        tokens = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(1).expand(-1, width)
        owner = torch.zeros_like(spelt).scatter(1, place, tokens.flatten().expand(rows, -1))
        return spelt[:, :-1], owner[:, :-1]

    def ngrams(self, symbols: torch.Tensor) -> Iterator[NGrams]:
        """The n-grams of `symbols` (batch, symbols), a kind and an order at a time."""
        yield from self._of_words(symbols)
        yield from self._of_characters(symbols)

    def _of_tokens(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.token_lengths[input_ids].long()

    def _of_words(self, symbols: torch.Tensor) -> Iterator[NGrams]:
        letter = symbols != BOUNDARY
        # The first symbol of a row is a boundary, and so is the last.
        begins = letter & ~letter.roll(1, 1)
        ends = letter & ~letter.roll(-1, 1)
        count = begins.sum(1, keepdim=True)
        number = (begins.cumsum(1) - 1).clamp(min=0)
        width = symbols.shape[1] if recorded() else max(1, int(count.max())) if count.numel() else 1
        place = torch.arange(symbols.shape[1], device=symbols.device).expand_as(symbols)
        empty = symbols.new_zeros(symbols.shape[0], width)
        first = empty.scatter_add(1, number, place * begins)
        last = empty.scatter_add(1, number, place * ends)
        power = self.powers[(place - first.gather(1, number)).clamp(min=0, max=POWERS - 1)]
        terms = ((symbols + 1) * power % MODULUS) * letter
        keys = empty.scatter_add(1, number, terms) % MODULUS
        hashes, words = keys, torch.arange(width, device=symbols.device)
        for order in self.orders["word"]:
            if order > 1:
                hashes = (hashes * BASE + _shifted(keys, order - 1, 0)) % MODULUS
            real = words + order - 1 < count
            until = _shifted(last, order - 1, 0).masked_fill(~real, 0)
            yield NGrams("word", self._rows("word", order, hashes), real, first, until)

    def _of_characters(self, symbols: torch.Tensor) -> Iterator[NGrams]:
        first = torch.arange(symbols.shape[1], device=symbols.device).expand_as(symbols)
        hashes, inside = symbols + 1, torch.ones_like(symbols, dtype=torch.bool)
        for order in self.orders["character"]:
            last = _shifted(symbols, order - 1, BOUNDARY)
            hashes = (hashes * BASE + last + 1) % MODULUS
            if order > 2:
                # What stands between the first and the last is no boundary.
                inside = inside & (_shifted(symbols, order - 2, BOUNDARY) != BOUNDARY)
            real = inside if order > 2 else inside & ((symbols != BOUNDARY) | (last != BOUNDARY))
            yield NGrams("character", self._rows("character", order, hashes), real, first, first + order - 1)

    def _rows(self, kind: str, order: int, hashes: torch.Tensor) -> torch.Tensor:
        # One more product: what differs in its last byte alone should not lie side by side.
        return (hashes * BASE + salt_of(kind, order)) % MODULUS % self.buckets


def _shifted(values: torch.Tensor, by: int, otherwise: int) -> torch.Tensor:
    # (batch, places): what stands `by` places later, `otherwise` where nothing does.
    if by == 0:
        return values
    padded = nn.functional.pad(values, (0, by), value=otherwise)
    return padded[:, by:]
