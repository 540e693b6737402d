"""The trainer does the steps of a hand-written loop, and adds little to them."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import TrainerCallback, set_seed

from hf_rnn import BiLstmConfig, BiLstmForSequenceClassification
from hf_rnn.benchmark.speed.overhead import TrainerOverhead, measure_overhead
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.clock import TrainingClock
from hf_rnn.training.trainer import RecurrentTrainer


def a_trainer(folder: Path, steps: int, batch_size: int, length: int, config: dict[str, Any], **values: Any) -> Any:
    generator = random.Random(0)
    lengths = [generator.randint(length - length // 8, length) for _ in range(steps * batch_size)]
    vocabulary = config["vocab_size"]
    rows = {
        "input_ids": [[generator.randrange(2, vocabulary) for _ in range(size)] for size in lengths],
        "length": lengths,
        "labels": [generator.randrange(2) for _ in lengths],
    }
    set_seed(0)
    defaults = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False, "use_cpu": True}
    return RecurrentTrainer(
        model=BiLstmForSequenceClassification(BiLstmConfig(**config)),
        args=RecurrentTrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=batch_size,
            **{**defaults, "num_train_epochs": 1, **values},
        ),
        train_dataset=datasets.Dataset.from_dict(rows),
        processing_class=train_tokenizer(["a b c"], min_frequency=1, show_progress=False),
        callbacks=[TrainingClock()],
    )


TINY = {"vocab_size": 30, "embedding_size": 6, "hidden_size": 5}


def test_the_bare_loop_does_the_same_steps(tmp_path: Path) -> None:
    clipped = {"max_grad_norm": 0.02, "learning_rate": 0.01, "disable_tqdm": True}
    trainer = a_trainer(tmp_path, 9, 4, 12, TINY, **clipped)
    started = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    overhead, model = measure_overhead(trainer)
    for name, weight in trainer.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight), name
        assert not torch.equal(started[name], weight), name
    assert overhead.bare_ms > 0 and overhead.trainer_ms > 0


class Sleeps(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs) -> None:
        time.sleep(0.2)


def test_what_a_callback_costs_is_counted_as_added(tmp_path: Path) -> None:
    trainer = a_trainer(tmp_path, 8, 4, 12, TINY, disable_tqdm=True)
    trainer.add_callback(Sleeps())
    overhead, _ = measure_overhead(trainer)
    assert 100 < overhead.added_ms < 1000
    assert overhead.share == overhead.added_ms / overhead.bare_ms


def test_share() -> None:
    assert TrainerOverhead(bare_ms=100, trainer_ms=104, added_ms=3).share == 0.03


def test_one_epoch_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`num_train_epochs`=2; it must be 1"):
        measure_overhead(a_trainer(tmp_path, 2, 4, 12, TINY, num_train_epochs=2))


@pytest.mark.slow
def test_the_trainer_adds_at_most_a_twentieth(tmp_path: Path) -> None:
    network = {
        "vocab_size": 20_000,
        "embedding_size": 128,
        "hidden_sizes": [64, 32],
        "classifier_hidden_sizes": [64],
        "single_logit": True,
    }
    overhead, _ = measure_overhead(a_trainer(tmp_path, 40, 64, 245, network))
    print(overhead, f"{overhead.share:.1%}")
    assert overhead.share < 0.05
