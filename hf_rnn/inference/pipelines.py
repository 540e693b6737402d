"""The pipeline of a checkpoint: which task it does, how long a text may be, and what it is loaded as."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from transformers import AutoConfig, AutoTokenizer, Pipeline, PreTrainedConfig, PreTrainedTokenizerBase, pipeline

from ..bundles import checkpoint_folder, named_if_missing
from ..models.encoding import NO_LIMIT
from ..models.tokenizer_lock import tokenizer_lock
from ..progress import without_weight_bars


__all__ = [
    "HEADS",
    "SIMILARITY",
    "WRITING",
    "checksum_of",
    "label_names",
    "load_pipeline",
    "locked",
    "make_pipeline",
    "model_checksum",
    "siamese_of",
    "task_of",
    "text_limit",
]


SIMILARITY, WRITING = "sentence-similarity", "text2text-generation"
# task → the ending of the classes that do it, all of them behind AutoModel + that ending
HEADS = {
    "text-classification": "ForSequenceClassification",
    "token-classification": "ForTokenClassification",
    "text-generation": "ForCausalLM",
    WRITING: "ForSeq2SeqLM",
    SIMILARITY: "",
}
# Endings of classes that do a task by another name than the one in `HEADS`.
_OTHER_ENDINGS = {
    "ForPairClassification": "text-classification",
    "LMHeadModel": "text-generation",
    "MTModel": WRITING,
    "ForConditionalGeneration": WRITING,
}
_RESULTS_FILE = "results.json"


def task_of(model: str | os.PathLike[str], config: PreTrainedConfig) -> str:
    """The task that a checkpoint does: by its class, or else by the `results.json` in its folder.

    Raises:
        ValueError: neither tells, or it is a network of images.
    """
    architecture = (config.architectures or [""])[0]
    endings = {ending: task for task, ending in HEADS.items() if ending} | _OTHER_ENDINGS
    found = next((task for ending, task in endings.items() if architecture.endswith(ending)), None)
    if found is None and config.model_type == "siamese" and cast(Any, config).of_texts:
        found = SIMILARITY
    if found is None:
        found = _recorded_task(Path(model))
    if found not in HEADS:
        raise ValueError(
            f"`model`={os.fspath(model)!r} is a {architecture or config.model_type}, which does none of the tasks "
            f"{', '.join(HEADS)}; give one as `task` if it can do it all the same."
        )
    return found


def _recorded_task(folder: Path) -> str | None:
    path = folder / _RESULTS_FILE
    task = json.loads(path.read_text(encoding="utf-8")).get("task") if path.is_file() else None
    return task if isinstance(task, str) else None


def load_pipeline(model: str | os.PathLike[str], task: str | None = None) -> Pipeline:
    """The pipeline of a checkpoint, on the CPU; see [`make_pipeline`] for long texts.

    Args:
        model: A folder, a repository of the Hub or `bundled:NAME`, with a tokenizer.
        task: One of `HEADS`; None: the one that the checkpoint does. For sentence-similarity an encoder that is no
            siamese network, such as a BertModel, is compared by the mean over its tokens and the cosine.

    Raises:
        ValueError: another `task`, or nothing tells which; or there is no bundled checkpoint of this name.
        OSError: there is no such checkpoint, or a part of it is missing.
    """
    import transformers

    name = checkpoint_folder(model, "model")
    if task is not None and task not in HEADS:
        raise ValueError(f"`task`={task!r} must be one of {', '.join(HEADS)}.")
    with named_if_missing(name, "model", os.fspath(model)):
        config = AutoConfig.from_pretrained(name)
    task = task or task_of(name, config)
    pairs = task == "text-classification" and config.model_type == "siamese"
    tokenizer = AutoTokenizer.from_pretrained(name)
    with without_weight_bars():
        loaded = getattr(transformers, "AutoModel" + HEADS[task]).from_pretrained(name)
        if task == SIMILARITY and not pairs:
            loaded = siamese_of(loaded)
    return make_pipeline(task, loaded.eval(), tokenizer)


def siamese_of(model: Any) -> Any:
    """`model` where it is a siamese network; else one over this encoder, with the pooling that `SiameseConfig` has by
    default (of a BERT, the mean over the tokens) and the cosine.
    """
    from ..models.modeling_siamese import SiameseModel

    return model if isinstance(model, SiameseModel) else SiameseModel.from_encoder(model)


def make_pipeline(task: str, model: Any, tokenizer: Any) -> Any:
    """The pipeline of the task; a text longer than the model's limit it reads in windows (tags) or cuts (labels,
    similarity).
    """
    limit = text_limit(tokenizer, model.config)
    options: dict[str, Any] = {"aggregation_strategy": "simple"} if task == "token-classification" else {}
    if limit is not None:
        tokenizer.model_max_length = limit
        if task == "token-classification":
            options["stride"] = limit // 4
        elif task == "text-classification":
            options["truncation"] = True
    made = pipeline(task, model=model, tokenizer=tokenizer, device="cpu", **options)  # type: ignore[call-overload]
    return locked(made)


def locked(pipeline: Any) -> Any:
    """Give a pipeline that answers as `pipeline` does, and whose tokenizer several threads may share."""
    made = copy.copy(pipeline)
    made.preprocess = functools.partial(_preprocess, pipeline)
    return made


def _preprocess(pipeline: Any, *args: Any, **kwargs: Any) -> Any:
    with tokenizer_lock(pipeline.tokenizer):
        found = pipeline.preprocess(*args, **kwargs)
        # A text in windows is tokenised when the first of them is asked for.
        return iter(list(found)) if isinstance(found, Iterator) else found


def text_limit(tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig) -> int | None:
    """The most tokens of a text, special ones included, by the tokenizer and the model's positions; None: any."""
    # The encoder of a siamese network has them.
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    limit = min(tokenizer.model_max_length, positions or NO_LIMIT)
    return limit if limit < NO_LIMIT else None


def model_checksum(pipeline: Pipeline) -> str:
    """SHA-256 of the weights, the configuration and the tokenizer, wherever they were loaded from."""
    return checksum_of(pipeline.model, pipeline.tokenizer)


def checksum_of(model: Any, tokenizer: Any) -> str:
    """[`model_checksum`] of the parts; `tokenizer` None for a model that reads no texts."""
    digest = hashlib.sha256()
    config = {name: value for name, value in model.config.to_dict().items() if name != "_name_or_path"}
    digest.update(json.dumps(config, sort_keys=True, default=str).encode())
    if tokenizer is not None:
        digest.update(tokenizer.backend_tokenizer.to_str().encode() if tokenizer.is_fast else repr(tokenizer).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().view(-1).numpy().tobytes())
    return digest.hexdigest()


def label_names(config: PreTrainedConfig) -> list[str]:
    """The labels in order of their ids."""
    names: Any = config.id2label
    return [names[index] for index in sorted(names)]
