"""RecurrentTrainer: order, padding and resumption."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    PreTrainedModel,
    TrainerCallback,
    default_data_collator,
    set_seed,
)

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    GruConfig,
    GruForCausalLM,
    GruForSequenceClassification,
)
from hf_rnn.data.batches.collator import PaddingCollator
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.metrics.classification import metrics_for
from hf_rnn.training.arguments import (
    NEW_LEARNING_RATE,
    PRETRAINED_LEARNING_RATE,
    RECURRENT_LEARNING_RATE,
    LanguageTrainingArguments,
    RecurrentTrainingArguments,
)
from hf_rnn.training.clock import TrainingClock
from hf_rnn.training.language_model_trainer import LanguageModelTrainer
from hf_rnn.training.trainer import RecurrentTrainer, example_lengths


VOCABULARY = 30
COLLATOR = DataCollatorWithPadding(train_tokenizer(["a b c"], min_frequency=1, show_progress=False))


def rows(count: int, *, length: int | None = None) -> datasets.Dataset:
    """Random ids of random lengths, no two rows alike in their sum, with labels 0 and 1."""
    generator = random.Random(count)
    ids = [
        [generator.randrange(2, VOCABULARY) for _ in range(length or generator.randint(2, 25))] for _ in range(count)
    ]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": [generator.randrange(2) for _ in range(count)]})


def arguments(folder: Path, **values: Any) -> RecurrentTrainingArguments:
    defaults = {
        "eval_strategy": "no",
        "save_strategy": "no",
        "load_best_model_at_end": False,
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 4,
        "num_train_epochs": 2,
        "logging_steps": 1,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    return RecurrentTrainingArguments(output_dir=str(folder), **{**defaults, **values})


def trainer(model: nn.Module, folder: Path, *, callbacks: list[TrainerCallback] | None = None, **values: Any) -> Any:
    own = {name: values.pop(name) for name in ("train_dataset", "eval_dataset", "compute_metrics") if name in values}
    return RecurrentTrainer(
        model=model, args=arguments(folder, **values), data_collator=COLLATOR, callbacks=callbacks, **own
    )


def gru(**values: Any) -> GruForSequenceClassification:
    set_seed(0)
    return GruForSequenceClassification(GruConfig(vocab_size=VOCABULARY, embedding_size=6, hidden_size=5, **values))


class Identifiable(nn.Module):
    """A model whose outputs tell which row they are of: the sum of its ids, and its number of tokens."""

    def __init__(self, several: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.several = several
        self.widths: list[int] = []

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        self.widths.append(input_ids.shape[1])
        sums = (input_ids.sum(dim=1, keepdim=True) * self.weight).float()
        outputs = {"logits": sums, "tokens": attention_mask.sum(dim=1)} if self.several else {"logits": sums}
        return outputs if labels is None else {"loss": sums.mean(), **outputs}


@pytest.mark.parametrize("several", [False, True], ids=["one output", "a tuple of outputs"])
def test_predictions_are_in_the_order_of_the_dataset(tmp_path: Path, several: bool) -> None:
    data, model = rows(23), Identifiable(several)
    predicted = trainer(model, tmp_path).predict(data)
    # Evaluated from the longest batch to the shortest,
    assert len(model.widths) == 6 and model.widths == sorted(model.widths, reverse=True)
    logits, tokens = predicted.predictions if several else (predicted.predictions, None)
    # and yet each output is in the place of its row.
    assert logits[:, 0].tolist() == [sum(ids) for ids in data["input_ids"]]
    assert predicted.label_ids.tolist() == list(data["labels"])
    if several:
        assert tokens.tolist() == [len(ids) for ids in data["input_ids"]]


def test_without_labels_there_are_predictions(tmp_path: Path) -> None:
    data = rows(9).remove_columns("labels")
    predicted = trainer(Identifiable(False), tmp_path).predict(data)
    assert predicted.label_ids is None
    assert predicted.predictions[:, 0].tolist() == [sum(ids) for ids in data["input_ids"]]


@pytest.mark.parametrize("values", [{"bucket_by_length": False}, {"eval_do_concat_batches": False}])
def test_what_is_not_sorted_is_not_reordered(tmp_path: Path, values: dict[str, bool]) -> None:
    data, model = rows(23), Identifiable(False)
    predictions = trainer(model, tmp_path, **values).predict(data).predictions
    assert np.concatenate([np.ravel(part) for part in predictions]).tolist() == [sum(ids) for ids in data["input_ids"]]
    assert model.widths != sorted(model.widths, reverse=True)


def test_metrics_are_the_same_with_and_without_buckets(tmp_path: Path) -> None:
    data = rows(23)
    figures = []
    for bucket_by_length in (True, False):
        metrics = metrics_for("single_label_classification", 2)
        evaluated = trainer(gru(), tmp_path, bucket_by_length=bucket_by_length, compute_metrics=metrics).evaluate(data)
        figures.append({name: value for name, value in evaluated.items() if not name.endswith(("_second", "time"))})
    assert {"eval_loss", "eval_accuracy", "eval_f1"} <= figures[0].keys()
    assert figures[0] == pytest.approx(figures[1], abs=1e-6)


def test_training_batches_have_similar_lengths(tmp_path: Path) -> None:
    data = rows(64)
    cells = {}
    for bucket_by_length in (True, False):
        model = Identifiable(False)
        trainer(model, tmp_path, bucket_by_length=bucket_by_length, train_dataset=data, num_train_epochs=1).train()
        cells[bucket_by_length] = sum(model.widths)
    assert cells[True] < 0.75 * cells[False]


def test_each_epoch_has_batches_of_its_own(tmp_path: Path) -> None:
    model = Identifiable(False)
    trainer(model, tmp_path, train_dataset=rows(64), per_device_train_batch_size=2).train()
    first, second = model.widths[:32], model.widths[32:]
    assert len(first) == len(second) and first != second


def test_batches_are_those_of_the_data_seed(tmp_path: Path) -> None:
    seen = []
    for seeds in ({"seed": 1, "data_seed": 5}, {"seed": 2, "data_seed": 5}, {"seed": 1, "data_seed": 6}):
        model = Identifiable(False)
        trainer(model, tmp_path, train_dataset=rows(64), num_train_epochs=1, **seeds).train()
        seen.append(model.widths)
    assert seen[0] == seen[1] != seen[2]


def test_a_tokenizer_pads_fast_unless_a_collator_is_given(tmp_path: Path) -> None:
    tokenizer, values = COLLATOR.tokenizer, arguments(tmp_path)
    assert isinstance(RecurrentTrainer(gru(), values, processing_class=tokenizer).data_collator, PaddingCollator)
    for made in (
        RecurrentTrainer(gru(), values, COLLATOR, processing_class=tokenizer),
        RecurrentTrainer(gru(), values, data_collator=COLLATOR, processing_class=tokenizer),
    ):
        assert made.data_collator is COLLATOR
    assert RecurrentTrainer(gru(), values).data_collator is default_data_collator


def test_example_lengths() -> None:
    data = datasets.Dataset.from_dict({"input_ids": [[1, 2], [3]]})
    assert example_lengths(data) == [2, 1]
    assert example_lengths(data.add_column("length", [7, 8])) == [7, 8]
    assert example_lengths(data.rename_column("input_ids", "inputs_embeds")) is None
    assert example_lengths([{"input_ids": [1, 2]}]) is None


def test_a_dataset_without_lengths_is_read_in_its_order(tmp_path: Path) -> None:
    data = rows(10)
    model = Identifiable(False)
    predicted = trainer(model, tmp_path).predict([data[index] for index in range(10)])
    assert predicted.predictions[:, 0].tolist() == [sum(ids) for ids in data["input_ids"]]


def test_default_learning_rate_is_that_of_the_kind_of_model(tmp_path: Path) -> None:
    new = gru()
    assert trainer(new, tmp_path).args.learning_rate == NEW_LEARNING_RATE
    new.save_pretrained(tmp_path / "trained")
    trained = type(new).from_pretrained(tmp_path / "trained")
    assert trainer(trained, tmp_path).args.learning_rate == RECURRENT_LEARNING_RATE
    # A head that is new does not make the layers below it so.
    beneath = gru()
    beneath.model = trained.model
    assert trainer(beneath, tmp_path).args.learning_rate == RECURRENT_LEARNING_RATE
    assert trainer(tiny_bert(), tmp_path).args.learning_rate == PRETRAINED_LEARNING_RATE
    assert trainer(tiny_bert(), tmp_path, learning_rate=0.5).args.learning_rate == 0.5


def tiny_bert() -> BertForSequenceClassification:
    set_seed(0)
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            max_position_embeddings=32,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


class Fails(TrainerCallback):
    """The machine that goes down after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args, state, control, **kwargs) -> None:
        if state.global_step == self.step:
            raise RuntimeError("the machine went down")


