"""Tagged sentences from the Hub or from files, with the flags of transformers' own token classification example."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from .hold_out import hold_out_and_sample
from .labels import LabelMap
from .places import data_columns
from .sources import SourceArguments, comma_separated, leading_split, read_splits
from .tag_schemes import InvalidTags
from .tagged.labels import as_ids, class_label_names, label_map, named_tags, read_scheme, to_iob2
from .tagged.layout import ColumnRequest
from .tagged.reader import TaggedFileReader
from .tagged.recognition import SCHEMES, UNTAGGED, TagReading, find_reading
from .tagged.sentences import LINES_COLUMN, TAGS, TOKENS
from .tagged.table import (
    USUAL_TAG_COLUMNS,
    USUAL_TOKEN_COLUMNS,
    TableColumns,
    TableRequest,
    TaggedTable,
    find_columns,
    read_table,
)


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = [
    "SCHEME_CHOICES",
    "TokenClassificationData",
    "TokenDataArguments",
    "load_sentences",
    "load_token_classification",
]

logger = logging.getLogger(__name__)

SCHEME_CHOICES = (*SCHEMES, UNTAGGED)
# So many tags that a model does not know are named.
SHOWN_TAGS = 10


@dataclass
class TokenDataArguments(SourceArguments):
    """The tokens and tags to read."""

    text_column_name: str | None = field(
        default=None,
        metadata={
            "help": f"Column of the tokens. Default: {' or '.join(USUAL_TOKEN_COLUMNS)}, else the first "
            "column of lists of strings, else one with a usual name, such as Word or sentence."
        },
    )
    label_column_name: str | None = field(
        default=None,
        metadata={
            "help": f"Column of the tags. Default: <task_name>_tags, {' or '.join(USUAL_TAG_COLUMNS)}, else "
            "one with another usual name, such as Tag, else the one whose values look like tags of "
            "entities."
        },
    )
    token_column: str | None = field(
        default=None,
        metadata={
            "help": "Column of the tokens in a file with a token on each line: its number, from 0, or from "
            "the last backwards if negative (-1); or its name, in a header, in CoNLL-U or in a "
            "table. Default: the first, or the second where the first numbers the words."
        },
    )
    tag_column: str | None = field(
        default=None,
        metadata={
            "help": "Column of the tags in a file with a token on each line: a number or a name, as of "
            "`token_column`, or in CoNLL-U a key of MISC. Default: UPOS in CoNLL-U, else the last "
            "column that looks like tags of entities, else the last."
        },
    )
    sentence_column: str | None = field(
        default=None,
        metadata={
            "help": "Column that numbers the sentences, in a table with a token a row; an empty cell stands "
            "for the value above it. Default: one with a usual name, such as 'Sentence #' or "
            "sentence_id."
        },
    )
    task_name: str = field(default="ner", metadata={"help": "Task that the tags are of, such as ner or pos."})
    # The name is not `label_names`: TrainingArguments has a flag of that name, and the scripts parse both.
    class_names: str | None = field(
        default=None,
        metadata={
            "help": "Tags, separated by commas: names for integers (0 first), and all that are allowed. "
            "Entity tags are numbered anew, O first; others keep this order. Default: those of the "
            "data."
        },
    )
    tag_scheme: str | None = field(
        default=None,
        metadata={
            "help": f"Scheme of the entity tags in the data: {', '.join(SCHEMES)}; they become IOB2. "
            f"{UNTAGGED}: the tags are not of entities, and stay. Default: found from the training "
            "split."
        },
    )
    invalid_tags: InvalidTags = field(
        default="repair",
        metadata={"help": "Treatment of an I- without its B-: repair (make it B-), keep or refuse."},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, choices in (("tag_scheme", (None, *SCHEME_CHOICES)), ("invalid_tags", get_args(InvalidTags))):
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"`{name}`={value!r} must be one of {', '.join(map(repr, choices))}.")
        for column, other in (("token_column", "text_column_name"), ("tag_column", "label_column_name")):
            if getattr(self, column) is not None and getattr(self, other) is not None:
                raise ValueError(
                    f"`{column}`={getattr(self, column)!r} and `{other}`={getattr(self, other)!r} were both given; "
                    "they name the same column: give one."
                )


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
        unknown_names: Tags of other splits that are not among `label_names`, with the ids after theirs: no model can
            predict them, and each is an error.
    """

    splits: DatasetDict
    label_names: list[str]
    is_entities: bool
    dataset_name: str
    unknown_names: tuple[str, ...] = ()

    @property
    def tag_names(self) -> list[str]:
        """The names of all ids in `splits`."""
        return [*self.label_names, *self.unknown_names]


