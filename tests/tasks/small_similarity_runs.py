"""Small similarity runs: generated questions in files, and the arguments of a run that takes a second or two."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from hf_rnn.tasks.similarity.task import GROUPS, run_similarity
from tests.tasks import small_runs


# (text, text, label or score)
Pair = tuple[str, str, float]

TOPICS = ("swim", "cook rice", "learn Greek", "mend a bike", "sleep well", "write a poem", "plant a tree", "sing")
FRAMES = ("How do I {}?", "What is the best way to {} ?", "Can anybody tell me how to {} quickly", "I want to {}")


def generate_pairs(count: int, seed: int, *, graded: bool = False) -> list[Pair]:
    """Questions that ask for the same, and others; graded, of half of the others the score is 2 and not 0, of 5."""
    generator = random.Random(seed)
    pairs = []
    for index in range(count):
        first, second = generator.sample(TOPICS, 2)
        frames = generator.sample(FRAMES, 2)
        if index % 2:
            second = first
        # Scores: the second half of the topics are alike a little.
        alike = 5 if first == second else 2 if max(map(TOPICS.index, (first, second))) < len(TOPICS) // 2 else 0
        label = alike if graded else int(first == second)
        pairs.append((frames[0].format(first), frames[1].format(second), label))
    return pairs


def write_pairs(path: Path, pairs: list[Pair], columns: tuple[str, str, str]) -> str:
    """A csv file of pairs."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *pairs])
    return str(path)


def write_questions(folder: Path, *, graded: bool = False, **sizes: int) -> dict[str, str]:
    """Generated pairs in a file for each split, named by the flags that read them."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ("sentence1", "sentence2", "score") if graded else ("question1", "question2", "label")
    sizes = {"train": 80, "validation": 24, "test": 30, **sizes}
    return {
        f"{split}_file": write_pairs(folder / f"{split}.csv", generate_pairs(size, seed, graded=graded), columns)
        for seed, (split, size) in enumerate(sizes.items())
        if size
    }


def run(output: Path, **changes: Any) -> dict[str, Any]:
    """Run with the arguments of `small_runs.flags`; the results document."""
    return run_similarity(*HfArgumentParser(GROUPS).parse_dict(small_runs.flags(output, **changes)))
