"""The baseline every language model has to beat: counts of n-grams, with interpolated Kneser-Ney smoothing.

    python scripts/baseline_ngram.py hf_rnn/recipes/baselines/ptb_ngram.json
    python scripts/baseline_ngram.py --train_file book.txt --validation_split_percentage 5 \\
        --tokenizer_kind character --output_dir runs/ngram

Reads and tokenizes text as `run_language_modeling.py` does, predicts the same tokens, and ends in the same
`results.json`. The order is chosen on the validation split; the test split is measured only under `--do_predict`.
The model and its tokenizer are in the output folder, too: `scripts/ask_ngrams.py` asks it for the next word.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ...baselines.ngram import KneserNey
from ...baselines.ngram_text import NgramTextModel
from ...data.batches.streams import TokenizedText
from ...data.readers.documents import LanguageData, LanguageDataArguments, load_language_data
from ...tasks.arguments import ModelArguments, ReportArguments
from ...tasks.building import build_tokenizer
from ...tasks.language_modeling.arguments import LanguageTokenizerArguments
from ...tasks.language_modeling.baseline import best_order, measure_ngrams
from ...tasks.language_modeling.task import encode_splits
from ...tasks.recipes import parse_arguments
from ..errors import errors_in_one_line
from ..flags import CommandParser
from .results import write_baseline_results


__all__ = ["BaselineArguments", "main"]


SIZE_NOTE = "Size: n-grams as 64-bit numbers, probabilities and back-off weights as float64, without the vocabulary."


@dataclass
class BaselineArguments:
    """The n-gram model to fit, what to measure, and the folder to write into."""

    output_dir: str = field(metadata={"help": "Folder to write the model and results.json into."})
    max_order: int = field(default=5, metadata={"help": "Length of the longest n-grams that are tried, in tokens."})
    refit: bool = field(
        default=False, metadata={"help": "Count again on train and validation text once the order is chosen."}
    )
    do_predict: bool = field(default=False, metadata={"help": "Measure on the test split as well."})

    def __post_init__(self) -> None:
        if self.max_order < 1:
            raise ValueError(f"`max_order`={self.max_order} must be at least 1.")


def fit_baseline(
    texts: Mapping[str, TokenizedText], vocab_size: int, arguments: BaselineArguments
) -> tuple[KneserNey, dict[str, float]]:
    """The model of the order that is best on `validation`, and the figures there: its own, and of all orders."""
    train, validation = texts["train"], texts["validation"]
    best, figures = best_order(train.ids(), validation, vocab_size, range(1, arguments.max_order + 1))
    of_all = {f"order_{order}_{name}": value for order, one in figures.items() for name, value in one.items()}
    if arguments.refit:
        best.fit(torch.cat([train.ids(), validation.ids()]))
    return best, figures[best.order] | of_all


def describe_baseline(model: KneserNey) -> dict[str, Any]:
    """The `model` section of results.json; for the size see `SIZE_NOTE`."""
    return {
        "class": type(model).__name__,
        "model_type": None,
        "base_model": None,
        "parameters": model.parameters,
        "size_bytes": model.size_bytes,
        "config": {"order": model.order, "discounts": model.discounts, "vocab_size": model.vocab_size},
    }


def read_data(arguments: LanguageDataArguments, do_predict: bool) -> LanguageData:
    """Text with every split that will be used, or an error that says which is missing."""
    data = load_language_data(arguments)
    for split in ("validation", *(["test"] if do_predict else [])):
        if split not in data.splits:
            raise ValueError(f"Give `{split}_file` or `{split}_split_percentage`: there are only {list(data.splits)}.")
    return data


def main(arguments: list[str]) -> None:
    """`scripts/baseline_ngram.py`."""
    groups = (LanguageDataArguments, LanguageTokenizerArguments, BaselineArguments, ReportArguments)
    parser = CommandParser(groups, usage="[RECIPE] [--flag value ...]", description=__doc__)
    with errors_in_one_line(ValueError, FileNotFoundError):
        (data_arguments, tokenizer_arguments, given, report), recipe = parse_arguments(parser, arguments)
    data = read_data(data_arguments, given.do_predict)
    tokenizer = build_tokenizer(tokenizer_arguments, ModelArguments(), data.splits["train"], end_of_text=True)
    texts = encode_splits(data, tokenizer, reverse=data_arguments.reverse_text)
    start = time.perf_counter()
    model, on_validation = fit_baseline(texts, len(tokenizer), given)
    minutes = (time.perf_counter() - start) / 60
    metrics = {"validation": on_validation}
    if given.do_predict:
        metrics["test"] = measure_ngrams(model, texts["test"])
    NgramTextModel(model, tokenizer).save(given.output_dir)
    refit_note = "Counted again on train and validation text before the test." if given.refit else None
    path = write_baseline_results(
        given.output_dir,
        task="text-generation",
        model=describe_baseline(model),
        metrics=metrics,
        selected_by="perplexity",
        minutes=minutes,
        dataset_name=data.dataset_name,
        splits={split: len(text.ids()) for split, text in texts.items()},
        notes=(refit_note, SIZE_NOTE),
        data=data_arguments,
        report=report,
        recorded=(data_arguments, tokenizer_arguments, given),
        recipe=recipe,
    )
    for split, figures in metrics.items():
        print(
            f"{split}: perplexity {figures['perplexity']:.2f}, loss {figures['loss']:.4f}, "
            f"{figures['bits_per_character']:.4f} bits per character"
        )
    print(f"Order {model.order}, {minutes * 60:.0f} seconds. Wrote {path}.")
