"""Encoder-decoders in training: losses, what the decoder reads, gradients that are computed twice, the Trainer."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional
from transformers import (
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerFast,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    set_seed,
)

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.models import sampled_softmax
from tests.models.common import assert_close
from tests.models.seq2seq import JOINTS, SOURCE_TOKENS, START, TARGET_TOKENS, WAYS, build_seq2seq, tokens


IDS = torch.stack(tokens([5, 5, 5], SOURCE_TOKENS))
LABELS = torch.stack(tokens([6, 6, 6], TARGET_TOKENS, seed=2))
LABELS[1, 4:] = -100
BATCH = {"input_ids": IDS, "labels": LABELS}


def gradients(model, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(named, found, strict=True))


def assert_same_gradients(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    for name, gradient in expected.items():
        assert_close(found[name], gradient, name)
    assert max(gradient.abs().max() for gradient in expected.values()) > 1e-3


@pytest.mark.parametrize("joint", WAYS)
def test_the_loss_is_the_mean_over_the_tokens_of_the_target(joint):
    model = build_seq2seq("lstm", joint)
    outputs = model(**BATCH)
    read = torch.tensor([[START, *row[:-1]] for row in LABELS.masked_fill(LABELS == -100, 0).tolist()])
    logits = model(IDS, decoder_input_ids=read).logits
    assert torch.equal(outputs.logits, logits)
    expected = functional.cross_entropy(logits.flatten(0, 1), LABELS.flatten(), ignore_index=-100)
    assert_close(outputs.loss, expected)
    number = int((LABELS != -100).sum())
    assert_close(model(**BATCH, num_items_in_batch=2 * number).loss, expected / 2)
    assert_close(model(**BATCH, num_items_in_batch=torch.tensor(2 * number)).loss, expected / 2)
    nothing = model(IDS, labels=torch.full_like(LABELS, -100)).loss
    assert nothing == 0
    without = model(**BATCH, skip_logits=True)
    assert without.logits is None
    assert_close(without.loss, expected)
    assert_same_gradients(gradients(model, without.loss), gradients(model, outputs.loss))


def sampled_by_hand(scores: torch.Tensor, targets: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """The mean of −log(exp(s_y) / Z) over the targets of (steps, tokens), Z from the drawn tokens c that are not y:
    exp(s_y) + Σ exp(s_c) / (k q(c)), q(c) = log((c + 2) / (c + 1)) / log(V + 1).
    """
    q = [math.log((c + 2) / (c + 1)) / math.log(scores.shape[1] + 1) for c in range(scores.shape[1])]
    terms = []
    for row, target in zip(scores, targets.tolist(), strict=True):
        if target != -100:
            others = [row[c].exp() / (len(drawn) * q[c]) for c in drawn.tolist() if c != target]
            terms.append((row[target].exp() + sum(others)).log() - row[target])
    return torch.stack(terms).mean()


@pytest.mark.parametrize("joint", WAYS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_sampled_softmax_compares_with_a_few_tokens_in_training_alone(monkeypatch, family, joint):
    model, full = build_seq2seq(family, joint, sampled_softmax=4), build_seq2seq(family, joint)
    assert_close(model(**BATCH).loss, full(**BATCH).loss)
    drawn = sampled_softmax.draw_tokens(TARGET_TOKENS, 4, torch.device("cpu"))
    asked = []
    monkeypatch.setattr(sampled_softmax, "draw_tokens", lambda *given: asked.append(given[:2]) or drawn)
    outputs, scores = model.train()(**BATCH), full(**BATCH).logits
    assert asked == [(TARGET_TOKENS, 4)] and outputs.logits is None
    wanted = sampled_by_hand(scores.flatten(0, 1), LABELS.flatten(), drawn[0])
    assert_close(outputs.loss, wanted)
    assert_same_gradients(gradients(model, outputs.loss), gradients(full, wanted))
    assert model(IDS, decoder_input_ids=LABELS.clamp(min=0)).logits.shape == (3, 6, TARGET_TOKENS)


@pytest.mark.parametrize("family", ["lstm", "gru"])
@pytest.mark.parametrize("joint", JOINTS)
def test_scheduled_sampling_reads_what_the_model_writes(family, joint):
    plain = build_seq2seq(family, joint)
    always = build_seq2seq(family, joint, scheduled_sampling=1.0)
    written = plain.generate(IDS, max_new_tokens=5, do_sample=False, suppress_tokens=None)
    expected = plain(IDS, decoder_input_ids=written).logits
    assert torch.equal(always(**BATCH).logits, plain(**BATCH).logits), "it is for training alone"
    outputs = always.train()(input_ids=IDS, labels=LABELS)
    assert_close(outputs.logits, expected)
    wanted = functional.cross_entropy(expected.flatten(0, 1), LABELS.flatten(), ignore_index=-100)
    assert_close(outputs.loss, wanted)
    assert_same_gradients(gradients(always, outputs.loss), gradients(plain, wanted))


def test_scheduled_sampling_draws_some_of_the_tokens():
    model = build_seq2seq("lstm", "general-None", scheduled_sampling=0.5).train()
    seen: list[torch.Tensor] = []
    model.get_decoder().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.manual_seed(1)
    model(**BATCH)
    read, given = seen[-1], model.prepare_decoder_input_ids_from_labels(LABELS)
    assert torch.equal(read[:, 0], given[:, 0])
    assert 0 < (read != given).sum() < given[:, 1:].numel()
    model.config.scheduled_sampling = 0.0
    seen.clear()
    model(**BATCH)
    assert len(seen) == 1 and torch.equal(seen[0], given)


@pytest.mark.parametrize("joint", WAYS)
def test_scheduled_sampling_passes_over_the_padding_of_a_target(joint):
    model = build_seq2seq("lstm", joint, scheduled_sampling=1.0).train()
    ids = torch.tensor([[START, 3, 7, 2]])
    wide, mask = torch.tensor([[8, 8, START, 3, 7, 2]]), torch.tensor([[0, 0, 1, 1, 1, 1]])
    expected = model(IDS[:1], decoder_input_ids=ids).logits
    assert_close(model(IDS[:1], decoder_input_ids=wide, decoder_attention_mask=mask).logits[:, 2:], expected)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_gradient_checkpointing_gives_the_same_gradients(family, joint, reentrant):
    """With dropout, whose masks are held from step to step, and more rows than are computed by the equations."""
    results = []
    batch = {name: value.repeat(7, 1) for name, value in BATCH.items()}
    for checkpointing in (False, True):
        dropped = {"dropout": 0.4, "embedding_dropout": 0.2}
        model = build_seq2seq(family, joint, encoder=dropped, decoder=dropped).train()
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": reentrant})
            assert all(layer.gradient_checkpointing for layer in model.get_decoder().layers)
        torch.manual_seed(7)
        loss = model(**batch).loss
        loss.backward()
        results.append({name: parameter.grad for name, parameter in model.named_parameters()})
    plain, checkpointed = results
    assert_same_gradients(checkpointed, plain)


@pytest.mark.parametrize("joint", WAYS)
def test_a_mask_of_dropout_is_that_of_all_steps(joint):
    """Each step of a target, the same token over and over, loses the same features of what a layer reads."""
    model = build_seq2seq("lstm", joint, decoder={"dropout": 0.5}).train()
    seen: list[torch.Tensor] = []
    layer = model.get_decoder().layers[1]
    layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(**BATCH)
    lost = torch.cat(seen, 1) == 0
    assert lost.shape == (3, 6, 6) and 0 < lost.sum() < lost.numel()
    assert torch.equal(lost, lost[:, :1].expand_as(lost))


PAIRS = [("one two three", "a b"), ("two", "b"), ("three one", "c a b"), ("two two", "b b")]


def tokenizer_of(texts: list[str]) -> PreTrainedTokenizerFast:
    return train_tokenizer(texts, kind="word", min_frequency=1, show_progress=False)


def examples(tokenizer: PreTrainedTokenizerFast) -> list[dict[str, list[int]]]:
    return [
        {"input_ids": tokenizer(source)["input_ids"], "labels": tokenizer(target)["input_ids"]}
        for source, target in PAIRS
    ]


@pytest.mark.parametrize("of_collator", [True, False])
def test_the_collator_of_transformers_and_smoothed_labels(of_collator, tmp_path):
    """The Trainer smooths by the logits; the collator makes `decoder_input_ids`, or the model does."""
    tokenizer = tokenizer_of([text for pair in PAIRS for text in pair])
    vocabulary = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    model = build_seq2seq("gru", encoder=vocabulary, decoder=vocabulary, pad_token_id=tokenizer.pad_token_id)
    collator = DataCollatorForSeq2Seq(tokenizer, model=model if of_collator else None)
    batch = collator(examples(tokenizer))
    assert ("decoder_input_ids" in batch) == of_collator
    assert torch.equal(batch["labels"] == -100, batch["labels"] < 0) and (batch["labels"] == -100).any()
    if of_collator:
        assert torch.equal(batch["decoder_input_ids"], model.prepare_decoder_input_ids_from_labels(batch["labels"]))
    alone = [model(**collator([example]), num_items_in_batch=1).loss for example in examples(tokenizer)]
    assert_close(model(**batch, num_items_in_batch=1).loss, sum(alone))
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(tmp_path), label_smoothing_factor=0.1 if of_collator else 0.0, report_to="none", use_cpu=True
    )
    trainer = Seq2SeqTrainer(model=model, args=arguments, data_collator=collator)
    found = trainer.compute_loss(model, dict(batch))
    scores = model(**batch).logits.log_softmax(2)
    kept = batch["labels"] != -100
    right = -scores.gather(2, batch["labels"].clamp(min=0).unsqueeze(2)).squeeze(2)[kept].mean()
    even = -scores.mean(2)[kept].mean()
    # The Trainer sums what it smooths with in float32.
    torch.testing.assert_close(found, 0.9 * right + 0.1 * even if of_collator else right, rtol=1e-6, atol=0)


def test_the_trainer_teaches_a_model_to_answer(tmp_path):
    tokenizer = tokenizer_of([text for pair in PAIRS for text in pair])
    end = tokenizer.sep_token_id or tokenizer.eos_token_id or len(tokenizer)
    vocabulary = {"vocab_size": len(tokenizer) + 1, "pad_token_id": tokenizer.pad_token_id, "hidden_size": 8}
    set_seed(0)
    model = build_seq2seq("gru", encoder=vocabulary, decoder=vocabulary, pad_token_id=tokenizer.pad_token_id).float()
    rows = [{**row, "labels": [*row["labels"], end]} for row in examples(tokenizer)]
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(tmp_path),
        max_steps=120,
        learning_rate=0.03,
        lr_scheduler_type="constant",
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        predict_with_generate=True,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        seed=0,
    )
    model.generation_config.update(eos_token_id=end, max_new_tokens=6)
    collator = DataCollatorForSeq2Seq(tokenizer, model=model)
    trainer = Seq2SeqTrainer(model=model, args=arguments, data_collator=collator, train_dataset=rows)
    trainer.train()
    written = trainer.predict(rows).predictions[:, 1:]
    for row, answer in zip(rows, written.tolist(), strict=True):
        assert answer[: len(row["labels"])] == row["labels"]
