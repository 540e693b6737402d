"""How many streams of a text are read side by side where nobody says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hf_rnn.data.batches.streams import TokenizedText, TokenStreams
from hf_rnn.models.configuration_rnn import LstmConfig
from hf_rnn.models.modeling_rnn import LstmForCausalLM
from hf_rnn.training.arguments import LanguageTrainingArguments
from hf_rnn.training.language_model_trainer import LanguageModelTrainer
from hf_rnn.training.streams import choose_streams, num_streams, streams_of


def arguments(**values: Any) -> LanguageTrainingArguments:
    return LanguageTrainingArguments("unused", use_cpu=True, **values)


@pytest.mark.parametrize(
    ("tokens", "block_size", "streams"),
    [
        (1_120_000, 70, 32),  # 500 windows of 32 streams of 70
        (1_119_999, 70, 16),
        (560_000, 70, 16),
        (300_000, 70, 8),
        (140_000, 70, 4),
        (100, 70, 4),
        (300_000, 30, 16),
    ],
)
def test_the_rule(tokens: int, block_size: int, streams: int) -> None:
    assert num_streams(tokens, block_size) == streams
    given = arguments(block_size=block_size)
    choose_streams(given, tokens)
    assert given.per_device_train_batch_size == streams


def test_the_streams_of_all_micro_batches_are_counted() -> None:
    given = arguments(gradient_accumulation_steps=4)
    choose_streams(given, 600_000)
    assert (given.per_device_train_batch_size, streams_of(given)) == (4, 16)


@pytest.mark.parametrize("streams", [1, 32, 40])
def test_a_number_that_is_given_is_kept(streams: int) -> None:
    given = arguments(per_device_train_batch_size=streams)
    choose_streams(given, 1000)
    assert given.per_device_train_batch_size == streams


def test_a_trainer_takes_the_streams_that_there_are(tmp_path: Path) -> None:
    text = TokenizedText([torch.arange(60, dtype=torch.int32) % 9], characters=60)
    model = LstmForCausalLM(LstmConfig(vocab_size=9, embedding_size=4, hidden_size=4))
    args = LanguageTrainingArguments(str(tmp_path), use_cpu=True, max_steps=1, block_size=5, disable_tqdm=True)
    trainer = LanguageModelTrainer(model, args, train_dataset=TokenStreams(text, 6))
    trainer.train()
    assert trainer.args.per_device_train_batch_size == 6
    assert trainer.state.epoch == pytest.approx(1 / 2), "9 steps of each stream are two windows"


def test_one_that_is_given_and_is_another_is_refused(tmp_path: Path) -> None:
    text = TokenizedText([torch.arange(60, dtype=torch.int32) % 9], characters=60)
    model = LstmForCausalLM(LstmConfig(vocab_size=9, embedding_size=4, hidden_size=4))
    with pytest.raises(ValueError, match="`train_dataset` has 6 streams; it must have 4"):
        LanguageModelTrainer(model, arguments(per_device_train_batch_size=4), train_dataset=TokenStreams(text, 6))


def test_what_a_language_model_learns_at(tmp_path: Path) -> None:
    text = TokenizedText([torch.arange(60, dtype=torch.int32) % 9], characters=60)
    model = LstmForCausalLM(LstmConfig(vocab_size=9, embedding_size=4, hidden_size=4))
    given = LanguageTrainingArguments(str(tmp_path), use_cpu=True)
    trainer = LanguageModelTrainer(model, given, train_dataset=TokenStreams(text, 6))
    assert (trainer.args.learning_rate, trainer.args.lr_scheduler_type) == (4e-3, "cosine")
    assert arguments(slanted_triangular=True).lr_scheduler_type == "cosine", "the default does not contradict it"
    with pytest.raises(ValueError, match="`lr_scheduler_type`='linear' can't be given with `slanted_triangular`"):
        arguments(slanted_triangular=True, lr_scheduler_type="linear")
