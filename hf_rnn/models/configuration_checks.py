"""The checks of every configuration, which refuse in words that name the argument."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from transformers import PreTrainedConfig

from .label_threshold import check_label_threshold


__all__ = [
    "DROPOUTS",
    "FOREIGN_NAMES",
    "OwnFolderMixin",
    "PENALTIES",
    "PROBLEM_TYPES",
    "check_crf",
    "check_gates",
    "check_labels",
    "check_pooling",
    "check_positive",
    "check_regularisation",
    "check_sizes",
    "check_words",
    "refuse_other_model_type",
    "refuse_unknown_names",
]


# Names that transformers itself writes into a config.json or passes to a config without declaring a field for them.
FOREIGN_NAMES = frozenset(
    "model_type num_labels name_or_path torch_dtype auto_map custom_pipelines output_attentions attn_implementation "
    "experts_implementation per_layer_config tokenizer_class quantization_config use_bfloat16 gradient_checkpointing "
    "is_decoder add_cross_attention tie_last_hidden_states tie_word_embeddings bos_token_id eos_token_id".split()
)

DROPOUTS = (
    "word_dropout",
    "word_type_dropout",
    "embedding_dropout",
    "dropout",
    "weight_dropout",
    "classifier_dropout",
)
PROBLEM_TYPES = (None, "single_label_classification", "multi_label_classification", "regression")
PENALTIES = ("activation_penalty", "temporal_activation_penalty")


def refuse_unknown_names(config: PreTrainedConfig, names: Mapping[str, Any]) -> None:
    """Refuse what is left of a configuration's arguments when its fields are taken out: transformers would set a
    misspelt one as a new attribute and go on with the default of the real one.

    Raises:
        ValueError: for a name that neither the configuration nor transformers knows.
    """
    from transformers import GenerationConfig

    allowed = FOREIGN_NAMES | GenerationConfig._get_default_generation_params().keys()
    for name, value in names.items():
        if name in allowed or name.startswith("_"):
            continue
        known = sorted(field.name for field in fields(config))
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"it may be one of: {', '.join(known)}."
        raise ValueError(f"`{name}` (given: {value!r}) is not an argument of {type(config).__name__}; {hint}")


def refuse_other_model_type(model_type: str, values: Mapping[str, Any], folder: str | os.PathLike[str]) -> None:
    """Refuse to read a configuration of another type: transformers would warn at most, and with the configuration of
    the encoder that it finds inside that of a siamese network it would go on to a model of random weights.

    Args:
        model_type: What is to be loaded.
        values: What stands in the config.json.
        folder: Where it stands, for the message.

    Raises:
        ValueError: if `values` has another `model_type`.
    """
    found = values.get("model_type", model_type)
    if found == model_type:
        return
    hint = f"load it with `AutoModel.from_pretrained({str(folder)!r})`."
    if found == "siamese":
        hint = f"its encoder is `SiameseModel.from_pretrained({str(folder)!r}).encoder`."
    elif model_type == "siamese":
        hint = f"for a network over it: `SiameseModel.from_encoder(AutoModel.from_pretrained({str(folder)!r}))`."
    raise ValueError(
        f"`pretrained_model_name_or_path` is {str(folder)!r}, which has a model of type {found!r}; it must have one "
        f"of type {model_type!r}: {hint}"
    )


def check_positive(name: str, value: int) -> None:
    """Raises:
    ValueError: unless `value`, of the argument `name`, is a whole number of at least 1.
    """
    if isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` is {value}; it must be a whole number of at least 1.")


def check_sizes(config: Any) -> None:
    """Raises:
    ValueError: for a size of a `RecurrentConfig` that is no positive whole number, for no layer where there must be
        one, and for padding that is not in the vocabulary.
    """
    check_positive("embedding_size", config.embedding_size)
    check_positive("hidden_size", config.hidden_size)
    if config.vocab_size is not None:
        check_positive("vocab_size", config.vocab_size)
    elif config.one_hot_input:
        raise ValueError("`one_hot_input` is True, which needs a `vocab_size`; that is None.")
    for name in ("hidden_sizes", "classifier_hidden_sizes"):
        for size in getattr(config, name) or ():
            check_positive(name, size)
    least = 0 if config.cell == "none" else 1
    if config.num_hidden_layers < least:
        name = "num_hidden_layers" if config.hidden_sizes is None else "hidden_sizes"
        raise ValueError(f"`{name}` is {getattr(config, name)}; it must give at least {least} layer.")
    if config.pad_token_id is not None and config.vocab_size is not None:
        if not 0 <= config.pad_token_id < config.vocab_size:
            raise ValueError(
                f"`pad_token_id` is {config.pad_token_id}; it must lie in [0, vocab_size) = [0, {config.vocab_size})."
            )


def check_words(config: Any) -> None:
    """Raises:
    ValueError: for what a `RecurrentConfig` says of words and their spelling, where it cannot be.
    """
    for name in ("char_embedding_size", "char_hidden_size"):
        check_positive(name, getattr(config, name))
    if not 2 <= config.max_token_bytes <= 255:
        raise ValueError(f"`max_token_bytes` is {config.max_token_bytes}; it must lie in [2, 255].")
    if config.word_vocab_size is None:
        for name in ("char_encoder", "casing_features", "word_aliases"):
            if getattr(config, name):
                raise ValueError(f"`{name}` is {getattr(config, name)!r}, which needs a `word_vocab_size`.")
        return
    check_positive("word_vocab_size", config.word_vocab_size)
    if config.word_aliases < 0 or (config.word_aliases and config.word_vocab_size < 2):
        raise ValueError(
            f"`word_aliases` is {config.word_aliases}; it must be at least 0, and 0 where no word has a row."
        )
    if config.vocab_size is None or config.vocab_size > 2**16 or config.one_hot_input:
        raise ValueError(
            f"`word_vocab_size` is {config.word_vocab_size}; it needs a `vocab_size` of at most {2**16} (it is "
            f"{config.vocab_size}) and `one_hot_input` to be False."
        )


def check_crf(crf: bool, label_scheme: str | None, problem_type: str | None) -> None:
    """Raises:
    ValueError: for a scheme of labels without a CRF, and for a CRF over numbers or over several labels a step.
    """
    if label_scheme is not None and not crf:
        raise ValueError(f"`label_scheme` is {label_scheme!r}, which needs `crf=True`.")
    if crf and problem_type in ("regression", "multi_label_classification"):
        raise ValueError(
            f"`crf` is True, which scores sequences of one label a step; with `problem_type`={problem_type!r} it must "
            "be False."
        )


def check_labels(config: Any) -> None:
    """Raises:
    ValueError: for no label, a `problem_type` that does not exist, a threshold that is no probability, a scheme of
        labels without a CRF, a CRF over numbers or over several labels a step, and `single_logit` where there are
        not two exclusive labels.
    """
    check_positive("num_labels", config.num_labels or 0)
    if config.problem_type not in PROBLEM_TYPES:
        raise ValueError(f"`problem_type` is {config.problem_type!r}; it may be one of {PROBLEM_TYPES}.")
    check_label_threshold(config.label_threshold)
    check_crf(config.crf, config.label_scheme, config.problem_type)
    if not config.single_logit:
        return
    if config.num_labels != 2:
        raise ValueError(f"`single_logit` is True, which needs `num_labels` to be 2; it is {config.num_labels}.")
    if config.problem_type not in (None, "single_label_classification"):
        raise ValueError(
            f"`single_logit` is True, which needs `problem_type` to be None or 'single_label_classification'; "
            f"it is {config.problem_type!r}."
        )


def check_gates(config: Any) -> None:
    """Raises:
    ValueError: for a `gate_bias` of a `GatedConfig` that is no finite number, and for `chrono_time_scales` that are
        not two numbers, the shortest above 1 and the longest not below it.
    """
    if not math.isfinite(config.gate_bias):
        raise ValueError(f"`gate_bias` is {config.gate_bias}; it must be a finite number.")
    scales = config.chrono_time_scales
    if scales is not None and not (len(scales) == 2 and 1 < scales[0] <= scales[1] < math.inf):
        raise ValueError(
            f"`chrono_time_scales` is {scales}; it must be two finite numbers of steps, the shortest above 1 and the "
            "longest not below it, such as [2, 50]."
        )


def check_pooling(pooling: str | None) -> None:
    """Raises:
    ValueError: for `flatten`, which Keras' examples put between a recurrent layer and a dense one. What else there
        is not, is refused with the names that there are.
    """
    if pooling == "flatten":
        raise ValueError(
            "`pooling` is 'flatten', which needs texts of one fixed length, and texts here have any: the dense layer "
            "after it would have weights for each position. It may be 'last', 'mean', 'max', 'mean_max' or "
            "'attention'; nearest to it is 'attention', which learns what each step counts."
        )


def check_regularisation(config: Any) -> None:
    """Raises:
    ValueError: for a dropout of a `RecurrentConfig` that is no probability below 1 or has nothing to drop, for a
        penalty that is no finite number of at least 0, and for a wide part without rows, n-grams or tokens.
    """
    for name in DROPOUTS:
        value = getattr(config, name)
        if value is not None and not 0 <= value < 1:
            raise ValueError(f"`{name}` is {value}; it must lie in [0, 1).")
    for name in PENALTIES:
        value = getattr(config, name)
        if not 0 <= value < math.inf:
            raise ValueError(f"`{name}` is {value}; it must be a finite number of at least 0.")
    if config.sampled_softmax is not None:
        check_positive("sampled_softmax", config.sampled_softmax)
    if config.word_type_dropout and config.vocab_size is None:
        raise ValueError(f"`word_type_dropout` is {config.word_type_dropout}, which needs a `vocab_size`.")
    if config.weight_dropout and not config.recurrent_weights:
        raise ValueError(
            f"`weight_dropout` is {config.weight_dropout}; a {config.model_type} has no recurrent weights W_h "
            "to drop entries of, so it must be 0."
        )
    _check_wide(config)


def _check_wide(config: Any) -> None:
    if config.wide_characters < 0 or config.wide_characters == 1:
        raise ValueError(f"`wide_characters` is {config.wide_characters}; it must be 0 or at least 2.")
    check_positive("wide_ngrams", config.wide_ngrams)
    if config.wide_buckets is None:
        return
    check_positive("wide_buckets", config.wide_buckets)
    if config.vocab_size is None:
        raise ValueError(f"`wide_buckets` is {config.wide_buckets}, which needs a `vocab_size`; that is None.")


class OwnFolderMixin:
    """Make a configuration refuse the folder of a model of another type, see [`refuse_other_model_type`]."""

    @classmethod
    def get_config_dict(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read a folder as transformers does; it must be that of a model of this type."""
        stock: Any = super()
        found: tuple[dict[str, Any], dict[str, Any]] = stock.get_config_dict(pretrained_model_name_or_path, **kwargs)
        own: Any = cls
        refuse_other_model_type(own.model_type, found[0], pretrained_model_name_or_path)
        return found
