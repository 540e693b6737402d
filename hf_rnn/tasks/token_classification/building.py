"""The tokenizer and the model of a tagger: words rebuilt from pieces for a new recurrent one, pieces for a BERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import pre_tokenizers
from transformers import AutoModelForTokenClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ...checksums import check_source
from ...data.readers.sentences import TokenClassificationData
from ...data.readers.sources import training_column
from ...data.readers.tagged.steps import StepData
from ...data.tokenizers.word_pieces import train_word_pieces
from ...data.tokenizers.word_vocabulary import marks_words
from ...models.configuration_rnn import RecurrentConfig
from ..arguments import ModelArguments, WordArguments
from ..building import bare_encoder, build_model, checkpoint_config, trained_labels, with_new_head
from ..pretrained_start import FINE_TUNING
from ..word_models import new_word_model


__all__ = ["NEW_DROPOUT", "TAGGER_DEFAULTS", "build_tagger", "tagger_tokenizer"]


# What a new tagger has unless `config_overrides` say otherwise.
TAGGER_DEFAULTS = {"char_encoder": "cnn", "casing_features": True, "crf": True}
# How much one drops whose weights start at random. Without it few sentences are learnt by heart: of Portuguese
# entities, 50 and 200 sentences came to an F1 of 0.20 and 0.45 on validation, and to 0.29 and 0.49 with it.
NEW_DROPOUT = {"embedding_dropout": 0.3, "dropout": 0.5}
# What changes the labels, where `config_overrides` contradict them.
FLAGS_OF_LABELS = {
    "problem_type": "problem_type",
    **dict.fromkeys(("num_labels", "id2label", "label2id"), "class_names"),
}
# What goes with numbers or several labels a token.
OF_STEPS = {"crf": False, "label_scheme": None}


def tagger_tokenizer(
    arguments: WordArguments,
    model: ModelArguments,
    sentences: Sequence[Sequence[str]],
    *,
    checkpoint: str | None = None,
    show_progress: bool = True,
) -> PreTrainedTokenizerBase:
    """The tokenizer of `checkpoint`, the one that is named, that of the model, or one trained on `sentences`."""
    if model.init_from_lm is not None:
        raise ValueError(
            f"`init_from_lm`={model.init_from_lm!r} starts models that read tokens; a new tagger reads words."
        )
    path = checkpoint or arguments.tokenizer_name_or_path or model.model_name_or_path
    if path is None:
        return train_word_pieces(sentences, vocab_size=arguments.piece_vocab_size, show_progress=show_progress)
    check_source(path)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        path,
        revision=model.revision if path == model.model_name_or_path else "main",
        trust_remote_code=model.trust_remote_code,
        # Byte-level ones do not take words without it; to the others it means nothing.
        add_prefix_space=True,
    )
    # Predictions are read from a row's beginning.
    tokenizer.padding_side = "right"
    if tokenizer.is_fast and isinstance(tokenizer.backend_tokenizer.pre_tokenizer, pre_tokenizers.ByteLevel):
        # transformers heeds the argument in a few classes only. Without it words that are given one by one have other
        # tokens than the text a pipeline reads.
        tokenizer.backend_tokenizer.pre_tokenizer.add_prefix_space = True
    return tokenizer


def build_tagger(
    arguments: ModelArguments,
    word_arguments: WordArguments,
    tokenizer: PreTrainedTokenizerBase,
    data: TokenClassificationData | StepData,
) -> PreTrainedModel:
    """The checkpoint, with a new head where `data` have other labels; or a new model: of words, where the tokenizer
    marks them, with characters, capitals and a CRF (whose rules are those of BIOES, for entities), as far as
    `config_overrides` say nothing else.
    """
    labels: dict[str, Any] = {
        "id2label": dict(enumerate(data.label_names)),
        "label2id": {name: index for index, name in enumerate(data.label_names)},
    }
    new, starts = arguments.model_name_or_path is None, bare_encoder(arguments) is not None
    of_words = new and marks_words(tokenizer)
    if new or starts:
        labels |= TAGGER_DEFAULTS if of_words else {"crf": True}
        labels |= FINE_TUNING if starts else NEW_DROPOUT
        crf = arguments.overrides().get("crf", True)
        labels["label_scheme"] = "BIOES" if crf and data.is_entities else None
    if isinstance(data, StepData):
        labels |= {**OF_STEPS, "problem_type": data.problem_type}
    trained = trained_labels(arguments)
    others = trained is not None and sorted(trained, key=trained.__getitem__) != data.label_names
    if others or (trained is not None and not _is_of_kind(arguments, data)):
        return _relabelled(arguments, tokenizer, data, labels)
    if not of_words:
        return build_model(arguments, AutoModelForTokenClassification, tokenizer, flags=FLAGS_OF_LABELS, **labels)
    return new_word_model(
        arguments,
        AutoModelForTokenClassification,
        tokenizer,
        training_column(data.splits, "tokens"),
        most_words=word_arguments.word_vocab_size,
        argument="word_vocab_size",
        most_aliases=word_arguments.word_aliases,
        flags=FLAGS_OF_LABELS,
        **labels,
    )


def _is_of_kind(arguments: ModelArguments, data: TokenClassificationData | StepData) -> bool:
    """Whether a checkpoint has been trained for the kind of the data: one tag a token, or their problem type."""
    trained = getattr(checkpoint_config(arguments), "problem_type", None)
    kind = data.problem_type if isinstance(data, StepData) else None
    return trained == kind or {trained, kind} <= {None, "single_label_classification"}


def _relabelled(
    arguments: ModelArguments,
    tokenizer: PreTrainedTokenizerBase,
    data: TokenClassificationData | StepData,
    labels: dict[str, Any],
) -> PreTrainedModel:
    """The checkpoint with a head that starts at random, even where its own has as many labels."""
    config: Any = checkpoint_config(arguments)
    if isinstance(config, RecurrentConfig) and not isinstance(data, StepData):
        scheme = config.label_scheme or "BIOES"
        labels["label_scheme"] = scheme if config.crf and data.is_entities else None
    trained = build_model(arguments, AutoModelForTokenClassification, tokenizer, flags=FLAGS_OF_LABELS, **labels)
    return with_new_head(trained)
