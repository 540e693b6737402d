"""What `config_overrides` may not change: labels of the data, tokens of the tokenizer, the width of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedTokenizerBase

from ..data.vectors import WordVectors


__all__ = ["OF_LABELS", "check_tokens", "width_of_vectors", "with_overrides"]


# The values of a configuration that follow from the labels of the data.
OF_LABELS = ("problem_type", "num_labels", "id2label", "label2id")
# Those that follow from the tokenizer.
OF_TOKENS = ("pad_token_id", "bos_token_id", "eos_token_id")


def with_overrides(
    values: Mapping[str, Any],
    overrides: Mapping[str, Any],
    *,
    argument: str = "config_overrides",
    flags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The `values` of a configuration with `overrides` on top, which may not contradict the labels of the data.

    Args:
        values: What the task has settled; its `id2label`, `label2id` and `problem_type` are those of the data. Without
            `id2label` the model has no labels.
        overrides: What the user gives. Labels that equal those of the data may be among them.
        argument: What `overrides` were given by.
        flags: Name in `OF_LABELS` → the flag that does change it in this task.

    Raises:
        ValueError: an override contradicts the labels of the data; the message names it, what the data have, and the
            flag.
    """
    of_data = _labels_of(values)
    for name in OF_LABELS:
        if name not in overrides or _comparable(overrides[name]) == of_data[name]:
            continue
        if of_data[name] is None:
            remedy = "this model has none: leave it out."
        else:
            remedy = f"the data have {of_data[name]!r}: leave it out."
            if flags and name in flags:
                remedy += f" The flag `--{flags[name]}` says how the labels are read."
        raise ValueError(f"`{argument}` give `{name}`={overrides[name]!r}, but {remedy}")
    # Labels that agree say nothing new, and have the keys of JSON, which are strings.
    return {**values, **{name: value for name, value in overrides.items() if name not in OF_LABELS}}


def check_tokens(overrides: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> None:
    """Raises:
    ValueError: `config_overrides` give the id of a special token that is another in the tokenizer.
    """
    for name in OF_TOKENS:
        token = getattr(tokenizer, name)
        if token is not None and overrides.get(name, token) != token:
            raise ValueError(
                f"`config_overrides` give `{name}`={overrides[name]!r}; in the tokenizer it is {token}: leave it out, "
                "or give the `tokenizer_name_or_path` of a tokenizer that has it."
            )


def width_of_vectors(overrides: Mapping[str, Any], vectors: WordVectors, source: str) -> dict[str, int]:
    """The `embedding_size` of a new model that starts from `vectors`: their dimensions.

    Args:
        overrides: Those of its configuration.
        vectors: What the table is filled from.
        source: What `embedding_vectors` names.

    Raises:
        ValueError: the overrides give another size.
    """
    size = overrides.get("embedding_size", vectors.dimensions)
    if size != vectors.dimensions:
        raise ValueError(
            f"`config_overrides` give `embedding_size`={size!r}, but the vectors of `embedding_vectors`={source!r} "
            f"have {vectors.dimensions} dimensions: leave `embedding_size` out, or give other vectors."
        )
    return {"embedding_size": vectors.dimensions}


def _labels_of(values: Mapping[str, Any]) -> dict[str, Any]:
    if "id2label" not in values:
        return dict.fromkeys(OF_LABELS)
    names = values["id2label"]
    return {
        "problem_type": values.get("problem_type"),
        "num_labels": len(names),
        "id2label": _comparable(names),
        "label2id": _comparable(values.get("label2id", {name: index for index, name in names.items()})),
    }


def _comparable(value: Any) -> Any:
    """`value` with strings for keys, as JSON has them."""
    return {str(key): inner for key, inner in value.items()} if isinstance(value, Mapping) else value
