"""The wide part: its n-grams counted by hand in Python, blind to padding, saved, traced and refused."""

from __future__ import annotations

import logging
import math
from collections import Counter

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from transformers import AutoModelForSequenceClassification

from hf_rnn.models.configuration_rnn import BiLstmConfig, GruConfig
from hf_rnn.models.modeling_rnn import GruForSequenceClassification
from hf_rnn.models.wide import BASE, BOUNDARY, MODULUS, salt_of
from tests.models.recording import export, trace


PAD, CLS = 0, 1
# Pieces of words, a word of two bytes a letter, a mark, and a token of two words.
SPELT = [b"", b"", b"\xffun", b"happy", b"\xffthe", b"\xff.\xff", "\xe9t".encode(), b"\xfftwo\xffw", b"\xff", b"\xffa"]
TEXTS = [[CLS, 4, 2, 3, 5, 9, 9], [7, 3, 6], [], [8, 8], [3, 2, 3, 2, 3, 9, 4, 4, 4, 5, 5], [CLS]]
BUCKETS = 97


def build(labels: int = 3, **options) -> GruForSequenceClassification:
    torch.manual_seed(0)
    config = GruConfig(
        vocab_size=len(SPELT),
        embedding_size=4,
        hidden_size=4,
        num_labels=labels,
        max_token_bytes=8,
        wide_buckets=BUCKETS,
        **options,
    )
    model = GruForSequenceClassification(config).double().eval()
    model.wide.set_tokens(SPELT)
    model.wide.weight.normal_()
    model.wide.bias.normal_()
    model.wide.scales.copy_(torch.tensor([0.75, 1.5]))
    return model


def words_of(text: list[int]) -> list[bytes]:
    return [word for word in b"".join(SPELT[token] for token in text).split(b"\xff") if word]


def bucket(kind: str, order: int, hashed: int) -> int:
    return (hashed * BASE + salt_of(kind, order)) % MODULUS % BUCKETS


def by_hand(model: GruForSequenceClassification, text: list[int]) -> torch.Tensor:
    words = words_of(text)
    keys = [sum((byte + 1) * BASE**place for place, byte in enumerate(word)) % MODULUS for word in words]
    counts: dict[str, Counter[int]] = {"word": Counter(), "character": Counter()}
    for order in range(1, model.config.wide_ngrams + 1):
        for start in range(len(words) - order + 1):
            hashed = 0
            for key in keys[start : start + order]:
                hashed = hashed * BASE + key
            counts["word"][bucket("word", order, hashed % MODULUS)] += 1
    for word in words:
        marked = bytes([BOUNDARY]) + word + bytes([BOUNDARY])
        for order in range(2, model.config.wide_characters + 1):
            for start in range(len(marked) - order + 1):
                hashed = 0
                for byte in marked[start : start + order]:
                    hashed = hashed * BASE + byte + 1
                counts["character"][bucket("character", order, hashed % MODULUS)] += 1
    logits = model.wide.bias.clone()
    for found in counts.values():
        total = math.sqrt(max(1, found.total()))
        for row, count in found.items():
            logits = logits + model.wide.weight[row] * count / total
    return logits


def batch_of(texts: list[list[int]], width: int, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    # The padding is of a token that spells something: the mask alone says what is read.
    ids, mask = torch.full((len(texts), width), 4), torch.zeros(len(texts), width, dtype=torch.long)
    for row, text in enumerate(texts):
        start = width - len(text) if left else 0
        ids[row, start : start + len(text)] = torch.tensor(text, dtype=torch.long)
        mask[row, start : start + len(text)] = 1
    return ids, mask


@pytest.mark.parametrize("orders", [(2, 5), (1, 0), (3, 2), (1, 3), (4, 7)])
@torch.no_grad()
def test_logits_are_those_of_ngrams_counted_by_hand(orders):
    model = build(wide_ngrams=orders[0], wide_characters=orders[1])
    ids, mask = batch_of(TEXTS, 11)
    expected = torch.stack([by_hand(model, text) for text in TEXTS])
    torch.testing.assert_close(model.wide(ids, mask.bool()), expected, rtol=0, atol=1e-10)
    assert len({tuple(row.tolist()) for row in expected}) == 4  # three texts have no word


@pytest.mark.parametrize("left", [False, True])
@torch.no_grad()
def test_a_texts_logits_depend_on_nothing_in_its_batch(left):
    model = build()
    for width in (11, 30):
        together = model(*batch_of(TEXTS, width, left)).logits
        for text, logits in zip(TEXTS, together, strict=True):
            alone = model(*batch_of([text], max(1, len(text)))).logits[0]
            torch.testing.assert_close(logits, alone, rtol=0, atol=1e-10)


@torch.no_grad()
def test_logits_are_the_scaled_sum_of_both_parts_and_in_training_those_of_the_network():
    model, inputs = build(), batch_of(TEXTS, 11)
    wide = model.wide(inputs[0], inputs[1].bool())
    both = model(*inputs).logits
    deep = model.train()(*inputs).logits
    model.wide = None
    torch.testing.assert_close(deep, model.eval()(*inputs).logits, rtol=0, atol=0)
    torch.testing.assert_close(both, 0.75 * deep + 1.5 * wide, rtol=0, atol=1e-12)


@torch.no_grad()
def test_a_single_logit_leaves_the_first_label_at_zero():
    model, inputs = build(labels=2, single_logit=True), batch_of(TEXTS, 11)
    logits = model(*inputs).logits
    assert logits.shape == (len(TEXTS), 2) and not logits[:, 0].any()
    wide = torch.stack([by_hand(model, text) for text in TEXTS])
    torch.testing.assert_close(model.wide(inputs[0], inputs[1].bool())[:, 1:], wide, rtol=0, atol=1e-10)


@pytest.mark.parametrize("auto", [False, True])
@torch.no_grad()
def test_a_saved_model_is_loaded_as_it_was(tmp_path, auto):
    model, inputs = build().float(), batch_of(TEXTS, 11)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "wide.py").is_file()
    loader = AutoModelForSequenceClassification if auto else GruForSequenceClassification
    loaded, report = loader.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    torch.testing.assert_close(loaded(*inputs).logits, model(*inputs).logits, rtol=0, atol=0)


