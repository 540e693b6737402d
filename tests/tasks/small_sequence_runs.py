"""Small sequence-to-sequence runs: generated numbers in words and digits, and the arguments of a run of a second."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from hf_rnn.tasks.sequence_to_sequence.task import GROUPS, run_sequence_to_sequence


WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SMALL = '{"encoder": {"hidden_size": 6, "embedding_size": 8}, "decoder": {"hidden_size": 10, "embedding_size": 8}}'
# The sizes of a tiny encoder-decoder of transformers.
TINY_MARIAN = {
    "d_model": 8,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 8,
    "decoder_ffn_dim": 8,
    "max_position_embeddings": 32,
}


def generate_numbers(count: int, seed: int) -> list[tuple[str, str]]:
    """Digits in words, and the digits that they are."""
    generator = random.Random(seed)
    drawn = ([generator.randrange(10) for _ in range(generator.randint(1, 4))] for _ in range(count))
    return [(" ".join(WORDS[digit] for digit in digits), " ".join(map(str, digits))) for digits in drawn]


def write_numbers(folder: Path, **sizes: int) -> dict[str, str]:
    """Generated rows in a csv file for each split, named by the flags that read them."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = {}
    for seed, (split, size) in enumerate({"train": 60, "validation": 16, "test": 12, **sizes}.items()):
        path = folder / f"{split}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("source", "target"), *generate_numbers(size, seed)])
        flags[f"{split}_file"] = str(path)
    return flags


def flags(output: Path, **changes: Any) -> dict[str, Any]:
    """The arguments of a run: one epoch of a tiny model of words."""
    return {
        "output_dir": str(output),
        "do_train": True,
        "do_eval": True,
        "do_predict": True,
        "num_train_epochs": 1,
        "per_device_train_batch_size": 8,
        "tokenizer_kind": "word",
        "config_overrides": SMALL,
        "num_beams": 2,
        "max_target_length": 8,
        "use_cpu": True,
        "disable_tqdm": True,
        **changes,
    }


def run(output: Path, **changes: Any) -> dict[str, Any]:
    """Run with the arguments of `flags`; the results document."""
    return run_sequence_to_sequence(*HfArgumentParser(GROUPS).parse_dict(flags(output, **changes)))
