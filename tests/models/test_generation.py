"""`generate()`: in every mode, however the prompt is given, it writes what a loop without a state writes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.generation.streamers import BaseStreamer

from hf_rnn.models.cache_rnn import RecurrentCache
from hf_rnn.models.state_name import STATE_NAME
from tests.models.common import ONE_WAY, batch_of, build, build_language_model, configure, sentences
from tests.models.generation import SAMPLING, beams, greedy, sample


STEPS = 6
LENGTHS = [3, 1, 5]
STACK = {"hidden_sizes": [4, 3]}
PROMPTS = [text.tolist() for text in sentences(LENGTHS)]


def padded(layout: str = "left") -> dict[str, torch.Tensor]:
    return batch_of(sentences(LENGTHS), layout)[0]


def state_after(model, columns: int) -> RecurrentCache:
    first = {name: value[:, :columns] for name, value in padded().items()}
    return model(**first, use_cache=True).cache


def continued(model) -> dict[str, object]:
    return {**padded(), "cache": state_after(model, 5)}


def new_tokens_only(model) -> dict[str, object]:
    batch = padded()
    return {**batch, "input_ids": batch["input_ids"][:, 5:], "cache": state_after(model, 5)}


def embedded(model) -> dict[str, object]:
    batch = padded()
    return {
        "inputs_embeds": model.get_input_embeddings()(batch["input_ids"]),
        "attention_mask": batch["attention_mask"],
    }


# How the prompts come to the model.
WAYS = {
    "left": lambda model: padded(),
    "right": lambda model: padded("right"),
    "holes": lambda model: padded("holes"),
    "uncached": lambda model: {**padded(), "use_cache": False},
    "chunked": lambda model: {**padded(), "prefill_chunk_size": 2},
    "continued": continued,
    "continued-chunked": lambda model: {**continued(model), "prefill_chunk_size": 1},
    "new-only": new_tokens_only,
    "new-only-chunked": lambda model: {**new_tokens_only(model), "prefill_chunk_size": 3},
    "embedded": embedded,
    "embedded-continued": lambda model: {**embedded(model), "cache": state_after(model, 5)},
}


def write(model, inputs: dict[str, object], **options):
    found = model.generate(**inputs, max_new_tokens=STEPS, return_dict_in_generate=True, output_scores=True, **options)
    return found.sequences[:, -STEPS:], found


def assert_scores(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert torch.equal(actual.isinf(), expected.isinf())
    assert torch.allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("variant", ["lstm", "gru", "jordan"])
def test_greedy(variant, way):
    model = build_language_model(variant, **STACK)
    tokens, found = write(model, WAYS[way](model), do_sample=False)
    scores = torch.stack(found.scores).log_softmax(2)
    written = [greedy(model, prompt, STEPS) for prompt in PROMPTS]
    assert len({tuple(expected) for expected, _ in written}) == len(PROMPTS)
    for row, (expected, expected_scores) in enumerate(written):
        assert tokens[row].tolist() == expected
        assert_scores(scores[:, row], expected_scores)


@pytest.mark.parametrize("variant", ONE_WAY)
def test_every_family_writes_what_the_loop_writes(variant):
    model = build_language_model(variant, tie_word_embeddings=True, **STACK)
    tokens, _ = write(model, padded(), do_sample=False)
    assert tokens.tolist() == [greedy(model, prompt, STEPS)[0] for prompt in PROMPTS]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("variant", ["lstm", "gru"])
def test_beams(variant, way):
    model = build_language_model(variant, **STACK)
    tokens, found = write(model, WAYS[way](model), num_beams=3, num_return_sequences=2, do_sample=False)
    expected = [text for prompt in PROMPTS for text in beams(model, prompt, STEPS, width=3)[:2]]
    assert tokens.tolist() == [text for text, _ in expected]
    assert_scores(found.sequences_scores, torch.tensor([score for _, score in expected]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("variant", ["lstm", "elman-tanh"])
def test_sampling_several_sequences(variant, way):
    model = build_language_model(variant, **STACK)
    inputs = WAYS[way](model)
    torch.manual_seed(3)
    tokens, found = write(model, inputs, num_return_sequences=2, **SAMPLING)
    expected, scores = sample(model, [prompt for prompt in PROMPTS for _ in range(2)], STEPS, seed=3)
    assert torch.equal(tokens, expected)
    # transformers' scores are not normalised.
    assert_scores(torch.stack(found.scores).log_softmax(2), scores.log_softmax(2))


def test_beams_that_end():
    model = build_language_model("lstm", **STACK)
    options = {"num_beams": 4, "num_return_sequences": 4, "eos_token_id": [2, 5, 7], "max_new_tokens": 12}
    cached, uncached = (model.generate(**padded(), **options, use_cache=use_cache) for use_cache in (True, False))
    assert torch.equal(cached, uncached)
    assert cached[:, -1].eq(0).any(), "no text ended before the others"


def test_a_text_that_ends_is_padded_and_the_others_go_on():
    model = build_language_model("lstm", **STACK)
    expected = [greedy(model, prompt, 12)[0] for prompt in PROMPTS]
    end = expected[0][0]
    batch = padded()
    found = model.generate(**batch, max_new_tokens=12, do_sample=False, eos_token_id=end)
    found, ended = found[:, batch["input_ids"].shape[1] :], []
    for row, tokens in enumerate(expected):
        last = tokens.index(end) + 1 if end in tokens else 12
        ended.append(last)
        assert found[row].tolist()[:last] == tokens[:last] and not found[row, last:].any()
    assert len(set(ended)) > 1


def test_the_token_of_the_padding_is_a_token_where_it_is_written_or_the_mask_says_so():
    """A row's text does not depend on whether its neighbours make transformers keep the mask."""
    model = build_language_model("gru", seed=4)
    with torch.no_grad():
        model.lm_head.bias[0] += 1
    prompt = [3, 0, 5]
    expected = greedy(model, prompt, STEPS)[0]
    assert 0 in expected[:-1] and len(set(expected)) > 1
    ids, mask = torch.tensor([[0, 0, 0, *prompt]] * 2), torch.tensor([[0, 0, 0, 1, 1, 1]] * 2)
    for options in ({}, {"use_cache": False}, {"prefill_chunk_size": 2}):
        options = {"max_new_tokens": STEPS, "do_sample": False, **options}
        assert model.generate(ids, attention_mask=mask, **options)[:, 6:].tolist() == [expected] * 2
        whole = model.generate(ids[:, 3:], attention_mask=mask[:, 3:], **options)
        assert whole[:, 3:].tolist() == [expected] * 2


