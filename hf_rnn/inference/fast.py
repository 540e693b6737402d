"""One text answered in as little time as it takes: the tokenizer, one call into the compiled network, the answer.

A pipeline of transformers prepares batches, tensors and dictionaries, and the model's modules are called one after the
other; for one sentence that takes longer than to compute it. What `load_fast` gives answers the same of one text.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from tokenizers import Encoding, Tokenizer
from torch import nn
from transformers import AutoTokenizer, Pipeline, PreTrainedModel, PreTrainedTokenizerBase

from ..kernels.loading import build_and_load, network_library, wanted
from ..kernels.network_binding import Network
from ..kernels.packing import obstacle, pack
from ..models.modeling_siamese import SiameseModel
from ..models.similarity import pairwise
from .fast_entities import EntityReader
from .pipelines import SIMILARITY, label_names, load_pipeline, make_pipeline, task_of, text_limit


__all__ = ["FastClassifier", "FastModel", "FastSimilarity", "FastTagger", "load_fast"]


class FastModel:
    """What answers one text at a time; see [`load_fast`]. Threads may share it.

    Attributes:
        path: "compiled": a text is answered in one call into the compiled network, whose weights are copies, made when
            this was loaded: what is changed in the model afterwards is not seen. "pipeline": by `pipeline`.
        reason: Why the path is "pipeline"; None otherwise.
        pipeline: The pipeline of transformers that gives the same answers.
        network: The compiled network; None where the path is "pipeline".
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.reason = _obstacle(pipeline)
        self.path = "compiled" if self.reason is None else "pipeline"
        given: Any = pipeline.tokenizer
        self._limit = text_limit(given, pipeline.model.config)
        self._from_left = given.truncation_side == "left"
        self.network: Network | None = None
        if self.reason is None:
            self._tokenizer = _own_tokenizer(given)
            self.network = self._packed(pipeline.model)

    def __repr__(self) -> str:
        why = "" if self.reason is None else f", reason={self.reason!r}"
        return f"{type(self).__name__}(path={self.path!r}{why})"

    def _packed(self, model: Any) -> Network:
        return pack(model, cast(Any, network_library()))

    def encode(self, text: str, name: str = "text") -> Encoding:
        """The tokens of a text, on the path "compiled", by a tokenizer that no other caller changes.

        Args:
            text: A string.
            name: How an error calls it.

        Raises:
            ValueError: `text` is no string.
        """
        if not isinstance(text, str):
            raise ValueError(f"`{name}`={text!r} must be a string.")
        return self._tokenizer.encode(text)

    def _cut(self, ids: list[int]) -> list[int]:
        # A text beyond the model's limit is cut, as its pipeline cuts it.
        if self._limit is None or len(ids) <= self._limit:
            return ids
        return ids[-self._limit :] if self._from_left else ids[: self._limit]


class FastClassifier(FastModel):
    """The label of a text; see [`load_fast`]."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline)
        config: Any = pipeline.model.config
        self._labels = label_names(config)
        self._single_logit = bool(getattr(config, "single_logit", False))
        several = config.problem_type == "multi_label_classification" or config.num_labels == 1
        self._scored = _sigmoid if several else _softmax
        if config.problem_type == "regression":
            self._scored = _unchanged

    def __call__(self, text: Any, *, top_k: int | None = 1) -> Any:
        """Args:
            text: A string; of a classifier of pairs `{"text": …, "text_pair": …}`.
            top_k: How many labels to answer, the best first; None: all of them.

        Returns:
            `{"label": …, "score": …}`; with another `top_k` than 1 a list of them.

        Raises:
            ValueError: for another `text`, or a `top_k` below 1.
        """
        if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"`top_k`={top_k!r} must be a whole number from 1, or None.")
        if self.network is None:
            found = self.pipeline(text, top_k=top_k)
            return found[0] if top_k == 1 else found
        logits = self.network.pool(self._cut(self.encode(text).ids)).tolist()
        scores = self._scored([0.0, *logits] if self._single_logit else logits)
        if top_k == 1:
            best = max(range(len(scores)), key=scores.__getitem__)
            return {"label": self._labels[best], "score": scores[best]}
        order = sorted(range(len(scores)), key=lambda index: -scores[index])[:top_k]
        return [{"label": self._labels[index], "score": scores[index]} for index in order]


class FastTagger(FastModel):
    """The entities of a text; see [`load_fast`]."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline)
        self._entities = EntityReader(cast(Any, pipeline.tokenizer), label_names(pipeline.model.config))

    def __call__(self, text: str) -> list[dict[str, Any]]:
        """The entities of a string, as the pipeline "token-classification" gives them with
        `aggregation_strategy="simple"`: `{"entity_group": …, "score": …, "word": …, "start": …, "end": …}` of each. A
        text beyond the model's limit is read in windows by the pipeline.

        Raises:
            ValueError: `text` is no string.
        """
        if self.network is None:
            return cast(list[dict[str, Any]], self.pipeline(text))
        encoding = self.encode(text)
        if self._limit is not None and len(encoding) > self._limit:
            return cast(list[dict[str, Any]], self.pipeline(text))
        return self._entities(text, encoding, *self.network.tag(encoding.ids))


