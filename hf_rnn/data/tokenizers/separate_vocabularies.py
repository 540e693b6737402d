"""Two vocabularies in one tokenizer: the tokens of targets have the first ids, those that only sources have follow.

A decoder then needs entries for the first ids alone, and everything that reads or writes texts needs one tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, cast

from tokenizers import models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from .training import UNK_TOKEN, TokenizerKind, checked_batches, train_tokenizer


__all__ = ["replace_tokens", "target_replacements", "train_separate_vocabularies"]


def train_separate_vocabularies(
    sources: Iterable[str], targets: Iterable[str], *, kind: TokenizerKind, **options: Any
) -> tuple[PreTrainedTokenizerFast, int]:
    """Train a tokenizer whose ids are ordered: special tokens, the tokens of `targets`, those of `sources` alone.

    Words and characters of each side are counted by themselves, and each side has at most `vocab_size` entries. Byte
    pairs are learnt of both sides together, with `vocab_size` entries in all; those of targets are the 256 bytes and
    what the targets are cut into.

    Args:
        sources, targets: Both are read; targets of byte pairs are read twice.
        kind, options: As [`train_tokenizer`] takes them.

    Returns:
        The tokenizer, and the number of ids that targets use, special tokens included.

    Raises:
        TypeError, ValueError: As [`train_tokenizer`].
    """
    if kind == "bpe":
        tokenizer = train_tokenizer(chain(sources, targets), kind=kind, **options)
        return tokenizer, _put_first(tokenizer, _tokens_of(tokenizer, targets))
    tokenizer = train_tokenizer(targets, kind=kind, **options)
    of_sources = train_tokenizer(sources, kind=kind, **options).get_vocab()
    vocabulary = tokenizer.get_vocab()
    size = len(vocabulary)
    for token in sorted(of_sources, key=of_sources.__getitem__):
        vocabulary.setdefault(token, len(vocabulary))
    tokenizer.backend_tokenizer.model = models.WordLevel(vocabulary, unk_token=UNK_TOKEN)
    return tokenizer, size


def target_replacements(tokenizer: PreTrainedTokenizerBase, size: int) -> dict[int, tuple[int, ...]]:
    """The ids that stand in a target for each id from `size` on, which a decoder cannot write.

    A byte pair is cut into the two that it was merged from, and each of these again until all are below `size`; any
    other token is the unknown one.

    Raises:
        ValueError: a token can be replaced by none, because the tokenizer has no `unk_token` below `size`.
    """
    if len(tokenizer) <= size:
        return {}
    vocabulary = tokenizer.get_vocab()
    pieces: dict[str, tuple[int, ...]] = {token: (index,) for token, index in vocabulary.items() if index < size}
    unknown = None if tokenizer.unk_token is None else pieces.get(str(tokenizer.unk_token))
    for left, right in _merges(tokenizer):
        # A merge stands behind those that made its two parts.
        parts = [pieces.get(part, unknown) for part in (left, right)]
        if left + right not in pieces and None not in parts:
            pieces[left + right] = tuple(chain.from_iterable(part for part in parts if part is not None))
    found = {index: pieces.get(token, unknown) for token, index in vocabulary.items() if index >= size}
    lost = next((index for index, stands in found.items() if stands is None), None)
    if lost is not None:
        raise ValueError(
            f"The decoder has {size} entries; {tokenizer.convert_ids_to_tokens(lost)!r} has the id {lost} in "
            "`tokenizer`, which has no `unk_token` to put in its place. Give the tokenizer of the model."
        )
    return {index: stands for index, stands in found.items() if stands is not None}


def replace_tokens(ids: Sequence[int], replacements: Mapping[int, Sequence[int]]) -> list[int]:
    """The `ids` of a target with those of [`target_replacements`] in place of the ones that a decoder cannot write."""
    return [piece for index in ids for piece in replacements.get(index, (index,))]


def _tokens_of(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> set[int]:
    """The ids of byte pairs that texts are made of, and those that any text may need: special ones, and bytes."""
    alphabet = cast(list[int], tokenizer.convert_tokens_to_ids(pre_tokenizers.ByteLevel.alphabet()))
    used = {*tokenizer.all_special_ids, *alphabet}
    for batch in checked_batches(texts):
        used.update(chain.from_iterable(cast(list[list[int]], tokenizer(batch, verbose=False)["input_ids"])))
    return used


def _put_first(tokenizer: PreTrainedTokenizerFast, used: set[int]) -> int:
    """Give the ids in `used` of a tokenizer of byte pairs the first places, in the order they had; their number."""
    backend = tokenizer.backend_tokenizer
    vocabulary = backend.get_vocab()
    order = sorted(vocabulary, key=lambda token: (vocabulary[token] not in used, vocabulary[token]))
    # How a text is cut depends on the order of the merges, not on the ids.
    backend.model = models.BPE(
        vocab={token: index for index, token in enumerate(order)}, merges=_merges(tokenizer), unk_token=UNK_TOKEN
    )
    return len(used)


def _merges(tokenizer: PreTrainedTokenizerBase) -> list[tuple[str, str]]:
    """The pairs that a tokenizer merges, in their order; none where it merges none."""
    if not tokenizer.is_fast:
        return []
    state = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    return [(left, right) for left, right in state.get("merges", ())]
