"""Rows as people have them, texts and names of labels, to the rows that a Trainer learns from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import datasets
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from ..data.batches.pairs import tokenize_pairs
from ..data.batches.steps import tokenize_steps
from ..data.batches.tags import tokenize_tagged
from ..data.batches.texts import tokenize_dataset
from ..data.readers.labels import encode_labels, label_form
from ..data.readers.tagged.steps import STEP_TARGETS, read_steps
from ..data.readers.tagged.table import TableColumns, TaggedTable
from ..inference.pipelines import label_names
from ..models.configuration_rnn import RecurrentConfig
from ..models.tagging import OF_STEPS
from .task_of_model import Head, set_problem_type


__all__ = ["LABEL_COLUMNS", "RAW_COLUMNS", "all_labels", "are_raw", "tokenize_rows"]


# The columns of raw rows of each kind, the labels aside.
RAW_COLUMNS: dict[Head, tuple[str, ...]] = {"texts": ("text",), "tokens": ("tokens",), "pairs": ("text", "text_b")}
# The column of the labels may have these names; the first that is there counts.
LABEL_COLUMNS: dict[Head, tuple[str, ...]] = {
    "texts": ("labels", "label"),
    "tokens": ("labels", "tags", "ner_tags"),
    "pairs": ("labels", "label", "score"),
}


def are_raw(rows: Any, head: Head | None) -> bool:
    """Whether `rows` have texts that are to be tokenised for what a model is for."""
    columns = getattr(rows, "column_names", None)
    if head not in RAW_COLUMNS or not isinstance(columns, list) or "input_ids" in columns:
        return False
    return set(RAW_COLUMNS[head]) <= set(columns)


def tokenize_rows(
    rows: Any, name: str, head: Head, config: PreTrainedConfig, tokenizer: Any, *, whole: bool
) -> datasets.Dataset:
    """Tokenise raw rows, and turn their labels into those of a model.

    Args:
        rows: `text` and `label` for a classifier; `tokens` and `tags` for a tagger, which are numbers or lists where
            the `problem_type` says so (see [`read_steps`]); `text`, `text_b` and `label` for a siamese network, and
            `text_c` where the rows are triplets. Labels are the names in `config.label2id`, class labels, numbers of
            labels, lists of names for several labels, or numbers for regression. Other columns are dropped.
        name: What the rows are called in errors, such as `train_dataset`.
        head: What the model is for.
        config: The model's. Without a `problem_type` it gets that of the labels, and without names of its own those of
            a column of class labels.
        tokenizer: Its `model_max_length`, if it has one, is the most tokens of a text.
        whole: Read texts whole where the model has no limit, as a pipeline does.

    Raises:
        ValueError: `tokenizer` is none, the rows are a stream, or a label is none of the model; its row is named.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise ValueError(
            f"`{name}` has texts, and `processing_class` is {tokenizer!r}; it must be the tokenizer that reads them."
        )
    if not isinstance(rows, datasets.Dataset):
        raise ValueError(
            f"`{name}` is a {type(rows).__name__} of texts; it must be a datasets.Dataset, or have `input_ids`."
        )
    column = next((column for column in LABEL_COLUMNS[head] if column in rows.column_names), None)
    # The negative of a triplet.
    third = ["text_c"] if head == "pairs" and "text_c" in rows.column_names else []
    columns = [*RAW_COLUMNS[head], *third, *([] if column is None else [column])]
    rows = rows.select_columns(columns)
    encoder = getattr(config, "encoder", config)
    recurrent = isinstance(encoder, RecurrentConfig)
    # A tokenizer without a limit says so by a number of thirty digits.
    limit = tokenizer.model_max_length if tokenizer.model_max_length < 10**9 else None
    length = None if recurrent and whole else limit
    if head == "tokens" and recurrent and column is not None and config.problem_type in OF_STEPS:
        return _with_targets(rows, name, column, config, tokenizer)
    if head == "tokens":
        return _tagged(rows, name, column, config, tokenizer, None if recurrent else limit)
    if column is not None and head == "texts":
        rows, column = _with_labels(rows, name, column, config), "label"
    if column is not None and column != "label":
        rows = rows.rename_column(column, "label")
    if head == "texts":
        return tokenize_dataset(rows, tokenizer, max_length=length)
    if column is None:
        raise ValueError(f"`{name}` has no column of {', '.join(LABEL_COLUMNS[head])}; pairs must have one.")
    return tokenize_pairs(rows, tokenizer, max_length=length)


