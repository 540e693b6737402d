"""Generation whose tokens are read in one call each: what is written, and when the modules read instead."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.nn.utils import parametrizations, prune
from transformers import LogitsProcessor, LogitsProcessorList, set_seed

from hf_rnn.kernels import tokens as compiled_tokens
from hf_rnn.kernels.network_binding import Network
from hf_rnn.models import token_reader as reading
from hf_rnn.models.paths import compiled_layer, recurrent_path
from tests.models.common import build_language_model


pytestmark = pytest.mark.skipif(compiled_layer() is None, reason="the kernels could not be built: no C++ compiler")
PROMPTS = torch.tensor([[3, 4, 5], [7, 2, 9]])
COUNT = 30
STACKS = {"one layer": {}, "two layers": {"hidden_sizes": [7, 5]}, "tied": {"tie_word_embeddings": True}}


@pytest.fixture
def steps(monkeypatch):
    """The texts of each step that the compiled network reads."""
    read: list[int] = []
    step = Network.step
    monkeypatch.setattr(compiled_tokens, "_FIRST", 0)
    monkeypatch.setattr(Network, "step", lambda self, ids, *rest: (read.append(len(ids)), step(self, ids, *rest))[1])
    return read


def write(model, prompts=PROMPTS, **options):
    options = {"max_new_tokens": COUNT, "do_sample": False, "eos_token_id": None, "pad_token_id": 0, **options}
    return model.generate(
        prompts,
        attention_mask=(prompts != 0).long(),
        return_dict_in_generate=True,
        output_logits=True,
        **options,
    )


def by_modules(model, *args, **options):
    make = reading._make
    reading.provide_token_reader(None)
    try:
        return write(model, *args, **options)
    finally:
        reading.provide_token_reader(make)


def assert_near(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """Compare a long text: with weights as large as these, each token enlarges the rounding of the last."""
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * max(1.0, float(wanted.abs().max())))


def check_same(model, *args, **options) -> None:
    set_seed(0)
    wanted = by_modules(model, *args, **options)
    set_seed(0)
    found = write(model, *args, **options)
    assert torch.equal(found.sequences, wanted.sequences)
    for own, other in zip(found.logits, wanted.logits, strict=True):
        assert_near(own, other)
    for own, other in zip(found.past_key_values.states, wanted.past_key_values.states, strict=True):
        for part, expected in zip(own, other, strict=True):
            assert_near(part, expected)
    assert found.past_key_values.get_seq_length() == wanted.past_key_values.get_seq_length()


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("variant", ["lstm", "gru", "elman-tanh", "elman-relu"])
def test_what_is_written_is_the_same(variant, stack, steps):
    options = {"initializer": "identity"} if variant == "elman-relu" else {}
    check_same(build_language_model(variant, **STACKS[stack], **options).float())
    assert steps == [2] * (COUNT - 1)


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 3},
        {"do_sample": True, "temperature": 1.5, "num_return_sequences": 2},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
        {"max_new_tokens": 1},
        {"eos_token_id": 4},
    ],
)
def test_every_way_of_choosing_tokens_gives_the_same(options, steps):
    check_same(build_language_model("lstm").float(), **options)
    assert len(steps) > 0 or options == {"max_new_tokens": 1}


def test_a_prompt_with_padding_before_it_goes_on_the_same(steps):
    check_same(build_language_model("gru").float(), torch.tensor([[0, 0, 3, 4], [5, 6, 7, 8]]))
    assert steps


def test_the_first_tokens_are_read_by_the_modules(monkeypatch, steps):
    monkeypatch.setattr(compiled_tokens, "_FIRST", 16)
    check_same(build_language_model("lstm").float())
    assert steps == [2] * (COUNT - 1 - 16)


class Changes(LogitsProcessor):
    """Change the weights in the middle of a text."""

    def __init__(self, change, at: int) -> None:
        self.change, self.at = change, at

    def __call__(self, input_ids, scores):
        if input_ids.shape[1] == self.at:
            self.change()
        return scores


@pytest.mark.parametrize("in_place", [True, False])
def test_weights_that_change_while_a_text_is_written_are_seen(in_place, steps):
    def check(model):
        weight = model.model.layers[0].cell.weight_hh_l0
        kept = weight.detach().clone()

        def change():
            if in_place:
                with torch.no_grad():
                    weight.mul_(-1)
            else:
                weight.data = -weight.data

        found = write(model, logits_processor=LogitsProcessorList([Changes(change, 20)]))
        weight.data = kept
        return found

    model = build_language_model("lstm").float()
    found = check(model)
    assert steps
    make = reading._make
    reading.provide_token_reader(None)
    try:
        wanted = check(model)
    finally:
        reading.provide_token_reader(make)
    assert torch.equal(found.sequences, wanted.sequences)
    assert not torch.equal(found.sequences, write(model).sequences)


def test_weights_that_change_between_two_texts_are_seen(steps):
    model = build_language_model("lstm").float()
    check_same(model)
    model.lm_head.weight.data.mul_(-1)  # a change that no version counts
    check_same(model)


def count(model, change) -> list[torch.Tensor]:
    calls: list[torch.Tensor] = []
    change(model, calls)
    return calls


def hook(model, calls):
    model.model.layers[0].register_forward_hook(lambda module, given, found: calls.append(found[0]))


def prune_weights(model, calls):
    prune.l1_unstructured(model.model.layers[0].cell, "weight_hh_l0", amount=0.5)


def parametrise(model, calls):
    parametrizations.weight_norm(model.lm_head)


def to_double(model, calls):
    model.double()


def to_training(model, calls):
    model.train()


def dropout_to_training(model, calls):
    model.dropout.train()


@pytest.mark.parametrize("change", [hook, prune_weights, parametrise, to_double, to_training, dropout_to_training])
def test_what_stands_between_weights_and_numbers_has_its_say(change, steps):
    model = build_language_model("lstm", weight_dropout=0.5, dropout=0.5).float()
    calls = count(model, change)
    if change is to_training:
        set_seed(0)
        write(model)
    else:
        check_same(model)
    assert steps == []
    assert change is not hook or len(calls) == 2 * COUNT


def test_hidden_states_and_forced_paths_are_left_to_the_modules(steps):
    model = build_language_model("lstm").float()
    found = write(model, output_hidden_states=True)
    assert len(found.hidden_states) == COUNT
    with recurrent_path("fused"):
        write(model)
    check_same(build_language_model("gru-reset-before").float())
    assert steps == []


def test_many_texts_are_left_to_products_of_matrices(steps):
    check_same(build_language_model("lstm").float(), torch.randint(1, 13, (17, 3)))
    assert steps == []


def test_a_forward_pass_outside_generate_is_read_by_the_modules(steps):
    model = build_language_model("lstm").float()
    write(model)
    seen = len(steps)
    outputs = model(input_ids=PROMPTS, use_cache=True)
    one = model(input_ids=PROMPTS[:, :1], attention_mask=torch.ones(2, 1), cache=outputs.cache, use_cache=True)
    assert one.logits.requires_grad
    assert len(steps) == seen


def test_threads_write_with_one_model(steps):
    model = build_language_model("lstm").float()
    prompts = [torch.randint(1, 13, (1, 3)) for _ in range(8)]
    wanted = [by_modules(model, prompt).sequences for prompt in prompts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda prompt: write(model, prompt).sequences, prompts))
    assert all(torch.equal(own, other) for own, other in zip(found, wanted, strict=True))
    assert len(steps) == 8 * (COUNT - 1)


@torch.no_grad()
def test_another_model_asked_meanwhile_is_read_by_its_modules(steps):
    model, other = (build_language_model("lstm", seed=seed).float() for seed in (0, 1))
    given = {"input_ids": PROMPTS[:, :1], "attention_mask": torch.ones(2, 1), "use_cache": True}
    given["cache"] = other(input_ids=PROMPTS, use_cache=True).cache
    wanted = other(**given).logits
    with reading.tokens_read_by(model):
        assert torch.equal(other(**given).logits, wanted)
    assert steps == []


@torch.no_grad()
def test_a_step_of_padding_is_left_to_the_modules(steps):
    model = build_language_model("lstm").float()
    cache = model(input_ids=PROMPTS, use_cache=True).cache
    given = {"input_ids": PROMPTS[:, :1], "cache": cache, "use_cache": True}
    with reading.tokens_read_by(model):
        read = model(**given, attention_mask=torch.ones(2, 1))
        padding = model(**given, attention_mask=torch.tensor([[1], [0]]))
        without = model(**given)
    assert steps == [2]
    torch.testing.assert_close(padding.logits[0], read.logits[0], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(padding.logits[1], read.logits[1], rtol=1e-2)
    assert torch.equal(padding.cache.states[0][0][1], cache.states[0][0][1])
    torch.testing.assert_close(without.logits, read.logits, rtol=1e-4, atol=1e-4)
