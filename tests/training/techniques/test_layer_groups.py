"""Groups of layers: which there are, their learning rates, and their unfreezing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    PreTrainedModel,
    TrainerCallback,
    set_seed,
)

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    DanConfig,
    DanForSequenceClassification,
    GruConfig,
    GruForCausalLM,
    GruModel,
)
from hf_rnn.models.modeling_siamese import SiameseModel
from hf_rnn.training.techniques.layer_groups import layer_groups
from hf_rnn.training.trainer import RecurrentTrainer
from tests.training.test_trainer import COLLATOR, VOCABULARY, Fails, arguments, rows


BERT = {"vocab_size": VOCABULARY, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
# 40 rows in batches of 4: an epoch has 10 steps.
STEPS = 10


def bilstm(**values: Any) -> BiLstmForSequenceClassification:
    set_seed(0)
    sizes = {"vocab_size": VOCABULARY, "embedding_size": 6, "hidden_sizes": [5, 4], "pooling": "attention"}
    return BiLstmForSequenceClassification(BiLstmConfig(**{**sizes, **values}))


def tiny_bert() -> BertForSequenceClassification:
    set_seed(0)
    return BertForSequenceClassification(BertConfig(**BERT, num_hidden_layers=2, max_position_embeddings=32))


def names_of(model: nn.Module) -> list[set[str]]:
    """The parts that each group is made of, by the beginnings of the parameters' names."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return [{names[parameter].split(".cell.")[0] for parameter in group} for group in layer_groups(model)]


def test_groups_of_a_recurrent_model() -> None:
    head, top, bottom, embeddings = names_of(bilstm())
    assert head == {
        *("model.pooler.attention.dense.weight", "model.pooler.attention.dense.bias"),
        *("model.pooler.attention.context.weight", "classifier.output.weight", "classifier.output.bias"),
    }
    assert (top, bottom) == ({"model.layers.1"}, {"model.layers.0"})
    assert embeddings == {"model.embeddings.word_embeddings.weight"}


def test_groups_of_a_bert() -> None:
    groups = names_of(tiny_bert())
    prefixes = [{".".join(name.split(".")[:4]) for name in group} for group in groups]
    assert prefixes[0] == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
    }
    assert prefixes[1:3] == [{"bert.encoder.layer.1"}, {"bert.encoder.layer.0"}]
    assert all(name.startswith("bert.embeddings.") for name in groups[3]) and len(groups) == 4


def test_groups_of_other_models() -> None:
    dan = DanForSequenceClassification(DanConfig(vocab_size=9, embedding_size=4, hidden_size=3))
    assert [len(group) for group in names_of(dan)] == [4, 1]
    siamese = SiameseModel.from_encoder(GruModel(GruConfig(vocab_size=9, embedding_size=4, hidden_size=3)))
    assert names_of(siamese)[-2:] == [{"encoder.layers.0"}, {"encoder.embeddings.word_embeddings.weight"}]
    tied = GruForCausalLM(GruConfig(vocab_size=9, embedding_size=3, hidden_size=3, tie_word_embeddings=True))
    # The table is the output layer's, too; it is trained with the embeddings.
    assert names_of(tied) == [{"lm_head.bias"}, {"model.layers.0"}, {"model.embeddings.word_embeddings.weight"}]


def test_what_is_not_trained_is_in_no_group() -> None:
    assert len(layer_groups(bilstm(one_hot_input=True))) == 3
    frozen = bilstm()
    frozen.get_input_embeddings().requires_grad_(False)
    assert len(layer_groups(frozen)) == 3


class Toy(nn.Module):
    """Embeddings that hold a list of modules themselves, and some layers over them."""

    def __init__(self, layers: int | None) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict({"tables": nn.ModuleList([nn.Embedding(3, 2), nn.Embedding(4, 2)])})
        if layers is not None:
            self.layers = nn.ModuleList(nn.Linear(2, 2, bias=False) for _ in range(layers))


def test_a_list_of_the_embeddings_is_no_stack() -> None:
    groups = [["layers.1.weight"], ["layers.0.weight"], ["embeddings.tables.0.weight", "embeddings.tables.1.weight"]]
    assert names_of(Toy(2)) == [set(group) for group in groups]


