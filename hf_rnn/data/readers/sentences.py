"""Tagged sentences from the Hub or from files, with the flags of transformers' own token classification example."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .hold_out import hold_out_and_sample
from .labels import LabelMap
from .places import data_columns
from .sources import comma_separated, leading_split, read_splits
from .tagged.arguments import SCHEME_CHOICES, TokenDataArguments
from .tagged.labels import as_ids, class_label_names, label_map, named_tags, read_scheme, to_iob2
from .tagged.layout import ColumnRequest
from .tagged.reader import TaggedFileReader
from .tagged.recognition import TagReading, find_reading
from .tagged.sentences import LINES_COLUMN, TAGS, TOKENS
from .tagged.steps import STEP_TARGETS, StepData, find_step_problem, read_steps
from .tagged.table import TableColumns, TableRequest, TaggedTable, find_columns, read_table


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = [
    "SCHEME_CHOICES",
    "TokenClassificationData",
    "TokenDataArguments",
    "load_sentences",
    "load_token_classification",
    "load_token_targets",
]

logger = logging.getLogger(__name__)

# So many tags that a model does not know are named.
SHOWN_TAGS = 10


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


def load_token_targets(
    arguments: TokenDataArguments,
    *,
    problem_type: str | None = None,
    label2id: dict[str, int] | None = None,
    new_head: bool = False,
) -> TokenClassificationData | StepData:
    """Read sentences with a tag a token, as [`load_token_classification`]; or with numbers or several labels a token.

    Args:
        arguments: What to read.
        problem_type: That of a trained model; `arguments.problem_type` comes first. None: what the targets show.
        label2id, new_head: As of [`load_token_classification`]; of a model of another problem type they do not count.

    Raises:
        FileNotFoundError, ValueError: as [`load_token_classification`] and `tagged.steps.read_steps`.
    """
    from datasets import Dataset, DatasetDict, Features, List, Value

    raw, tables = _read_tables(arguments, tagged=True)
    leading = leading_split(raw)
    found = find_step_problem(tables[leading], arguments.problem_type or problem_type)
    if found is None:
        return _tagged(arguments, raw, tables, label2id=label2id, new_head=new_head)
    names = comma_separated(arguments.class_names, "class_names")
    known = label2id if problem_type == found and not new_head else None
    targets, names = read_steps(tables, leading, found, names, known)
    features = Features({"tokens": List(Value("string")), STEP_TARGETS: List(List(Value("float32")))})
    splits = {
        split: Dataset.from_dict({"tokens": table.tokens, STEP_TARGETS: targets[split]}, features=features)
        for split, table in tables.items()
    }
    return StepData(DatasetDict(hold_out_and_sample(splits, arguments)), names, found, _name_of(arguments))


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
    raw, tables = _read_tables(arguments, tagged=True)
    return _tagged(arguments, raw, tables, label2id=label2id, new_head=new_head)


def _tagged(
    arguments: TokenDataArguments,
    raw: dict[str, Dataset],
    tables: dict[str, TaggedTable],
    *,
    label2id: dict[str, int] | None,
    new_head: bool,
) -> TokenClassificationData:
    from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

    leading = leading_split(raw)
    if (found := find_step_problem(tables[leading], arguments.problem_type)) is not None:
        raise ValueError(f"`problem_type`={found!r} was given or found in the targets; here each token has one tag.")
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
        dataset_name=_name_of(arguments),
        unknown_names=tuple(unknown),
    )


def _name_of(arguments: TokenDataArguments) -> str:
    return arguments.dataset_name or str(arguments.train_file or arguments.test_file)


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
