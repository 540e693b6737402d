"""The arguments of a sequence-to-sequence model: its tokens, how long texts may be, and how it writes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...metrics.sequences import METRIC_SETS
from ...training.arguments import (
    NEW_LEARNING_RATE,
    NEW_TRANSFORMER_LEARNING_RATE,
    PRETRAINED_LEARNING_RATE,
    RECURRENT_LEARNING_RATE,
    RecurrentTrainingArguments,
)
from ..arguments import ModelArguments, TokenizerArguments


__all__ = ["SequenceArguments", "SequenceModelArguments", "SequenceTokenizerArguments", "SequenceTrainingArguments"]


FAMILIES = ("gru", "lstm")


def _refuse(arguments: Any) -> None:
    """Raises:
    ValueError: an argument was given that no model which writes follows: one of `REFUSED` of its class.
    """
    for name, remedy in arguments.REFUSED.items():
        if getattr(arguments, name):
            raise ValueError(
                f"`{name}`={getattr(arguments, name)!r} is not for a model that reads a source and writes a target; "
                f"{remedy}."
            )


@dataclass
class SequenceModelArguments(ModelArguments):
    """The model to train: a new one, recurrent or of any architecture that transformers has, or a checkpoint."""

    # Arguments of other tasks that no model which writes follows → what to do without them.
    REFUSED: ClassVar[Mapping[str, str]] = {
        "embedding_vectors": "its embeddings start at random: leave it out",
        "embedding_words": "its embeddings start at random: leave it out",
        "freeze_embeddings": "all of it is trained: leave it out",
        "init_from_lm": "it starts at random, or from `model_name_or_path`: leave it out",
        "init_from_lm_backward": "it starts at random, or from `model_name_or_path`: leave it out",
        "from_scratch": "without `model_name_or_path` it starts at random: leave it out",
    }

    model_type: str | None = field(
        default=None,
        metadata={
            "help": f"Build a new model of this family: {', '.join(FAMILIES)}, or an encoder-decoder of transformers, "
            "such as marian or t5 (give their sizes in `config_overrides`). Default: gru."
        },
    )

    model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "Start from this checkpoint instead of a new model, one of ours or any encoder-decoder: a Hub id, "
            "a folder or bundled:NAME. Default: a new model."
        },
    )
    config_overrides: str | None = field(
        default=None,
        metadata={
            "help": "Set these values of the new model's configuration, given as JSON, such as "
            '\'{"attention": "additive", "decoder": {"hidden_size": 256}}\'. Default: those of the family.'
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _refuse(self)

    def check_model_type(self) -> None:
        """Accept the families that write a target, and those of transformers that do.

        Raises:
            ValueError: it is none of them.
        """
        from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES

        stock = sorted(MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
        if self.model_type not in (None, *FAMILIES, *stock):
            raise ValueError(f"`model_type`={self.model_type!r} must be one of {', '.join((*FAMILIES, *stock))}.")


@dataclass
class SequenceTokenizerArguments(TokenizerArguments):
    """The tokenizer of sources and targets; it keeps capitals unless it is told otherwise."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "vocab_from_vectors": "its words are those of the training texts: leave it out",
        "max_seq_length": "give `max_source_length` and `max_target_length`",
        "max_eval_seq_length": "give `max_source_length` and `max_target_length`",
    }

    tokenizer_kind: str = field(
        default="bpe",
        metadata={
            "help": "Kind of tokenizer to train on sources and targets: bpe, word, character, whitespace or tweet. "
            "Default: bpe."
        },
    )
    vocab_size: int = field(
        default=8000, metadata={"help": "Largest number of entries of a tokenizer that is trained."}
    )
    lowercase: bool = field(default=False, metadata={"help": "Ignore case in a tokenizer that is trained."})
    separate_vocabularies: bool = field(
        default=False,
        metadata={
            "help": "Learn one vocabulary of sources and one of targets, and give the decoder only that of targets. "
            "Each has up to `vocab_size` words or characters. Byte pairs are learnt from both sides together, and "
            "the decoder gets those that targets use. Default: off, and sources and targets share one vocabulary."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_pieces()
        _refuse(self)


@dataclass
class SequenceArguments:
    """The lengths of texts, the way targets are written, and the figures that are measured of them."""

    max_source_length: int = field(
        default=1024, metadata={"help": "Cut longer sources to this many tokens. Default: 1024."}
    )
    max_target_length: int = field(
        default=256,
        metadata={"help": "Cut longer targets to this many tokens in training; write no longer ones. Default: 256."},
    )
    num_beams: int = field(
        default=5,
        metadata={
            "help": "Number of beams with which targets are written after training, and by the saved model. "
            "Default: 5."
        },
    )
    length_penalty: float = field(
        default=1.0,
        metadata={"help": "Divide the score of a beam by its length to the power of this number. Default: 1.0."},
    )
    figures: str | None = field(
        default=None,
        metadata={
            "help": f"Kind of figures to measure on the written targets: {', '.join(METRIC_SETS)} (BLEU and chrF; "
            "ROUGE; exact matches and errors in characters). Exact matches are always measured. Default: "
            "translation if a column has the name of a language, summarization if the targets are called summary, "
            "abstract or title, else exact."
        },
    )
    lowercase_figures: bool = field(
        default=False, metadata={"help": "Ignore case in the figures of the written targets. Default: off."}
    )

    def __post_init__(self) -> None:
        for name in ("max_source_length", "max_target_length", "num_beams"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}`={getattr(self, name)} must be at least 1.")
        if not math.isfinite(self.length_penalty):
            raise ValueError(f"`length_penalty`={self.length_penalty} must be a finite number.")
        if self.figures not in (None, *METRIC_SETS):
            raise ValueError(f"`figures`={self.figures!r} must be one of {', '.join(METRIC_SETS)}.")


@dataclass
class SequenceTrainingArguments(RecurrentTrainingArguments):
    """The training of a model that writes a target."""

    REFUSED: ClassVar[Mapping[str, str]] = {"class_weights": "its targets have no classes: leave it out"}

    learning_rate: float | None = field(
        default=None,
        metadata={
            "help": f"Highest learning rate of the schedule. Default: {NEW_LEARNING_RATE} for a new recurrent model, "
            f"{NEW_TRANSFORMER_LEARNING_RATE} for a new one of transformers; {RECURRENT_LEARNING_RATE} and "
            f"{PRETRAINED_LEARNING_RATE} for trained ones."
        },
    )
    lr_scheduler_type: str = field(
        default="cosine",
        metadata={"help": "Schedule of the learning rate: cosine, linear, constant … Default: cosine."},
    )
    per_device_train_batch_size: int = field(default=64, metadata={"help": "Number of rows in a training batch."})
    label_smoothing_factor: float = field(
        default=0.1,
        metadata={"help": "Share of each target that is spread evenly over all tokens in training. Default: 0.1."},
    )
    predict_with_generate: bool = field(
        default=False,
        metadata={
            "help": "Write the validation targets greedily at each evaluation, and choose the checkpoint by the "
            "written targets, not by the loss. Default: off."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _refuse(self)