@pytest.mark.parametrize(
    "model",
    [
        nn.Linear(2, 2),
        Toy(None),
        GPT2ForSequenceClassification(GPT2Config(vocab_size=9, n_embd=4, n_layer=1, n_head=1, n_positions=8)),
    ],
    ids=["linear", "no layers", "gpt2"],
)
def test_models_without_such_groups_are_refused(model: nn.Module) -> None:
    with pytest.raises(ValueError, match=f"`gradual_unfreezing` need.*{type(model).__name__} is built otherwise"):
        layer_groups(model)


class Notes(TrainerCallback):
    """The learning rates and the weights of each group, before the first step and after each."""

    def __init__(self) -> None:
        self.rates: list[list[float]] = []
        self.weights: list[list[torch.Tensor]] = []

    def on_train_begin(self, args, state, control, **kwargs) -> None:
        self.groups = layer_groups(kwargs["model"])
        self._note(kwargs["optimizer"])

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self._note(kwargs["optimizer"])

    def _note(self, optimizer: torch.optim.Optimizer) -> None:
        rate_of = {one: group["lr"] for group in optimizer.param_groups for one in group["params"]}
        rates = [{rate_of[one] for one in group} for group in self.groups]
        assert all(len(found) == 1 for found in rates)
        self.rates.append([found.pop() for found in rates])
        self.weights.append([torch.cat([one.detach().flatten() for one in group]) for group in self.groups])


def train(model: PreTrainedModel, folder: Path, *callbacks: TrainerCallback, **values: Any) -> RecurrentTrainer:
    values = {"train_dataset": rows(40), "resume": None, **values}
    data, resume = values.pop("train_dataset"), values.pop("resume")
    made = RecurrentTrainer(
        model=model,
        args=arguments(folder, **values),
        data_collator=COLLATOR,
        train_dataset=data,
        callbacks=list(callbacks),
    )
    made.train(resume_from_checkpoint=resume)
    return made


def test_learning_rates_by_hand(tmp_path: Path) -> None:
    notes = Notes()
    options = {"discriminative_lr_decay": 2.6, "slanted_triangular": True, "learning_rate": 0.01, "weight_decay": 0.1}
    made = train(bilstm(), tmp_path, notes, **options)
    # T = 20, cut = 2: p = 0, 1/2, 1, 1 - 1/18, …, 1 - 17/18, 0 before and after the steps.
    shares = {0: 0.0, 1: 0.5, 2: 1.0, 3: 17 / 18, 11: 0.5, 19: 1 / 18, 20: 0.0}
    for step, share in shares.items():
        top = 0.01 * (1 + 31 * share) / 32
        assert notes.rates[step] == pytest.approx([top, top / 2.6, top / 6.76, top / 17.576], rel=1e-9)
    # The Trainer's log is of the head.
    logged = {entry["step"]: entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry}
    assert logged[3] == pytest.approx(0.01)
    decays = {group["weight_decay"]: len(group["params"]) for group in made.optimizer.param_groups}
    assert set(decays) == {0.0, 0.1}


def test_weight_decay_is_split_as_without_groups(tmp_path: Path) -> None:
    def split(**values: Any) -> dict[str, float]:
        model = bilstm()
        names = {parameter: name for name, parameter in model.named_parameters()}
        made = RecurrentTrainer(model=model, args=arguments(tmp_path, weight_decay=0.1, **values))
        groups = made.create_optimizer().param_groups
        return {names[one]: group["weight_decay"] for group in groups for one in group["params"]}

    assert split(discriminative_lr_decay=3.0) == split()


def test_without_these_options_there_is_one_rate(tmp_path: Path) -> None:
    notes = Notes()
    train(bilstm(), tmp_path, notes, learning_rate=0.01, lr_scheduler_type="constant", num_train_epochs=1)
    assert notes.rates == [[0.01] * 4] * (STEPS + 1)


