"""Labels that are shifted already, and what a stock Trainer makes of the loss of a language model."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

from tests.models.common import LAYOUTS, VOCAB_SIZE, assert_close, batch_of, build_language_model, sentences


TEXTS = sentences([3, 2, 7, 5, 2, 7])


def labels_of(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_equals_labels(layout):
    model = build_language_model("gru")
    batch, places = batch_of(TEXTS, layout)
    shifted = torch.full_like(batch["input_ids"], -100)
    for row, place, text in zip(shifted, places, TEXTS, strict=True):
        # What labels predict a token at is the step before it in the batch, which may be padding.
        row[place[1:] - 1] = text[1:]
    by_labels = model(**batch, labels=labels_of(batch))
    by_shifted = model(**batch, shift_labels=shifted)
    assert by_labels.loss == by_shifted.loss and list(by_shifted) == list(by_labels)
    summed = model(**batch, shift_labels=shifted, num_items_in_batch=1).loss
    assert_close(summed, by_labels.loss * int((shifted != -100).sum()))


def test_windows_of_a_text_predict_all_of_it():
    model = build_language_model("lstm")
    ids = torch.stack(sentences([13, 13]))
    whole = model(ids, labels=ids).loss
    state, total = None, 0.0
    for start in range(0, 12, 4):
        window = {"input_ids": ids[:, start : start + 4], "shift_labels": ids[:, start + 1 : start + 5]}
        outputs = model(**window, cache=state, use_cache=True, num_items_in_batch=24)
        state, total = outputs.cache, total + outputs.loss
    assert_close(total, whole)


def test_they_stand_in_place_of_labels():
    """They are taken in place of labels, as in all of transformers: sequence-parallel training hands a model both."""
    model = build_language_model("gru")
    ids = torch.tensor([[3, 4, 5]])
    own = {"shift_labels": torch.tensor([[7, 1, 2]])}
    assert model(ids, labels=ids, **own).loss == model(ids, **own).loss != model(ids, labels=ids).loss


def test_nothing_to_predict():
    ids = torch.tensor([[3, 4, 5]])
    assert build_language_model("gru")(ids, shift_labels=torch.full((1, 3), -100)).loss == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shift_labels": [[1, VOCAB_SIZE, 2]]}, r"`shift_labels` holds 13; with `vocab_size=13` it must be"),
        ({"shift_labels": [[1, 2]]}, r"`shift_labels` has shape \(1, 2\); it must be \(1, 3\)"),
        ({"shift_labels": [[1, 2, 3]], "logits_to_keep": 2}, r"`shift_labels` has shape \(1, 3\).*`logits_to_keep` 0"),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_labels_that_do_not_fit(given, message, training):
    model = build_language_model("gru", activation_penalty=1, temporal_activation_penalty=1).train(training)
    tensors = {name: torch.tensor(value) if isinstance(value, list) else value for name, value in given.items()}
    with pytest.raises(ValueError, match=message):
        model(torch.tensor([[3, 4, 5]]), **tensors)


class Texts(Dataset):
    """Rows of a batch, each an example."""

    def __init__(self, batch: dict[str, torch.Tensor]) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch["input_ids"])

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {name: value[index] for name, value in self.batch.items()}


def trainer_of(model, batch: dict[str, torch.Tensor], folder, accumulation: int, **options) -> Trainer:
    arguments = TrainingArguments(
        folder,
        per_device_train_batch_size=6 // accumulation,
        gradient_accumulation_steps=accumulation,
        max_steps=1,
        learning_rate=1.0,
        optim="sgd",
        lr_scheduler_type="constant",
        max_grad_norm=0,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        **options,
    )
    return Trainer(model, arguments, train_dataset=Texts(batch), eval_dataset=Texts(batch))


PENALTIES = {"activation_penalty": 2.0, "temporal_activation_penalty": 0.7}


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("options", [{}, PENALTIES], ids=["loss", "with penalties"])
@pytest.mark.parametrize("layout", ["right-wide", "left"])
def test_a_trainer_descends_the_mean_over_predicted_tokens(layout, options, accumulation, tmp_path):
    batch, _ = batch_of(TEXTS, layout)
    batch["labels"] = labels_of(batch)
    model, own = (build_language_model("gru", **options).train() for _ in range(2))
    trainer_of(model, batch, tmp_path, accumulation).train()
    own(**batch).loss.backward()
    # Of a text padded on the left it counts the first token, too.
    predicted = sum(len(text) - 1 for text in TEXTS)
    share = predicted / (predicted + len(TEXTS)) if layout == "left" else 1
    for (name, after), parameter in zip(model.named_parameters(), own.parameters(), strict=True):
        assert_close(after.detach(), (parameter - share * parameter.grad).detach(), name)


def test_a_trainer_evaluates_with_either_kind(tmp_path):
    batch, places = batch_of(TEXTS, "right")
    model = build_language_model("gru")
    wanted = model(**batch, labels=labels_of(batch)).loss.item()
    trainer = trainer_of(model, batch | {"labels": labels_of(batch)}, tmp_path, 1)
    assert trainer.label_names == ["labels"]
    assert trainer.evaluate()["eval_loss"] == pytest.approx(wanted)
    shifted = labels_of(batch).roll(-1, 1)
    shifted[:, -1] = -100
    trainer = trainer_of(model, batch | {"shift_labels": shifted}, tmp_path, 1, label_names=["shift_labels"])
    assert trainer.evaluate()["eval_loss"] == pytest.approx(wanted)
