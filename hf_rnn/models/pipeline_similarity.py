"""The pipeline "sentence-similarity", which transformers lacks: pairs of texts, or one text against many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from typing import Any, cast

import torch
from torch.utils.data import Dataset
from transformers import Pipeline

from .similarity import pairwise


__all__ = ["SentenceSimilarityPipeline"]


PAIR = {"text", "text_pair"}
ONE_TO_MANY = {"source_sentence", "sentences"}


class SentenceSimilarityPipeline(Pipeline):
    """Tells how alike texts are to a [`SiameseModel`], by its `config.similarity`.

    Called with:

    - a pair `{"text": a, "text_pair": b}`, it answers `{"score": ...}`, and, if the model has a `config.threshold`,
      also `"alike"`: whether the score is at least the threshold;
    - one against many, `{"source_sentence": a, "sentences": [b, c]}`, as the task of this name on the Hub is asked, it
      answers the scores in the order of the sentences;
    - a list of them (or a dataset, or another iterable, which is read to its end), it answers a list.

    The distinct texts of a call are each encoded once, `batch_size` of similar length at a time (64 by default).
    Texts beyond the tokenizer's `model_max_length` are cut.

    Example:
        >>> compare = pipeline("sentence-similarity", model="siamese-folder")  # doctest: +SKIP
        >>> compare({"text": "How do I boil an egg?", "text_pair": "How are eggs boiled?"})  # doctest: +SKIP
        {'score': 0.93, 'alike': True}

    Raises:
        ValueError: for a model that is no `SiameseModel` of texts, or no tokenizer.
    """

    _load_tokenizer: Any = True
    _load_processor: Any = False
    _load_image_processor: Any = False
    _load_video_processor: Any = False
    _load_feature_extractor: Any = False

    def __init__(self, model: Any, tokenizer: Any = None, **kwargs: Any) -> None:
        if getattr(model.config, "model_type", None) != "siamese" or not hasattr(model, "encode"):
            raise ValueError(f"`model` is a {type(model).__name__}; it must be a SiameseModel.")
        if not model.config.of_texts:
            raise ValueError("`model` has an encoder of images; this pipeline needs one of texts.")
        if tokenizer is None:
            raise ValueError("`tokenizer` is None; a pipeline of texts needs the model's tokenizer.")
        super().__init__(model=model, tokenizer=tokenizer, **kwargs)

    def __call__(self, inputs: Any, batch_size: int | None = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """Compare texts; see the class for what `inputs` may be and what is answered.

        Raises:
            ValueError: for other inputs or arguments, or a `batch_size` below 1.
        """
        rows = _rows(inputs)
        self._sanitize_parameters(**kwargs)
        if batch_size is None:
            batch_size = 64 if self._batch_size is None else self._batch_size
        answers = self.run_single(rows, {}, {"batch_size": batch_size}, {})
        return answers[0] if isinstance(inputs, Mapping) else answers

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        # `num_workers` is for pipelines that read with a DataLoader; callers of any pipeline may pass it.
        unknown = sorted(kwargs.keys() - {"num_workers"})
        if unknown:
            raise ValueError(
                f"`{unknown[0]}`={kwargs[unknown[0]]!r} is not an argument; this pipeline has `batch_size`."
            )
        return {}, {}, {}

    def preprocess(self, input_: list[Any], **preprocess_parameters: Any) -> dict[str, Any]:
        """Each input as a text, those it is compared with, and whether they are many; and their distinct texts."""
        rows = [_comparison(row, index) for index, row in enumerate(input_)]
        return {"rows": rows, "texts": list(dict.fromkeys(text for a, others, _ in rows for text in (a, *others)))}

    def _forward(self, input_tensors: dict[str, Any], **forward_parameters: Any) -> Any:
        model: Any = self.model
        return {**input_tensors, "vectors": model.encode(input_tensors["texts"], self.tokenizer, **forward_parameters)}

    def postprocess(self, model_outputs: Any, **postprocess_parameters: Any) -> list[Any]:
        """The answer for each input."""
        vectors: torch.Tensor = model_outputs["vectors"]
        config: Any = self.model.config
        row_of = {text: row for row, text in enumerate(model_outputs["texts"])}
        answers: list[Any] = []
        for text, others, many in model_outputs["rows"]:
            found = vectors[[row_of[other] for other in others]]
            scores = pairwise(vectors[row_of[text]].expand_as(found), found, config.similarity)
            if many:
                answers.append(scores.tolist())
                continue
            answers.append({"score": scores.item()})
            if config.threshold is not None:
                answers[-1]["alike"] = bool(scores >= config.threshold)
        return answers


_ALLOWED = "{'text': ..., 'text_pair': ...} or {'source_sentence': ..., 'sentences': [...]}"


def _rows(inputs: Any) -> list[Any]:
    if isinstance(inputs, Mapping):
        return [inputs]
    if isinstance(inputs, Iterable) and not isinstance(inputs, str):
        return list(inputs)
    if isinstance(inputs, Dataset):
        # One of torch is not iterable by itself.
        return [inputs[index] for index in range(len(cast(Sized, inputs)))]
    raise ValueError(f"`inputs` is {inputs!r}; it must be {_ALLOWED}, or a list of them.")


def _comparison(row: Any, index: int) -> tuple[str, list[str], bool]:
    names = set(row) if isinstance(row, Mapping) else None
    if names == PAIR:
        text, others, many = row["text"], [row["text_pair"]], False
    elif names == ONE_TO_MANY:
        text, others, many = row["source_sentence"], row["sentences"], True
        if not isinstance(others, list | tuple):
            raise ValueError(f"`sentences` is {others!r} in input {index}; it must be a list of texts.")
    else:
        shown = f"the keys {sorted(map(str, names))}" if names is not None else repr(row)
        raise ValueError(f"`inputs` has {shown} at {index}; an input must be {_ALLOWED}.")
    for value in (text, *others):
        if not isinstance(value, str):
            raise ValueError(f"`inputs` has {value!r} at {index}, where a text must stand: {_ALLOWED}.")
    return text, list(others), many