def test_padding_is_found_without_a_mask():
    model = build_language_model("gru")
    ids = padded()["input_ids"] * padded()["attention_mask"]
    found = model.generate(ids, max_new_tokens=STEPS, do_sample=False)[:, -STEPS:]
    assert found.tolist() == [greedy(model, prompt, STEPS)[0] for prompt in PROMPTS]


def lengths_read(model, **options) -> list[int]:
    read: list[int] = []
    handle = model.model.layers[0].register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].shape[1]))
    model.generate(torch.tensor([[1, 2, 3, 4, 5]]), max_new_tokens=3, **options)
    handle.remove()
    return read


@pytest.mark.parametrize("of_config", [False, True])
def test_each_step_is_read_once(of_config, tmp_path):
    """Whatever `config.use_cache`, and in a model that was loaded from a folder that knows nothing of generation."""
    build("gru", head=False, use_cache=of_config).save_pretrained(tmp_path / "backbone")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "backbone")
    for model in (build_language_model("gru", use_cache=of_config), loaded):
        assert lengths_read(model) == [5, 1, 1]
        assert lengths_read(model, prefill_chunk_size=2) == [2, 2, 1, 1, 1]
        assert lengths_read(model, use_cache=False) == [5, 6, 7]
    loaded.generation_config.use_cache = False
    loaded.save_pretrained(tmp_path / "own")
    assert lengths_read(AutoModelForCausalLM.from_pretrained(tmp_path / "own")) == [5, 6, 7]


