"""Small language-model runs: lines of generated text, and the arguments of a run that takes a second or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from hf_rnn.data.synthetic.reviews import generate_reviews
from hf_rnn.tasks.language_modeling.task import GROUPS, run_language_modeling
from tests.tasks import small_runs


def lines(count: int, seed: int = 5) -> list[str]:
    return [review["text"] for _, review in zip(range(count), generate_reviews(count, seed=seed), strict=False)]


def write_text(folder: Path, name: str = "text.txt", count: int = 60) -> str:
    """One long text."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join(lines(count)) + "\n", encoding="utf-8")
    return str(path)


def run(output: Path, **changes: Any) -> dict[str, Any]:
    """The results of a run of an LSTM on characters; `changes` are flags."""
    values = {
        "tokenizer_kind": "character",
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 1,
        "block_size": 30,
        "do_eval": True,
        **changes,
    }
    return run_language_modeling(*HfArgumentParser(GROUPS).parse_dict(small_runs.flags(output, **values)))
