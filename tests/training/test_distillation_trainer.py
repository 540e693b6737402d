"""The loss of distillation against computations by hand, and the trainer: gradients, unlabelled rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerBase

from hf_rnn import BiLstmConfig, BiLstmForSequenceClassification, BiLstmForTokenClassification
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.losses.distillation import distillation_loss
from hf_rnn.tasks.distillation.arguments import DistillationArguments
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.distillation_trainer import DistillationTrainer, TaggedDistillationCollator


TOKENIZER = train_tokenizer(["a b c d e f"], min_frequency=1, show_progress=False)
LABELS = ("O", "B-A", "I-A")
SIZES = {"vocab_size": len(TOKENIZER), "embedding_size": 5, "hidden_size": 4, "pad_token_id": TOKENIZER.pad_token_id}


def soften(probabilities: Sequence[float], temperature: float) -> list[float]:
    powers = [p ** (1 / temperature) for p in probabilities]
    return [power / sum(powers) for power in powers]


def divergence(teacher: Sequence[float], student: Sequence[float], temperature: float) -> float:
    """T² · KL of two distributions that are given by their probabilities."""
    pairs = zip(soften(teacher, temperature), soften(student, temperature), strict=True)
    return temperature**2 * sum(p * math.log(p / q) for p, q in pairs if p > 0)


def probabilities(logits: Any) -> list[float]:
    return torch.tensor(logits).double().softmax(-1).tolist()


def tagger(*, crf: bool = True, seed: int = 0, **config: Any) -> BiLstmForTokenClassification:
    torch.manual_seed(seed)
    names: dict[str, Any] = {"id2label": dict(enumerate(LABELS)), "label2id": {n: i for i, n in enumerate(LABELS)}}
    scheme = "BIOES" if crf else None
    return BiLstmForTokenClassification(BiLstmConfig(crf=crf, label_scheme=scheme, **SIZES, **names, **config))


def classifier(**config: Any) -> BiLstmForSequenceClassification:
    torch.manual_seed(0)
    return BiLstmForSequenceClassification(BiLstmConfig(num_labels=3, **SIZES, **config))


def tagged_rows(lengths: Sequence[int], seed: int = 0) -> datasets.Dataset:
    """Sentences with an O at each word and a teacher that says nothing of the second word."""
    generator = np.random.default_rng(seed)
    rows = []
    for length in lengths:
        logits = generator.normal(size=(length, len(LABELS))) * 2
        logits[1:2] = np.nan
        ids = generator.integers(2, len(TOKENIZER), length).tolist()
        rows.append({"input_ids": ids, "labels": [0] * length, "teacher_logits": logits.ravel().tolist()})
    return datasets.Dataset.from_list(rows)


def text_rows(labels: Sequence[int], seed: int = 0) -> datasets.Dataset:
    generator = np.random.default_rng(seed)
    rows = []
    for index, label in enumerate(labels):
        ids = generator.integers(2, len(TOKENIZER), 2 + index % 3).tolist()
        rows.append({"input_ids": ids, "labels": label, "teacher_logits": generator.normal(size=3).tolist()})
    return datasets.Dataset.from_list(rows)


def trainer(folder: Path, model: Any, rows: datasets.Dataset, **values: Any) -> DistillationTrainer:
    options = {name: values.pop(name) for name in list(values) if name.startswith("distillation_")}
    defaults = {
        "eval_strategy": "no",
        "save_strategy": "no",
        "load_best_model_at_end": False,
        "logging_steps": 1,
        "learning_rate": 0.05,
        "num_train_epochs": 1,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    if isinstance(model, BiLstmForTokenClassification):
        options["data_collator"] = TaggedDistillationCollator(TOKENIZER, label_padding=-100)
    arguments = RecurrentTrainingArguments(output_dir=str(folder), **{**defaults, **values})
    return DistillationTrainer(model=model, args=arguments, train_dataset=rows, processing_class=TOKENIZER, **options)


def loss_of_all(made: DistillationTrainer) -> torch.Tensor:
    """Compute the loss of all rows in one batch, as `training_step` does."""
    (batch,), count = made.get_batch_samples(iter(made.get_train_dataloader()), 1, torch.device("cpu"))
    return made.compute_loss(made.model.eval(), batch, num_items_in_batch=count)


def test_the_loss_is_hintons() -> None:
    student, teacher = [[1.0, -2.0, 0.5], [0.0, 0.0, 3.0]], [[0.3, 0.1, -4.0], [2.0, 2.0, 2.0]]
    found = distillation_loss(torch.tensor(student), torch.tensor(teacher), 2.0)
    by_hand = [
        divergence(probabilities(of_teacher), probabilities(of_student), 2.0)
        for of_teacher, of_student in zip(teacher, student, strict=True)
    ]
    torch.testing.assert_close(found, torch.tensor(by_hand))
    logits = torch.randn(4, 3)
    same = distillation_loss(logits.log_softmax(-1), logits + 7, 5.0)
    torch.testing.assert_close(same, torch.zeros(4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("taught", [(0, 1, 2), (1,), ()])
@pytest.mark.parametrize("labels", [(0, 2, 1), (0, -100, 1), (-100, -100, -100)])
def test_the_loss_of_texts(tmp_path: Path, labels: tuple[int, ...], taught: tuple[int, ...]) -> None:
    said_of = [
        row if index in taught else {**row, "teacher_logits": [math.nan] * 3}
        for index, row in enumerate(text_rows(labels))
    ]
    model, rows = classifier(), datasets.Dataset.from_list(said_of)
    made = trainer(tmp_path, model, rows, distillation_temperature=3.0, distillation_weight=0.25)
    found = loss_of_all(made)
    of_labels, of_teacher = [], []
    for row in rows:
        said = probabilities(model(torch.tensor([row["input_ids"]])).logits[0].tolist())
        if not math.isnan(row["teacher_logits"][0]):
            of_teacher.append(divergence(probabilities(row["teacher_logits"]), said, 3.0))
        of_labels += [-math.log(said[row["labels"]])] if row["labels"] != -100 else []
    wanted = 0.75 * sum(of_labels) / max(1, len(of_labels)) + 0.25 * sum(of_teacher) / max(1, len(of_teacher))
    assert found.item() == pytest.approx(wanted, rel=1e-4)


@torch.no_grad()
def log_likelihood(model: BiLstmForTokenClassification, ids: Sequence[int], labels: Sequence[int]) -> float:
    return -float(model(torch.tensor([ids]), labels=torch.tensor([labels])).loss) * sum(x != -100 for x in labels)


@torch.no_grad()
def every_marginal(model: BiLstmForTokenClassification, ids: Sequence[int]) -> list[list[float]]:
    """p(label) of each word, by the score of every path of states that the rules allow."""
    emissions, crf = model(torch.tensor([ids])).emissions[0].double(), model.head.crf
    of_state = model.head.state_labels.long().argmax(1).tolist()
    totals = np.zeros((len(ids), len(LABELS)))
    for path in itertools.product(range(len(of_state)), repeat=len(ids)):
        moves = list(itertools.pairwise(path))
        if not (
            crf.start_allowed[path[0]] and crf.end_allowed[path[-1]] and all(crf.transition_allowed[m] for m in moves)
        ):
            continue
        score = crf.start[path[0]] + crf.end[path[-1]] + sum(crf.transition[move] for move in moves)
        score = score + sum(emissions[t, state] for t, state in enumerate(path))
        for t, state in enumerate(path):
            totals[t, of_state[state]] += math.exp(score)
    return (totals / totals.sum(1, keepdims=True)).tolist()


@pytest.mark.parametrize("crf", [False, True])
def test_the_loss_of_tags(tmp_path: Path, crf: bool) -> None:
    model, rows = tagger(crf=crf).eval(), tagged_rows([3, 1, 4])
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter)
    found = loss_of_all(trainer(tmp_path, model, rows, distillation_temperature=2.5, distillation_weight=0.5))
    of_labels, of_teacher = 0.0, []
    for row in rows:
        of_labels -= log_likelihood(model, row["input_ids"], row["labels"])
        if crf:
            said = every_marginal(model, row["input_ids"])
        else:
            said = probabilities(model(torch.tensor([row["input_ids"]])).logits[0].tolist())
        for word, logits in zip(said, np.reshape(row["teacher_logits"], (-1, 3)), strict=True):
            if not np.isnan(logits).any():
                # What the rules forbid at a word (an I at the first one, say) is left out of both.
                allowed = [label for label in range(3) if word[label] > 0]
                teacher = torch.tensor(logits[allowed]).softmax(-1).tolist()
                of_teacher.append(divergence(teacher, [word[label] for label in allowed], 2.5))
    assert len(of_teacher) == 6
    assert found.item() == pytest.approx(0.5 * of_labels / 8 + 0.5 * sum(of_teacher) / 6, rel=1e-4)


@pytest.mark.parametrize("crf", [False, True])
def test_the_teacher_reaches_every_weight(tmp_path: Path, crf: bool) -> None:
    model = tagger(crf=crf)
    loss_of_all(trainer(tmp_path, model, tagged_rows([5, 3]), distillation_weight=1.0)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


def test_at_the_teachers_own_marginals_a_crf_has_nothing_to_learn(tmp_path: Path) -> None:
    model, rows = tagger(), tagged_rows([4, 3])
    said = [torch.tensor(every_marginal(model.eval(), row["input_ids"])) for row in rows]
    logits = [of_words.clamp(min=1e-30).log().ravel().tolist() for of_words in said]
    rows = rows.remove_columns("teacher_logits").add_column("teacher_logits", logits)
    loss = loss_of_all(trainer(tmp_path, model, rows, distillation_weight=1.0, distillation_temperature=4.0))
    assert abs(loss.item()) < 1e-5
    loss.backward()
    assert max(parameter.grad.abs().max().item() for parameter in model.parameters()) < 1e-5


@pytest.mark.parametrize("kind", ["texts", "tags"])
def test_learns_from_rows_without_a_label(tmp_path: Path, kind: str) -> None:
    model = classifier() if kind == "texts" else tagger()
    rows = text_rows([-100] * 8) if kind == "texts" else tagged_rows([5, 1, 3, 2])
    if kind == "tags":
        rows = rows.map(lambda row: {"labels": [-100] * len(row["labels"])})
    made = trainer(tmp_path, model, rows, num_train_epochs=40, distillation_weight=1.0)
    made.train()
    losses = [entry["loss"] for entry in made.state.log_history if "loss" in entry]
    assert losses[-1] < 0.3 * losses[0]


@torch.no_grad()
def test_evaluates_by_the_labels(tmp_path: Path) -> None:
    made = trainer(tmp_path, classifier(), text_rows([0, 1, 2, 1]), distillation_weight=1.0)
    rows = text_rows([0, 1, 2, 1], seed=1).remove_columns("teacher_logits")
    found = made.evaluate(rows)["eval_loss"]
    losses = [made.model(torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss for row in rows]
    assert found == pytest.approx(float(torch.stack(losses).mean()), rel=1e-5)


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_collator_pads_what_the_teacher_says(side: str) -> None:
    tokenizer: PreTrainedTokenizerBase = train_tokenizer(["a b c"], min_frequency=1, show_progress=False)
    tokenizer.padding_side = side
    rows = [
        {"input_ids": [2, 3], "labels": [0, 1], "teacher_logits": [1.0, 2.0, 3.0, 4.0]},
        {"input_ids": [4], "labels": [-100], "teacher_logits": [5.0, 6.0]},
    ]
    batch = TaggedDistillationCollator(tokenizer, label_padding=-100)(rows)
    short = [[5.0, 6.0], [math.nan] * 2] if side == "right" else [[math.nan] * 2, [5.0, 6.0]]
    wanted = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], short])
    torch.testing.assert_close(batch["teacher_logits"], wanted, equal_nan=True)
    assert batch["labels"].tolist() == [[0, 1], [-100, -100]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"distillation_temperature": 0}, "`distillation_temperature`=0 must be a finite number above 0"),
        ({"distillation_temperature": math.nan}, "`distillation_temperature`=nan"),
        ({"distillation_weight": 1.1}, "`distillation_weight`=1.1 must be from 0 to 1"),
        ({"distillation_weight": -0.1}, "`distillation_weight`=-0.1"),
        ({"teacher_batch_size": 0}, "`teacher_batch_size`=0 must be at least 1"),
        (
            {"unlabelled_file": "x.csv", "teacher_name_or_path": "t", "distillation_weight": 0.0},
            "`unlabelled_file`='x.csv' teaches nothing with `distillation_weight`=0",
        ),
    ],
)
def test_bad_arguments(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DistillationArguments(**values)
