"""Tagged sentences from the Hub or from files, with the flags of transformers' own token classification example."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from .conll import read_conll
from .files import TAGGED_FILE_TYPES, expand_path, read_rows
from .hold_out import hold_out_and_sample
from .labels import LabelMap
from .sources import SourceArguments, comma_separated, leading_split, read_splits, require_column
from .tag_schemes import InvalidTags, bioes_to_iob2, entity_types, guess_scheme, invalid_positions, iob1_to_iob2, mend


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["TokenClassificationData", "TokenDataArguments", "load_sentences", "load_token_classification"]

logger = logging.getLogger(__name__)

# Found in this order when the columns are not named; before the latter comes "<task_name>_tags".
USUAL_TOKEN_COLUMNS = ("tokens", "words")
USUAL_TAG_COLUMNS = ("tags", "labels")
_TO_IOB2: dict[str, Callable[[list[str]], list[str]]] = {"iob1": iob1_to_iob2, "iob2": list, "bioes": bioes_to_iob2}


@dataclass
class TokenDataArguments(SourceArguments):
    """Which tokens and tags to read; for ``transformers.HfArgumentParser``."""

    text_column_name: str | None = field(
        default=None,
        metadata={
            "help": f"The column of tokens. Default: {' or '.join(USUAL_TOKEN_COLUMNS)}, else the first column of "
            "lists of strings."
        },
    )
    label_column_name: str | None = field(
        default=None,
        metadata={"help": f"The column of tags. Default: <task_name>_tags, {' or '.join(USUAL_TAG_COLUMNS)}."},
    )
    task_name: str = field(default="ner", metadata={"help": "The task, such as ner or pos."})
    # The name is not `label_names`: TrainingArguments has a flag of that name, and the scripts parse both.
    class_names: str | None = field(
        default=None,
        metadata={
            "help": "The tags, separated by commas: names for integers (0 first), and all that are allowed. Entity "
            "tags are numbered anew, O first; others keep this order."
        },
    )
    tag_scheme: Literal["iob1", "iob2", "bioes"] | None = field(
        default=None,
        metadata={
            "help": "The scheme of entity tags in the data: iob1, iob2 or bioes; they become IOB2. Default: guessed "
            "from the training split."
        },
    )
    invalid_tags: InvalidTags = field(
        default="repair",
        metadata={"help": "What to do with an I- without its B-: repair (make it B-), keep or refuse."},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, choices in (("tag_scheme", (None, *_TO_IOB2)), ("invalid_tags", get_args(InvalidTags))):
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"`{name}`={value!r} must be one of {', '.join(map(repr, choices))}.")


@dataclass(frozen=True)
class TokenClassificationData:
    """Tagged sentences ready to be tokenized.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``, with exactly the columns ``tokens``
            (list of strings) and ``tags`` (list of ClassLabel). Sentences may be empty.
        label_names: The tags in order of their ids. Of entities: O, then B- and I- of each type in sorted order, both
            even where the data have one only. Of others: in the order of `class_names` or of the ClassLabel feature,
            else sorted. The order of a trained model where its map was given.
        is_entities: Whether the tags are those of entities, and so IOB2; otherwise they are, say, parts of speech.
        dataset_name: The Hub id, or the training file as it was given.
    """

    splits: DatasetDict
    label_names: list[str]
    is_entities: bool
    dataset_name: str


def load_token_classification(
    arguments: TokenDataArguments, *, label2id: dict[str, int] | None = None
) -> TokenClassificationData:
    """Read, check and split tagged sentences; entity tags of any scheme become IOB2.

    The label set is that of the training rows as they were read, before any are held out, or what the ClassLabel
    feature or `class_names` declares. `tag_schemes.guess_scheme` says what is taken for entities, and
    `hold_out.hold_out_and_sample` how rows are held out and sampled.

    Args:
        arguments: What to read.
        label2id: A trained model's map, which then decides instead of the training rows; in IOB2 if of entities.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: an unknown extension or malformed file, a missing column, a token that is null, no string, empty
            or nothing but white space, a sentence with another number of tags than of tokens, a tag that is not in
            the label set or not of the scheme, an invalid one to be refused, an empty split, or a split that is both
            given and to be held out.
    """
    from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

    raw = read_splits(arguments, lambda path: _read_file(path, arguments))
    leading = leading_split(raw)
    label_column = _label_column(arguments, raw[leading], leading)
    text_column = _text_column(arguments, raw[leading], label_column, leading)
    tokens = {split: _tokens(rows, text_column, split) for split, rows in raw.items()}
    class_names = comma_separated(arguments.class_names, "class_names")
    tags = {split: _tags(rows, label_column, split, tokens[split], class_names) for split, rows in raw.items()}
    declared = class_names or _class_label_names(raw[leading], label_column)

    scheme = arguments.tag_scheme or (guess_scheme(tags[leading]) or "").lower()
    is_entities = scheme != ""
    if is_entities:
        tags = _to_iob2(tags, label_column, scheme, arguments.invalid_tags)
    label_map = _label_map(tags[leading], declared, is_entities, label2id, label_column)
    features = Features({"tokens": List(Value("string")), "tags": List(ClassLabel(names=label_map.names))})
    splits = {}
    for split in raw:
        columns = {"tokens": tokens[split], "tags": _ids(tags[split], label_map, label_column, split)}
        splits[split] = Dataset.from_dict(columns, features=features)
    return TokenClassificationData(
        splits=DatasetDict(hold_out_and_sample(splits, arguments)),
        label_names=label_map.names,
        is_entities=is_entities,
        dataset_name=arguments.dataset_name or str(arguments.train_file or arguments.test_file),
    )


def load_sentences(arguments: TokenDataArguments) -> list[list[str]]:
    """The tokens of the training split alone, held-out rows excluded; there need be no tags.

    Raises:
        FileNotFoundError, ValueError: as `load_token_classification`, of the tokens.
    """
    from datasets import Dataset

    raw = read_splits(arguments, lambda path: _read_file(path, arguments, tagged=False))
    column = _text_column(arguments, raw["train"], _find_label_column(arguments, raw["train"]), "train")
    splits = {split: Dataset.from_dict({"tokens": _tokens(rows, column, split)}) for split, rows in raw.items()}
    return list(hold_out_and_sample(splits, arguments)["train"]["tokens"])


def _read_file(path: str, arguments: TokenDataArguments, tagged: bool = True) -> Dataset:
    if expand_path(path).suffix.lower() in TAGGED_FILE_TYPES:
        return read_conll(path, tag_column=-1 if tagged else None)
    return read_rows(path, arguments)


def _usual_label_columns(arguments: TokenDataArguments) -> tuple[str, ...]:
    return (f"{arguments.task_name}_tags", *USUAL_TAG_COLUMNS)


def _find_label_column(arguments: TokenDataArguments, rows: Dataset) -> str | None:
    if arguments.label_column_name is not None:
        return arguments.label_column_name
    return next((name for name in _usual_label_columns(arguments) if name in rows.column_names), None)


def _label_column(arguments: TokenDataArguments, rows: Dataset, split: str) -> str:
    found = _find_label_column(arguments, rows)
    if found is not None:
        return found
    usual = _usual_label_columns(arguments)
    raise ValueError(
        f"Give `label_column_name`: the {split} split has no column {' or '.join(usual)}; its columns are "
        f"{', '.join(map(repr, rows.column_names))}."
    )


def _text_column(arguments: TokenDataArguments, rows: Dataset, label_column: str | None, split: str) -> str:
    if label_column is not None and arguments.text_column_name == label_column:
        raise ValueError(f"`text_column_name`={label_column!r} is also the column of the tags.")
    if arguments.text_column_name is not None:
        return arguments.text_column_name
    strings = [
        name
        for name, feature in rows.features.items()
        if getattr(getattr(feature, "feature", None), "dtype", None) in ("string", "large_string")
    ]
    for name in (*USUAL_TOKEN_COLUMNS, *strings):
        if name in rows.column_names and name != label_column:
            return name
    besides = "" if label_column is None else f" besides {label_column!r}"
    raise ValueError(
        f"Give `text_column_name`: the {split} split has no column of lists of strings{besides}; its columns are "
        f"{', '.join(map(repr, rows.column_names))}."
    )


def _lists(rows: Dataset, column: str, argument: str, split: str) -> list[list[Any]]:
    require_column(column, argument, split, rows)
    values = rows[column][:]
    for row, value in enumerate(values):
        if not isinstance(value, list):
            raise ValueError(f"{_place(column, split, row)}: expected a list, found {value!r}.")
    return values


def _tokens(rows: Dataset, column: str, split: str) -> list[list[str]]:
    sentences = _lists(rows, column, "text_column_name", split)
    for row, tokens in enumerate(sentences):
        for position, token in enumerate(tokens):
            # A token of white space alone has no piece in any tokenizer.
            if not isinstance(token, str) or not token.strip():
                raise ValueError(
                    f"{_place(column, split, row)}, position {position}: the token is {token!r}; it must be a string "
                    "with more than white space."
                )
    return sentences


def _tags(
    rows: Dataset, column: str, split: str, tokens: list[list[str]], class_names: list[str] | None
) -> list[list[str]]:
    """The tags of each sentence as they are named."""
    sentences = _lists(rows, column, "label_column_name", split)
    names = class_names or _class_label_names(rows, column)
    allowed = None if names is None else LabelMap(names)
    named: dict[Any, str] = {}
    for row, (tags, words) in enumerate(zip(sentences, tokens, strict=True)):
        if len(tags) != len(words):
            raise ValueError(f"{_place(column, split, row)}: {len(tags)} tags for {len(words)} tokens.")
        for position, tag in enumerate(tags):
            if not isinstance(tag, int | str) or tag not in named:
                named[tag] = _name(tag, allowed, f"{_place(column, split, row)}, position {position}")
    return [[named[tag] for tag in tags] for tags in sentences]


def _class_label_names(rows: Dataset, column: str) -> list[str] | None:
    from datasets import ClassLabel

    feature = getattr(rows.features[column], "feature", None)
    return list(feature.names) if isinstance(feature, ClassLabel) else None


def _name(tag: Any, allowed: LabelMap | None, place: str) -> str:
    if isinstance(tag, bool) or not isinstance(tag, int | str) or tag == "":
        raise ValueError(f"{place}: the tag is {tag!r}; it must be a string, an integer or a class label.")
    if allowed is None:
        return str(tag)
    index = allowed.id_of(tag)
    if index is None:
        raise ValueError(f"{place}: the tag is {tag!r}; it must be one of {allowed}.")
    return allowed.names[index]


def _to_iob2(
    tags: dict[str, list[list[str]]], column: str, scheme: str, invalid: InvalidTags
) -> dict[str, list[list[str]]]:
    converted: dict[str, list[list[str]]] = {split: [] for split in tags}
    repaired = 0
    for split, sentences in tags.items():
        for row, sentence in enumerate(sentences):
            place = _place(column, split, row)
            try:
                iob2 = _TO_IOB2[scheme](sentence)
                invalid_here = len(invalid_positions(iob2))
            except ValueError as error:
                raise ValueError(f"{place}: not tagged by `tag_scheme` {scheme}: {error}") from error
            if invalid_here:
                iob2 = mend(iob2, invalid, place)
                repaired += invalid_here
            converted[split].append(iob2)
    if repaired and invalid == "repair":
        logger.warning("Made B- of %d tags I- without a B- before them (`invalid_tags`='repair').", repaired)
    return converted


def _label_map(
    training: list[list[str]],
    declared: list[str] | None,
    is_entities: bool,
    label2id: dict[str, int] | None,
    column: str,
) -> LabelMap:
    if label2id is not None:
        given = LabelMap.from_label2id(label2id)
        if is_entities and guess_scheme([given.names]) == "BIOES":
            raise ValueError(f"`label2id` must be of IOB2 tags, as those of column `{column}` become; it has {given}.")
        return given
    names = declared or _sorted({tag for tags in training for tag in tags})
    if is_entities:
        try:
            types = entity_types(names)
        except ValueError as error:
            raise ValueError(f"`class_names`, or the class labels of column `{column}`: {error}") from error
        names = ["O", *(f"{prefix}-{entity}" for entity in types for prefix in "BI")]
    if len(names) < 2:
        raise ValueError(f"Column `{column}` of the train split holds {names!r} alone: nothing to tell apart.")
    return LabelMap(names)


def _sorted(names: Iterable[str]) -> list[str]:
    """In the order of numbers if they are integers: 2 before 10."""
    names = sorted(names)
    return sorted(names, key=int) if all(name.removeprefix("-").isdecimal() for name in names) else names


def _ids(sentences: list[list[str]], label_map: LabelMap, column: str, split: str) -> list[list[int]]:
    ids = {name: index for index, name in enumerate(label_map.names)}
    for row, tags in enumerate(sentences):
        for position, tag in enumerate(tags):
            if tag not in ids:
                raise ValueError(
                    f"{_place(column, split, row)}, position {position}: the tag is {tag!r}; it must be one of "
                    f"{label_map}."
                )
    return [[ids[tag] for tag in tags] for tags in sentences]


def _place(column: str, split: str, row: int) -> str:
    return f"Column `{column}` of the {split} split, row {row} (from 0)"
