"""LanguageModelTrainer: truncated back-propagation through time, held to plain loops; resumption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import set_seed

from hf_rnn import ElmanConfig, ElmanForCausalLM, GruConfig, GruForCausalLM, LstmConfig, LstmForCausalLM
from hf_rnn.data.batches.streams import TokenizedText, TokenStreams, window_bounds
from hf_rnn.metrics.text_loss import text_loss
from hf_rnn.models.cache_rnn import RecurrentCache
from hf_rnn.training.arguments import LanguageTrainingArguments
from hf_rnn.training.language_model_trainer import LanguageModelTrainer


VOCABULARY = 11
RATE = 0.3


def text(tokens: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(1, VOCABULARY, (tokens,), generator=torch.Generator().manual_seed(seed))


def streams(ids: torch.Tensor, columns: int = 1, characters: int = 0) -> TokenStreams:
    return TokenStreams(TokenizedText([ids], characters=characters), columns)


def language_model(family: str = "lstm", **values: Any) -> Any:
    set_seed(3)
    config, model = {
        "lstm": (LstmConfig, LstmForCausalLM),
        "gru": (GruConfig, GruForCausalLM),
        "elman": (ElmanConfig, ElmanForCausalLM),
    }[family]
    return model(config(vocab_size=VOCABULARY, embedding_size=5, hidden_sizes=[7, 6], **values))


# Gradient descent without anything else, so that a step is a gradient.
PLAIN_DESCENT: dict[str, Any] = {
    "eval_strategy": "no",
    "save_strategy": "no",
    "load_best_model_at_end": False,
    "optim": "sgd",
    "learning_rate": RATE,
    "lr_scheduler_type": "constant",
    "max_grad_norm": 0.0,
    "logging_steps": 1,
    "use_cpu": True,
    "disable_tqdm": True,
}


def trainer(model: nn.Module, folder: Path, ids: torch.Tensor, **values: Any) -> LanguageModelTrainer:
    """Make a trainer by `PLAIN_DESCENT`, unless `values` say otherwise."""
    evaluated = values.pop("eval_dataset", None)
    defaults = {**PLAIN_DESCENT, "per_device_train_batch_size": 2, "num_train_epochs": 1}
    arguments = LanguageTrainingArguments(str(folder), **{**defaults, **values})
    columns = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    return LanguageModelTrainer(
        model=model, args=arguments, train_dataset=streams(ids, columns), eval_dataset=evaluated
    )


def weights(model: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def descend(model: nn.Module, loss: torch.Tensor) -> None:
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= RATE * parameter.grad


def descend_through_windows(model: Any, read: TokenStreams, bounds: list[tuple[int, int]]) -> list[float]:
    """The plain loop: a state that is carried and detached; every token weighs the same."""
    model.train()
    state, losses = None, []
    mean = read.num_steps / len(bounds)
    for start, end in bounds:
        outputs = model.model(read.inputs[:, start:end], cache=state, use_cache=True)
        logits = model.lm_head(model.projection(outputs.last_hidden_state))
        loss = functional.cross_entropy(logits.flatten(0, 1), read.targets[:, start:end].flatten())
        losses.append(loss.item() * (end - start) / mean)
        descend(model, loss * (end - start) / mean)
        state = RecurrentCache([tuple(part.detach() for part in layer) for layer in outputs.cache.states])
    return losses


@pytest.mark.parametrize("family", ["lstm", "gru", "elman"])
@pytest.mark.parametrize("block_size", [20, 500])
def test_a_window_as_long_as_the_text_is_full_back_propagation(tmp_path, family: str, block_size: int) -> None:
    ids = text(41)
    trained, by_hand = language_model(family), language_model(family)
    trainer(trained, tmp_path, ids, block_size=block_size).train()
    # Two texts of twenty steps, read whole.
    first, second = ids[:21], ids[20:41]
    scores = by_hand(torch.stack([first[:-1], second[:-1]])).logits
    loss = functional.cross_entropy(scores.flatten(0, 1), torch.stack([first[1:], second[1:]]).flatten())
    descend(by_hand, loss)
    torch.testing.assert_close(weights(trained), weights(by_hand), atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", ["lstm", "gru", "elman"])
def test_windows_carry_the_state_and_cut_the_gradient(tmp_path, family: str) -> None:
    ids = text(46)
    trained, by_hand = language_model(family), language_model(family)
    built = trainer(trained, tmp_path, ids, block_size=5)
    built.train()
    losses = descend_through_windows(by_hand, streams(ids, 2), window_bounds(22, 5))
    torch.testing.assert_close(weights(trained), weights(by_hand), atol=1e-6, rtol=0)
    logged = [entry["loss"] for entry in built.state.log_history if "loss" in entry]
    assert logged == pytest.approx(losses, abs=1e-4)
    # What a reset state, or a gradient through the whole text, would have come to.
    reset = language_model(family)
    for start, end in window_bounds(22, 5):
        descend_through_windows(reset, _cut(streams(ids, 2), start, end), [(0, end - start)])
    assert not torch.allclose(weights(trained), weights(reset), atol=1e-4)


def _cut(read: TokenStreams, start: int, end: int) -> TokenStreams:
    read.inputs, read.targets = read.inputs[:, start:end], read.targets[:, start:end]
    read.num_steps = end - start
    return read


def test_an_epoch_starts_from_zeros(tmp_path) -> None:
    ids = text(41)
    trained, by_hand = language_model(), language_model()
    trainer(trained, tmp_path, ids, block_size=7, num_train_epochs=2).train()
    for _ in range(2):
        descend_through_windows(by_hand, streams(ids, 2), window_bounds(20, 7))
    torch.testing.assert_close(weights(trained), weights(by_hand), atol=1e-6, rtol=0)


def test_random_windows_are_others_in_each_epoch_and_weigh_tokens_alike(tmp_path) -> None:
    ids = text(81)
    trained, by_hand = language_model(), language_model()
    trainer(trained, tmp_path, ids, block_size=8, random_windows=True, num_train_epochs=2, data_seed=5).train()
    drawn = [window_bounds(40, 8, torch.Generator().manual_seed(5 + epoch)) for epoch in range(2)]
    assert drawn[0] != drawn[1]
    for bounds in drawn:
        descend_through_windows(by_hand, streams(ids, 2), bounds)
    torch.testing.assert_close(weights(trained), weights(by_hand), atol=1e-6, rtol=0)


@pytest.mark.parametrize("steps", [4, 6, 8])
def test_a_resumed_run_is_the_same_bit_for_bit(tmp_path, steps: int) -> None:
    # Six steps an epoch: in the middle of the first, at its end, and in the middle of the second.
    options = {
        "block_size": 10,
        "random_windows": True,
        "num_train_epochs": 3,
        "optim": "adamw_torch",
        "learning_rate": 0.01,
        "lr_scheduler_type": "linear",
        "save_strategy": "steps",
        "save_steps": 2,
        "save_total_limit": None,
        "gradient_accumulation_steps": 2,
    }
    model = {"dropout": 0.3, "embedding_dropout": 0.2, "weight_dropout": 0.4}
    ids = text(241)
    whole = language_model(**model)
    trainer(whole, tmp_path, ids, **options).train()
    set_seed(99)
    resumed = language_model(**model)
    trainer(resumed, tmp_path, ids, **options).train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{steps}"))
    assert torch.equal(weights(whole), weights(resumed))


def test_a_checkpoint_without_a_state_is_refused(tmp_path) -> None:
    options = {"block_size": 10, "save_strategy": "steps", "save_steps": 1, "save_total_limit": None}
    trainer(language_model(), tmp_path, text(81), **options).train()
    for name in ("stream_state_0.safetensors", "checksums.json"):
        (tmp_path / "checkpoint-1" / name).unlink()
    with pytest.raises(FileNotFoundError, match="stream_state_0.safetensors' is not there"):
        trainer(language_model(), tmp_path, text(81), **options).train(
            resume_from_checkpoint=str(tmp_path / "checkpoint-1")
        )


def nats_by_hand(model: Any, ids: torch.Tensor) -> float:
    """Every token from all those before it, read anew."""
    model.eval()
    with torch.no_grad():
        scores = [model(ids[None, :end]).logits[0, -1].log_softmax(0)[ids[end]] for end in range(1, len(ids))]
    return -float(torch.stack(scores).double().sum())


@pytest.mark.parametrize("family", ["lstm", "gru", "elman"])
def test_the_loss_of_a_text_does_not_depend_on_the_window(family: str) -> None:
    model, ids = language_model(family, dropout=0.5, weight_dropout=0.5), text(60)
    expected = nats_by_hand(model, ids)
    model.train()
    for window in (1, 7, 59, 1000, None):
        assert text_loss(model, streams(ids), window=window) == pytest.approx(expected, abs=1e-4)
    assert model.training


def test_more_streams_start_afresh() -> None:
    model, ids = language_model(), text(61)
    parts = nats_by_hand(model, ids[:31]) + nats_by_hand(model, ids[30:])
    assert text_loss(model, streams(ids, 2), window=4) == pytest.approx(parts, abs=1e-4)


def test_evaluation_is_of_the_whole_text_and_disturbs_nothing(tmp_path) -> None:
    ids, held_out = text(81), text(33, seed=1)
    plain, evaluated = language_model(), language_model()
    trainer(plain, tmp_path, ids, block_size=8).train()
    built = trainer(
        evaluated,
        tmp_path,
        ids,
        block_size=8,
        eval_strategy="steps",
        eval_steps=2,
        eval_dataset=streams(held_out, characters=66),
    )
    built.train()
    assert torch.equal(weights(plain), weights(evaluated))
    figures = built.evaluate()
    nats = nats_by_hand(evaluated, held_out)
    assert figures["eval_loss"] == pytest.approx(nats / 32, abs=1e-5)
    assert figures["eval_perplexity"] == pytest.approx(2.718281828 ** (nats / 32), rel=1e-5)
    assert figures["eval_bits_per_character"] == pytest.approx(nats / 64 / 0.693147181, rel=1e-5)
    evaluations = [entry for entry in built.state.log_history if "eval_loss" in entry]
    assert len(evaluations) == 4


def test_the_number_of_streams_is_that_of_a_step(tmp_path) -> None:
    arguments = LanguageTrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=3, gradient_accumulation_steps=2, use_cpu=True
    )
    with pytest.raises(ValueError, match="`train_dataset` has 3 streams; it must have 6"):
        LanguageModelTrainer(
            model=language_model(),
            args=arguments,
            train_dataset=streams(text(50), 3),
            eval_dataset=streams(text(50)),
        )


def test_a_window_has_a_step() -> None:
    with pytest.raises(ValueError, match="`block_size`=0 must be at least 1"):
        LanguageTrainingArguments(block_size=0)


def test_averaging_starts_when_the_validation_loss_stops_falling(tmp_path) -> None:
    # So high a rate that the loss soon goes up and down.
    options = {
        "block_size": 10,
        "learning_rate": 20.0,
        "num_train_epochs": 12,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "save_total_limit": None,
        "nt_asgd_patience": 2,
        "eval_dataset": streams(text(60, seed=1), characters=60),
    }
    ids = text(81)
    whole = language_model()
    built = trainer(whole, tmp_path, ids, **options)
    built.train()
    losses = [entry["eval_loss"] for entry in built.state.log_history if "eval_loss" in entry]
    started = next(at for at in range(3, 12) if losses[at] > min(losses[: at - 2]))
    assert 3 <= started < 9
    own = {epoch: tmp_path / f"checkpoint-{4 * epoch}" / "training_weights.safetensors" for epoch in range(1, 13)}
    assert [epoch for epoch, path in own.items() if path.is_file()] == list(range(started + 1, 13))
    # What is evaluated, and saved as the model, is the average; training goes on from the weights beside it.
    averaged = LstmForCausalLM.from_pretrained(tmp_path / "checkpoint-48")
    held_out = options["eval_dataset"]
    assert losses[-1] == pytest.approx(text_loss(averaged, held_out) / len(held_out), abs=1e-6)
    # Resumed before there was an average, and after.
    for epoch in (started, started + 2):
        resumed = language_model()
        trainer(resumed, tmp_path, ids, **options).train(
            resume_from_checkpoint=str(tmp_path / f"checkpoint-{4 * epoch}")
        )
        assert torch.equal(weights(whole), weights(resumed))
