#!/usr/bin/env python
"""Pair sentences up for a teacher to score: each with some that are near it, with some at random, and with itself but
for a word.

    python scripts/distillation/pair_up.py pairs.parquet --texts questions.parquet book.txt:20000 --encoder MODEL

What a network of pairs learns from a teacher (`hf-rnn distill sentence-similarity ... --unlabelled_file
pairs.parquet`) depends on the pairs: drawn at random, hardly any are alike. So the partner of a sentence is its
neighbour of a rank that is drawn between 1 and `--most_rank`, all orders of magnitude alike, by the cosine of the
encoder's vectors; that is the sampling by semantic search of Augmented SBERT (Thakur et al. 2021,
https://aclanthology.org/2021.naacl-main.28, section 3.1). Several encoders find several neighbours: a large one those
that mean the same in other words, a small one those that share words and may mean something else. With `--edited` a
word gives way to another one that stands between the same neighbours in some sentence, so that one word makes the
difference. The sources of sentences are those of `scripts/distil_encoder.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import datasets
import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from hf_rnn.models.modeling_siamese import SiameseModel
from hf_rnn.tasks.encoder_distillation.corpus import read_sentences


BLOCK = 512


def pair_up(vectors: torch.Tensor, near: int, random: int, most_rank: int, seed: int) -> np.ndarray:
    """The pairs of numbers of sentences (pairs, 2), each once, none with itself.

    Args:
        vectors: Those of the sentences (sentences, features).
        near, random: How many partners each sentence gets by rank, and at random.
        most_rank: The highest rank; it is less where there are fewer sentences.
        seed: Of the ranks and of the partners.
    """
    count = len(vectors)
    draw = np.random.default_rng(seed)
    vectors = torch.nn.functional.normalize(vectors.float(), dim=1)
    most_rank = min(most_rank, count - 1)
    found: set[tuple[int, int]] = set()
    for start in range(0, count if near else 0, BLOCK):
        scores = vectors[start : start + BLOCK] @ vectors.T
        rows = torch.arange(len(scores))
        scores[rows, start + rows] = -torch.inf
        ranked = scores.topk(most_rank, dim=1).indices.numpy()
        ranks = np.exp(draw.uniform(0, np.log(most_rank + 1), (len(ranked), near))).astype(int) - 1
        found |= {_pair(start + row, int(ranked[row, rank])) for row in range(len(ranked)) for rank in ranks[row]}
    for first in range(count):
        others = (first + draw.integers(1, count, random)) % count
        found |= {_pair(first, int(other)) for other in others}
    return np.array(sorted(found))


def with_another_word(sentences: Sequence[str], count: int, seed: int) -> list[tuple[str, str]]:
    """Pairs of a sentence and itself with one word exchanged, at most `count` of each, for a word that stands between
    the same two words, or at the same end after or before one, in some sentence.
    """
    draw = np.random.default_rng(seed)
    between: dict[tuple[str, str], list[str]] = {}
    split = [["", *sentence.split(), ""] for sentence in sentences]
    for words in split:
        for before, word, after in zip(words, words[1:], words[2:], strict=False):
            between.setdefault((before, after), []).append(word)
    found: dict[tuple[str, str], None] = {}
    for sentence, words in zip(sentences, split, strict=True):
        for _ in range(count):
            place = int(draw.integers(1, max(2, len(words) - 1)))
            others = between.get((words[place - 1], words[place + 1]), [])
            other = others[int(draw.integers(len(others)))] if others else words[place]
            if other != words[place]:
                found.setdefault((sentence, " ".join([*words[1:place], other, *words[place + 1 : -1]])))
    return list(found)


def _pair(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first < second else (second, first)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the sentences, compute their vectors, and write the columns `text` and `text_b`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="File to write, .parquet.")
    parser.add_argument("--texts", nargs="+", required=True, help="Sources of sentences, as of distil_encoder.py.")
    parser.add_argument(
        "--encoder", nargs="+", required=True, help="Hub ids or folders of encoders or siamese networks."
    )
    parser.add_argument("--near", type=int, default=2, help="Partners of a sentence by rank, an encoder. Default: 2.")
    parser.add_argument("--random", type=int, default=1, help="Partners of a sentence at random. Default: 1.")
    parser.add_argument("--edited", type=int, default=0, help="Partners of a sentence with another word. Default: 0.")
    parser.add_argument("--most_rank", type=int, default=300, help="Highest rank of a partner. Default: 300.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of what is drawn. Default: 0.")
    given = parser.parse_args(arguments)
    if given.output.suffix != ".parquet":
        parser.error(f"`output`={str(given.output)!r} must end in .parquet")
    for name in ("near", "random", "edited"):
        if getattr(given, name) < 0 or given.near + given.random + given.edited == 0:
            parser.error(f"`--{name}` {getattr(given, name)} must be at least 0, and one of the three more")
    if given.most_rank < 1:
        parser.error(f"`--most_rank` {given.most_rank} must be at least 1")
    sentences = read_sentences(given.texts, given.seed)
    if len(sentences) < 2:
        parser.error(f"`--texts` hold {len(sentences)} sentence; it must be at least 2")
    found: dict[tuple[str, str], None] = {}
    for number, name in enumerate(given.encoder):
        model = AutoModel.from_pretrained(name).eval()
        if not isinstance(model, SiameseModel):
            model = SiameseModel.from_encoder(model)
        vectors = model.encode(sentences, AutoTokenizer.from_pretrained(name), batch_size=64)
        # Those at random need no vectors, and are drawn once.
        pairs = pair_up(vectors, given.near, 0 if number else given.random, given.most_rank, given.seed + number)
        found |= dict.fromkeys((sentences[first], sentences[second]) for first, second in pairs.tolist())
    found |= dict.fromkeys(with_another_word(sentences, given.edited, given.seed))
    columns = {"text": [first for first, _ in found], "text_b": [second for _, second in found]}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(columns).to_parquet(str(given.output))
    print(f"Wrote {given.output}: {len(found):,} pairs of {len(sentences):,} sentences.")


if __name__ == "__main__":
    main()
