"""Tests of scripts/train_tokenizer.py, run as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from transformers import AutoTokenizer


@pytest.fixture
def run(project, tmp_path):
    (tmp_path / "x.csv").write_text('text,label\n"It\'s good, good",1\n"bad<br />bad good",0\n"rare",1\n')

    def run_script(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, str(project / "scripts" / "train_tokenizer.py"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(project)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run_script


def test_word_level(run, tmp_path):
    result = run("--train_file", "x.csv", "--output_dir", "out", "--strip_html")
    assert result.returncode == 0, result.stderr
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert set(tokenizer.get_vocab()) == {"[PAD]", "[UNK]", "good", "bad"}
    assert "Vocabulary size: 4" in result.stdout
    # it's good , good | bad bad good | rare: 5 of 8 tokens are in the vocabulary.
    assert "Known tokens:    62.50%" in result.stdout
    assert "['[UNK]', 'good', '[UNK]', 'good']" in result.stdout
    assert 'AutoTokenizer.from_pretrained("out")' in result.stdout


def test_json_recipe_and_every_option(run, tmp_path):
    recipe = {
        "train_file": "x.csv",
        "text_column_names": "text",
        "output_dir": "out",
        "kind": "character",
        "vocab_size": 8,
        "min_frequency": 1,
        "lowercase": False,
        "unicode_normalization": "none",
        "truncation_side": "left",
        "model_max_length": 3,
    }
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    result = run("recipe.json")
    assert result.returncode == 0, result.stderr
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert len(tokenizer) == 8
    assert (tokenizer.truncation_side, tokenizer.model_max_length) == ("left", 3)
    assert tokenizer.backend_tokenizer.normalizer.normalize_str("E\u0301") == "E\u0301"


def test_errors_reach_the_user(run):
    result = run("--train_file", "x.csv", "--output_dir", "out", "--vocab_size", "1")
    assert result.returncode != 0
    assert "`vocab_size`=1 must be an integer of at least 3" in result.stderr
