"""The state: what it holds, reading in chunks, starting from one, and what a cache can do."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from transformers import DynamicCache

from hf_rnn import GruConfig, GruModel, LstmConfig, LstmModel
from hf_rnn.models.cache_rnn import RecurrentCache
from tests.models.common import ONE_WAY, RECURRENT, VARIANTS, alone, assert_close, batch_of, build, sentences


STACK = {"hidden_sizes": [4, 3]}


def read(model, layout: str = "holes", **options):
    return model(**batch_of(sentences(), layout)[0], **options)


def random_states(model, batch: int) -> list[tuple[torch.Tensor, ...]]:
    generator = torch.Generator().manual_seed(5)
    config = model.config
    return [
        tuple(
            torch.randn(batch, config.num_directions, size, dtype=torch.float64, generator=generator)
            for _ in range(2 if config.cell == "lstm" else 1)
        )
        for size in config.layer_sizes
    ]


def assert_same_states(actual: RecurrentCache, wanted: RecurrentCache) -> None:
    for layer, wanted_layer in zip(actual.states, wanted.states, strict=True):
        for part, wanted_part in zip(layer, wanted_layer, strict=True):
            assert_close(part, wanted_part)


@pytest.mark.parametrize("variant", ONE_WAY)
def test_the_last_step_is_h_n(variant):
    model = build(variant, head=False, **STACK)
    (text,) = sentences([6])
    outputs = model(**alone(text), use_cache=True, output_hidden_states=True)
    for h, states in zip(outputs.cache.h_n, outputs.hidden_states[1:], strict=True):
        assert torch.equal(h[0], states[:, -1])
    assert torch.equal(outputs.pooler_output, outputs.last_hidden_state[:, -1])


@pytest.mark.parametrize("variant", RECURRENT)
def test_shapes_are_those_of_torch(variant):
    model = build(variant, head=False, bidirectional=True, **STACK)
    state = read(model, use_cache=True).cache
    assert [tuple(h.shape) for h in state.h_n] == [(2, 6, 4), (2, 6, 3)]
    if VARIANTS[variant][0] in ("lstm", "bilstm"):
        assert [tuple(c.shape) for c in state.c_n] == [(2, 6, 4), (2, 6, 3)]
        assert not torch.allclose(state.h_n[0], state.c_n[0])
    else:
        assert state.c_n is None


@pytest.mark.parametrize("variant", RECURRENT)
def test_asking_for_all_steps_does_not_change_the_state(variant):
    model = build(variant, head=False, bidirectional=True, **STACK)
    bare = read(model, use_cache=True)
    full = read(model, use_cache=True, output_hidden_states=True)
    for one, other in zip(bare.cache.states, full.cache.states, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("variant", RECURRENT)
def test_asking_for_the_state_does_not_change_the_outputs(variant):
    model = build(variant, head=False, bidirectional=True, **STACK)
    with_state, without = read(model, use_cache=True), read(model, use_cache=False)
    assert_close(with_state.last_hidden_state, without.last_hidden_state)
    assert_close(with_state.pooler_output, without.pooler_output)


@pytest.mark.parametrize(
    ("of_config", "given", "use_cache", "returned"),
    [
        (False, False, None, False),
        (False, False, True, True),
        (True, False, None, True),
        (True, False, False, False),
        (False, True, None, True),
        (False, True, False, False),
    ],
)
def test_when_the_state_is_returned(of_config, given, use_cache, returned):
    model = build("gru", use_cache=of_config)
    cache = RecurrentCache(random_states(model, 6)) if given else None
    outputs = read(model, use_cache=use_cache, cache=cache)
    assert isinstance(outputs.cache, RecurrentCache) == returned
    assert (outputs.cache is not None) == returned


def test_a_dan_has_no_state():
    assert read(build("dan"), use_cache=True).cache is None


@pytest.mark.parametrize("layout", ["right", "right-wide", "left", "holes"])
@pytest.mark.parametrize("variant", ONE_WAY)
def test_chunks_equal_the_whole(variant, layout):
    model = build(variant, head=False, **STACK)
    batch, _ = batch_of(sentences(), layout)
    whole = model(**batch, use_cache=True)
    state, chunks, start = None, [], 0
    for size in (2, 1, 3, 99):
        part = {name: value[:, start : start + size] for name, value in batch.items()}
        outputs = model(**part, cache=state, use_cache=True)
        state, start = outputs.cache, start + size
        chunks.append(outputs.last_hidden_state)
    assert_close(torch.cat(chunks, dim=1), whole.last_hidden_state)
    assert_same_states(state, whole.cache)
    assert_close(outputs.pooler_output, whole.pooler_output)
    assert state.get_seq_length() == whole.cache.get_seq_length() == batch["input_ids"].shape[1]


@pytest.mark.parametrize("variant", RECURRENT)
def test_an_initial_state_is_where_reading_starts(variant):
    """Both ways: the backward direction starts from its state at the last token; an empty text keeps the state."""
    model = build(variant, head=False, bidirectional=True, **STACK)
    states = random_states(model, 6)
    outputs = read(model, cache=RecurrentCache(states))
    assert not torch.allclose(outputs.last_hidden_state, read(model).last_hidden_state)
    places = batch_of(sentences(), "holes")[1]
    for row, text in enumerate(sentences()):
        own = RecurrentCache([tuple(part[row : row + 1] for part in layer) for layer in states])
        single = model(**alone(text), cache=own)
        assert_close(outputs.last_hidden_state[row, places[row]], single.last_hidden_state[0, : len(text)])
        for layer, single_layer, start in zip(outputs.cache.states, single.cache.states, states, strict=True):
            for part, single_part, initial in zip(layer, single_layer, start, strict=True):
                assert_close(part[row], single_part[0])
                assert torch.equal(part[row], initial[row]) == (len(text) == 0)


@pytest.mark.parametrize("variant", RECURRENT)
def test_the_given_state_is_never_changed(variant):
    model = build(variant, head=False, bidirectional=True, **STACK)
    given = RecurrentCache(random_states(model, 6), num_steps=4)
    before = copy.deepcopy(given)
    returned = read(model, cache=given).cache
    assert returned is not given
    assert returned.get_seq_length() == 4 + 11 and given.get_seq_length() == 4
    for layer, kept in zip(given.states, before.states, strict=True):
        assert all(torch.equal(part, kept_part) for part, kept_part in zip(layer, kept, strict=True))


@pytest.mark.parametrize("variant", RECURRENT)
def test_the_gradient_reaches_the_initial_state_of_a_frozen_model(variant):
    """Fused kernels keep what a backward pass needs although no weight wants a gradient."""
    model = build(variant, head=False)
    results = []
    for frozen in (False, True):
        model.requires_grad_(not frozen)
        states = [tuple(part.requires_grad_() for part in layer) for layer in random_states(model, 6)]
        outputs = read(model, cache=RecurrentCache(states), use_cache=False)
        results.append(torch.autograd.grad(outputs.pooler_output.square().sum(), states[0][0])[0])
    assert results[0].abs().max() > 1e-3
    assert_close(results[1], results[0])


@pytest.mark.parametrize("variant", RECURRENT)
def test_a_state_of_another_dtype_is_taken_over(variant):
    """A state kept by a bfloat16 or float32 run starts a float64 model."""
    model = build(variant, head=False)
    half = [tuple(part.to(torch.bfloat16) for part in layer) for layer in random_states(model, 6)]
    wide = [tuple(part.double() for part in layer) for layer in half]
    results = [read(model, cache=RecurrentCache(states)).last_hidden_state for states in (half, wide)]
    assert torch.equal(*results)


@pytest.mark.parametrize("variant", ["lstm", "gru", "jordan"])
@pytest.mark.parametrize("wrong", ["batch", "directions", "units", "cell"])
def test_a_state_that_does_not_fit_is_refused(variant, wrong):
    model = build(variant, head=False)
    parts = 2 if (variant == "lstm") != (wrong == "cell") else 1
    shape = {"batch": (1, 1, 4), "directions": (6, 2, 4), "units": (6, 1, 5), "cell": (6, 1, 4)}[wrong]
    state = tuple(torch.zeros(shape, dtype=torch.float64) for _ in range(parts))
    with pytest.raises(ValueError, match=r"`cache` holds \[.*this one takes \[\(6, 1, 4\)") as error:
        read(model, cache=RecurrentCache([state]))
    assert str(shape) in str(error.value)


def test_a_state_of_other_layers_is_refused():
    model = build("gru", head=False, num_hidden_layers=2)
    with pytest.raises(ValueError, match="`cache` holds 1 layers; the model has 2"):
        read(model, cache=RecurrentCache(random_states(build("gru"), 6)))


@pytest.mark.parametrize("cache", [DynamicCache(), (torch.zeros(6, 1, 4),)])
def test_only_a_recurrent_cache_is_a_state(cache):
    with pytest.raises(ValueError, match=f"`cache` is a {type(cache).__name__}; it must be a RecurrentCache"):
        read(build("gru"), cache=cache)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_state_of_torch_is_taken_over(cell, bidirectional):
    """A model goes on from the state of torch's layers of the same weights as these do."""
    torch.manual_seed(0)
    layers = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](3, 4, 2, batch_first=True, bidirectional=bidirectional).double()
    config, family = {"lstm": (LstmConfig, LstmModel), "gru": (GruConfig, GruModel)}[cell]
    values = {"vocab_size": None, "embedding_size": 3, "hidden_size": 4, "num_hidden_layers": 2}
    model = family(config(bidirectional=bidirectional, **values)).double().eval()
    for name, weight in layers.named_parameters():
        number = "1" if "_l1" in name else "0"
        model.layers[int(number)].cell.get_parameter(name.replace("_l1", "_l0")).data.copy_(weight)
    first, second = torch.randn(2, 2, 5, 3, dtype=torch.float64)
    with torch.no_grad():
        _, state = layers(first)
        wanted, after = layers(second, state)
        state = state if isinstance(state, tuple) else (state,)
        start = RecurrentCache.from_torch(*state, bidirectional=bidirectional, num_steps=5)
        outputs = model(inputs_embeds=second, cache=start, use_cache=True)
    assert_close(outputs.last_hidden_state, wanted)
    h_n = torch.cat(outputs.cache.h_n)
    assert_close(h_n, after[0] if cell == "lstm" else after)
    assert outputs.cache.get_seq_length() == 10
    own = RecurrentCache(start.states, batch_first=True)
    assert torch.equal(model(inputs_embeds=second, cache=own).last_hidden_state, outputs.last_hidden_state)
    by_layer = [(h, c) for h, c in zip(start.h_n, start.c_n, strict=True)] if start.c_n else [(h,) for h in start.h_n]
    assert_same_states(RecurrentCache(by_layer, batch_first=False), start)


