"""A language model measured anew on the texts of its run, such as one whose weights have been rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

from ...data.batches.streams import TokenStreams
from ...data.readers.documents import LanguageDataArguments, load_language_data
from ...kernels.threads import computing_threads
from ...metrics.language import language_metrics
from ...metrics.text_loss import text_loss
from ...progress import without_weight_bars
from .task import encode_splits


__all__ = ["measure_language_model"]


def measure_language_model(folder: str | Path, results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The figures of a checkpoint on the splits that its run measured.

    Args:
        folder: The checkpoint with its tokenizer.
        results: The document of the run; its arguments say which texts are read.

    Returns:
        Split → `loss`, `perplexity` and `bits_per_character`, of the whole text in one stream.

    Raises:
        FileNotFoundError: the texts are not where the run read them.
        ValueError: they have changed, or cannot be read.
    """
    recorded = results["training"]["arguments"]
    names = [field.name for field in fields(LanguageDataArguments)]
    arguments = LanguageDataArguments(**{name: recorded[name] for name in names if name in recorded})
    with without_weight_bars():
        tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    data = load_language_data(arguments)
    texts = encode_splits(data, tokenizer, reverse=arguments.reverse_text, only=results["metrics"])
    streams = {split: TokenStreams(text) for split, text in texts.items()}
    for split in results["metrics"]:
        expected, found = results["dataset"]["splits"][split], streams[split].num_tokens if split in streams else 0
        if found != expected:
            raise ValueError(
                f"The {split} split of {data.dataset_name!r} has {found} tokens, and had {expected} when the run "
                "measured it: these are not its texts, or not its tokenizer."
            )
    with computing_threads(model):
        return {
            split: language_metrics(text_loss(model, each), len(each), each.predicted_characters)
            for split, each in streams.items()
        }