def load_token_classification(
    arguments: TokenDataArguments, *, label2id: dict[str, int] | None = None, new_head: bool = False
) -> TokenClassificationData:
    """Read, check and split tagged sentences; entity tags of any scheme become IOB2.

    The label set is that of the training rows as they were read, before any are held out, or what the ClassLabel
    feature or `class_names` declares. A tag that another split has besides is kept as one that the model cannot
    predict, and a warning names it. `tagged.recognition.find_reading` says what is taken for entities, and
    `hold_out.hold_out_and_sample` how rows are held out and sampled.

    Args:
        arguments: What to read.
        label2id: A trained model's map, which then decides instead of the training rows; in IOB2 if of entities.
        new_head: Whether the model is to have a new head, which a warning tells, where the training rows have a tag
            that `label2id` has not. Otherwise such a tag is one that the model cannot predict.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: an unknown extension or malformed file, a missing column, a token that is null, no string, empty
            or nothing but white space, a sentence with another number of tags than of tokens, tags of entities of
            which some fit no scheme, a tag that is not of the scheme or not one of `class_names`, an invalid one to be
            refused, a split in which a model knows no tag but O, an empty split, or a split that is both given and to
            be held out.
    """
    from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

    raw, tables = _read_tables(arguments, tagged=True)
    leading = leading_split(raw)
    column = tables[leading].columns.tags or ""
    class_names = comma_separated(arguments.class_names, "class_names")
    tags = {
        split: named_tags(table, class_names or class_label_names(raw[split].features[table.columns.tags or ""]))
        for split, table in tables.items()
    }
    reading = read_scheme(tags[leading], arguments.tag_scheme)
    if reading is None and all(tag.isdecimal() for sentence in tags[leading] for tag in sentence):
        logger.warning("The tags are numbers without names; --class_names names them, 0 first, such as O,B-PER,I-PER.")
    if reading is not None:
        tags = to_iob2(tables, tags, reading, arguments.invalid_tags)
    declared = class_names or class_label_names(raw[leading].features[column])
    labels = _labels(tags[leading], declared, reading, column, label2id, new_head)
    unknown = _unknown(tags, labels, tables, trained=label2id is not None and not new_head)
    names = [*labels.names, *unknown]
    features = Features({"tokens": List(Value("string")), "tags": List(ClassLabel(names=names))})
    splits = {
        split: Dataset.from_dict({"tokens": table.tokens, "tags": as_ids(tags[split], names)}, features=features)
        for split, table in tables.items()
    }
    return TokenClassificationData(
        splits=DatasetDict(hold_out_and_sample(splits, arguments)),
        label_names=labels.names,
        is_entities=reading is not None,
        dataset_name=arguments.dataset_name or str(arguments.train_file or arguments.test_file),
        unknown_names=tuple(unknown),
    )


def load_sentences(arguments: TokenDataArguments) -> list[list[str]]:
    """The tokens of the training split alone, held-out rows excluded; there need be no tags.

    Raises:
        FileNotFoundError, ValueError: as `load_token_classification`, of the tokens.
    """
    from datasets import Dataset

    _, tables = _read_tables(arguments, tagged=False)
    splits = {split: Dataset.from_dict({"tokens": table.tokens}) for split, table in tables.items()}
    return list(hold_out_and_sample(splits, arguments)["train"]["tokens"])


def _read_tables(arguments: TokenDataArguments, *, tagged: bool) -> tuple[dict[str, Dataset], dict[str, TaggedTable]]:
    """Every split as it was read, and its sentences, of which the tokens are checked."""
    columns = ColumnRequest(
        _in_file(arguments.token_column, arguments.text_column_name, TOKENS),
        _in_file(arguments.tag_column, arguments.label_column_name, TAGS),
        arguments.task_name,
        tagged,
    )
    token_name = arguments.text_column_name or arguments.token_column
    tag_name = arguments.label_column_name or arguments.tag_column
    raw = read_splits(arguments, TaggedFileReader(columns, token_name, tag_name, arguments).read)
    found: dict[bool, TableColumns] = {}
    tables = {}
    for split in dict.fromkeys([leading_split(raw), *raw]):
        rows = raw[split]
        # Sentences in columns or with spans have columns of their own, whatever those of the other splits are.
        is_table = LINES_COLUMN not in rows.column_names
        if is_table not in found:
            names = _name_in(rows, token_name), _name_in(rows, tag_name)
            request = TableRequest(*names, arguments.sentence_column, arguments.task_name, tagged)
            found[is_table] = find_columns(rows, request, split)
        tables[split] = read_table(rows, found[is_table], split)
        _check_tokens(tables[split])
    return raw, {split: tables[split] for split in raw}