@pytest.mark.parametrize("shape", [(2, 2, 4), (2, 3, 4), (2, 64, 4)])
def test_the_order_of_torch_is_not_taken_for_ours(shape):
    with pytest.raises(ValueError, match=r"(?s)`states` has a part of shape.*from_torch\(h_n, c_n, bidirectional=…\)"):
        RecurrentCache([(torch.zeros(shape),)])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([torch.zeros(3, 2, 4)], {"bidirectional": True}, "`h_n` has 3 states .* must be even"),
        ([torch.zeros(2, 4)], {}, r"`h_n` is \(2, 4\); it must be a tensor \(layers \* directions, batch, units\)"),
        ([torch.zeros(1, 2, 4), torch.zeros(1, 3, 4)], {}, r"`c_n` is \(1, 3, 4\)"),
        ([(torch.zeros(1, 2, 4),) * 2], {}, r"`h_n` is of type tuple; .* `from_torch\(\*state\)`"),
    ],
)
def test_what_is_no_state_of_torch_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        RecurrentCache.from_torch(*arguments, **options)


def test_a_state_of_other_directions_is_refused():
    """Two layers that read one way give as many states as one that reads both ways; a model has one kind."""
    model = build("gru", head=False, bidirectional=True)
    h_n = torch.zeros(2, 6, 4, dtype=torch.float64)
    assert read(model, cache=RecurrentCache.from_torch(h_n, bidirectional=True)).last_hidden_state is not None
    with pytest.raises(ValueError, match="`cache` holds 2 layers; the model has 1"):
        read(model, cache=RecurrentCache.from_torch(h_n))


