#!/usr/bin/env python
"""Make labelled pairs of the everyday questions in `everyday_questions.txt`, which were written for hf_rnn.

    python scripts/distillation/pair_everyday.py everyday.parquet --held_out everyday_held_out.parquet

The file holds groups, with an empty line between two. The questions of a group ask the same in other words; those
after "- " share words with them and ask something else. Pairs within a group are alike (1). Pairs of a question with
what shares words with it in its group are not (0), and neither are those with the most similar questions of other
groups. So a network learns that shared words do not make two questions alike, nor other words make them different.
With `--held_out` a tenth of the groups is held out whole.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import datasets


QUESTIONS = Path(__file__).resolve().parent / "everyday_questions.txt"
NEAR_MISS = "- "
COLUMNS = ("question1", "question2", "label", "source")
# Of each group at most so many pairs are alike, and of each other question so many pairs are made.
MOST_ALIKE, PARTNERS = 16, 3
# One group in so many is held out.
HELD_OUT = 10

Group = tuple[list[str], list[str]]
Pair = tuple[str, str, int]


def read_groups(path: Path) -> list[Group]:
    """The questions of each group that ask the same, and those that only share words with them.

    Raises:
        ValueError: a group has fewer than two questions that ask the same.
    """
    groups: list[Group] = []
    for number, block in enumerate(path.read_text(encoding="utf-8").split("\n\n"), start=1):
        lines = list(dict.fromkeys(line.strip() for line in block.splitlines() if line.strip()))
        same = [line for line in lines if not line.startswith(NEAR_MISS)]
        if len(same) < 2:
            raise ValueError(f"group {number} of {path} has {len(same)} questions that ask the same; it needs two")
        groups.append((same, [line.removeprefix(NEAR_MISS) for line in lines if line.startswith(NEAR_MISS)]))
    return groups


def shared_words(first: str, second: str) -> float:
    """The share of the words of both that stand in both (Jaccard 1912)."""
    one, other = (set(text.lower().rstrip("?.!").split()) for text in (first, second))
    return len(one & other) / len(one | other)


def pairs_of(groups: Sequence[Group], seed: int) -> list[Pair]:
    """The pairs of these groups with their labels, in an order drawn with `seed`."""
    draw = random.Random(seed)
    found: dict[tuple[str, str], int] = {}
    for number, (same, near) in enumerate(groups):
        alike = list(itertools.combinations(same, 2))
        for pair in draw.sample(alike, min(MOST_ALIKE, len(alike))):
            found.setdefault(pair, 1)
        others = [question for place, group in enumerate(groups) if place != number for question in group[0]]
        for question, partners in [(text, same) for text in near] + [(text, others) for text in same]:
            ranked = sorted(partners, key=lambda other: -shared_words(question, other))
            for partner in ranked[:PARTNERS]:
                # Each of two questions may be the partner of the other.
                if (question, partner) not in found:
                    found.setdefault((partner, question), 0)
    rows = [(first, second, label) for (first, second), label in found.items()]
    draw.shuffle(rows)
    # Which comes first says nothing.
    return [(second, first, label) if draw.random() < 0.5 else (first, second, label) for first, second, label in rows]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pairs, with the columns of Quora's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="File to write, .parquet.")
    parser.add_argument("--questions", type=Path, default=QUESTIONS, help="Groups of questions. Default: ours.")
    parser.add_argument("--held_out", type=Path, help="File for the pairs of a tenth of the groups. Default: none.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of what is drawn. Default: 0.")
    given = parser.parse_args(arguments)
    for path in filter(None, (given.output, given.held_out)):
        if path.suffix != ".parquet":
            parser.error(f"{str(path)!r} must end in .parquet")
    groups = read_groups(given.questions)
    random.Random(given.seed).shuffle(groups)
    kept = groups if given.held_out is None else groups[len(groups) // HELD_OUT :]
    parts = [(given.output, kept)] + ([(given.held_out, groups[: len(groups) // HELD_OUT])] if given.held_out else [])
    for path, chosen in parts:
        pairs = pairs_of(chosen, given.seed)
        rows = [dict(zip(COLUMNS, (*pair, "everyday"), strict=True)) for pair in pairs]
        path.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_list(rows).to_parquet(str(path))
        alike = sum(label for _, _, label in pairs)
        print(f"Wrote {path}: {len(pairs):,} pairs of {len(chosen)} groups, {alike:,} of them alike.")


if __name__ == "__main__":
    main()