def _in_file(column: str | None, name: str | None, own: str) -> int | str | None:
    """The column that is asked for in a file with a token on each line: `column`, or else the `name` of a column of a
    table, if it is not the `own` one that the sentences of such a file have.
    """
    if column is None:
        return None if name == own else name
    return int(column) if column.removeprefix("-").isdecimal() else column


def _name_in(rows: Dataset, column: str | None) -> str | None:
    """The name of a column of a table, which may be given by its number."""
    names = data_columns(rows)
    if column is None or column in names or not column.removeprefix("-").isdecimal():
        return column
    index = int(column)
    return names[index] if -len(names) <= index < len(names) else column


def _check_tokens(table: TaggedTable) -> None:
    for row, tokens in enumerate(table.tokens):
        for position, token in enumerate(tokens):
            # A token of white space alone has no piece in any tokenizer.
            if not isinstance(token, str) or not token.strip():
                shown = "empty" if token is None else repr(token)
                raise ValueError(
                    f"{table.place(row, position, of_tokens=True)}: the token is {shown}; it must be a string with "
                    "more than white space. Write its word, or leave its row out."
                )


def _labels(
    leading: list[list[str]],
    declared: Sequence[str] | None,
    reading: TagReading | None,
    column: str,
    label2id: dict[str, int] | None,
    new_head: bool,
) -> LabelMap:
    if label2id is None:
        return label_map(leading, declared, reading, column)
    given = LabelMap.from_label2id(label2id)
    lacking = sorted({tag for tags in leading for tag in tags}.difference(given.names))
    if new_head and lacking:
        labels = label_map(leading, declared, reading, column)
        logger.warning(
            "The model was trained on other labels (%s), without %s: it has a new head for the %d labels of the data.",
            *(given, ", ".join(map(repr, lacking[:SHOWN_TAGS])), len(labels.names)),
        )
        return labels
    if reading is not None and not _are_iob2(given.names):
        raise ValueError(f"`label2id` must be of IOB2 tags, as those of column `{column}` become; it has {given}.")
    return given


def _are_iob2(names: Sequence[str]) -> bool:
    """Whether the labels of a model are not, all of them, those of another scheme of entities."""
    try:
        reading = find_reading([list(names)])
    except ValueError:
        return True
    return reading is None or all(name == reading.canonical(name) and name[0] in "BIO" for name in names)


def _unknown(
    tags: dict[str, list[list[str]]], labels: LabelMap, tables: dict[str, TaggedTable], trained: bool
) -> list[str]:
    """The tags that are not among the labels, each an error of the model, of which a warning tells.

    Raises:
        ValueError: the labels are those of a trained model, and a split has no other tags but O.
    """
    unknown: dict[str, None] = {}
    for split, sentences in tags.items():
        found = Counter(tag for sentence in sentences for tag in sentence)
        lacking = [tag for tag in found if tag not in labels.names]
        if not lacking:
            continue
        row, position = next(
            (row, position)
            for row, sentence in enumerate(sentences)
            for position, tag in enumerate(sentence)
            if tag in lacking
        )
        place = tables[split].place(row, position)
        if trained and {*found} <= {"O", *lacking}:
            raise ValueError(f"{place}: the tag is {sentences[row][position]!r}; it must be one of {labels}.")
        shown = ", ".join(map(repr, sorted(lacking)[:SHOWN_TAGS]))
        logger.warning(
            "%d tokens of the %s split have a tag that the model cannot know, and count as its errors: %s. The first: "
            "%s.",
            *(sum(found[tag] for tag in lacking), split, shown, place),
        )
        unknown |= dict.fromkeys(sorted(lacking))
    return list(unknown)
