"""What a new language model gets of its text: the rule, what is given stays, published recipes name all of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from transformers import HfArgumentParser

from hf_rnn.tasks.language_modeling.sizes import fewest_epochs, size_values
from hf_rnn.tasks.language_modeling.task import GROUPS, prepare_language_modeling
from tests.tasks.small_language_runs import write_text
from tests.tasks.small_runs import flags


RECIPES = Path(__file__).resolve().parents[3] / "hf_rnn" / "recipes"
LANGUAGE_RECIPES = [
    path for path in sorted(RECIPES.glob("*.json")) if json.loads(path.read_text()).get("task") == "text-generation"
]


@pytest.mark.parametrize(
    ("tokens", "vocab_size", "chosen"),
    [
        (50_000, 90, {"hidden_size": 256, "dropout": 0.5, "weight_dropout": 0.3}),
        (200_000, 512, {"hidden_size": 256, "dropout": 0.3, "weight_dropout": 0.2}),
        (1_000_000, 90, {"hidden_size": 256, "dropout": 0.2, "weight_dropout": 0.1}),
        (
            9_000,
            513,
            {
                "hidden_size": 256,
                "embedding_size": 256,
                "tie_word_embeddings": True,
                "dropout": 0.5,
                "embedding_dropout": 0.2,
            },
        ),
        (
            120_000,
            8_000,
            {
                "hidden_size": 128,
                "embedding_size": 128,
                "tie_word_embeddings": True,
                "dropout": 0.4,
                "embedding_dropout": 0.2,
            },
        ),
    ],
)
def test_the_rule(tokens: int, vocab_size: int, chosen: dict[str, Any]) -> None:
    assert size_values(tokens, vocab_size, {}) == chosen


@pytest.mark.parametrize("name", ["hidden_size", "hidden_sizes", "embedding_size", "one_hot_input"])
def test_one_size_that_is_given_is_taken_for_all(name: str) -> None:
    assert size_values(9_000, 8_000, {name: 64}) == {"dropout": 0.5, "embedding_dropout": 0.2}


def test_vectors_have_a_width_of_their_own() -> None:
    assert "embedding_size" not in size_values(9_000, 8_000, {}, has_vectors=True)


@pytest.mark.parametrize(("tokens", "epochs"), [(0, 30), (50_000, 30), (400_000, 20), (900_000, 10), (10**8, 10)])
def test_a_short_text_in_characters_is_read_more_often(tokens: int, epochs: int) -> None:
    assert fewest_epochs(tokens, 90) == epochs
    assert fewest_epochs(tokens, 20_000) == 10


@pytest.mark.parametrize("recipe", LANGUAGE_RECIPES, ids=lambda path: path.stem)
def test_published_recipes_name_what_they_used(recipe: Path) -> None:
    values = json.loads(recipe.read_text())
    vocab_size = 90 if values["tokenizer_kind"] == "character" else 20_000
    has_vectors = "embedding_vectors" in values
    assert size_values(10**6, vocab_size, values["config_overrides"], has_vectors=has_vectors) == {}


def test_the_model_and_its_training_follow(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_text(tmp_path)
    values = flags(tmp_path / "out", train_file=path, tokenizer_kind="character", validation_split_percentage=10)
    values |= {"config_overrides": '{"weight_dropout": 0.1}', "do_predict": False}
    model, data, tokenizer, _, arguments = HfArgumentParser(GROUPS).parse_dict(values)
    with caplog.at_level(logging.WARNING):
        task = prepare_language_modeling(model, data, tokenizer, arguments)
    config = task.model.config
    assert (config.hidden_size, config.dropout, config.weight_dropout) == (256, 0.5, 0.1)
    assert arguments.fewest_epochs == 30
    tokens = len(task.train.text.ids())
    said = f"For a text of {tokens:,} tokens: hidden_size 256, dropout 0.5; `--config_overrides` sets others."
    assert said in caplog.messages


PROSE = "It was a bright cold day in April, and the clocks were striking thirteen times.\n"
VERSE = "Shall I compare thee\nto a summer's day?\n"
CODE = "def add(first_argument, second_argument):\n    return first_argument + second_argument  # their sum\n"


@pytest.mark.parametrize(
    ("text", "kind", "is_said"),
    [
        (VERSE, "word", True),
        (CODE, "word", True),
        (PROSE, "word", False),
        (VERSE, "character", False),
        (CODE, "bpe", False),
    ],
)
def test_lines_that_words_leave_out_are_spoken_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, kind: str, is_said: bool
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text * 40, encoding="utf-8")
    values = flags(tmp_path / "out", train_file=str(path), tokenizer_kind=kind, validation_split_percentage=10)
    model, data, tokenizer, _, arguments = HfArgumentParser(GROUPS).parse_dict({**values, "do_predict": False})
    with caplog.at_level(logging.WARNING):
        prepare_language_modeling(model, data, tokenizer, arguments)
    assert any("leave out line ends" in message for message in caplog.messages) is is_said


@pytest.mark.parametrize("model_type", ["dan", "bilstm"])
def test_a_family_that_writes_nothing_is_refused(tmp_path: Path, model_type: str) -> None:
    values = flags(tmp_path / "out", train_file=write_text(tmp_path), validation_split_percentage=10)
    values |= {"model_type": model_type, "do_predict": False}
    model, data, tokenizer, _, arguments = HfArgumentParser(GROUPS).parse_dict(values)
    with pytest.raises(ValueError, match=f"`model_type`='{model_type}' does not .* must be one of lstm, gru, elman"):
        prepare_language_modeling(model, data, tokenizer, arguments)
