"""Whether contributions say what a classifier goes by: how complete they are, and how often its answer changes once
the tokens with the largest are deleted, beside random ones (the comprehensiveness of DeYoung et al. 2020,
https://aclanthology.org/2020.acl-main.408, counted in changed answers).
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from ...bundles import checkpoint_folder
from ...checksums import file_checksum
from ...data.readers.files import expand_path, read_rows
from ...data.readers.sources import column_texts
from ...extras import require_extra
from ...progress import without_weight_bars
from ...runs.provenance import provenance
from ..evaluation import evaluation_mode
from ..reading import read
from .tokens import TOLERANCE, Contributions, token_contributions


__all__ = [
    "FaithfulnessArguments",
    "Flips",
    "completeness_figures",
    "deletion_flips",
    "faithfulness_table",
    "flip_figures",
    "measure_contributions",
]


COUNTS = (1, 5, 10)
BOOTSTRAP_SAMPLES = 10_000


@dataclass
class FaithfulnessArguments:
    """The classifier that is looked into, and the texts that it is given."""

    test_file: str = field(
        metadata={"help": "File of texts: .csv, .tsv, .json, .jsonl or .parquet. Labels in it are not looked at."}
    )
    model: str = field(
        default="bundled:bilstm-imdb",
        metadata={"help": "Classifier to look into: a folder, a Hub id or bundled:NAME."},
    )
    text_column_name: str = field(default="text", metadata={"help": "Column of the texts."})
    max_texts: int = field(default=500, metadata={"help": "Number of texts in the random sample."})
    draws: int = field(default=20, metadata={"help": "Number of random deletions of each text."})
    seed: int = field(default=0, metadata={"help": "Seed of the sample, the deletions and the bootstrap."})
    output: str = field(default="contributions.json", metadata={"help": "JSON file to write."})

    def __post_init__(self) -> None:
        for name in ("max_texts", "draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}`={getattr(self, name)} must be at least 1.")


@dataclass(frozen=True)
class Flips:
    """The fate of the answer to a text once some tokens were deleted.

    Attributes:
        largest: Whether it changed without the tokens that contribute most to it.
        random: The share of random deletions, of as many tokens, that changed it.
    """

    largest: bool
    random: float


def deletion_flips(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    contributions: Contributions,
    count: int,
    draws: int,
    generator: np.random.Generator,
) -> Flips | None:
    """The answer without the `count` tokens that contribute most to it, and without as many random ones, `draws`
    times.

    What is deleted leaves no gap: the text is so much shorter. Special tokens stay.

    Args:
        contributions: Those to the label that `model` gives the text.

    Returns:
        None for a text of no more than `count` tokens.
    """
    reading = read(model, tokenizer, *contributions.texts)
    ids = reading.inputs["input_ids"]
    if len(reading.pieces) <= count:
        return None
    largest = np.argsort(-contributions.values, kind="stable")[:count]
    deleted = [largest, *(generator.choice(len(reading.pieces), count, replace=False) for _ in range(draws))]
    kept = np.ones((1 + draws, ids.shape[1]), dtype=bool)
    np.put_along_axis(kept, reading.pieces[np.stack(deleted)], False, axis=1)
    shorter = ids.expand(1 + draws, -1)[torch.as_tensor(kept, device=ids.device)].view(1 + draws, -1)
    with evaluation_mode(model), torch.no_grad():
        before, *after = (model(input_ids=batch).logits.argmax(1) for batch in (ids, shorter[:1], shorter[1:]))
    changed = [(answers != before).double().mean().item() for answers in after]
    return Flips(bool(changed[0]), changed[1])


def flip_figures(flips: Sequence[Flips], seed: int) -> dict[str, Any]:
    """Count how often answers changed, as shares: `largest`, `random`, their `ratio` and its interval of 95 % by
    bootstrap over the texts, None where no random deletion changed any.
    """
    pairs = np.array([(flip.largest, flip.random) for flip in flips], dtype=float)
    largest, by_chance = pairs.mean(0)
    chosen = np.random.default_rng(seed).integers(len(pairs), size=(BOOTSTRAP_SAMPLES, len(pairs)))
    drawn = np.stack([pairs[rows].mean(0) for rows in chosen])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = drawn[:, 0] / drawn[:, 1]
    certain = bool(np.isfinite(ratios).all())
    return {
        "texts": len(pairs),
        "largest": float(largest),
        "random": float(by_chance),
        "ratio": float(largest / by_chance) if by_chance else None,
        "ratio_95": [float(end) for end in np.quantile(ratios, (0.025, 0.975))] if certain else None,
    }


def completeness_figures(found: Iterable[Contributions]) -> dict[str, Any]:
    """The errors of contributions, as shares of the differences they should add up to, and the steps they took."""
    found = list(found)
    errors = np.array([contributions.completeness_error for contributions in found])
    steps = Counter(contributions.num_steps for contributions in found)
    return {
        "median": float(np.median(errors)),
        "quantile_95": float(np.quantile(errors, 0.95)),
        "max": float(errors.max()),
        "within_tolerance": float((errors <= TOLERANCE).mean()),
        "tolerance": TOLERANCE,
        "texts_by_num_steps": {str(number): steps[number] for number in sorted(steps)},
    }


def measure_contributions(arguments: FaithfulnessArguments) -> dict[str, Any]:
    """Measure a classifier on a sample of texts, and write the figures to `arguments.output`.

    Returns:
        What was written.

    Raises:
        ValueError: there is no such bundled checkpoint, or the checkpoint reads words: its tokens are not deleted one
            by one.
        MissingExtraError: captum is not installed.
    """
    require_extra("insight", "Measuring what tokens contribute", "captum")
    started = time.perf_counter()
    folder = checkpoint_folder(arguments.model, "model")
    with without_weight_bars():
        model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if getattr(model.config, "word_vocab_size", None) is not None:
        raise ValueError(
            f"`model`={arguments.model!r} reads words; it must read tokens, which can be deleted: "
            "--tokenizer_kind word trains such a model."
        )
    rows = read_rows(arguments.test_file)
    texts = column_texts(rows, arguments.text_column_name, "text_column_name", "test")
    places = sorted(random.Random(arguments.seed).sample(range(len(texts)), min(arguments.max_texts, len(texts))))
    generator = np.random.default_rng(arguments.seed)
    found: list[Contributions] = []
    flips: dict[int, list[Flips]] = {count: [] for count in COUNTS}
    for place in logging.tqdm(places, desc="Contributions", unit="text"):
        found.append(token_contributions(model, tokenizer, texts[place]))
        for count in COUNTS:
            changed = deletion_flips(model, tokenizer, found[-1], count, arguments.draws, generator)
            flips[count] += [changed] if changed is not None else []
    document = {
        "schema_version": 1,
        "model": {"name": arguments.model, "class": type(model).__name__, "parameters": model.num_parameters()},
        "dataset": {
            "source": arguments.test_file,
            "sha256": file_checksum(expand_path(arguments.test_file)),
            "rows": len(texts),
            "sampled": len(places),
            "seed": arguments.seed,
        },
        "completeness_error": completeness_figures(found),
        "deletion": {
            "target": "the label that the model gives",
            "draws": arguments.draws,
            "bootstrap_samples": BOOTSTRAP_SAMPLES,
            "by_tokens": {str(count): flip_figures(own, arguments.seed) for count, own in flips.items() if own},
        },
        "minutes": (time.perf_counter() - started) / 60,
        **provenance(["captum"]),
    }
    output = Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    return document


def faithfulness_table(document: dict[str, Any]) -> str:
    """The figures as lines to print: Markdown."""
    error = document["completeness_error"]
    lines = [
        f"Completeness error: median {error['median']:.2%}, 95 % quantile {error['quantile_95']:.2%}, "
        f"largest {error['max']:.2%}.",
        "",
        "| tokens deleted | answer changed: largest | random | ratio | 95 % interval |",
        "|---:|---:|---:|---:|---|",
    ]
    for count, row in document["deletion"]["by_tokens"].items():
        ratio = "–" if row["ratio"] is None else f"{row['ratio']:.1f}"
        interval = "–" if row["ratio_95"] is None else " to ".join(f"{end:.1f}" for end in row["ratio_95"])
        lines.append(f"| {count} | {row['largest']:.1%} | {row['random']:.1%} | {ratio} | {interval} |")
    return "\n".join(lines)