@pytest.fixture(params=["lstm", "gru"])
def cache(request) -> RecurrentCache:
    return RecurrentCache(random_states(build(request.param, bidirectional=True, **STACK), 6), num_steps=9)


@pytest.mark.parametrize(
    ("method", "argument", "rows"),
    [
        ("reorder_cache", torch.tensor([5, 0, 0, 1, 2, 3]), [5, 0, 0, 1, 2, 3]),
        ("batch_repeat_interleave", 2, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        ("batch_select_indices", torch.tensor([4, 1]), [4, 1]),
    ],
)
def test_rows_of_a_cache(cache, method, argument, rows):
    before = cache.states
    getattr(cache, method)(argument)
    for layer, old in zip(cache.states, before, strict=True):
        assert all(torch.equal(part, old_part[rows]) for part, old_part in zip(layer, old, strict=True))
    assert cache.get_seq_length() == 9


def test_reset_is_a_state_of_zeros_at_the_start(cache):
    model = build("lstm" if cache.c_n is not None else "gru", bidirectional=True, **STACK)
    before = [tuple(part.clone() for part in layer) for layer in cache.states]
    kept = cache.states
    cache.reset()
    assert cache.get_seq_length() == 0
    assert torch.equal(read(model, cache=cache).logits, read(model, use_cache=True).logits)
    # Tensors that somebody else holds are left alone.
    assert all(
        torch.equal(a, b) for one, other in zip(kept, before, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_a_cache_cannot_be_cropped(cache):
    with pytest.raises(ValueError, match="cannot forget"):
        cache.crop(1)


def test_a_cache_takes_no_keys_and_values(cache):
    with pytest.raises(TypeError, match="no keys and values"):
        cache.update(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), 0)


def test_what_transformers_asks_of_a_cache(cache):
    assert len(cache) == 2
    assert not cache.is_compileable
    assert cache.get_mask_sizes(3, 0) == (12, 0)
    assert cache.get_max_length() == -1
