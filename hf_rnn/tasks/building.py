"""The tokenizer and the model of a training run, from its arguments."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from tokenizers import models
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from ..checksums import check_source
from ..data.tokenizers.text_pieces import train_text_pieces
from ..data.tokenizers.training import fill_vocabulary, train_tokenizer
from ..data.vectors import WordVectors, initialize_embeddings
from ..models.configuration_checks import refuse_unknown_names
from ..models.configuration_rnn import FAMILIES, RecurrentConfig
from ..progress import without_load_report, without_weight_bars
from .arguments import ModelArguments, TokenizerArguments
from .language_model_init import classifier_overrides_from, initialize_from_language_models, load_language_model
from .overrides import check_tokens, width_of_vectors, with_overrides
from .word_vectors import VectorSources


__all__ = [
    "bare_encoder",
    "build_model",
    "build_tokenizer",
    "checkpoint_config",
    "new_model",
    "trained_labels",
    "training_options",
    "vector_sources",
    "with_new_head",
]


logger = logging.getLogger(__name__)

DEFAULT_FAMILY = "bilstm"


def checkpoint_config(arguments: ModelArguments, **values: Any) -> PreTrainedConfig | None:
    """The configuration of `model_name_or_path`, with `values` in place of its own; None for a new model.

    Raises:
        ValueError: `values` have a name that the configuration does not know, which transformers would pass over.
    """
    if arguments.model_name_or_path is None:
        return None
    check_source(arguments.model_name_or_path)
    config: PreTrainedConfig = AutoConfig.from_pretrained(
        arguments.model_name_or_path,
        revision=arguments.revision,
        trust_remote_code=arguments.trust_remote_code,
        **values,
    )
    refuse_unknown_names(config, {name: value for name, value in values.items() if not hasattr(config, name)})
    return config


def bare_encoder(arguments: ModelArguments) -> RecurrentConfig | None:
    """The configuration of `model_name_or_path`, where it is a recurrent encoder without a head; None otherwise."""
    config = checkpoint_config(arguments)
    names = (config and config.architectures) or []
    bare = bool(names) and all(name.endswith("Model") for name in names)
    return config if bare and isinstance(config, RecurrentConfig) else None


def trained_labels(arguments: ModelArguments) -> dict[str, int] | None:
    """Label → id of a trained checkpoint; None for a new model and for one that was never given names."""
    config = checkpoint_config(arguments)
    # `label2id` is not read: a configuration made with `id2label` alone has names in that one only.
    names = {} if config is None else config.id2label or {}
    if all(str(name).startswith("LABEL_") for name in names.values()):
        return None
    return {str(name): int(index) for index, name in names.items()}


def build_tokenizer(
    arguments: TokenizerArguments,
    model: ModelArguments,
    texts: Iterable[str],
    *,
    checkpoint: str | None = None,
    end_of_text: bool = False,
    show_progress: bool = True,
) -> PreTrainedTokenizerBase:
    """The tokenizer of `checkpoint`, from which a run goes on, the one that is named, that of the model or of the
    language model it starts from, or one trained on `texts`, the training texts, of words if no kind is given; that
    with an `eos_token` if `end_of_text`.
    """
    path = checkpoint or arguments.tokenizer_name_or_path or model.model_name_or_path or model.init_from_lm
    if path is not None:
        check_source(path)
        # `revision` is one of the model's repository.
        revision = model.revision if path == model.model_name_or_path else "main"
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            path, revision=revision, trust_remote_code=model.trust_remote_code
        )
        return tokenizer
    kind = arguments.tokenizer_kind or "word"
    if arguments.vocab_from_vectors and (model.embedding_vectors is None or kind != "word"):
        raise ValueError(
            "`vocab_from_vectors` needs `embedding_vectors` to take words from, and `tokenizer_kind` word."
        )
    if kind == "pieces":
        return train_text_pieces(
            texts, lowercase=arguments.lowercase, strip_html=arguments.strip_html, show_progress=show_progress
        )
    trained = train_tokenizer(
        texts, **training_options(arguments, kind), end_of_text=end_of_text, show_progress=show_progress
    )
    if arguments.vocab_from_vectors and model.embedding_vectors is not None:
        vectors = vector_sources(model).read()
        fill_vocabulary(trained, vectors.rows, arguments.vocab_size)
    return trained


def training_options(arguments: TokenizerArguments, kind: str) -> dict[str, Any]:
    """The options of `train_tokenizer` that the arguments of a run give, for a tokenizer of this kind."""
    return {
        "kind": kind,
        "vocab_size": arguments.vocab_size,
        "min_frequency": arguments.min_frequency if kind == "word" else None,
        "lowercase": arguments.lowercase,
        "strip_html": arguments.strip_html,
    }


@without_weight_bars()
def build_model(
    arguments: ModelArguments,
    auto_class: Any,
    tokenizer: PreTrainedTokenizerBase,
    *,
    flags: Mapping[str, str] | None = None,
    **values: Any,
) -> PreTrainedModel:
    """A new model of a recurrent family, with random weights or those of language models, or the checkpoint with a
    head for these labels.

    Args:
        arguments: Which one.
        auto_class: The Auto class of the task, such as `AutoModelForSequenceClassification`.
        tokenizer: Gives a new model its `vocab_size`. Vectors give it its `embedding_size`.
        flags: Value of the configuration → the flag that changes what the data settle of it, for errors.
        values: Of its configuration: labels, problem type. `config_overrides` come on top.

    Raises:
        ValueError: `config_overrides` contradict the labels of the data, the tokenizer, the vectors or the vocabulary
            of the checkpoint; the tokenizer has more entries than the model has embeddings, `embedding_vectors` or
            `freeze_embeddings` was given for a model that has none, or the language models do not fit.
    """
    check_tokens(arguments.overrides(), tokenizer)
    values = with_overrides(values, arguments.overrides(), flags=flags)
    config = checkpoint_config(arguments, **values)
    vectors = _table_of_vectors(arguments, tokenizer)
    if vectors is not None:
        values |= width_of_vectors(arguments.overrides(), vectors, str(arguments.embedding_vectors))
    if arguments.init_from_lm is not None:
        model = _model_from_language_models(arguments, arguments.init_from_lm, auto_class, tokenizer, **values)
    elif config is None:
        model = new_model(arguments, auto_class, tokenizer, **values)
    else:
        # That the head of an encoder without one is new is what its user expects.
        with without_load_report() if bare_encoder(arguments) is not None else contextlib.nullcontext():
            model, loaded = auto_class.from_pretrained(
                arguments.model_name_or_path,
                config=config,
                revision=arguments.revision,
                trust_remote_code=arguments.trust_remote_code,
                # A head for other labels is replaced; transformers reports what it initialises anew.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
        _check_sizes(arguments, model, loaded["mismatched_keys"])
    if model.config.vocab_size is None or len(tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"The tokenizer has {len(tokenizer)} entries; the model's `vocab_size` is {model.config.vocab_size}. "
            "Give the `tokenizer_name_or_path` that the model was trained with."
        )
    _prepare_embeddings(arguments, model, tokenizer, vectors)
    return model


def _check_sizes(
    arguments: ModelArguments, model: PreTrainedModel, mismatched: Iterable[tuple[str, Any, Any]]
) -> None:
    """Raises:
    ValueError: `config_overrides` give the model other sizes than its weights have, which would be drawn at random.
    """
    head = () if model.base_model is model else (f"{model.base_model_prefix}.",)
    lost = [each for each in sorted(mismatched) if not head or each[0].startswith(head)]
    if lost:
        name, stored, wanted = lost[0]
        raise ValueError(
            f"`config_overrides`={arguments.config_overrides!r} change the sizes of `model_name_or_path`="
            f"{arguments.model_name_or_path!r}: its {name} is {tuple(stored)}, not {tuple(wanted)}, and {len(lost)} "
            "of its weights would start at random. Leave the sizes out, or give `model_type` for a new model."
        )


def with_new_head(model: PreTrainedModel) -> PreTrainedModel:
    """`model` with a head of random weights in place of one for other labels, of which there may be as many."""
    for name, module in type(model)(model.config).named_children():
        if name != model.base_model_prefix:
            setattr(model, name, module)
    return model


def new_model(
    arguments: ModelArguments, auto_class: Any, tokenizer: PreTrainedTokenizerBase, **values: Any
) -> PreTrainedModel:
    """A model of `model_type` with random weights, for the tokens of `tokenizer`; `values` as in `build_model`."""
    family = FAMILIES[arguments.model_type or DEFAULT_FAMILY]
    values = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, **values}
    model: PreTrainedModel = auto_class.from_config(family(**values))
    return model


def _model_from_language_models(
    arguments: ModelArguments, path: str, auto_class: Any, tokenizer: PreTrainedTokenizerBase, **values: Any
) -> PreTrainedModel:
    named = {"init_from_lm": path, "init_from_lm_backward": arguments.init_from_lm_backward}
    models = [
        load_language_model(place, argument, tokenizer, trust_remote_code=arguments.trust_remote_code)
        for argument, place in named.items()
        if place is not None
    ]
    cell, both_ways = models[0].config.cell, len(models) == 2
    family = arguments.model_type or (DEFAULT_FAMILY if both_ways and cell == "lstm" else models[0].config.model_type)
    if FAMILIES[family].cell != cell:
        raise ValueError(f"`model_type`={family!r} has other cells than `init_from_lm`={path!r}, which is of {cell}.")
    if FAMILIES[family]().bidirectional and not both_ways:
        raise ValueError(
            f"`model_type`={family!r} reads both ways: beside `init_from_lm` it needs `init_from_lm_backward`."
        )
    settled = classifier_overrides_from(*models)
    for name, value in settled.items():
        if values.get(name, value) != value:
            raise ValueError(
                f"`config_overrides` give `{name}`={values[name]!r}; with `init_from_lm` it is that of the language "
                f"models, {value!r}: leave it out."
            )
    model = new_model(replace(arguments, model_type=family), auto_class, tokenizer, **{**values, **settled})
    initialize_from_language_models(model, *models)
    return model


def _table_of_vectors(arguments: ModelArguments, tokenizer: PreTrainedTokenizerBase) -> WordVectors | None:
    """The vectors of the tokens, None where none are wanted."""
    if arguments.embedding_vectors is None or arguments.overrides().get("one_hot_input"):
        return None
    sources, vocabulary = vector_sources(arguments), tokenizer.get_vocab()
    if not sources.are_made:
        return sources.read(vocabulary)
    if not (tokenizer.is_fast and isinstance(tokenizer.backend_tokenizer.model, models.WordLevel)):
        raise ValueError(
            f"`embedding_vectors`={arguments.embedding_vectors!r} makes vectors of words, and the tokenizer cuts "
            "words into pieces; it must be one of words: --tokenizer_kind word."
        )
    special = set(tokenizer.all_special_tokens)
    # By their ids: the order of the vocabulary is another each time, and sums would be rounded otherwise.
    return sources.read([token for token in sorted(vocabulary, key=vocabulary.__getitem__) if token not in special])


def vector_sources(arguments: ModelArguments) -> VectorSources:
    """What `embedding_vectors` names, which is given."""
    size = arguments.overrides().get("embedding_size")
    return VectorSources.of(str(arguments.embedding_vectors), arguments.embedding_words, size)


def _prepare_embeddings(
    arguments: ModelArguments, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, vectors: WordVectors | None
) -> None:
    if arguments.embedding_vectors is None and not arguments.freeze_embeddings:
        return
    embeddings = model.get_input_embeddings()
    if not isinstance(embeddings, torch.nn.Embedding):
        argument = "freeze_embeddings" if arguments.embedding_vectors is None else "embedding_vectors"
        raise ValueError(f"`{argument}` was given, but the model has no embedding table (`one_hot_input`).")
    if vectors is not None:
        coverage = initialize_embeddings(embeddings, tokenizer, vectors)
        dimensions, source = vectors.dimensions, arguments.embedding_vectors
        logger.warning("Embeddings of %d dimensions, as %s has them: %s", dimensions, source, coverage)
    if arguments.freeze_embeddings:
        embeddings.requires_grad_(False)
