"""Words rebuilt from the pieces of an open-vocabulary tokenizer, and what a model knows of each: its own vector, its
spelling, its capitals.

A stock pipeline passes a model nothing but `input_ids`. Two tables of the checkpoint tell which ids begin a word, and
which bytes each id spells; so a word's bytes are known exactly, whatever pieces it was cut into. Its vector is found
by a 64-bit key computed from these bytes: as written, else in lower case, else it is that of unknown words.

A key takes 8 bytes, a vector hundreds. So further words, `config.word_aliases` of them, may share the vector of a word
that is like them, as the pruned vectors of spaCy do (Honnibal et al. 2020, https://doi.org/10.5281/zenodo.1212303).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import nn
from transformers import initialization as init

from .char_encoder import CHAR_ENCODERS, PADDING_BYTE
from .configuration_rnn import RecurrentConfig
from .embeddings import RecurrentEmbeddings
from .steps import Steps
from .tracing import as_size, recorded
from .words import Words


__all__ = ["WordEmbeddings", "casing", "lower_case", "pack_bytes", "word_keys"]


UNKNOWN_ROW = 0
# A word's key is the value of a polynomial at this base, modulo 2^64. It is odd, so that no byte's power vanishes.
KEY_BASE = 0x9E3779B97F4A7C15


def word_keys(characters: torch.Tensor) -> torch.Tensor:
    """The keys (words), int64, of words as bytes (words, bytes) with `PADDING_BYTE` after a word's end."""
    base = characters.new_full((characters.shape[1],), KEY_BASE - 2**64)
    # Padding adds nothing, so that the key does not depend on what a word is batched with; a NUL byte adds something.
    digits = torch.where(characters == PADDING_BYTE, 0, characters + 1)
    return (digits * base.cumprod(0)).sum(1)


def _classes_of_codes() -> torch.Tensor:
    # (codes, 4): is it a capital, a small letter, a digit, something else in ASCII? Codes from 256 on are bytes after
    # C3, which in UTF-8 begins À to Þ (80 to 9E, without ×) and à to þ (A0 to BE, without ÷).
    capitals = {*range(0x41, 0x5B), *range(0x180, 0x19F)} - {0x197}
    small = {capital + 0x20 for capital in capitals}
    digits = set(range(0x30, 0x3A))
    others = set(range(0x80)) - capitals - small - digits
    rows = [[code in those for those in (capitals, small, digits, others)] for code in range(0x201)]
    return torch.tensor(rows, device="cpu")


CASING_CLASSES = _classes_of_codes()


def _classes(characters: torch.Tensor) -> torch.Tensor:
    # Words as bytes (words, bytes) to the classes of each byte (words, bytes, 4).
    before = nn.functional.pad(characters[:, :-1], (1, 0), value=PADDING_BYTE)
    return CASING_CLASSES.to(characters.device)[characters + 0x100 * (before == 0xC3)]


def lower_case(characters: torch.Tensor) -> torch.Tensor:
    """Words as bytes (words, bytes), in lower case: the letters of ASCII and Latin-1 (western Europe)."""
    return characters + 0x20 * _classes(characters)[:, :, 0]