def test_the_state_is_constant_in_size_and_goes_on_where_it_was():
    model = build_language_model("lstm", **STACK)
    options = {"do_sample": False, "return_dict_in_generate": True}
    short = model.generate(**padded(), max_new_tokens=2, **options)
    state = short[STATE_NAME]
    assert isinstance(state, RecurrentCache) and state.get_seq_length() == short.sequences.shape[1] - 1
    mask = torch.cat([padded()["attention_mask"], torch.ones(3, 2, dtype=torch.long)], dim=1)
    kept = [tuple(part.clone() for part in layer) for layer in state.states]
    long = model.generate(short.sequences, attention_mask=mask, cache=state, max_new_tokens=STEPS - 2, **options)
    assert long.sequences[:, -STEPS:].tolist() == [greedy(model, prompt, STEPS)[0] for prompt in PROMPTS]
    shapes = [[part.shape for layer in found[STATE_NAME].states for part in layer] for found in (short, long)]
    assert shapes[0] == shapes[1]
    for layer, before in zip(state.states, kept, strict=True):
        assert all(torch.equal(part, part_before) for part, part_before in zip(layer, before, strict=True))


def test_new_tokens_after_a_state_that_has_counted_nothing():
    model = build_language_model("gru", **STACK)
    batch, state = padded(), state_after(build_language_model("gru", **STACK), 5)
    rest = {name: value[:, 5:] for name, value in batch.items()}
    found = model.generate(**rest, cache=RecurrentCache(state.states), max_new_tokens=STEPS, do_sample=False)
    assert found[:, -STEPS:].tolist() == [greedy(model, prompt, STEPS)[0] for prompt in PROMPTS]


class Collector(BaseStreamer):
    def __init__(self) -> None:
        self.pieces: list[torch.Tensor] = []
        self.ended = False

    def put(self, value: torch.Tensor) -> None:
        self.pieces.append(value.reshape(-1))

    def end(self) -> None:
        self.ended = True


def test_a_streamer_gets_each_token():
    model, streamer = build_language_model("gru"), Collector()
    found = model.generate(torch.tensor([PROMPTS[0]]), max_new_tokens=STEPS, do_sample=False, streamer=streamer)
    assert [len(piece) for piece in streamer.pieces] == [3] + [1] * STEPS and streamer.ended
    assert torch.equal(torch.cat(streamer.pieces), found[0])


def test_a_text_of_nothing_but_padding_goes_on_from_the_state():
    model = build_language_model("lstm")
    ids, mask = torch.tensor([[7, 7], [7, 4]]), torch.tensor([[0, 0], [0, 1]])
    state = RecurrentCache([tuple(torch.randn(2, 1, 4, dtype=torch.float64) for _ in range(2))])
    for past, h in ((None, torch.zeros(1, 4, dtype=torch.float64)), (state, state.states[0][0][0])):
        scores = model.generate(
            ids,
            attention_mask=mask,
            cache=past,
            max_new_tokens=1,
            return_dict_in_generate=True,
            output_logits=True,
        ).logits[0]
        assert torch.allclose(scores[:1], (h @ model.lm_head.weight.T + model.lm_head.bias).float(), atol=1e-5)


WORDS = {"one": [3, 4, 5], "two": [6, 7, 3], "six": [8, 9, 10]}
BEGIN, END = 1, 2


def test_one_to_many():
    """A vector becomes the state that a text is written from: three words, each from a one-hot vector."""
    torch.manual_seed(0)
    config = configure("lstm", hidden_size=8)
    model, project = AutoModelForCausalLM.from_config(config), nn.Linear(3, 16)

    def state_of(vectors: torch.Tensor) -> RecurrentCache:
        h, c = project(vectors).unsqueeze(1).chunk(2, dim=2)
        return RecurrentCache([(h.tanh(), c)])

    vectors, texts = torch.eye(3), torch.tensor([[BEGIN, *word, END] for word in WORDS.values()])
    optimizer = torch.optim.Adam([*model.parameters(), *project.parameters()], lr=0.05)
    for _ in range(60):
        loss = model(texts, cache=state_of(vectors), labels=texts).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    options = {"max_new_tokens": 4, "eos_token_id": END, "do_sample": False}
    with torch.no_grad():
        state = state_of(vectors)
        for beams_or_copies in ({}, {"num_beams": 2}, {"use_cache": False}, {"num_beams": 2, "use_cache": False}):
            found = model.generate(texts[:, :1], cache=state, **options, **beams_or_copies)
            assert torch.equal(found, texts)
