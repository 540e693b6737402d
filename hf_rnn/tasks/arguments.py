"""The arguments that the tasks have in common: model, tokenizer, words, report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from ..data.tokenizers.training import BYTE_ALPHABET_SIZE, SPECIAL_TOKENS
from ..models.configuration_rnn import FAMILIES
from ..models.encoding import NO_LIMIT
from ..runs.bundled import find_named
from ..runs.licences import check_licence


__all__ = ["ModelArguments", "ReportArguments", "TokenizerArguments", "WordArguments", "json_object"]


def json_object(value: str | None, argument: str) -> dict[str, Any]:
    """The names and values in `value`, which `argument` was given; {} for None.

    Raises:
        ValueError: it is not a JSON object.
    """
    if value is None:
        return {}
    try:
        values = json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"`{argument}`={value!r} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise ValueError(f"`{argument}`={value!r} must be a JSON object of names and values.")
    return values


@dataclass
class ModelArguments:
    """The model to train: a new one of a recurrent family, or any checkpoint of the Hub."""

    model_type: str | None = field(
        default=None, metadata={"help": f"A new model of this family: {', '.join(FAMILIES)}. Default: bilstm."}
    )
    config_overrides: str | None = field(
        default=None,
        metadata={
            "help": 'Values for its configuration as JSON, such as \'{"hidden_sizes": [64, 32], "dropout": 0.5}\'.'
        },
    )
    model_name_or_path: str | None = field(
        default=None,
        metadata={"help": "A checkpoint to start from instead, ours or any BERT: a Hub id, a folder or bundled:NAME."},
    )
    revision: str = field(default="main", metadata={"help": "Branch, tag or commit of `model_name_or_path`."})
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Whether code that `model_name_or_path` carries may run on this machine."}
    )
    embedding_vectors: str | None = field(
        default=None,
        metadata={
            "help": "Start the embeddings from these: glove-6b-50d, a GloVe, word2vec or fastText file, or a .npy."
        },
    )
    embedding_words: str | None = field(
        default=None,
        metadata={"help": "The word list of a .npy in `embedding_vectors`: .txt or .parquet in row order."},
    )
    freeze_embeddings: bool = field(default=False, metadata={"help": "Do not train the embeddings."})
    init_from_lm: str | None = field(
        default=None,
        metadata={
            "help": "Start a new model with the weights, the sizes and the tokenizer of this language model: a Hub "
            "id, a folder or bundled:NAME, with an LstmForCausalLM, GruForCausalLM or ElmanForCausalLM."
        },
    )
    init_from_lm_backward: str | None = field(
        default=None,
        metadata={"help": "The same, trained on reversed texts: the new model reads both ways."},
    )

    def __post_init__(self) -> None:
        if self.model_type is not None and self.model_name_or_path is not None:
            raise ValueError(
                f"`model_type`={self.model_type!r} (a new model) and `model_name_or_path`={self.model_name_or_path!r} "
                "(a checkpoint) were both given; give one."
            )
        if self.model_type is not None and self.model_type not in FAMILIES:
            raise ValueError(f"`model_type`={self.model_type!r} must be one of {', '.join(FAMILIES)}.")
        if self.model_name_or_path is not None and self.embedding_vectors is not None:
            raise ValueError(
                "`embedding_vectors` initialises a new model; it can't be given with `model_name_or_path`."
            )
        if self.init_from_lm_backward is not None and self.init_from_lm is None:
            raise ValueError(
                f"`init_from_lm_backward`={self.init_from_lm_backward!r} needs `init_from_lm`, a language model that "
                "reads forwards."
            )
        for name in ("model_name_or_path", "embedding_vectors"):
            if self.init_from_lm is not None and getattr(self, name) is not None:
                raise ValueError(
                    f"`init_from_lm`={self.init_from_lm!r} and `{name}`={getattr(self, name)!r} were both given; both "
                    "say what weights the model starts with: give one."
                )
        self.overrides()
        find_named(self, "model_name_or_path", "init_from_lm", "init_from_lm_backward")

    def overrides(self) -> dict[str, Any]:
        """`config_overrides` as a dictionary.

        Raises:
            ValueError: it is not a JSON object.
        """
        return json_object(self.config_overrides, "config_overrides")

    def overridden(self, values: Mapping[str, Any]) -> ModelArguments:
        """These arguments with `values` on top of `config_overrides`."""
        return replace(self, config_overrides=json.dumps({**self.overrides(), **values})) if values else self


@dataclass
class TokenizerArguments:
    """The tokenizer: one that exists, or a new one of the training texts; and where long texts are cut."""

    tokenizer_name_or_path: str | None = field(
        default=None,
        metadata={"help": "A Hub id, a folder or bundled:NAME. Default: that of the checkpoint; else one is trained."},
    )
    tokenizer_kind: str = field(
        default="word", metadata={"help": "Of one that is trained: word, bpe, character or whitespace."}
    )
    vocab_size: int = field(default=20_000, metadata={"help": "The most entries of one that is trained."})
    min_frequency: int = field(default=2, metadata={"help": "How often a word has to occur to get an entry."})
    vocab_from_vectors: bool = field(
        default=False,
        metadata={
            "help": "Whether the rest of `vocab_size`, in a trained tokenizer of words, is given to the first words "
            "of `embedding_vectors` (in published files the most frequent): texts to come may have them."
        },
    )
    lowercase: bool = field(default=True, metadata={"help": "Whether one that is trained ignores case."})
    strip_html: bool = field(
        default=False, metadata={"help": "Whether one that is trained drops tags such as <br />."}
    )
    max_seq_length: int | None = field(
        default=None,
        metadata={
            "help": "Cut longer texts to this many tokens in training (default: the tokenizer's limit, if any)."
        },
    )
    truncation: str = field(default="head", metadata={"help": "What is kept of them: head, tail or head_tail."})
    max_eval_seq_length: int | None = field(
        default=None,
        metadata={
            "help": "The same in evaluation. By default a recurrent model reads texts whole, as its pipeline does, "
            "and other models as in training."
        },
    )

    def __post_init__(self) -> None:
        find_named(self, "tokenizer_name_or_path")

    def lengths(self, tokenizer: PreTrainedTokenizerBase, recurrent: bool) -> tuple[int | None, int | None]:
        """The most tokens of a text in training, and in evaluation; None: texts are read whole."""
        limit = tokenizer.model_max_length if tokenizer.model_max_length < NO_LIMIT else None
        length = self.max_seq_length or limit
        return length, self.max_eval_seq_length or (None if recurrent else length)


@dataclass
class WordArguments:
    """The words and pieces that a new tagger knows, and how a pretrained one reads long sentences."""

    tokenizer_name_or_path: str | None = field(
        default=None,
        metadata={"help": "A Hub id, a folder or bundled:NAME. Default: that of the checkpoint; else one is trained."},
    )
    piece_vocab_size: int = field(
        default=4000, metadata={"help": "The most pieces of a tokenizer that is trained; words are made of them."}
    )
    word_vocab_size: int = field(
        default=30_000, metadata={"help": "The most words of a new model that have a vector of their own."}
    )
    max_seq_length: int | None = field(
        default=None,
        metadata={
            "help": "Read longer sentences in overlapping windows of this many pieces. Default: the tokenizer's "
            "limit, if it has one."
        },
    )
    label_all_tokens: bool = field(
        default=False,
        metadata={"help": "Train a pretrained model on every piece of a word, not on the first alone."},
    )

    def __post_init__(self) -> None:
        least_pieces = len(SPECIAL_TOKENS) + BYTE_ALPHABET_SIZE
        for name, least in (("piece_vocab_size", least_pieces), ("word_vocab_size", 2), ("max_seq_length", 2)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"`{name}`={value} must be at least {least}.")
        find_named(self, "tokenizer_name_or_path")


@dataclass
class ReportArguments:
    """What results.json and the model card call the run."""

    report_name: str | None = field(default=None, metadata={"help": "Default: the output folder's name."})
    dataset_title: str | None = field(default=None, metadata={"help": "Name of the data. Default: as it was read."})
    dataset_hub_id: str | None = field(default=None, metadata={"help": "Where the same data is on the Hub."})
    dataset_notes: str | None = field(default=None, metadata={"help": "What a reader of a figure has to know of it."})
    base_model_id: str | None = field(
        default=None, metadata={"help": "The Hub id of `model_name_or_path`, where that is a folder."}
    )
    language: str = field(default="en", metadata={"help": "Language code of the texts."})
    license: str = field(
        default="apache-2.0",
        metadata={"help": "Licence of the trained model, as the Hub spells it; else other."},
    )
    license_name: str | None = field(default=None, metadata={"help": "What it is called, where `license` is other."})
    license_link: str | None = field(default=None, metadata={"help": "Its address, where `license` is other."})
    dataset_license_note: str | None = field(
        default=None, metadata={"help": "What the terms of the data mean for the weights, for the card."}
    )

    def __post_init__(self) -> None:
        check_licence(self.license, self.license_name, self.license_link)
