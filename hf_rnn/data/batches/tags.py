"""Tags of tokens to labels of a tokenizer's pieces, in windows a model can take, and predictions back to tokens.

Devlin et al. 2019, "BERT" (arXiv:1810.04805, section 5.3): the first piece of a token carries its tag, the others are
left out of the loss (-100).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from transformers import PreTrainedTokenizerBase


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["IGNORED_LABEL", "token_predictions", "tokenize_tagged"]

logger = logging.getLogger(__name__)

# The losses of torch and transformers leave this label out.
IGNORED_LABEL = -100
NO_TOKEN = -1
BATCH_SIZE = 1000


class _Span(NamedTuple):
    """The pieces `start` to `end` (exclusive) of the sentence's `token`."""

    token: int
    start: int
    end: int


class _Window(NamedTuple):
    """The spans `first` to `last`, of which those from `core_first` to `core_last` are labelled (ends exclusive)."""

    first: int
    core_first: int
    core_last: int
    last: int


def tokenize_tagged(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int | None,
    label_all_tokens: bool = False,
    label_names: Sequence[str],
    progress: bool = True,
) -> Dataset:
    """Tokenize tagged sentences and label their pieces.

    A sentence of more than `max_length` pieces becomes several rows: windows cut between tokens, with up to a quarter
    of the window on each side as context. Every token is labelled in exactly one of them. A token longer than a whole
    window keeps its first pieces. Warnings count these sentences and tokens, and the tokens that the tokenizer drops
    (no piece of theirs is left, as of a control character with BERT's). A sentence without pieces, special tokens
    included, is no row.

    Args:
        dataset: The columns ``tokens`` (lists of strings) and ``tags`` (lists of ids) are used.
        tokenizer: A fast one. One of byte-level BPE needs ``add_prefix_space=True``, as in ``run_ner``.
        max_length: The most pieces of a row, special tokens included; None for no limit.
        label_all_tokens: Label the other pieces of a token, too: with the I- of its tag where that is a B-, else with
            the tag itself.
        label_names: The tags in order of their ids.
        progress: Whether a bar is shown, on standard error.

    Returns:
        ``input_ids``, ``attention_mask`` and, where the tokenizer's models take them, ``token_type_ids``; ``labels``
        (tag ids, or -100); ``token``: of the first piece of each labelled token the token's position in the sentence,
        else -1; each (pieces). ``length``: the number of pieces; ``sentence``: the row of `dataset`.

    Raises:
        ValueError: the tokenizer is not fast, a column is missing, a sentence has another number of tags than of
            tokens, or `max_length` leaves no room for a piece.
    """
    import pyarrow as pa
    from datasets import Dataset
    from datasets.table import InMemoryTable
    from datasets.utils import tqdm

    _check_tokenizer(tokenizer, max_length)
    sentences, tags = _columns(dataset)
    inputs = ["input_ids", "attention_mask"]
    if "token_type_ids" in tokenizer.model_input_names:
        inputs.append("token_type_ids")
    inner_ids = _inner_ids(label_names) if label_all_tokens else None
    columns: dict[str, list[Any]] = {name: [] for name in (*inputs, "labels", "token", "length", "sentence")}
    counts: Counter[str] = Counter()
    with tqdm(total=len(dataset), desc="Tokenizing", unit=" examples", disable=not progress) as bar:
        for start in range(0, len(dataset), BATCH_SIZE):
            batch = sentences[start : start + BATCH_SIZE]
            encoded = tokenizer(
                batch,
                is_split_into_words=True,
                padding=False,
                truncation=False,
                return_attention_mask=True,
                return_token_type_ids="token_type_ids" in inputs,
                verbose=False,
            )
            for index in range(len(batch)):
                sentence = start + index
                pieces = {name: encoded[name][index] for name in inputs}
                for row in _rows(pieces, encoded.word_ids(index), tags[sentence], max_length, inner_ids, counts):
                    for name, value in row.items():
                        columns[name].append(value)
                    columns["sentence"].append(sentence)
            bar.update(len(batch))
    _warn(counts, max_length)
    numbers = dict.fromkeys(("length", "sentence"), pa.int64())
    arrays = {name: pa.array(values, numbers.get(name, pa.list_(pa.int64()))) for name, values in columns.items()}
    return Dataset(InMemoryTable(pa.table(arrays)))


def token_predictions(
    predicted: Sequence[Sequence[int]], tokenized: Dataset, dataset: Dataset, *, label_names: Sequence[str]
) -> list[list[int]]:
    """The predicted tag id of every token, from predictions of pieces.

    Args:
        predicted: For each row of `tokenized`, in its order, a label id for each piece, (rows, pieces); what follows
            the pieces of a row is padding and not looked at.
        tokenized: What `tokenize_tagged` made of `dataset`.
        dataset: The tagged sentences.
        label_names: The tags in order of their ids.

    Returns:
        As many ids for each sentence as it has tokens. A token that the tokenizer drops is O, or the first of
        `label_names` where there is no O; an empty sentence is ``[]``.

    Raises:
        ValueError: `predicted` has not as many rows as `tokenized`, or a row of fewer ids than pieces.
    """
    if len(predicted) != len(tokenized):
        raise ValueError(f"`predicted` has {len(predicted)} rows; `tokenized` has {len(tokenized)}.")
    dropped = list(label_names).index("O") if "O" in label_names else 0
    found = [[dropped] * len(tokens) for tokens in dataset["tokens"]]
    for row, (ids, sentence, tokens) in enumerate(
        zip(predicted, tokenized["sentence"], tokenized["token"], strict=True)
    ):
        if len(ids) < len(tokens):
            raise ValueError(f"`predicted` has {len(ids)} ids in row {row} (from 0), which has {len(tokens)} pieces.")
        for index, token in zip(ids, tokens, strict=False):
            if token != NO_TOKEN:
                found[sentence][token] = int(index)
    return found