def casing(characters: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Tell six things of each word, as True or False (words, 6).

    They are: it begins with a capital; it has a capital after its first character; it has a letter in lower case; it
    has a digit; it is nothing but digits; it has something else in ASCII. Letters are those of `lower_case`, digits
    0 to 9.

    Args:
        characters: The bytes of the words (words, bytes).
        lengths: The bytes that each word has (words).
    """
    classes = _classes(characters)
    capitals, small, digits, others = classes.sum(1).unbind(1)
    # The first character may be of two bytes.
    second = torch.arange(characters.shape[1], device=characters.device) == 1
    first = classes[:, 0, 0] | ((characters[:, 0] == 0xC3) & (classes[:, :, 0] & second).any(1))
    only_digits = (digits == lengths) & (lengths > 0)
    return torch.stack([first, capitals > first, small > 0, digits > 0, only_digits, others > 0], dim=1)


def pack_bytes(spelt: Sequence[bytes], width: int | None = None, padding: int = PADDING_BYTE) -> torch.Tensor:
    """Strings of bytes as an int64 matrix (strings, width), by default as wide as the longest."""
    width = max(1, *map(len, spelt), 1) if width is None else width
    return torch.tensor([[*text, *[padding] * (width - len(text))] for text in spelt])


class WordEmbeddings(RecurrentEmbeddings):
    """Ids of pieces (batch, time) to features (batch, words, features): the word's vector, then its spelling
    (`config.char_encoder`), then its capitals (`config.casing_features`).

    Until `set_tokens` is called every token is a word of its own, spelt by the two bytes of its id; until `set_words`
    is called every word is unknown.
    """

    token_bytes: torch.Tensor
    token_lengths: torch.Tensor
    token_starts: torch.Tensor
    keys: torch.Tensor
    alias_keys: torch.Tensor
    alias_rows: torch.Tensor

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        vocab_size = config.vocab_size or 0
        self.num_keys = (config.word_vocab_size or 1) - 1
        self.register_buffer("token_bytes", torch.zeros(vocab_size, config.max_token_bytes, dtype=torch.uint8))
        self.register_buffer("token_lengths", torch.zeros(vocab_size, dtype=torch.uint8))
        self.register_buffer("token_starts", torch.zeros(vocab_size, dtype=torch.bool))
        self.register_buffer("keys", torch.zeros(self.num_keys, dtype=torch.int64))
        self.num_aliases = config.word_aliases
        # A checkpoint without aliases has no such tables.
        if self.num_aliases:
            self.register_buffer("alias_keys", torch.zeros(self.num_aliases, dtype=torch.int64))
            self.register_buffer("alias_rows", torch.zeros(self.num_aliases, dtype=torch.int32))
        self.char_encoder = None if config.char_encoder is None else CHAR_ENCODERS[config.char_encoder](config)
        self.casing_features = config.casing_features

    def _table(self, config: RecurrentConfig) -> nn.Embedding:
        return nn.Embedding(config.word_vocab_size or 1, config.embedding_size)

    def initialize(self) -> None:
        """The tables before a tokenizer and words are given."""
        ids = torch.arange(len(self.token_lengths), device="cpu")
        spelt = torch.zeros(self.token_bytes.shape, dtype=torch.uint8, device="cpu")
        spelt[:, 0], spelt[:, 1] = (ids & 0xFF).to(torch.uint8), (ids >> 8).to(torch.uint8)
        init.copy_(self.token_bytes, spelt)
        init.copy_(self.token_lengths, torch.full_like(ids, 2).to(torch.uint8))
        init.copy_(self.token_starts, torch.ones_like(ids).bool())
        # Keys that no word of two bytes or more has.
        init.copy_(self.keys, torch.arange(1, self.num_keys + 1, device="cpu"))
        if self.num_aliases:
            beyond = torch.arange(self.num_keys + 1, self.num_keys + 1 + self.num_aliases, device="cpu")
            init.copy_(self.alias_keys, beyond)
            init.copy_(self.alias_rows, torch.full_like(beyond, UNKNOWN_ROW).int())

    def set_tokens(self, spelt: Sequence[bytes], starts: Sequence[bool]) -> None:
        """Say what the tokens of the tokenizer are.

        Args:
            spelt: The bytes of every token, in the order of the ids; none for a special token.
            starts: Which of them begin a word.

        Raises:
            ValueError: for another number of tokens than `config.vocab_size`, or one longer than
                `config.max_token_bytes`.
        """
        size, width = self.token_bytes.shape
        if not len(spelt) == len(starts) == size:
            raise ValueError(
                f"`spelt` and `starts` are of {len(spelt)} and {len(starts)} tokens; `vocab_size` of the config is "
                f"{size}."
            )
        longest = max(map(len, spelt), default=0)
        if longest > width:
            raise ValueError(
                f"`spelt` has a token of {longest} bytes; `max_token_bytes` of the config is {width}: set it so."
            )
        self.token_bytes.copy_(pack_bytes(spelt, width, padding=0))
        self.token_lengths.copy_(torch.tensor([len(text) for text in spelt]))
        self.token_starts.copy_(torch.tensor(list(starts)))

    def set_words(self, words: Sequence[str], aliases: Mapping[str, str] | None = None) -> dict[str, int]:
        """Say which words have a vector of their own, and which share one.

        Args:
            words: Different words, one less than `config.word_vocab_size`; a word in lower case also serves for its
                other spellings, where these are not in the list themselves.
            aliases: Further words, `config.word_aliases` of them, each with the one of `words` whose row it shares.

        Returns:
            The row of `word_embeddings` of each of `words`. Row 0 is that of unknown words.

        Raises:
            ValueError: for another number of words or aliases, a word twice, two words with one key, or an alias of a
                word that has no row.
        """
        aliases = aliases or {}
        if len(words) != self.num_keys:
            raise ValueError(
                f"`words` holds {len(words)}; `word_vocab_size` of the config is {self.num_keys + 1}, one more than "
                "the words that have a vector."
            )
        if len(aliases) != self.num_aliases:
            raise ValueError(f"`aliases` holds {len(aliases)}; `word_aliases` of the config is {self.num_aliases}.")
        spelt = [*words, *aliases]
        keys = word_keys(pack_bytes([word.encode() for word in spelt])) if spelt else self.keys.cpu()
        ordered, order = keys.sort()
        same = (ordered[1:] == ordered[:-1]).nonzero()
        if len(same):
            pair = [spelt[int(order[int(same[0]) + step])] for step in (0, 1)]
            raise ValueError(f"`words` holds {pair[0]!r} and {pair[1]!r}, which have the same key; drop one.")
        own, order = keys[: len(words)].sort()
        self.keys.copy_(own)
        rows = {words[place]: row for row, place in enumerate(order.tolist(), start=UNKNOWN_ROW + 1)}
        if aliases:
            homeless = next((word for word in aliases.values() if word not in rows), None)
            if homeless is not None:
                raise ValueError(f"`aliases` names {homeless!r}, which is none of `words`.")
            further, order = keys[len(words) :].sort()
            self.alias_keys.copy_(further)
            self.alias_rows.copy_(torch.tensor([rows[word] for word in aliases.values()])[order])
        return rows

    def find_words(self, inputs: torch.Tensor, mask: torch.Tensor) -> Words | None:
        """See `RecurrentEmbeddings.find_words`."""
        if inputs.dim() == 3:
            return None
        return Words.of(self._of_tokens(self.token_starts, inputs), mask)

    def rows(self, characters: torch.Tensor) -> torch.Tensor:
        """Rows of `word_embeddings` (words) for words as bytes (words, bytes)."""
        if self.num_keys == 0:
            return torch.full_like(characters[:, 0], UNKNOWN_ROW)
        # As written and in lower case, in one search.
        keys = word_keys(torch.cat([characters, lower_case(characters)]))
        place = torch.searchsorted(self.keys, keys).clamp(max=self.num_keys - 1)
        rows = torch.where(self.keys[place] == keys, place + UNKNOWN_ROW + 1, UNKNOWN_ROW)
        if self.num_aliases:
            place = torch.searchsorted(self.alias_keys, keys).clamp(max=self.num_aliases - 1)
            rows = torch.where(self.alias_keys[place] == keys, self.alias_rows[place].long(), rows)
        as_written, lower = rows.view(2, -1).unbind()
        return torch.where(as_written == UNKNOWN_ROW, lower, as_written)

    def forward(
        self, inputs: torch.Tensor, steps: Steps, dtype: torch.dtype, words: Words | None = None
    ) -> torch.Tensor:
        """Ids of pieces (batch, time), `steps` those of `words`, to (batch, words, features); zeros at the padding."""
        if words is None:
            return super().forward(inputs, steps, dtype)
        spell = self._rectangle if recorded() else self._characters
        characters, lengths = spell(inputs, words)
        rows = self.rows(characters)
        if self.training and self.word_dropout > 0:
            # The word becomes an unknown one, known by its spelling alone: so that vector too is trained.
            dropped = torch.rand(rows.shape, device=rows.device) < self.word_dropout
            rows = rows.masked_fill(dropped, UNKNOWN_ROW)
        table = cast(nn.Embedding, self.word_embeddings)
        # A word's spelling remains: dropped, it is read as if its vector were not known.
        parts = [self.type_dropout(table(rows), rows, table.num_embeddings)]
        if self.char_encoder is not None:
            parts.append(self.char_encoder(characters, lengths))
        if self.casing_features:
            parts.append(casing(characters, lengths).to(parts[0].dtype))
        found = torch.cat(parts, dim=1)
        if recorded():
            features = found.view(*words.mask.shape, found.shape[1]).masked_fill(~words.mask.unsqueeze(2), 0)
        else:
            features = found.new_zeros(*words.mask.shape, found.shape[1])
            features[words.mask] = found
        return self.dropout(features)

    def _of_tokens(self, table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        try:
            # `table[ids]` will not do: for it a negative id counts from the end.
            return table.index_select(0, ids.flatten()).view(ids.shape)
        except (IndexError, RuntimeError) as error:
            self._explain(ids, error)
            raise

    def _characters(self, input_ids: torch.Tensor, words: Words) -> tuple[torch.Tensor, torch.Tensor]:
        # The bytes of all words of the batch, row by row (words, bytes), and how many each has (words).
        ids = input_ids[words.pieces]
        piece_lengths = self.token_lengths[ids].long()
        columns = torch.arange(self.token_bytes.shape[1], device=ids.device)
        spelt = self.token_bytes[ids][columns < piece_lengths.unsqueeze(1)]
        number = words.begins[words.pieces].cumsum(0) - 1
        lengths = piece_lengths.new_zeros(int(words.mask.sum())).index_add_(0, number, piece_lengths)
        width = max(1, int(lengths.max())) if len(lengths) else 1
        characters = torch.full((len(lengths), width), PADDING_BYTE, device=ids.device)
        characters[torch.arange(width, device=ids.device) < lengths.unsqueeze(1)] = spelt.long()
        return characters, lengths

    def _rectangle(self, input_ids: torch.Tensor, words: Words) -> tuple[torch.Tensor, torch.Tensor]:
        # As `_characters`, of every place for a word: empty where a row has no further one. The number of words, which
        # depends on the values, is then no size.
        piece_lengths = self.token_lengths[input_ids].long().masked_fill(~words.pieces, 0)
        batch, time = words.mask.shape
        number = words.of_piece + time * torch.arange(batch, device=input_ids.device).unsqueeze(1)
        lengths = piece_lengths.new_zeros(batch * time).index_add_(0, number.flatten(), piece_lengths.flatten())
        width = as_size(lengths.amax().clamp(min=1))
        before = piece_lengths.cumsum(1) - piece_lengths
        offset = before - words.to_pieces(words.from_pieces(before))
        columns = torch.arange(self.token_bytes.shape[1], device=input_ids.device)
        place = (number * width + offset).unsqueeze(2) + columns
        # What is no byte of a piece goes to one place more, behind all words.
        place = torch.where(columns < piece_lengths.unsqueeze(2), place, batch * time * width)
        characters = torch.full((batch * time * width + 1,), PADDING_BYTE, device=input_ids.device)
        characters = characters.scatter(0, place.flatten(), self.token_bytes[input_ids].long().flatten())
        return characters[:-1].view(batch * time, width), lengths
