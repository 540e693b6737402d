"""Trainer with numbers or several labels at every step: accumulated gradients, padding, rows of texts, figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch

import hf_rnn
from hf_rnn import RecurrentTrainer, RecurrentTrainingArguments
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces


REGRESSION, MULTI = "regression", "multi_label_classification"
SENTENCES = [["a", "bb"], ["c"], ["a", "a", "bb", "c", "d"], ["d", "c", "c"]]
NUMBERS = [[0.1, None], [-100.0], [0.1, 0.2, 0.5, 1.0, -3.0], [2.0, 1.0, None]]
LABELS = [[["x"], ["x", "y"]], [[]], [["y"], ["x"], None, [], ["x"]], [["y"], [], ["x", "y"]]]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_word_pieces(SENTENCES, vocab_size=300, show_progress=False)


def rows_of(kind: str) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"tokens": SENTENCES, "labels": NUMBERS if kind == REGRESSION else LABELS})


def model_of(tokenizer: Any, kind: str) -> Any:
    torch.manual_seed(0)
    names = {0: "score"} if kind == REGRESSION else {0: "x", 1: "y"}
    config = hf_rnn.BiLstmConfig(
        vocab_size=len(tokenizer),
        id2label=names,
        label2id={name: index for index, name in names.items()},
        problem_type=kind,
        hidden_size=4,
        embedding_size=4,
        dropout=0.0,
        embedding_dropout=0.0,
    )
    return hf_rnn.BiLstmForTokenClassification(config)


def arguments(folder: Path, **changes: Any) -> RecurrentTrainingArguments:
    values = {"max_steps": 1, "learning_rate": 0.1, "max_grad_norm": 0.0, "optim": "sgd", "report_to": []}
    values |= {"use_cpu": True, "disable_tqdm": True, "per_device_train_batch_size": 4, "bucket_by_length": False}
    return RecurrentTrainingArguments(str(folder), **{**values, **changes})


@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
def test_two_accumulated_batches_are_one(tmp_path: Path, tokenizer: Any, kind: str):
    """The halves have other widths and other numbers of targets, so that a mean of means would differ."""
    found = {}
    for size in (4, 2):
        model = model_of(tokenizer, kind)
        settings = arguments(
            tmp_path / str(size), per_device_train_batch_size=size, gradient_accumulation_steps=4 // size
        )
        trainer = RecurrentTrainer(model, settings, train_dataset=rows_of(kind), processing_class=tokenizer)
        loss = trainer.train().training_loss
        found[size] = loss, {name: each.detach().clone() for name, each in model.named_parameters()}
    assert math.isclose(found[4][0], found[2][0], rel_tol=1e-5)
    for name, each in found[4][1].items():
        torch.testing.assert_close(found[2][1][name], each)


@pytest.mark.parametrize("kind", [REGRESSION, MULTI])
def test_evaluation_measures_every_known_target_once(tmp_path: Path, tokenizer: Any, kind: str):
    model, rows = model_of(tokenizer, kind), rows_of(kind)
    settings = arguments(tmp_path, per_device_eval_batch_size=2, eval_strategy="epoch", bucket_by_length=True)
    trainer = RecurrentTrainer(model, settings, train_dataset=rows, eval_dataset=rows, processing_class=tokenizer)
    figures = trainer.evaluate()
    # A batch is a whole split: its loss is the mean over the same targets.
    trainer.args.per_device_eval_batch_size = 4
    loss = trainer.evaluate()["eval_loss"]
    errors, counts = [], np.zeros(3)
    for tokens, targets in zip(SENTENCES, rows["labels"], strict=True):
        inputs = tokenizer(tokens, is_split_into_words=True, return_tensors="pt")
        logits = model.eval()(**inputs).logits[0].detach().numpy()
        first = {word: place for place, word in reversed(list(enumerate(inputs.word_ids()))) if word is not None}
        for word, target in enumerate(targets):
            if target is None:
                continue
            said = logits[first[word]]
            if kind == REGRESSION:
                errors.append((said[0] - target) ** 2)
            else:
                right, chosen = (
                    {"x", "y"} & set(target),
                    {name for name, one in zip("xy", said, strict=True) if one >= 0},
                )
                counts += len(right & chosen), len(chosen - right), len(right - chosen)
    if kind == REGRESSION:
        assert figures["eval_mse"] == pytest.approx(np.mean(errors))
        assert loss == pytest.approx(np.mean(errors))
    else:
        assert figures["eval_f1"] == pytest.approx(2 * counts[0] / (2 * counts[0] + counts[1] + counts[2]))
    assert settings.greater_is_better is not (kind == REGRESSION) or trainer.args.greater_is_better == (kind == MULTI)


def test_features_are_learnt_from_by_a_trainer(tmp_path: Path):
    """Rows of `inputs_embeds`: no tokenizer, and a collator that pads with zeros, and targets with NaN."""
    torch.manual_seed(0)
    config = hf_rnn.LstmConfig(vocab_size=2, embedding_size=3, hidden_size=8, num_labels=1, problem_type=REGRESSION)
    model = hf_rnn.LstmForTokenClassification(config)
    rows = [{"inputs_embeds": torch.randn(length, 3)} for length in (5, 9, 7, 4)]
    rows = [{**row, "labels": row["inputs_embeds"].cumsum(0)[:, :1]} for row in rows]

    def collate(features: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        pad = torch.nn.utils.rnn.pad_sequence
        return {
            "inputs_embeds": pad([row["inputs_embeds"] for row in features], batch_first=True),
            "attention_mask": pad([torch.ones(len(row["labels"])) for row in features], batch_first=True).long(),
            "labels": pad([row["labels"] for row in features], batch_first=True, padding_value=math.nan),
        }

    settings = arguments(tmp_path, max_steps=60, learning_rate=0.05, optim="adamw_torch")
    trainer = RecurrentTrainer(model, settings, data_collator=collate, train_dataset=rows, eval_dataset=rows)
    before = trainer.evaluate()["eval_mse"]
    trainer.train()
    assert trainer.evaluate()["eval_mse"] < 0.2 * before


def test_what_does_not_go_with_steps_is_refused(tmp_path: Path, tokenizer: Any):
    rows = rows_of(REGRESSION)
    for name, value in {"class_weights": "balanced", "label_smoothing_factor": 0.1}.items():
        with pytest.raises(ValueError, match=f"`{name}`"):
            RecurrentTrainer(
                model_of(tokenizer, REGRESSION),
                arguments(tmp_path, **{name: value}),
                train_dataset=rows,
                processing_class=tokenizer,
            )
    bad = datasets.Dataset.from_dict({"tokens": SENTENCES, "labels": [[["x"], ["z"]], [[]], *LABELS[2:]]})
    with pytest.raises(ValueError, match=r"train_dataset.*row 0 .*position 1: the target is \['z'\]"):
        RecurrentTrainer(
            model_of(tokenizer, MULTI), arguments(tmp_path), train_dataset=bad, processing_class=tokenizer
        )
