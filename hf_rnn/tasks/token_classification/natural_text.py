"""Measures how well a tagger finds entities in natural text, where nobody has cut the words out for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase, TokenClassificationPipeline

from ...data.readers.detokenize import detokenize
from ...inference.prediction import predict_texts
from ...metrics.tagging import Span, entity_spans, span_f1
from ...models.configuration_rnn import RecurrentConfig
from ...models.encoding import NO_LIMIT


__all__ = ["detokenized_figures"]


def detokenized_figures(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    *,
    progress: bool = True,
) -> dict[str, float]:
    """Figures of the stock pipeline on sentences written as people write them ("Mr. Silva's", not "Mr. Silva 's").

    An entity counts as found if its type, its first and its last character are right.

    Args:
        sentences: The tokens of each.
        references: Their IOB2 tags.

    Returns:
        `precision_detokenized`, `recall_detokenized` and `f1_detokenized`.
    """
    texts, gold = [], []
    for tokens, tags in zip(sentences, references, strict=True):
        if not tokens:
            # Nothing can be found in it, and a pipeline fails on a text without a piece.
            continue
        text, offsets = detokenize(tokens)
        texts.append(text)
        gold.append({(kind, offsets[start][0], offsets[end - 1][1]) for kind, start, end in entity_spans(tags)})
    # Ours gives every piece the tag of its word; a BERT is trained on first pieces alone, so theirs count.
    strategy = "simple" if isinstance(model.config, RecurrentConfig) else "first"
    options: dict[str, Any] = {"aggregation_strategy": strategy}
    if tokenizer.model_max_length < NO_LIMIT:
        # Longer texts in overlapping windows.
        options["stride"] = tokenizer.model_max_length // 4
    tagger = TokenClassificationPipeline(model=model, tokenizer=tokenizer, **options)
    answers = predict_texts(tagger, texts, progress=progress)
    figures = span_f1(gold, [_spans(found) for found in answers])
    return {f"{name}_detokenized": value for name, value in figures.items()}


def _spans(entities: Sequence[dict[str, Any]]) -> set[Span]:
    return {(entity["entity_group"], entity["start"], entity["end"]) for entity in entities}