def _check_tokenizer(tokenizer: PreTrainedTokenizerBase, max_length: int | None) -> None:
    if not tokenizer.is_fast:
        raise ValueError(
            f"`tokenizer` is a {type(tokenizer).__name__}; it must be a fast one: the others do not tell the token of "
            "a piece."
        )
    added = tokenizer.num_special_tokens_to_add()
    if max_length is not None and max_length <= added:
        raise ValueError(
            f"`max_length`={max_length!r} must be at least {added + 1}, or None for no limit: the tokenizer adds "
            f"{added} special tokens to a sentence."
        )


def _columns(dataset: Dataset) -> tuple[list[list[str]], list[list[int]]]:
    for column in ("tokens", "tags"):
        if column not in dataset.column_names:
            raise ValueError(f"`dataset` has no column {column!r}; its columns are {dataset.column_names}.")
    sentences, tags = dataset["tokens"][:], dataset["tags"][:]
    for row, (tokens, ids) in enumerate(zip(sentences, tags, strict=True)):
        if len(tokens) != len(ids):
            raise ValueError(f"`dataset` has {len(ids)} tags for {len(tokens)} tokens in row {row} (from 0).")
    return sentences, tags


def _inner_ids(label_names: Sequence[str]) -> list[int]:
    """Give, for each tag id, the id that the further pieces of a token with this tag get."""
    ids = {name: index for index, name in enumerate(label_names)}
    return [ids.get("I" + name[1:], ids[name]) if name.startswith("B-") else ids[name] for name in label_names]


def _rows(
    pieces: dict[str, list[int]],
    word_ids: list[int | None],
    tags: list[int],
    max_length: int | None,
    inner_ids: list[int] | None,
    counts: Counter[str],
) -> Iterator[dict[str, Any]]:
    """The rows of one sentence."""
    spans = _spans(word_ids)
    counts["dropped tokens"] += len(tags) - len(spans)
    # The special tokens stand in front of the first token's piece and behind the last one's.
    begin, end = (spans[0].start, spans[-1].end) if spans else (len(word_ids), len(word_ids))
    room = len(word_ids) if max_length is None else max_length - begin - (len(word_ids) - end)
    windows = _windows(spans, room) if spans else [_Window(0, 0, 0, 0)] if word_ids else []
    counts["long sentences"] += len(windows) > 1
    for window in windows:
        kept = spans[window.first : window.last]
        start, stop = (kept[0].start, kept[-1].end) if kept else (begin, end)
        if stop - start > room:
            stop = start + room
            counts["long tokens"] += 1
        labels, token = [IGNORED_LABEL] * len(word_ids), [NO_TOKEN] * len(word_ids)
        for span in spans[window.core_first : window.core_last]:
            if inner_ids is not None:
                labels[span.start : span.end] = [inner_ids[tags[span.token]]] * (span.end - span.start)
            labels[span.start], token[span.start] = tags[span.token], span.token
        row = {
            name: values[:begin] + values[start:stop] + values[end:]
            for name, values in {**pieces, "labels": labels, "token": token}.items()
        }
        yield {**row, "length": len(row["input_ids"])}


def _spans(word_ids: list[int | None]) -> list[_Span]:
    """The pieces of every token that has any."""
    spans = []
    start = 0
    for token, pieces in groupby(word_ids):
        end = start + len(list(pieces))
        if token is not None:
            spans.append(_Span(token, start, end))
        start = end
    return spans


def _windows(spans: list[_Span], room: int) -> list[_Window]:
    """Windows of at most `room` pieces, unless a token alone has more; every span is in the core of exactly one."""
    windows = []
    margin = room // 4
    core_first = 0
    while core_first < len(spans):
        start = spans[core_first].start
        # The context in front gives way to a long token.
        context = min(margin, room - (spans[core_first].end - start))
        first = core_first
        while first > 0 and start - spans[first - 1].start <= context:
            first -= 1
        limit = spans[first].start + room
        if spans[-1].end <= limit:
            core_last = last = len(spans)
            while first > 0 and spans[-1].end - spans[first - 1].start <= room:
                first -= 1
        else:
            core_last = core_first + 1
            while core_last < len(spans) and spans[core_last].end <= limit - margin:
                core_last += 1
            last = core_last
            while last < len(spans) and spans[last].end <= limit:
                last += 1
        windows.append(_Window(first, core_first, core_last, last))
        core_first = core_last
    return windows


def _warn(counts: Counter[str], max_length: int | None) -> None:
    messages = {
        "long sentences": f"sentences have more than {max_length} pieces: each became several overlapping windows",
        "long tokens": f"tokens do not fit into {max_length} pieces: only their first pieces are kept",
        "dropped tokens": "tokens have no piece in this tokenizer: the model does not see them",
    }
    for name, message in messages.items():
        if counts[name]:
            logger.warning("%d %s.", counts[name], message)
