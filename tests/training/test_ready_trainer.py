"""Trainers that are given little: texts, names of labels, stock arguments, no evaluation, no metrics."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import EarlyStoppingCallback, TrainerCallback, TrainingArguments, set_seed

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    BiLstmForTokenClassification,
    RecurrentTrainer,
    RecurrentTrainingArguments,
    SiameseConfig,
    SiameseModel,
    SiameseTrainer,
    train_tokenizer,
)
from hf_rnn.data.batches.collator import PaddingCollator
from hf_rnn.losses import CoSENTLoss, MultipleNegativesRankingLoss, TripletLoss
from tests.missing import pretend


TEXTS = ["a fine film", "a dull film", "fine", "a dull and long film"] * 3
NAMES = ["good", "bad", "good", "bad"] * 3
TOKENIZER = train_tokenizer(TEXTS, min_frequency=1, show_progress=False)
SIZES = {"vocab_size": len(TOKENIZER), "embedding_size": 5, "hidden_size": 4}
LABELS = {"id2label": {0: "bad", 1: "good"}, "label2id": {"bad": 0, "good": 1}}


def texts(labels: list[Any] = NAMES, column: str = "label", feature: Any = None) -> datasets.Dataset:
    rows = datasets.Dataset.from_dict({"text": TEXTS, "stars": list(range(len(TEXTS)))})
    return rows.add_column(column, labels, feature=feature)


def classifier(**values: Any) -> BiLstmForSequenceClassification:
    set_seed(0)
    return BiLstmForSequenceClassification(BiLstmConfig(**{**SIZES, **LABELS, **values}))


def quick(folder: Path, kind: type = RecurrentTrainingArguments, **values: Any) -> Any:
    return kind(str(folder), **{"num_train_epochs": 1, "use_cpu": True, "disable_tqdm": True, **values})


def trainer(folder: Path, model: Any = None, rows: Any = None, **options: Any) -> RecurrentTrainer:
    options = {"args": quick(folder), "processing_class": TOKENIZER, **options}
    return RecurrentTrainer(model or classifier(), train_dataset=texts() if rows is None else rows, **options)


def test_texts_and_names_are_the_tokens_and_numbers_by_hand(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    assert made.train_dataset["input_ids"] == TOKENIZER(TEXTS)["input_ids"]
    assert made.train_dataset["labels"] == [1, 0, 1, 0] * 3
    assert "stars" not in made.train_dataset.column_names
    ids = datasets.Dataset.from_dict({"input_ids": TOKENIZER(TEXTS)["input_ids"], "labels": [1, 0, 1, 0] * 3})
    by_hand = trainer(tmp_path / "by hand", rows=ids)
    assert by_hand.train_dataset is ids
    made.train()
    by_hand.train()
    for one, other in zip(made.model.parameters(), by_hand.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("labels", "column", "feature"),
    [
        ([1, 0, 1, 0] * 3, "labels", None),
        ([0, 1, 0, 1] * 3, "label", datasets.ClassLabel(names=["good", "bad"])),
    ],
    ids=["numbers", "class labels in another order"],
)
def test_labels_of_other_kinds(tmp_path: Path, labels: list[Any], column: str, feature: Any) -> None:
    assert trainer(tmp_path, rows=texts(labels, column, feature)).train_dataset["labels"] == [1, 0, 1, 0] * 3


def test_a_model_without_names_takes_those_of_class_labels(tmp_path: Path) -> None:
    model = BiLstmForSequenceClassification(BiLstmConfig(num_labels=2, **SIZES))
    trainer(tmp_path, model, texts([0, 1, 0, 1] * 3, "label", datasets.ClassLabel(names=["good", "bad"])))
    assert model.config.id2label == {0: "good", 1: "bad"}


def test_several_labels_a_text_and_numbers(tmp_path: Path) -> None:
    several = [["good"], [], ["bad", "good"], ["bad"]] * 3
    made = trainer(tmp_path, classifier(problem_type="multi_label_classification"), texts(several))
    assert made.train_dataset["labels"][:3] == [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0]]
    numbers = trainer(tmp_path, classifier(num_labels=1, id2label=None, label2id=None), texts([0.5, 2, 1, 0] * 3))
    assert numbers.train_dataset["labels"][:2] == [0.5, 2.0]
    assert numbers.model.config.problem_type == "regression"


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (texts(["good", "awful"] * 6), {}, "`label` of the train_dataset split has the value 'awful' in row 1"),
        (texts(), {"processing_class": None}, "`train_dataset` has texts, and `processing_class` is None"),
        (texts().to_iterable_dataset(), {"args": {"max_steps": 2}}, "`train_dataset` is a IterableDataset of texts"),
        (texts([0.5, 1.0] * 6), {}, "holds numbers, for regression, and the model has 2 labels"),
        (texts(), {"problem_type": "several"}, "`problem_type`='several' must be one of"),
        (texts(), {"eval_dataset": texts(["awful"] * 12)}, "of the eval_dataset split has the value 'awful' in row 0"),
    ],
)
def test_rows_that_do_not_fit(tmp_path: Path, rows: Any, options: dict[str, Any], message: str) -> None:
    if "args" in options:
        options = {**options, "args": quick(tmp_path, **options["args"])}
    with pytest.raises(ValueError, match=message):
        trainer(tmp_path, rows=rows, **options)


def test_tags_of_words(tmp_path: Path) -> None:
    names = ["O", "B-PER", "I-PER"]
    rows = datasets.Dataset.from_dict({"tokens": [["fine", "film"], ["dull"]], "tags": [["B-PER", "I-PER"], ["O"]]})
    values = {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}
    model = BiLstmForTokenClassification(BiLstmConfig(**SIZES, **values, crf=True))
    made = RecurrentTrainer(model, quick(tmp_path), None, rows, rows, processing_class=TOKENIZER)
    assert made.train_dataset["labels"] == [[1, 2], [0]]
    made.train()
    assert {"eval_loss", "eval_f1", "eval_accuracy"} <= made.evaluate().keys()
    assert made.args.metric_for_best_model == "f1"
    unknown = datasets.Dataset.from_dict({"tokens": [["fine"]], "tags": [["B-LOC"]]})
    with pytest.raises(ValueError, match="`tags` of `train_dataset` has the tag 'B-LOC' in row 0"):
        RecurrentTrainer(model, quick(tmp_path), None, unknown, processing_class=TOKENIZER)


def test_without_rows_to_evaluate_nothing_is_evaluated(tmp_path: Path) -> None:
    args = quick(tmp_path)
    made = trainer(tmp_path, args=args)
    made.train()
    assert not any("eval_loss" in entry for entry in made.state.log_history)
    assert made.state.best_model_checkpoint is None
    # What was given is another trainer's, too.
    assert args.eval_strategy == "epoch" and args.load_best_model_at_end


@pytest.mark.parametrize("given", ["argument", "callback"])
@pytest.mark.parametrize("several", [False, True])
def test_early_stopping_is_not_said_to_be_disabled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, given: str, several: bool
) -> None:
    """Evaluations of other rows have other names, in which the callback of transformers misses its own."""
    rows = {"own": texts(), "other": texts()} if several else texts()
    options: dict[str, Any] = {"num_train_epochs": 9, "learning_rate": 1e-12}
    if several:
        options["metric_for_best_model"] = "eval_own_loss"
    if given == "argument":
        options["early_stopping_patience"] = 2
    callbacks = [EarlyStoppingCallback(2)] if given == "callback" else []
    made = trainer(tmp_path, args=quick(tmp_path, **options), eval_dataset=rows, callbacks=callbacks)
    with caplog.at_level(logging.WARNING):
        made.train()
        assert made.state.epoch in (3, 4)
        assert "test_accuracy" in made.evaluate(texts(), metric_key_prefix="test")
        assert made.evaluate()
    assert "early stopping" not in caplog.text
    # The callback is there for a further training, where it was.
    found = [type(each) for each in made.callback_handler.callbacks]
    assert found.count(EarlyStoppingCallback) == len(callbacks)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"eval_strategy": "steps", "eval_steps": 5, "load_best_model_at_end": False}, "eval_strategy.*eval_dataset"),
        ({"early_stopping_patience": 2}, "`early_stopping_patience`=2 counts evaluations, and `eval_dataset` is None"),
        ({"save_strategy": "best", "load_best_model_at_end": False}, "`save_strategy`='best'.*`eval_dataset` is None"),
    ],
)
def test_an_evaluation_that_was_asked_for_needs_rows(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trainer(tmp_path, args=quick(tmp_path, **values))


def test_stock_arguments_keep_their_meaning(tmp_path: Path) -> None:
    stock = quick(tmp_path, TrainingArguments, seed=7, eval_strategy="epoch", report_to="none")
    made = trainer(tmp_path, args=stock, eval_dataset=texts())
    assert made.args.learning_rate == 5e-5 and made.args.data_seed == 7 and made.args.bucket_by_length
    made.train()
    assert "eval_accuracy" in made.evaluate()
    assert not hasattr(stock, "adversarial_epsilon")
    grouped = quick(tmp_path, TrainingArguments, train_sampling_strategy="group_by_length", report_to="none")
    assert not trainer(tmp_path, args=grouped).args.bucket_by_length


def test_no_arguments_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = RecurrentTrainer(classifier(), train_dataset=texts(), processing_class=TOKENIZER)
    assert made.args.output_dir == "output" and isinstance(made.args, RecurrentTrainingArguments)


def test_without_the_extra_the_loss_alone_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, scikit_learn=None)
    made = trainer(tmp_path, eval_dataset=texts())
    made.train()
    assert made.args.metric_for_best_model == "loss"
    assert {name for name in made.evaluate() if name.startswith("eval_a")} == set()


def test_predictions_of_texts_are_in_their_order(tmp_path: Path) -> None:
    made = trainer(tmp_path, args=quick(tmp_path, dataloader_drop_last=True, per_device_eval_batch_size=5))
    predicted = made.predict(texts().select_columns(["text"])).predictions
    assert len(predicted) == len(TEXTS)
    rows = PaddingCollator(TOKENIZER)([{"input_ids": TOKENIZER(TEXTS[3])["input_ids"]}])
    with torch.no_grad():
        torch.testing.assert_close(torch.tensor(predicted[3]), made.model.eval()(**rows).logits[0])


class Constant(TrainerCallback):
    def on_evaluate(self, args, state, control, metrics, **kwargs) -> None:
        metrics["eval_accuracy"] = 0.5


def test_patience_is_heeded(tmp_path: Path) -> None:
    args = quick(tmp_path, num_train_epochs=9, early_stopping_patience=2)
    made = trainer(tmp_path, args=args, eval_dataset=texts(), callbacks=[Constant()])
    made.train()
    assert made.state.epoch == 3


def test_a_search_goes_beyond_its_first_trial(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    made = RecurrentTrainer(
        args=quick(tmp_path),
        train_dataset=texts(),
        eval_dataset=texts(),
        processing_class=TOKENIZER,
        model_init=lambda trial=None: classifier(),
    )
    space = {"learning_rate": (1e-4, 1e-2)}
    best = made.hyperparameter_search(
        hp_space=lambda trial: {name: trial.suggest_float(name, *ends) for name, ends in space.items()},
        backend="optuna",
        n_trials=3,
    )
    assert best.run_id in {"0", "1", "2"}


def pairs(labels: list[Any]) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": TEXTS, "text_b": TEXTS[::-1], "label": labels})


def siamese(folder: Path, loss: Any, labels: list[Any] | None = None, **options: Any) -> SiameseTrainer:
    set_seed(0)
    model = SiameseModel(SiameseConfig(encoder=BiLstmConfig(**SIZES)))
    args = quick(folder, **options.pop("values", {}))
    rows = pairs(labels or [1, 0] * 6)
    return SiameseTrainer(model, args, train_dataset=rows, processing_class=TOKENIZER, loss=loss, **options)


class SquaredDistance(torch.nn.Module):
    """A loss that is none of ours."""

    def forward(self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return ((a - b).square().sum(1) * (2 * labels - 1)).mean()


@pytest.mark.parametrize("loss", [CoSENTLoss(), MultipleNegativesRankingLoss(), SquaredDistance()])
def test_pairs_of_texts_with_any_loss(tmp_path: Path, loss: torch.nn.Module) -> None:
    made = siamese(tmp_path, loss, eval_dataset=pairs([1, 0] * 6), values={"metric_for_best_model": "roc_auc"})
    made.train()
    assert "eval_average_precision" in made.evaluate()


def test_scores_are_measured_by_their_order(tmp_path: Path) -> None:
    made = siamese(tmp_path, CoSENTLoss(), [0.5, 3.0, 5.0] * 4, eval_dataset=pairs([0.5, 3.0, 5.0] * 4))
    made.train()
    assert "eval_spearman" in made.evaluate() and made.args.metric_for_best_model == "spearman"


@pytest.mark.parametrize("loss", [TripletLoss(), "cosent", None])
def test_what_is_no_loss_of_pairs_is_refused(tmp_path: Path, loss: Any) -> None:
    with pytest.raises(ValueError, match="`loss` is a .*it must be a torch.nn.Module that is called as"):
        siamese(tmp_path, loss)


def test_a_second_training_in_a_folder_sets_the_first_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = quick(tmp_path, num_train_epochs=4)
    trainer(tmp_path, args=long, eval_dataset=texts()).train()
    made = trainer(tmp_path, eval_dataset=texts())
    made.train()
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {"checkpoint-1"}
    assert (tmp_path / "earlier-checkpoint-4").is_dir()
    assert "has checkpoints of an earlier training" in caplog.text