def dropping_model() -> PreTrainedModel:
    set_seed(0)
    config = BiLstmConfig(
        vocab_size=VOCABULARY, embedding_size=6, hidden_size=5, embedding_dropout=0.3, dropout=0.3, word_dropout=0.1
    )
    return BiLstmForSequenceClassification(config)


RESUMED = {"save_strategy": "steps", "save_steps": 3, "seed": 11, "learning_rate": 0.02}


def difference_after_resuming(folder: Path, checkpoint: int, **values: Any) -> float:
    """Compare the weights of a run that went down and was resumed with those of a run that did not."""
    data, values = rows(41), {**RESUMED, **values}
    whole = dropping_model()
    trainer(whole, folder / "whole", train_dataset=data, **values).train()

    failing = [Fails(checkpoint + 2)]
    with pytest.raises(RuntimeError, match="went down"):
        trainer(dropping_model(), folder / "cut", train_dataset=data, callbacks=failing, **values).train()
    resumed = dropping_model()
    run = trainer(resumed, folder / "cut", train_dataset=data, **values)
    run.train(resume_from_checkpoint=str(folder / "cut" / f"checkpoint-{checkpoint}"))

    assert run.state.global_step > checkpoint
    states = zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    return max(float((one - other).abs().max()) for one, other in states)


