"""Texts to token ids, cut to a length at the end that matters least.

Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?" (arXiv:1905.05583, section 5.3.1) found on IMDb and
Sogou that keeping the beginning *and* the end of a long text (128 + 382 of 510 tokens) beats keeping either alone: a
review's verdict tends to stand at its end. ``"head_tail"`` keeps their proportion.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, get_args

from transformers import PreTrainedTokenizerBase


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["TruncationSide", "tokenize_dataset", "truncate"]

logger = logging.getLogger(__name__)

# Texts of up to so many characters are tokenized whole, whatever is cut afterwards.
HUGE_TEXT = 1_000_000
# A word of more characters than this for each token that is kept would be of no language.
CHARACTERS_OF_A_TOKEN = 100
HUGE_UNCUT = (
    "Row %s has a text of %s characters, which takes much memory to tokenize and to train on: --max_seq_length 512 "
    "cuts it, and those that are as long."
)

TruncationSide = Literal["head", "tail", "head_tail"]


def truncate(ids: list[int], max_length: int | None, side: TruncationSide = "head") -> list[int]:
    """Cut `ids` to at most `max_length` of them.

    Args:
        ids: Token ids, without the special tokens that a tokenizer adds around a text.
        max_length: None for all of them.
        side: What is kept: ``"head"`` the beginning, ``"tail"`` the end, ``"head_tail"`` the first quarter of
            `max_length` (rounded down) from the beginning and the rest from the end.

    Raises:
        ValueError: `max_length` is below 1, or `side` is unknown.
    """
    if side not in get_args(TruncationSide):
        raise ValueError(f"`side`={side!r} must be one of {', '.join(map(repr, get_args(TruncationSide)))}.")
    if max_length is None:
        return ids
    if max_length < 1:
        raise ValueError(f"`max_length`={max_length!r} must be at least 1, or None for no limit.")
    if len(ids) <= max_length:
        return ids
    kept_head = {"head": max_length, "tail": 0, "head_tail": max_length // 4}[side]
    return ids[:kept_head] + ids[len(ids) - (max_length - kept_head) :]


def tokenize_dataset(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int | None = None,
    side: TruncationSide = "head",
    num_proc: int | None = None,
) -> Dataset:
    """Replace the column ``text`` by ``input_ids`` and ``length``, and call the labels ``labels``.

    Special tokens that the tokenizer adds around a text (``[CLS] ... [SEP]``) are always kept and count towards
    `max_length`. No attention mask is stored: ``transformers.DataCollatorWithPadding(tokenizer)`` makes it, and with
    it the int64 or float32 label tensors. A text without tokens is an empty list; the collator pads it to the longest
    text of its batch.

    Args:
        dataset: The columns ``text`` and, where there is one, ``label`` are used; other columns are dropped.
        max_length: The most token ids of a text, in tokens; None for no limit.
        side: See `truncate`.
        num_proc: The number of processes; None for this one.

    Of a text of more than a million characters, no more is tokenized than `max_length` tokens can be made of at
    `CHARACTERS_OF_A_TOKEN` each; a warning names its row, counted from 0.

    Raises:
        ValueError: there is no column ``text``, `side` is unknown, or `max_length` leaves no room for a token.
    """
    if "text" not in dataset.column_names:
        raise ValueError(f"`dataset` has no column 'text'; its columns are {dataset.column_names}.")
    added = tokenizer.num_special_tokens_to_add()
    if max_length is not None and max_length <= added:
        raise ValueError(
            f"`max_length`={max_length!r} must be at least {added + 1}, or None for no limit: the tokenizer adds "
            f"{added} special tokens to a text."
        )
    truncate([], max_length, side)  # a wrong `side` fails here, not in another process
    tokenized = dataset.map(
        _tokenize,
        batched=True,
        with_indices=True,
        num_proc=num_proc,
        fn_kwargs={"tokenizer": tokenizer, "max_length": max_length, "side": side},
        remove_columns=[name for name in dataset.column_names if name != "label"],
        desc="Tokenizing",
    )
    return tokenized.rename_column("label", "labels") if "label" in tokenized.column_names else tokenized


def _tokenize(
    batch: dict[str, list[Any]],
    rows: list[int],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int | None,
    side: TruncationSide,
) -> dict[str, list[Any]]:
    # `truncation=False` and `verbose=False`: we cut ourselves, so a text beyond `model_max_length` is no news.
    texts = [_cut_huge(text, row, max_length, side) for text, row in zip(batch["text"], rows, strict=True)]
    encoded = tokenizer(texts, truncation=False, return_special_tokens_mask=True, verbose=False)
    pairs = zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True)
    input_ids = [_truncate_inside(ids, mask, max_length, side) for ids, mask in pairs]
    return {"input_ids": input_ids, "length": [len(ids) for ids in input_ids]}


def _cut_huge(text: str, row: int, max_length: int | None, side: TruncationSide) -> str:
    """`text` itself, or, where it is huge, as much of it as `max_length` tokens are sure to be made of.

    A tokenizer takes some hundred bytes of memory for a character, however little of the text is kept.
    """
    if max_length is None:
        if len(text) > HUGE_TEXT:
            logger.warning(HUGE_UNCUT, row, f"{len(text):,}")
        return text
    most = max(HUGE_TEXT, max_length * CHARACTERS_OF_A_TOKEN)
    if len(text) <= most:
        return text
    logger.warning(
        "Row %s has a text of %s characters: no more than %s of them are tokenized.",
        row,
        f"{len(text):,}",
        f"{most:,}",
    )
    head = {"head": most, "tail": 0, "head_tail": most // 2}[side]
    return f"{text[:head]} {text[len(text) - (most - head) :]}" if 0 < head < most else text[:head] or text[-most:]


def _truncate_inside(ids: list[int], special: list[int], max_length: int | None, side: TruncationSide) -> list[int]:
    """Truncate the text between the special tokens added in front of it and behind it."""
    if max_length is None or len(ids) <= max_length:
        return ids
    start, end = special.index(0), len(special) - special[::-1].index(0)
    room = max_length - start - (len(ids) - end)
    return ids[:start] + truncate(ids[start:end], room, side) + ids[end:]
