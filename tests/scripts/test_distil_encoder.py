"""scripts/distil_encoder.py, run as people run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import BertModel

from tests.tasks.small_runs import save_tiny_bert


SENTENCES = [f"The {word} stands near number {number}." for word in ("house", "dog") for number in range(10)]


@pytest.fixture
def flags(project: Path, tmp_path: Path) -> list[str]:
    """Give the flags of a run on these sentences with a tiny teacher, after the recipe."""
    changes = {
        "texts": tmp_path / "book.txt",
        "teacher": save_tiny_bert(tmp_path / "bert", SENTENCES, head=BertModel),
        "output_dir": tmp_path / "encoder",
        "piece_vocab_size": 300,
        "word_vocab_size": 30,
        "embedding_size": 8,
        "hidden_size": 8,
        "state_size": 4,
        "num_train_epochs": 1,
    }
    given = [word for name, value in changes.items() for word in (f"--{name}", str(value))]
    return [str(project / "hf_rnn/recipes/distillation/bilstm_base_en.json"), *given]


def test_a_recipe_is_distilled(run_script: Callable[..., Any], flags: list[str], tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(" ".join(SENTENCES))
    done = run_script("distil_encoder", *flags)
    assert done.returncode == 0, done.stderr
    assert "cosine_with_teacher" in done.stdout
    assert (tmp_path / "encoder/model.safetensors").is_file()


def test_too_few_sentences_are_refused_in_one_line(
    run_script: Callable[..., Any], flags: list[str], tmp_path: Path
) -> None:
    (tmp_path / "book.txt").write_text(" ".join(SENTENCES[:5]))
    done = run_script("distil_encoder", *flags)
    assert done.returncode == 2
    assert "`texts` hold 5 different sentences" in done.stderr and "Traceback" not in done.stderr
