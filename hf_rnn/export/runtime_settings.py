"""The content of runtime.json: what the runtime has to know, besides the graph, of a model and its tokenizer."""

from __future__ import annotations

from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from ..models.crf import FORBIDDEN, ConditionalRandomField
from ..models.encoding import NO_LIMIT
from ..models.label_threshold import label_threshold
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_rnn import RecurrentForSequenceClassification, RecurrentForTokenClassification
from ..models.modeling_siamese import SiameseForPairClassification
from ..models.tagging import TaggingHead


__all__ = ["runtime_settings"]


# The version of the fields below; `runtime.VERSION` is the one that is read.
VERSION = 1
# Tasks whose pipeline cuts no text.
UNLIMITED = ("text-classification", "pair-classification", "text-generation")


def runtime_settings(model: Any, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """The settings of `runtime.load`.

    `task` is the pipeline's, or "pair-classification"; `max_length` the tokens beyond which a text is cut, None where
    the pipeline cuts none; `split_special_tokens`, `truncation_side` and `unk_token_id` are the tokenizer's. Of a
    classifier of texts or pairs `labels`, in the order of the logits, the `function` that makes scores of these, and
    the `threshold` from which on a text has a label, None where it has exactly one; of a tagger see `_tagger`; of a
    language model see `_writer`; of a siamese network its `similarity` and `threshold`.
    """
    config = model.config
    own: dict[str, Any]
    if isinstance(model, RecurrentForSequenceClassification):
        task, own = "text-classification", _classifier(config)
    elif isinstance(model, SiameseForPairClassification):
        task, own = "pair-classification", _classifier(config)
    elif isinstance(model, RecurrentForTokenClassification):
        task, own = "token-classification", {"labels": _labels(config), **_tagger(model.head)}
    elif isinstance(model, RecurrentForCausalLM):
        task, own = "text-generation", _writer(model.generation_config)
    else:
        threshold = None if config.threshold is None else float(config.threshold)
        task, own = "sentence-similarity", {"similarity": config.similarity, "threshold": threshold}
    limited = tokenizer.model_max_length < NO_LIMIT and task not in UNLIMITED
    return {
        "version": VERSION,
        "task": task,
        "max_length": tokenizer.model_max_length if limited else None,
        "truncation_side": tokenizer.truncation_side,
        "split_special_tokens": bool(tokenizer.split_special_tokens),
        "unk_token_id": tokenizer.unk_token_id,
        **own,
    }


def _classifier(config: Any) -> dict[str, Any]:
    several = config.problem_type == "multi_label_classification"
    threshold = label_threshold(config) if several else None
    return {"labels": _labels(config), "function": _function(config), "threshold": threshold}


def _labels(config: Any) -> list[str]:
    return [config.id2label[index] for index in range(config.num_labels)]


def _writer(generation: GenerationConfig) -> dict[str, Any]:
    """`bos_token_id`: the token that begins a text that is empty, or None; `eos_token_ids`: those that end one."""
    ends = generation.eos_token_id
    return {
        "bos_token_id": generation.bos_token_id,
        "eos_token_ids": [] if ends is None else [ends] if isinstance(ends, int) else list(ends),
    }


def _function(config: Any) -> str:
    # The pipeline "text-classification" of transformers decides in the same way.
    if config.problem_type == "regression":
        return "none"
    return "sigmoid" if config.problem_type == "multi_label_classification" or config.num_labels == 1 else "softmax"


def _tagger(head: TaggingHead) -> dict[str, Any]:
    """`states` and `inside`: the label of each state of the emissions, and the one that a word's further pieces have
    for each label of its first; `forbidden`: the score of a label that nothing leads to; `transitions`: the CRF's
    scores, with `forbidden` where its rules allow nothing; None without a CRF.
    """
    return {
        "states": head.state_labels.int().argmax(dim=1).tolist(),
        "inside": head.inside_labels.int().argmax(dim=1).tolist(),
        "forbidden": FORBIDDEN,
        "transitions": None if head.crf is None else _transitions(head.crf),
    }


def _transitions(crf: ConditionalRandomField) -> dict[str, Any]:
    rules: dict[str, torch.Tensor] = {
        name: getattr(crf, name).detach().float().masked_fill(~getattr(crf, f"{name}_allowed"), FORBIDDEN)
        for name in ("start", "transition", "end")
    }
    return {name: rule.cpu().tolist() for name, rule in rules.items()}