@pytest.mark.parametrize("make", [bilstm, tiny_bert])
def test_a_group_more_moves_in_each_epoch(tmp_path: Path, make: Any) -> None:
    notes, model = Notes(), make()
    train(model, tmp_path, notes, gradual_unfreezing=True, num_train_epochs=5, learning_rate=0.01, weight_decay=0.1)
    for epoch in range(5):
        before, after = notes.weights[epoch * STEPS], notes.weights[(epoch + 1) * STEPS]
        moved = [not torch.equal(one, other) for one, other in zip(before, after, strict=True)]
        assert moved == [depth <= epoch for depth in range(4)]
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_few_epochs_are_told_what_they_leave_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = bilstm()
    with caplog.at_level(logging.WARNING):
        train(model, tmp_path, gradual_unfreezing=True, num_train_epochs=2)
    assert "of 4 groups of layers, in 2 epochs the lowest 2 are never trained" in caplog.text
    # What was frozen by it is trainable again, what was so before stays as it was.
    assert all(parameter.requires_grad for parameter in model.parameters())
    model.get_input_embeddings().requires_grad_(False)
    train(model, tmp_path, gradual_unfreezing=True, num_train_epochs=1)
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert frozen == ["model.embeddings.word_embeddings.weight"]


def test_nothing_stays_frozen_where_training_breaks_off(tmp_path: Path) -> None:
    model, notes = bilstm(), Notes()
    with pytest.raises(RuntimeError, match="went down"):
        train(model, tmp_path, Fails(1), gradual_unfreezing=True)
    assert all(parameter.requires_grad for parameter in model.parameters())
    train(model, tmp_path, notes, gradual_unfreezing=True, num_train_epochs=1)
    assert [torch.equal(*ends) for ends in zip(notes.weights[0], notes.weights[-1], strict=True)] == [
        False,
        *[True] * 3,
    ]


def test_the_best_checkpoint_is_loaded_whatever_is_frozen(tmp_path: Path) -> None:
    model = bilstm()
    options = {"eval_strategy": "epoch", "save_strategy": "epoch", "load_best_model_at_end": True}
    options |= {"metric_for_best_model": "loss", "gradual_unfreezing": True, "weight_average_decay": 0.9}
    started = model.model.layers[0].cell.weight_hh_l0.detach().clone()
    made = RecurrentTrainer(
        model=model,
        args=arguments(tmp_path, num_train_epochs=3, save_total_limit=5, learning_rate=0.05, **options),
        data_collator=COLLATOR,
        train_dataset=rows(40),
        eval_dataset=rows(13),
    )
    made.train()
    best = BiLstmForSequenceClassification.from_pretrained(made.state.best_model_checkpoint)
    torch.testing.assert_close(model.state_dict(), best.state_dict(), rtol=0, atol=0)
    # Nothing moves what is frozen, the average neither.
    first = BiLstmForSequenceClassification.from_pretrained(tmp_path / f"checkpoint-{2 * STEPS}")
    assert torch.equal(first.model.layers[0].cell.weight_hh_l0, started)
    assert not torch.equal(first.model.layers[1].cell.weight_hh_l0, bilstm().model.layers[1].cell.weight_hh_l0)


# In the first epoch, at the end of one, inside the second, and in the last, where all is trained.
@pytest.mark.parametrize(("checkpoint", "average"), [(4, None), (10, None), (16, 0.9), (36, None)])
def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path, checkpoint: int, average: float | None) -> None:
    options = {"discriminative_lr_decay": 2.6, "gradual_unfreezing": True, "slanted_triangular": True}
    options |= {"weight_average_decay": average, "num_train_epochs": 5, "learning_rate": 0.02, "seed": 11}
    options |= {"save_strategy": "steps", "save_steps": 2}
    dropouts = {"embedding_dropout": 0.3, "dropout": 0.3, "word_dropout": 0.1}
    whole, resumed = bilstm(**dropouts), bilstm(**dropouts)
    train(whole, tmp_path / "whole", **options)
    with pytest.raises(RuntimeError, match="went down"):
        train(bilstm(**dropouts), tmp_path / "cut", Fails(checkpoint + 1), **options)
    train(resumed, tmp_path / "cut", resume=str(tmp_path / "cut" / f"checkpoint-{checkpoint}"), **options)
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_an_optimizer_or_a_schedule_of_ones_own_is_refused(tmp_path: Path) -> None:
    model = bilstm()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer)
    for option, made, name in (
        ({"discriminative_lr_decay": 2.6}, (optimizer, None), "SGD"),
        ({"slanted_triangular": True}, (optimizer, schedule), "ConstantLR"),
    ):
        with pytest.raises(ValueError, match=f"`{next(iter(option))}` shapes.*`optimizers` has a {name}"):
            RecurrentTrainer(model=model, args=arguments(tmp_path, **option), optimizers=made)
