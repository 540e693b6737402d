"""The flags that say which tokens and tags are read, those of transformers' own token classification example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from ..label_forms import PROBLEM_TYPES
from ..sources import SourceArguments
from ..tag_schemes import InvalidTags
from .recognition import SCHEMES, UNTAGGED
from .table import USUAL_TAG_COLUMNS, USUAL_TOKEN_COLUMNS


__all__ = ["SCHEME_CHOICES", "TokenDataArguments"]

SCHEME_CHOICES = (*SCHEMES, UNTAGGED)


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

    problem_type: str | None = field(
        default=None,
        metadata={
            "help": f"Kind of the targets: {', '.join(PROBLEM_TYPES)}. Default: regression for numbers with decimals "
            "and lists of numbers, several labels for lists of names, else one tag a token."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, choices in (
            ("tag_scheme", (None, *SCHEME_CHOICES)),
            ("invalid_tags", get_args(InvalidTags)),
            ("problem_type", (None, *PROBLEM_TYPES)),
        ):
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"`{name}`={value!r} must be one of {', '.join(map(repr, choices))}.")
        for column, other in (("token_column", "text_column_name"), ("tag_column", "label_column_name")):
            if getattr(self, column) is not None and getattr(self, other) is not None:
                raise ValueError(
                    f"`{column}`={getattr(self, column)!r} and `{other}`={getattr(self, other)!r} were both given; "
                    "they name the same column: give one."
                )