# An epoch has 11 batches, the last of a single text; with accumulation, 4 steps of three batches (the last of two).
@pytest.mark.parametrize(
    ("checkpoint", "values"),
    [
        (3, {}),
        (9, {}),
        (15, {}),
        (12, {"weight_average_decay": 0.9}),
        (6, {"gradient_accumulation_steps": 3}),
        (12, {"dataloader_num_workers": 1}),
    ],
    ids=["first epoch", "before its end", "second epoch", "averaging", "accumulation", "a process that loads"],
)
def test_a_run_resumed_inside_an_epoch_ends_with_the_same_weights(
    tmp_path: Path, checkpoint: int, values: dict[str, Any]
) -> None:
    assert difference_after_resuming(tmp_path, checkpoint, **values) == 0


def test_the_stock_sampler_by_length_is_not_resumable(tmp_path: Path) -> None:
    """Why there is one of our own; once this fails, transformers' does it."""
    values = {"bucket_by_length": False, "train_sampling_strategy": "group_by_length"}
    assert difference_after_resuming(tmp_path, 15, **values) > 1e-4


def test_patience_and_minutes_are_kept_through_an_interruption(tmp_path: Path) -> None:
    data = rows(40)

    def run(clock: TrainingClock, *callbacks: TrainerCallback) -> RecurrentTrainer:
        # Never better than at step 3: the fourth evaluation after it, at step 15, exhausts the patience.
        return trainer(
            dropping_model(),
            tmp_path,
            train_dataset=data,
            eval_dataset=data,
            compute_metrics=lambda evaluated: {"constant": 0.5},
            callbacks=[clock, EarlyStoppingCallback(early_stopping_patience=4), *callbacks],
            eval_strategy="steps",
            eval_steps=3,
            metric_for_best_model="constant",
            **RESUMED,
        )

    with pytest.raises(RuntimeError, match="went down"):
        run(TrainingClock(seconds=600), Fails(10)).train()
    resumed = run(TrainingClock())
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-9"))
    assert resumed.state.global_step == 15
    (clock,) = (item for item in resumed.callback_handler.callbacks if isinstance(item, TrainingClock))
    assert 10 < clock.minutes < 11


@pytest.mark.parametrize(
    ("trainer_class", "arguments_class"),
    [(RecurrentTrainer, RecurrentTrainingArguments), (LanguageModelTrainer, LanguageTrainingArguments)],
)
def test_the_labels_of_a_language_model_are_not_smoothed(
    tmp_path: Path, trainer_class: type[RecurrentTrainer], arguments_class: type[RecurrentTrainingArguments]
) -> None:
    model = GruForCausalLM(GruConfig(vocab_size=VOCABULARY, embedding_size=4, hidden_size=4))
    values = {"eval_strategy": "no", "load_best_model_at_end": False, "use_cpu": True}
    smoothed = arguments_class(output_dir=str(tmp_path), label_smoothing_factor=0.1, **values)
    with pytest.raises(ValueError, match="`label_smoothing_factor` is 0.1; for a GruForCausalLM it must be 0"):
        trainer_class(model=model, args=smoothed)