@torch.no_grad()
def test_a_checkpoint_without_a_wide_part_gets_one_of_zeros_and_it_is_said(tmp_path):
    model = build().float()
    model.wide, model.config.wide_buckets = None, None
    model.save_pretrained(tmp_path)
    loaded, report = GruForSequenceClassification.from_pretrained(
        tmp_path, wide_buckets=BUCKETS, output_loading_info=True
    )
    assert {name for name in report["missing_keys"] if name.startswith("wide.")} >= {"wide.weight", "wide.token_bytes"}
    assert not loaded.wide.weight.any() and loaded.wide.scales.tolist() == [0.5, 0.5]
    # Without a tokenizer every token is a word of its own, so that texts differ.
    ids, mask = batch_of(TEXTS, 11)
    rows, shares = loaded.wide.bag(ids, mask.bool())
    assert rows[0, 0] != rows[0, 1] and shares[0].sum() > 0


@pytest.mark.parametrize("how", [trace, export])
@torch.no_grad()
def test_a_recording_reads_other_batches_than_its_example(how):
    model = build()
    recorded = how(model, dict(zip(("input_ids", "attention_mask"), batch_of(TEXTS[:2], 7), strict=True)))
    for texts, width in ((TEXTS, 11), ([[4] * 30, [2, 3], [5]], 40)):
        ids, mask = batch_of(texts, width)
        found = recorded(input_ids=ids, attention_mask=mask)
        torch.testing.assert_close(found["logits"], model(ids, mask).logits, rtol=0, atol=1e-10)


def test_a_token_that_is_too_long_is_cut_and_too_many_are_refused():
    model = build()
    model.wide.set_tokens([b"\xffabcdefghij"])
    assert model.wide.token_lengths.tolist() == [8] + [0] * (len(SPELT) - 1)
    with pytest.raises(ValueError, match=r"`spelt` is of 11 tokens; `vocab_size` of the config is 10"):
        model.wide.set_tokens([b"a"] * 11)


def test_what_has_no_ids_of_a_whole_text_is_refused():
    model, (ids, mask) = build(), batch_of(TEXTS, 11)
    with pytest.raises(ValueError, match=r"`inputs_embeds` is given to a model with `wide_buckets`=97.*`model.wide`"):
        model(inputs_embeds=torch.zeros(1, 2, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="a `cache` is given"):
        model(ids, mask, cache=model.model.initial_state(len(ids)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wide_buckets": 0}, "`wide_buckets` is 0; it must be a whole number of at least 1"),
        ({"wide_buckets": 8, "wide_ngrams": 0}, "`wide_ngrams` is 0"),
        ({"wide_buckets": 8, "wide_characters": 1}, "`wide_characters` is 1; it must be 0 or at least 2"),
        ({"wide_buckets": 8, "vocab_size": None}, "`wide_buckets` is 8, which needs a `vocab_size`"),
    ],
)
def test_a_configuration_that_makes_no_wide_part_is_refused(options, message):
    with pytest.raises(StrictDataclassClassValidationError) as error:
        BiLstmConfig(**options)
    assert message in str(error.value)


def test_no_wide_part_is_the_default(caplog):
    with caplog.at_level(logging.WARNING):
        model = GruForSequenceClassification(GruConfig(vocab_size=5, embedding_size=2, hidden_size=2))
    assert model.wide is None and not any("wide" in name for name in model.state_dict())
