"""`generate()` of encoder-decoders: in every mode, it writes what loops write that read source and target anew."""

from __future__ import annotations

import itertools

import pytest
import torch
from transformers import DynamicCache, TopPLogitsWarper

from hf_rnn.models.cache_rnn import RecurrentCache
from hf_rnn.models.state_name import STATE_NAME
from tests.models.common import LAYOUTS
from tests.models.generation import SAMPLING
from tests.models.seq2seq import JOINTS, SOURCE_TOKENS, START, WAYS, build_seq2seq, tokens
from tests.models.test_generation import Collector
from tests.models.test_seq2seq_padding import laid_out


STEPS = 6
SOURCES = tokens([4, 1, 6], SOURCE_TOKENS)
MODES = {
    "greedy": {"do_sample": False},
    "sampling": {"num_return_sequences": 3, **SAMPLING},
    "beams": {"do_sample": False, "num_beams": 4, "num_return_sequences": 3},
    "beams that end": {"do_sample": False, "num_beams": 4, "num_return_sequences": 4, "eos_token_id": [2, 5, 7]},
    "long beams": {"do_sample": False, "num_beams": 3, "eos_token_id": [2, 5, 7], "length_penalty": 2.0},
    "beam sampling": {"num_beams": 3, "num_return_sequences": 2, **SAMPLING},
    "forced": {"do_sample": False, "num_beams": 2, "forced_bos_token_id": 9, "forced_eos_token_id": 2},
    "no repetition": {"do_sample": False, "num_beams": 2, "no_repeat_ngram_size": 1},
}


def padded(layout: str = "right") -> dict[str, torch.Tensor]:
    ids, mask, _ = laid_out(SOURCES, layout, SOURCE_TOKENS)
    return {"input_ids": ids, "attention_mask": mask}


def write(model, inputs: dict[str, object], seed: int = 3, **options):
    """What is written behind the start token (rows, steps), and all of `generate`'s answer."""
    torch.manual_seed(seed)
    asked = {"max_new_tokens": STEPS, "return_dict_in_generate": True, "output_scores": True, **options}
    found = model.generate(**inputs, **asked)
    assert (found.sequences[:, 0] == START).all()
    return found.sequences[:, 1:], found


@torch.no_grad()
def log_probabilities(model, source: torch.Tensor, written: list[int]) -> torch.Tensor:
    """(tokens) of what comes after `written`, by a forward pass over the source and all of it."""
    read = torch.tensor([[START, *written]])
    return model(source.unsqueeze(0), decoder_input_ids=read, use_cache=False).logits[0, -1].float().log_softmax(0)


def greedy(model, source: torch.Tensor, steps: int = STEPS) -> tuple[list[int], torch.Tensor]:
    written: list[int] = []
    scores = []
    for _ in range(steps):
        scores.append(log_probabilities(model, source, written))
        written.append(int(scores[-1].argmax()))
    return written, torch.stack(scores)


def beams(model, source: torch.Tensor, width: int) -> list[tuple[list[int], float]]:
    """The targets that a search of this width finds, with their mean log-probability, the best first."""
    found: list[tuple[list[int], float]] = [([], 0.0)]
    for _ in range(STEPS):
        longer = []
        for written, score in found:
            more = log_probabilities(model, source, written).tolist()
            longer += [([*written, token], score + each) for token, each in enumerate(more)]
        found = sorted(longer, key=lambda each: -each[1])[:width]
    return [(written, score / STEPS) for written, score in found]


