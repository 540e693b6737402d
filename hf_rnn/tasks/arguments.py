"""The arguments that the tasks have in common: model, tokenizer, words, report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, get_args

from transformers import PreTrainedTokenizerBase

from ..bundles import find_named
from ..data.tokenizers.training import BYTE_ALPHABET_SIZE, SPECIAL_TOKENS, TokenizerKind
from ..models.configuration_rnn import FAMILIES
from ..models.encoding import NO_LIMIT
from ..runs.licences import check_licence


__all__ = ["ModelArguments", "ReportArguments", "TokenizerArguments", "WordArguments", "json_object"]


# The kinds of tokenizer whose tokens are the steps of a model.
TOKEN_KINDS = get_args(TokenizerKind)


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
        default=None, metadata={"help": f"Build a new model of this family: {', '.join(FAMILIES)}. Default: bilstm."}
    )
    config_overrides: str | None = field(
        default=None,
        metadata={
            "help": "Set these values of the new model's configuration, given as JSON, such as "
            '\'{"hidden_sizes": [64, 32], "dropout": 0.5}\'. Default: those of the family.'
        },
    )
    model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "Start from this checkpoint instead of a new model, one of ours or any BERT: a Hub id, a "
            "folder or bundled:NAME. Default: a new model."
        },
    )
    revision: str = field(
        default="main", metadata={"help": "Branch, tag or commit of `model_name_or_path` on the Hub."}
    )
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run the code that `model_name_or_path` carries on this machine."}
    )
    embedding_vectors: str | None = field(
        default=None,
        metadata={
            "help": "Start the embeddings of a new model from these vectors: glove-6b-50d, a GloVe, word2vec "
            "or fastText file, a .npy, or encoder:MODEL, an encoder (a Hub id or a folder) that computes a vector of "
            "each word alone. Vectors of an encoder, or of several sources separated by commas, are reduced to "
            "`embedding_size` of `config_overrides` (at most 100). Default: random vectors."
        },
    )
    embedding_words: str | None = field(
        default=None,
        metadata={
            "help": "List of the words of a .npy in `embedding_vectors`, in the order of its rows: a .txt or "
            ".parquet. Default: none; other files of vectors hold their words."
        },
    )
    freeze_embeddings: bool = field(
        default=False, metadata={"help": "Keep the embeddings as they are, and train only the rest."}
    )
    init_from_lm: str | None = field(
        default=None,
        metadata={
            "help": "Start a new model with the weights, the sizes and the tokenizer of this language model: "
            "a Hub id, a folder or bundled:NAME, with an LstmForCausalLM, MinGruForCausalLM or "
            "any other recurrent one. Default: random weights."
        },
    )
    init_from_lm_backward: str | None = field(
        default=None,
        metadata={
            "help": "Read backwards, too, with the weights of this language model, which was trained on "
            "reversed texts; it goes with `init_from_lm`. Default: none, and the new model reads "
            "forwards only."
        },
    )

    from_scratch: bool = field(
        default=False,
        metadata={
            "help": "Start a new model from random weights. Default: off, and a new bilstm of English or Portuguese "
            "texts starts from bundled:bilstm-base-en or bilstm-base-pt, unless its vectors, tokenizer or sizes are "
            "given."
        },
    )

    def __post_init__(self) -> None:
        if self.from_scratch and (given := self.model_name_or_path or self.init_from_lm) is not None:
            name = "init_from_lm" if self.model_name_or_path is None else "model_name_or_path"
            raise ValueError(f"`from_scratch` and `{name}`={given!r} were both given; give one.")
        if self.model_type is not None and self.model_name_or_path is not None:
            raise ValueError(
                f"`model_type`={self.model_type!r} (a new model) and `model_name_or_path`={self.model_name_or_path!r} "
                "(a checkpoint) were both given; give one."
            )
        self.check_model_type()
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

    def check_model_type(self) -> None:
        """Raises:
        ValueError: `model_type` is no family.
        """
        if self.model_type is not None and self.model_type not in FAMILIES:
            raise ValueError(f"`model_type`={self.model_type!r} must be one of {', '.join(FAMILIES)}.")

    def overrides(self) -> dict[str, Any]:
        """`config_overrides` as a dictionary.

        Raises:
            ValueError: it is not a JSON object.
        """
        return json_object(self.config_overrides, "config_overrides")

    def overridden(self, values: Mapping[str, Any]) -> Self:
        """These arguments with `values` on top of `config_overrides`."""
        return replace(self, config_overrides=json.dumps({**self.overrides(), **values})) if values else self


@dataclass
class TokenizerArguments:
    """The tokenizer: one that exists, or a new one of the training texts; and where long texts are cut."""

    tokenizer_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "Take this tokenizer: a Hub id, a folder or bundled:NAME. Default: that of the "
            "checkpoint; for a new model one is trained on the training texts."
        },
    )
    tokenizer_kind: str | None = field(
        default=None,
        metadata={
            "help": "Kind of tokenizer to train: pieces (a classifier of texts puts the words together again, and "
            "knows their spelling), word, bpe, character, whitespace or tweet (words of tweets; keeps handles, "
            "hashtags, URLs, emoticons and emoji whole). Default: pieces for texts, "
            "bpe for pairs; word with `embedding_vectors`."
        },
    )
    vocab_size: int = field(
        default=20_000,
        metadata={
            "help": "Largest number of entries of a trained tokenizer; for the kind pieces, largest number of words "
            "that have a vector of their own."
        },
    )
    min_frequency: int = field(
        default=2, metadata={"help": "Number of times that a word must occur in the training texts to get an entry."}
    )
    vocab_from_vectors: bool = field(
        default=False,
        metadata={
            "help": "Fill a trained tokenizer of words up to `vocab_size` with the first words of "
            "`embedding_vectors` (in published files the most frequent), because new texts may contain them."
        },
    )
    lowercase: bool = field(default=True, metadata={"help": "Ignore case in a tokenizer that is trained."})
    strip_html: bool = field(
        default=False, metadata={"help": "Drop tags such as <br /> in a tokenizer that is trained."}
    )
    max_seq_length: int | None = field(
        default=None,
        metadata={
            "help": "Cut longer texts to this many tokens in training. Default: the tokenizer's limit, if it has one."
        },
    )
    truncation: str = field(
        default="head",
        metadata={
            "help": "Part of a long text that is kept: head (its beginning), tail (its end) or "
            "head_tail (a quarter from the beginning, the rest from the end)."
        },
    )
    max_eval_seq_length: int | None = field(
        default=None,
        metadata={
            "help": "Cut longer texts to this many tokens in evaluation. Default: a recurrent model reads "
            "texts whole, as its pipeline does; other models cut them as in training."
        },
    )

    def __post_init__(self) -> None:
        if self.tokenizer_kind not in (None, "pieces", *TOKEN_KINDS):
            raise ValueError(
                f"`tokenizer_kind`={self.tokenizer_kind!r} must be one of pieces, {', '.join(TOKEN_KINDS)}."
            )
        find_named(self, "tokenizer_name_or_path")

    def of_tokens(self, default: str) -> TokenizerArguments:
        """These arguments for a model whose steps are tokens, with the kind `default` where none was given.

        Raises:
            ValueError: the kind is pieces.
        """
        self.refuse_pieces()
        return replace(self, tokenizer_kind=self.tokenizer_kind or default)

    def refuse_pieces(self) -> None:
        """Raises:
        ValueError: the kind is pieces, of which only a classifier of texts makes words.
        """
        if self.tokenizer_kind == "pieces":
            raise ValueError(
                "`tokenizer_kind`='pieces' is for classifiers of texts, which make words of them; here it must be one "
                f"of {', '.join(TOKEN_KINDS)}. Leave it out, or give bpe, which knows every word, too."
            )

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
        metadata={
            "help": "Take this tokenizer: a Hub id, a folder or bundled:NAME. Default: that of the "
            "checkpoint; for a new model one is trained on the training sentences."
        },
    )
    piece_vocab_size: int = field(
        default=4000,
        metadata={"help": "Largest number of pieces of a trained tokenizer; the model puts words together from them."},
    )
    word_vocab_size: int = field(
        default=30_000, metadata={"help": "Largest number of words of a new model that have a vector of their own."}
    )
    word_aliases: int = field(
        default=0,
        metadata={
            "help": "Largest number of further words of `embedding_vectors` that a new model knows. Each takes 12 "
            "bytes, and shares the vector of the nearest word with a vector of its own."
        },
    )
    max_seq_length: int | None = field(
        default=None,
        metadata={
            "help": "Read longer sentences in overlapping windows of this many pieces. Default: the "
            "tokenizer's limit, if it has one."
        },
    )
    label_all_tokens: bool = field(
        default=False,
        metadata={"help": "Train a pretrained model on every piece of a word, not only on the first."},
    )

    def __post_init__(self) -> None:
        least_pieces = len(SPECIAL_TOKENS) + BYTE_ALPHABET_SIZE
        least_of = {"piece_vocab_size": least_pieces, "word_vocab_size": 2, "word_aliases": 0, "max_seq_length": 2}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"`{name}`={value} must be at least {least}.")
        find_named(self, "tokenizer_name_or_path")


@dataclass
class ReportArguments:
    """The names and terms that results.json and the model card give."""

    report_name: str | None = field(
        default=None,
        metadata={
            "help": "Name of the run in results.json and on the model card. Default: that of the output folder."
        },
    )
    dataset_title: str | None = field(
        default=None,
        metadata={"help": "Name of the data on the model card. Default: the name of the file or data set."},
    )
    dataset_hub_id: str | None = field(
        default=None,
        metadata={"help": "Hub id of the same data, if they were read from a file. Default: `dataset_name`."},
    )
    dataset_notes: str | None = field(
        default=None, metadata={"help": "Note on the data, for readers of the figures. Default: none."}
    )
    base_model_id: str | None = field(
        default=None, metadata={"help": "Hub id of `model_name_or_path`, if that is a folder. Default: none."}
    )
    language: str | None = field(
        default=None,
        metadata={
            "help": "Language of the texts as a code, such as en or de. It goes on the model card, and chooses the "
            "pretrained weights. Default: detected from the texts."
        },
    )
    license: str | None = field(
        default=None,
        metadata={
            "help": "Licence of the trained model for its card, as the Hub spells it (mit, apache-2.0 ...); "
            "other for any that the Hub does not list. Default: the card names none."
        },
    )
    license_name: str | None = field(
        default=None, metadata={"help": "Name of the licence, if `license` is other. Default: none."}
    )
    license_link: str | None = field(
        default=None, metadata={"help": "Address of the licence, if `license` is other. Default: none."}
    )
    dataset_license_note: str | None = field(
        default=None,
        metadata={
            "help": "Note for the model card on what the terms of the data mean for the weights. Default: none."
        },
    )

    def __post_init__(self) -> None:
        check_licence(self.license, self.license_name, self.license_link)
