"""What a trained model writes, the figures of it, and the file that shows it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from tqdm.auto import tqdm

from ...data.readers.column_names import name_key
from ...data.readers.sequences.columns import is_language
from ...metrics.sequences import METRIC_SETS, sequence_metrics, signatures
from ...runs.describe import split_metrics
from ...runs.folder import PREDICTIONS_FILE
from ...training.trainer import RecurrentTrainer
from .arguments import SequenceArguments


__all__ = ["figures_kind", "figures_measured", "figures_of", "measure_sequences", "signed", "write_targets"]


# Names of columns whose texts are shorter versions of others.
SUMMARIES = frozenset(("summary", "abstract", "highlights", "headline", "title", "resumo", "titulo", "manchete"))


def measure_sequences(
    trainer: RecurrentTrainer,
    rows: dict[str, datasets.Dataset],
    texts: dict[str, datasets.Dataset],
    arguments: SequenceArguments,
    kind: str,
    output: Path,
) -> dict[str, dict[str, float]]:
    """The loss and the figures of each split that the trainer's arguments want, and `predictions.csv` of the test
    split: the source, the reference and the hypothesis of each row.

    Args:
        rows: Tokenised sources and targets of each split.
        texts: The same as texts, in the columns `text` and `text_b`.
        kind: A key of `METRIC_SETS`.
    """
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    tokenizer: Any = trainer.processing_class
    asked = {"validation": trainer.args.do_eval, "test": trainer.args.do_predict}
    metrics = {}
    for split in (split for split, wanted in asked.items() if wanted and split in rows):
        figures = split_metrics(trainer.evaluate(rows[split], metric_key_prefix=split), split)
        written = write_targets(
            model,
            tokenizer,
            rows[split]["input_ids"][:],
            batch_size=trainer.args.eval_batch_size,
            progress=not trainer.args.disable_tqdm,
            num_beams=arguments.num_beams,
            length_penalty=arguments.length_penalty,
            max_new_tokens=arguments.max_target_length,
        )
        references = texts[split]["text_b"][:]
        metrics[split] = {
            "loss": figures["loss"],
            **figures_of(written, references, kind, arguments.lowercase_figures),
        }
        if split == "test":
            write_predictions(output / PREDICTIONS_FILE, texts[split]["text"][:], references, written)
    return metrics


def figures_kind(columns: tuple[str, str]) -> str:
    """What is measured of targets by the names of the columns: a key of `METRIC_SETS`.

    It is translation where one of the two is called by a language, and summarization where the targets are called by
    what is shorter.
    """
    if any(map(is_language, columns)):
        return "translation"
    return "summarization" if name_key(columns[1].rpartition(".")[2]) in SUMMARIES else "exact"


def figures_measured(metrics: Iterable[str]) -> str | None:
    """The kind of figures that `metrics` are, a key of `METRIC_SETS`, by the first of each; None: of no kind."""
    found = set(metrics)
    return next((kind for kind, names in METRIC_SETS.items() if names[0] in found), None)


def figures_of(written: Sequence[str], references: Sequence[str], kind: str, lowercase: bool) -> dict[str, float]:
    """The figures of a kind, and the share that is right to the letter."""
    names = [*METRIC_SETS[kind], "exact_match"]
    return sequence_metrics(written, references, lowercase=lowercase, names=names)


@torch.no_grad()
def write_targets(
    model: Any,
    tokenizer: Any,
    sources: Sequence[Sequence[int]],
    *,
    batch_size: int,
    progress: bool = False,
    **options: Any,
) -> list[str]:
    """The text that `model` writes for each source, in their order; sources of similar length are read together.

    Args:
        sources: The ids of each.
        options: As `generate` takes them.
    """
    was_training = model.training
    model.eval()
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    written = [""] * len(sources)
    try:
        for start in tqdm(range(0, len(order), batch_size), desc="Writing", disable=not progress):
            chosen = order[start : start + batch_size]
            batch = tokenizer.pad({"input_ids": [list(sources[row]) for row in chosen]}, return_tensors="pt")
            batch = batch.to(model.device)
            made = model.generate(
                batch["input_ids"], attention_mask=batch["attention_mask"], do_sample=False, **options
            )
            for row, text in zip(chosen, tokenizer.batch_decode(made, skip_special_tokens=True), strict=True):
                written[row] = text.strip()
    finally:
        model.train(was_training)
    return written


def write_predictions(path: Path, sources: Sequence[str], references: Sequence[str], written: Sequence[str]) -> None:
    """One row for each source of the test split, in its order: `row`, `source`, `reference` and `hypothesis`."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "source", "reference", "hypothesis"])
        writer.writerows([row, *values] for row, values in enumerate(zip(sources, references, written, strict=True)))


def signed(kind: str, lowercase: bool) -> str | None:
    """Say how the BLEU and chrF of a kind of figures are computed, by the signatures of sacrebleu; None: it has none.

    Args:
        kind: A key of `METRIC_SETS`.
        lowercase: Whether the texts are lower-cased before.
    """
    if "bleu" not in METRIC_SETS[kind]:
        return None
    found = signatures(lowercase)
    return f"Signatures of sacrebleu: BLEU {found['bleu']}, chrF {found['chrf']}."
