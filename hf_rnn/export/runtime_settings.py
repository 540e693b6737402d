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
from ..models.modeling_seq2seq import RecurrentForSeq2SeqLM
from ..models.modeling_siamese import SiameseForPairClassification
from ..models.tagging import TaggingHead


__all__ = ["runtime_settings"]


# The version of the fields below; `runtime.VERSION` is the one that is read.
VERSION = 1
# Tasks whose pipeline cuts no text.
UNLIMITED = ("text-classification", "pair-classification", "text-generation", "text2text-generation")
# As the pipeline "text2text-generation", where the model says nothing.
MAX_NEW_TOKENS = 256
# Options of generation that the runtime follows for an encoder-decoder, and those that change nothing that it writes:
# it draws no tokens.
FOLLOWED = {"bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_eos_token_id"}
FOLLOWED |= {"num_beams", "length_penalty", "max_length", "max_new_tokens"}
WITHOUT_EFFECT = {"use_cache", "output_scores", "output_logits", "output_attentions", "output_hidden_states"}
WITHOUT_EFFECT |= {"return_dict_in_generate", "transformers_version", "temperature", "top_k", "top_p", "min_p"}
WITHOUT_EFFECT |= {"top_h", "typical_p", "epsilon_cutoff", "eta_cutoff"}
# What these do with the value 1 is nothing.
FACTORS = {"repetition_penalty", "encoder_repetition_penalty", "num_return_sequences", "guidance_scale"}


def runtime_settings(model: Any, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """The settings of `runtime.load`.

    `task` is the pipeline's, or "pair-classification"; `max_length` the tokens beyond which a text is cut, None where
    the pipeline cuts none; `split_special_tokens`, `truncation_side` and `unk_token_id` are the tokenizer's. Of a
    classifier of texts or pairs `labels`, in the order of the logits, the `function` that makes scores of these, and
    the `threshold` from which on a text has a label, None where it has exactly one; of a tagger see `_tagger`; of a
    language model see `_writer`; of an encoder-decoder `writing`, the fields of `runtime_search.Writing`, and the
    `prefix` of its sources; of a siamese network its `similarity` and `threshold`.

    Raises:
        ValueError: an encoder-decoder whose generation configuration has options that the runtime does not follow, or
            no token that a target begins with.
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
    elif isinstance(model, RecurrentForSeq2SeqLM):
        task, own = (
            "text2text-generation",
            {
                "prefix": config.prefix or "",
                "writing": _writing(model.generation_config),
            },
        )
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
    return {"bos_token_id": generation.bos_token_id, "eos_token_ids": _listed(generation.eos_token_id)}


def _listed(tokens: Any) -> list[int]:
    return [] if tokens is None else [tokens] if isinstance(tokens, int) else list(tokens)


def _writing(generation: GenerationConfig) -> dict[str, Any]:
    said = {name: value for name, value in generation.to_diff_dict().items() if value and not name.startswith("_")}
    for name in said.keys() - FOLLOWED - WITHOUT_EFFECT:
        if not (name in FACTORS and said[name] == 1):
            raise ValueError(
                f"`generation_config` of the model has `{name}`={said[name]!r}, which the runtime does not follow; "
                "set it to None to export the model without it."
            )
    start = generation.decoder_start_token_id
    start = generation.bos_token_id if start is None else start
    if start is None:
        raise ValueError(
            "`generation_config` of the model has no `decoder_start_token_id`, with which a target begins; set it."
        )
    length = generation.max_new_tokens
    if length is None:
        # The longest text has the first token, too.
        length = said["max_length"] - 1 if "max_length" in said else MAX_NEW_TOKENS
    return {
        "start_token_id": start,
        "eos_token_ids": _listed(generation.eos_token_id),
        "forced_eos_token_ids": _listed(generation.forced_eos_token_id),
        "num_beams": generation.num_beams or 1,
        "length_penalty": 1.0 if generation.length_penalty is None else generation.length_penalty,
        "max_new_tokens": length,
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
