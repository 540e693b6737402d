"""Many texts through a pipeline: batches of similar length, answers in the caller's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch.utils.data import Dataset
from transformers import Pipeline
from transformers.utils import logging

from ..kernels.loading import build_and_load, of_use_to
from ..kernels.threads import computing_threads
from .pipelines import locked
from .steps import steps_of


__all__ = ["predict_texts"]


# Characters, of all texts together, from which on the compiled kernels are built first where they are not yet.
# Measured on 2 cores of an AMD EPYC: building takes 7 seconds, once on a machine; of a million characters the kernels
# save 1.3 seconds (bilstm-crf-conll2003, sentences of 15 words), 2.1 (siamese-bilstm-quora, pairs), 2.6
# (bilstm-imdb, texts of 230 words) and 7.9 (two layers of 256 units a direction), which is a tenth to a third of the
# time. So what is built at a million has paid for itself after one to five such calls.
BUILD_FROM_CHARACTERS = 1_000_000

_PAIR_KEYS = {"text", "text_pair"}


class _InOrder(Dataset[Any]):
    """Texts in an order of ours; of a torch dataset a pipeline gives its answers one at a time."""

    def __init__(self, texts: list[Any], order: list[int]) -> None:
        self.texts, self.order = texts, order

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> Any:
        return self.texts[self.order[index]]


def predict_texts(
    pipeline: Pipeline, texts: Iterable[Any], batch_size: int = 64, progress: bool = True, **kwargs: Any
) -> list[Any]:
    """The answers of `pipeline(texts, batch_size=batch_size, **kwargs)`, sooner: texts of similar length are batched
    together, so that little padding is computed.

    The length of a text is taken to be its number of characters: counting tokens would take longer than it saves. The
    longest come first; if memory does not suffice, it shows at once. torch's threads are those of
    [`computing_threads`]. Where the model has a recurrent layer on the CPU and the texts have a million characters,
    the compiled kernels are built first, once on a machine, unless `HF_RNN_KERNELS` is 0 (see `hf_rnn.kernels`).

    Args:
        pipeline: Any transformers pipeline that reads text, such as `pipeline("text-classification", model=...)`.
        texts: Strings, pairs `{"text": ..., "text_pair": ...}` or, with `is_split_into_words=True` in a pipeline that
            takes it, lists of words; from a list, a column of a dataset, a generator. One string or pair is one text.
        batch_size: Texts that are computed together.
        progress: Whether a bar is shown, on standard error.
        kwargs: Arguments of the pipeline, such as `truncation=True` or `top_k=None`.

    Returns:
        An answer for each text, in their order.

    Raises:
        ValueError: for another kind of `pipeline`, or one of a model for numbers or several labels at every token, for
            `texts` that are not texts, or a `batch_size` below 1.

    Example:
        >>> predict_texts(classifier, ["A great film.", "Dull."])  # doctest: +SKIP
        [{'label': 'positive', 'score': 0.99}, {'label': 'negative', 'score': 0.97}]
    """
    if not isinstance(pipeline, Pipeline) or pipeline.tokenizer is None:
        raise ValueError(f"`pipeline` is a {type(pipeline).__name__}; it must be a transformers pipeline of texts.")
    if steps_of(pipeline.model) is not None:
        raise ValueError(
            f"`pipeline` has a model for {steps_of(pipeline.model)} at every token, of which it would name the best "
            "label alone; call `hf_rnn.predict_steps(model, tokenizer, sentences)`."
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"`batch_size`={batch_size!r} must be an integer of at least 1.")
    if not isinstance(texts, Iterable):
        raise ValueError(f"`texts`={texts!r} must be a list or another iterable of texts.")
    rows = [texts] if isinstance(texts, str | Mapping) else list(texts)
    lengths = [_characters(text, index) for index, text in enumerate(rows)]
    order = sorted(range(len(rows)), key=lengths.__getitem__, reverse=True)
    answers: list[Any] = [None] * len(rows)
    if sum(lengths) >= BUILD_FROM_CHARACTERS and of_use_to(pipeline.model):
        build_and_load()
    with computing_threads(pipeline.model):
        found = locked(pipeline)(_InOrder(rows, order), batch_size=batch_size, **kwargs)
        bar = logging.tqdm(found, total=len(rows), desc="Predicting", unit="text", disable=not progress)
        for index, answer in zip(order, bar, strict=True):
            answers[index] = answer
    return answers


def _characters(text: Any, index: int) -> int:
    if isinstance(text, str):
        return len(text)
    if isinstance(text, Mapping) and "text" in text and text.keys() <= _PAIR_KEYS:
        return sum(_characters(part, index) for part in text.values())
    if isinstance(text, list | tuple) and all(isinstance(word, str) for word in text):
        return sum(len(word) + 1 for word in text)
    shown = f"the keys {sorted(map(str, text))}" if isinstance(text, Mapping) else repr(text)
    raise ValueError(
        f"`texts` has {shown} at {index}; a text must be a string, a pair {{'text': ..., 'text_pair': ...}} or a list "
        "of words. Of a dataset pass a column, as `dataset['text']`."
    )