def assert_scores(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert torch.equal(actual.isinf(), expected.isinf())
    assert torch.allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_greedy_writes_for_each_source_of_a_batch_what_a_loop_writes(family, joint, layout):
    model = build_seq2seq(family, joint)
    written, found = write(model, padded(layout), do_sample=False)
    scores = torch.stack(found.scores).log_softmax(2)
    for row, source in enumerate(SOURCES):
        expected, expected_scores = greedy(model, source)
        assert written[row].tolist() == expected
        assert_scores(scores[:, row], expected_scores)
    assert len(written.unique(dim=0)) > 1


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_beams_carry_state_and_attended_state_with_them(family, joint):
    model = build_seq2seq(family, joint)
    written, found = write(model, padded("left"), do_sample=False, num_beams=3, num_return_sequences=2)
    expected = [each for source in SOURCES for each in beams(model, source, width=3)[:2]]
    assert written.tolist() == [tokens for tokens, _ in expected]
    assert_scores(found.sequences_scores, torch.tensor([score for _, score in expected]))


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("joint", WAYS)
def test_wide_beams_find_the_best_of_all_targets(joint, penalty):
    """Score all targets of at most three tokens of five, each with its end, by a forward pass."""
    end, length = 2, 3
    model = build_seq2seq("lstm", joint, decoder={"vocab_size": 5})
    others = [token for token in range(5) if token != end]
    finished = [(*start, end) for n in range(length) for start in itertools.product(others, repeat=n)]
    every = [*finished, *itertools.product(others, repeat=length)]
    scored = []
    for target in every:
        read = torch.tensor([[START, *target[:-1]]])
        scores = model(SOURCES[0].unsqueeze(0), decoder_input_ids=read).logits[0].float().log_softmax(1)
        total = scores.gather(1, torch.tensor(target).unsqueeze(1)).sum().item()
        scored.append((total / len(target) ** penalty, list(target)))
    best = sorted(scored, reverse=True)[:6]
    written, found = write(
        model,
        {"input_ids": SOURCES[0].unsqueeze(0)},
        max_new_tokens=length,
        do_sample=False,
        num_beams=64,
        num_return_sequences=6,
        length_penalty=penalty,
        early_stopping="never",
        eos_token_id=end,
    )
    # Behind the end of a target stands what transformers fills with.
    shortened = [row[: row.index(end) + 1] if end in row else row for row in written.tolist()]
    assert shortened == [target for _, target in best]
    assert_scores(found.sequences_scores, torch.tensor([score for score, _ in best]))


@pytest.mark.parametrize("joint", WAYS)
def test_sampling_several_targets_of_each_source(joint):
    model = build_seq2seq("gru", joint)
    written, found = write(model, padded("holes"), num_return_sequences=2, **SAMPLING)
    sources = [source for source in SOURCES for _ in range(2)]
    expected: list[list[int]] = [[] for _ in sources]
    top_p, every = TopPLogitsWarper(SAMPLING["top_p"]), []
    torch.manual_seed(3)
    for _ in range(STEPS):
        scores = torch.stack(
            [log_probabilities(model, source, text) for source, text in zip(sources, expected, strict=True)]
        )
        scores = scores / SAMPLING["temperature"]
        least = scores.topk(SAMPLING["top_k"]).values[:, -1:]
        every.append(top_p(None, scores.masked_fill(scores < least, -torch.inf)))
        for text, token in zip(expected, torch.multinomial(every[-1].softmax(1), 1).flatten().tolist(), strict=True):
            text.append(token)
    assert written.tolist() == expected
    assert_scores(torch.stack(found.scores).log_softmax(2), torch.stack(every).log_softmax(2))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_cached_equals_uncached_and_a_read_source(family, joint, mode):
    model = build_seq2seq(family, joint)
    batch = padded("left")
    with torch.no_grad():
        given = {"encoder_outputs": model.get_encoder()(**batch), "attention_mask": batch["attention_mask"]}
    expected, outputs = write(model, batch, **MODES[mode])
    for inputs in ({**batch, "use_cache": False}, given, {**given, "use_cache": False}):
        written, found = write(model, inputs, **MODES[mode])
        assert torch.equal(written, expected)
        for one, other in zip(found.scores, outputs.scores, strict=True):
            assert_scores(one, other)


def test_what_the_options_of_generation_do():
    model = build_seq2seq("lstm", "general-attended")
    forced, _ = write(model, padded(), **MODES["forced"])
    assert (forced[:, 0] == 9).all() and (forced[:, -1] == 2).all()
    free, _ = write(model, padded(), do_sample=False, num_beams=2)
    assert any(len(set(row)) < STEPS for row in free.tolist()), "nothing was repeated that could be forbidden"
    distinct, _ = write(model, padded(), **MODES["no repetition"])
    assert all(len({START, *row}) == STEPS + 1 for row in distinct.tolist())


def test_a_target_that_ends_is_padded_and_the_others_go_on():
    model = build_seq2seq("lstm", "additive-context")
    longest = [greedy(model, source, 8)[0] for source in SOURCES]
    end = longest[0][0]
    written, _ = write(model, padded(), do_sample=False, eos_token_id=end, max_new_tokens=8)
    lengths = [text.index(end) + 1 if end in text else 8 for text in longest]
    assert len(set(lengths)) > 1
    for row, (text, length) in enumerate(zip(longest, lengths, strict=True)):
        assert written[row].tolist() == text[:length] + [0] * (written.shape[1] - length)


@pytest.mark.parametrize("joint", WAYS)
def test_scores_of_beams_are_those_of_a_forward_pass(joint):
    model = build_seq2seq("gru", joint)
    end, penalty = 5, 0.5
    written, found = write(
        model, padded(), do_sample=False, num_beams=4, eos_token_id=end, length_penalty=penalty, max_new_tokens=8
    )
    with torch.no_grad():
        scores = model(**padded(), decoder_input_ids=found.sequences[:, :-1]).logits.float().log_softmax(2)
    each = scores.gather(2, written.unsqueeze(2)).squeeze(2)
    # What stands behind the end was not written.
    kept = (written == end).cumsum(1) - (written == end).long() == 0
    totals = each.masked_fill(~kept, 0).sum(1) / kept.sum(1) ** penalty
    assert_scores(found.sequences_scores, totals)


def calls(module) -> list[tuple[torch.Tensor, ...]]:
    """What `module` is going to be given, call by call."""
    seen: list[tuple[torch.Tensor, ...]] = []

    def keep(_module, inputs, named) -> None:
        seen.append((*inputs, *named.values()))

    module.register_forward_pre_hook(keep, with_kwargs=True)
    return seen


@pytest.mark.parametrize("of_config", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_the_source_is_read_once_and_each_token_once(mode, of_config):
    """Whatever `config.use_cache`, which is for a forward pass."""
    model = build_seq2seq("lstm", "general-attended", use_cache=of_config)
    sources, steps = calls(model.get_encoder()), calls(model.get_decoder())
    written, _ = write(model, padded(), **MODES[mode])
    assert len(sources) == 1 and len(sources[0][0]) == len(SOURCES)
    assert [given[0].shape[1] for given in steps] == [1] * written.shape[1]
    steps.clear()
    write(model, padded(), **MODES[mode], use_cache=False)
    assert len(sources) == 2 and [given[0].shape[1] for given in steps] == [*range(1, written.shape[1] + 1)]


@pytest.mark.parametrize("joint", JOINTS)
def test_the_state_does_not_grow_with_the_target(joint):
    model = build_seq2seq("lstm", joint)
    shapes = []
    for length in (2, 9):
        _, found = write(model, padded(), do_sample=False, max_new_tokens=length)
        state = found[STATE_NAME]
        assert isinstance(state, RecurrentCache) and state.get_seq_length() == length
        shapes.append([tuple(part.shape) for layer in state.states for part in layer])
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
@pytest.mark.parametrize("joint", WAYS)
def test_a_target_goes_on_where_it_was(joint, name):
    model = build_seq2seq("lstm", joint)
    expected = [greedy(model, source)[0] for source in SOURCES]
    _, first = write(model, padded(), do_sample=False, max_new_tokens=2)
    kept = [part.clone() for layer in first[STATE_NAME].states for part in layer]
    for state in ({}, {name: first[STATE_NAME]}):
        again = {**padded(), "decoder_input_ids": first.sequences, **state}
        assert write(model, again, do_sample=False, max_new_tokens=STEPS - 2)[0].tolist() == expected
    # The state that was given is as it was.
    for part, before in zip([part for layer in first[STATE_NAME].states for part in layer], kept, strict=True):
        assert torch.equal(part, before)


def test_a_streamer_gets_each_token():
    model, streamer = build_seq2seq("gru", "dot-attended"), Collector()
    found = model.generate(SOURCES[0].unsqueeze(0), max_new_tokens=STEPS, do_sample=False, streamer=streamer)
    assert [len(piece) for piece in streamer.pieces] == [1] * (1 + STEPS) and streamer.ended
    assert torch.equal(torch.cat(streamer.pieces), found[0])


def test_the_padding_of_a_source_is_the_encoders_without_a_mask():
    """Its token may be another than that of the targets, which a source may then hold."""
    model = build_seq2seq("lstm", "additive-attended", encoder={"pad_token_id": 9}, pad_token_id=4)
    sources = [torch.tensor([4, 2, 4]), torch.tensor([3])]
    batch = torch.tensor([[4, 2, 4], [3, 9, 9]])
    found = model.generate(batch, max_new_tokens=STEPS, do_sample=False)[:, 1:]
    assert found.tolist() == [greedy(model, source)[0] for source in sources]
    model.config.reads.pad_token_id = None
    everything = model.generate(batch, max_new_tokens=STEPS, do_sample=False)
    expected = model.generate(batch, attention_mask=torch.ones_like(batch), max_new_tokens=STEPS, do_sample=False)
    assert torch.equal(everything, expected)


def read_already() -> RecurrentCache:
    """A state that has read all of a target that is its first token alone."""
    return RecurrentCache([tuple(torch.zeros(1, 1, 6).double() for _ in range(2))] * 2, 1)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"cache_implementation": "static"}, "cache_implementation"),
        ({"prefill_chunk_size": 2}, "prefill_chunk_size"),
        ({"cache": DynamicCache()}, "cache"),
        ({"cache": read_already()}, "`decoder_input_ids` has 1 steps and `cache` has read 1"),
        ({"prompt_lookup_num_tokens": 2}, "assisted generation is not supported with stateful models"),
    ],
)
def test_what_generation_refuses(options, name):
    model = build_seq2seq("lstm")
    with pytest.raises(ValueError, match=name):
        model.generate(SOURCES[0].unsqueeze(0), max_new_tokens=2, do_sample=False, **options)