class FastSimilarity(FastModel):
    """The vector of a text, and how alike two texts are; see [`load_fast`]."""

    def __call__(self, text: Mapping[str, Any]) -> Any:
        """Answer as the pipeline "sentence-similarity" does.

        Args:
            text: A pair `{"text": a, "text_pair": b}`, answered by `{"score": …}`, and `"alike"` where the model has a
                threshold; or `{"source_sentence": a, "sentences": [b, …]}`, answered by the list of the scores.

        Raises:
            ValueError: for anything else.
        """
        pair = isinstance(text, Mapping) and set(text) == {"text", "text_pair"}
        if self.network is None or not pair:
            return self.pipeline(text)
        config: Any = self.pipeline.model.config
        a, b = (self.embed(text[name], name) for name in ("text", "text_pair"))
        score = pairwise(a.unsqueeze(0), b.unsqueeze(0), config.similarity)[0]
        answer: dict[str, Any] = {"score": score.item()}
        if config.threshold is not None:
            answer["alike"] = bool(score >= config.threshold)
        return answer

    def embed(self, text: str, name: str = "text") -> torch.Tensor:
        """The vector (features) of a text, float32, as `SiameseModel.encode` gives it; the arguments are those of
        [`encode`].
        """
        if self.network is None:
            return cast(torch.Tensor, cast(Any, self.pipeline.model).encode(text, self.pipeline.tokenizer))
        return torch.tensor(self.network.pool(self._cut(self.encode(text, name).ids)))

    def _packed(self, model: Any) -> Network:
        return pack(model.encoder, cast(Any, network_library()), model.projection)


_KINDS = {
    "text-classification": FastClassifier,
    "token-classification": FastTagger,
    SIMILARITY: FastSimilarity,
}


def load_fast(
    model: str | os.PathLike[str] | PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None = None,
    task: str | None = None,
) -> Any:
    """A model that answers one text at a time as its pipeline does, sooner: the tokenizer, one call into the compiled
    network, the answer. The compiled kernels are built first where they are not yet.

    A model with a part that the compiled network does not have, or a machine without the kernels, is answered by the
    pipeline; `path` of what is returned says which it is, and `reason` why.

    Args:
        model: A folder, a repository of the Hub or `bundled:NAME`, with a tokenizer; or a model.
        tokenizer: The model's, where a model is given; None: the one beside the weights that it was loaded from.
        task: "text-classification", "token-classification" or "sentence-similarity"; None: the one that the model
            does.

    Returns:
        A [`FastClassifier`], a [`FastTagger`] or a [`FastSimilarity`].

    Raises:
        ValueError: for another `task`, a model that does none of them, or one without a tokenizer.
        OSError: there is no such checkpoint.

    Example:
        >>> fast = load_fast("bundled:bilstm-imdb")  # doctest: +SKIP
        >>> fast("A great film."), fast.path  # doctest: +SKIP
        ({'label': 'positive', 'score': 0.99}, 'compiled')
    """
    if task is not None and task not in _KINDS:
        raise ValueError(f"`task`={task!r} must be one of {', '.join(_KINDS)}, or None.")
    pipeline = _of_model(model, tokenizer, task) if isinstance(model, nn.Module) else load_pipeline(model, task)
    if pipeline.task not in _KINDS:
        raise ValueError(f"`model` does {pipeline.task!r}; it must do one of {', '.join(_KINDS)}.")
    build_and_load()
    return _KINDS[pipeline.task](pipeline)


def _of_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, task: str | None) -> Pipeline:
    place = model.name_or_path or ""
    if tokenizer is None:
        if not place:
            raise ValueError("`tokenizer` is None, and `model` was not loaded from a folder that could hold one.")
        tokenizer = cast(PreTrainedTokenizerBase, AutoTokenizer.from_pretrained(place))
    if task is None:
        config = copy.copy(model.config)
        config.architectures = [type(model).__name__]
        task = task_of(place, config)
    # The tokenizer's limit is set for the pipeline: the user's own stays as it is.
    return cast(Pipeline, make_pipeline(task, model.eval(), copy.copy(tokenizer)))


def _obstacle(pipeline: Any) -> str | None:
    if not wanted():
        return "HF_RNN_KERNELS is 0"
    if network_library() is None:
        return "the kernels are not built here (`python -m hf_rnn.kernels` says why)"
    if not getattr(pipeline.tokenizer, "is_fast", False):
        return "its tokenizer is not one of the library tokenizers"
    model = pipeline.model
    if not isinstance(model, SiameseModel):
        return obstacle(model)
    if type(model) is not SiameseModel:
        return f"a {type(model).__name__} is not among the models that are packed"
    if model.config.pooling != "pooler":
        return f"its `pooling` is {model.config.pooling!r}"
    if model._forward_hooks or model._forward_pre_hooks or type(model.projection) not in (nn.Linear, type(None)):
        return "it has a hook, or another projection than a linear layer"
    return obstacle(model.encoder)


def _own_tokenizer(tokenizer: Any) -> Tokenizer:
    # A copy, whose state no other caller changes, so that threads can share it without a lock.
    made = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    made.no_padding()
    made.no_truncation()
    made.encode_special_tokens = tokenizer.split_special_tokens
    return made


def _unchanged(logits: Sequence[float]) -> list[float]:
    return list(logits)


def _softmax(logits: Sequence[float]) -> list[float]:
    largest = max(logits)
    powers = [math.exp(logit - largest) for logit in logits]
    total = sum(powers)
    return [power / total for power in powers]


def _sigmoid(logits: Sequence[float]) -> list[float]:
    # The exponent is never above 0, so that nothing overflows.
    small = [math.exp(-abs(logit)) for logit in logits]
    return [(1 if logit >= 0 else power) / (1 + power) for logit, power in zip(logits, small, strict=True)]