def _with_labels(rows: datasets.Dataset, name: str, column: str, config: PreTrainedConfig) -> datasets.Dataset:
    """`rows` with the column `label` as a classifier takes it, in place of `column`."""
    feature = rows.features[column]
    texts = rows.select_columns("text")
    if _is_of_numbers(feature):
        # Already 0 or 1 for each label.
        return texts.add_column("label", rows[column][:], feature=feature)
    names = getattr(getattr(feature, "feature", feature), "names", None)
    if names is not None and _is_unnamed(config) and len(names) == config.num_labels:
        config.id2label, config.label2id = dict(enumerate(names)), {label: index for index, label in enumerate(names)}
    problem_type = config.problem_type or ("regression" if config.num_labels == 1 else None)
    label2id = cast("dict[str, int]", config.label2id)
    form = label_form({name: rows}, column, problem_type=problem_type, label2id=label2id, first=name)
    encoded = encode_labels({name: rows}, column, form, label2id=label2id, first=name)
    if encoded.problem_type == "regression" and config.num_labels != 1:
        raise ValueError(
            f"Column `{column}` of `{name}` holds numbers, for regression, and the model has {config.num_labels} "
            "labels; it must have `num_labels`=1, or the column whole numbers or names."
        )
    set_problem_type(config, encoded.problem_type)
    return texts.add_column("label", encoded.labels[name], feature=encoded.feature)


def _is_of_numbers(feature: Any) -> bool:
    return isinstance(feature, datasets.List) and str(getattr(feature.feature, "dtype", "")).startswith("float")


def _is_unnamed(config: PreTrainedConfig) -> bool:
    """Whether the labels have the names that transformers gives to those without."""
    return label_names(config) == [f"LABEL_{index}" for index in range(config.num_labels or 0)]


def _tagged(
    rows: datasets.Dataset, name: str, column: str | None, config: PreTrainedConfig, tokenizer: Any, limit: int | None
) -> datasets.Dataset:
    names = label_names(config)
    if column is None:
        # Every token has a label, so that each is a row's; what they are does not matter where nothing is learnt.
        tags: list[list[int]] = [[0] * len(tokens) for tokens in rows["tokens"]]
    else:
        feature = rows.features[column]
        given = getattr(getattr(feature, "feature", None), "names", None)
        if given is not None and _is_unnamed(config) and len(given) == config.num_labels:
            config.id2label, config.label2id = dict(enumerate(given)), {tag: index for index, tag in enumerate(given)}
            names = label_names(config)
        numbers = {tag: index for index, tag in enumerate(names)}
        tags = [
            [_tag_number(tag, given, numbers, column, name, row) for tag in sentence]
            for row, sentence in enumerate(rows[column])
        ]
    plain = datasets.Dataset.from_dict({"tokens": rows["tokens"][:], "tags": tags})
    tokenized = tokenize_tagged(plain, tokenizer, max_length=limit, label_names=names)
    # Both columns tell where predictions belong; a collator could not pad them.
    tokenized = tokenized.remove_columns(["token", "sentence"])
    return tokenized.remove_columns("labels") if column is None else tokenized


def _with_targets(
    rows: datasets.Dataset, name: str, column: str, config: PreTrainedConfig, tokenizer: Any
) -> datasets.Dataset:
    """Rows whose tokens have numbers or several labels each."""

    def place(row: int, position: int | None) -> str:
        return f"row {row} (counting from 0)" + ("" if position is None else f", position {position}")

    columns = TableColumns("tokens", column, None, False)
    table = TaggedTable(rows["tokens"][:], rows[column][:], columns, name, place)
    kind = str(config.problem_type)
    found, _ = read_steps({name: table}, name, kind, label_names(config))
    plain = datasets.Dataset.from_dict({"tokens": table.tokens, STEP_TARGETS: found[name]})
    return tokenize_steps(plain, tokenizer, max_length=None).remove_columns(["token", "sentence"])


def _tag_number(tag: Any, given: list[str] | None, numbers: dict[str, int], column: str, name: str, row: int) -> int:
    if given is not None and isinstance(tag, int) and 0 <= tag < len(given):
        tag = given[tag]
    if isinstance(tag, str) and tag in numbers:
        return numbers[tag]
    if given is None and isinstance(tag, int) and 0 <= tag < len(numbers):
        return tag
    raise ValueError(
        f"Column `{column}` of `{name}` has the tag {tag!r} in row {row} (counting from 0); it must be one of the "
        f"model's labels: {', '.join(map(repr, numbers))}."
    )


def all_labels(rows: Any) -> Iterable[Any]:
    """The labels of tokenised rows, one after the other; those of tokens each by itself."""
    column = rows["labels"] if isinstance(rows, datasets.Dataset) else (row["labels"] for row in rows)
    for labels in column:
        if isinstance(labels, int | float):
            yield labels
        else:
            yield from (labels.tolist() if hasattr(labels, "tolist") and labels.ndim else _several(labels))


def _several(labels: Any) -> Iterable[Any]:
    return labels if isinstance(labels, list | tuple) else [labels]
