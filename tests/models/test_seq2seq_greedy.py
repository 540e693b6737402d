"""Where nothing is asked for but the likeliest token each time, `generate` has a loop of its own; it writes what that
of transformers writes.
"""

from __future__ import annotations

import pytest
import torch
from transformers import LogitsProcessor, StoppingCriteria
from transformers.modeling_outputs import BaseModelOutput

from tests.models.common import LAYOUTS
from tests.models.generation import SAMPLING
from tests.models.seq2seq import JOINTS, SOURCE_TOKENS, WAYS, build_seq2seq, tokens
from tests.models.test_generation import Collector
from tests.models.test_seq2seq_padding import laid_out


SOURCES = tokens([4, 1, 6], SOURCE_TOKENS)
PLAIN = {"do_sample": False, "max_new_tokens": 7}


def padded(layout: str = "right") -> dict[str, torch.Tensor]:
    ids, mask, _ = laid_out(SOURCES, layout, SOURCE_TOKENS)
    return {"input_ids": ids, "attention_mask": mask}


class Scores(LogitsProcessor):
    """Keeps the scores of each step, and makes some tokens less likely."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.seen.append(scores.clone())
        scores[:, ::2] -= 1
        return scores


class OverAt(StoppingCriteria):
    """Row r is over when it has `length` + r tokens."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        return input_ids.shape[1] >= self.length + torch.arange(len(input_ids))


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which loop has written, of every call of `generate`."""
    taken: list[str] = []

    def watch(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def told(*args: object, **kwargs: object) -> object:
            taken.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, told)

    mixins = type(build_seq2seq()).__mro__
    for name in ("_write", "_prefill"):
        watch(next(each for each in mixins if name in vars(each)), name)
    return taken


def of_both_loops(model, inputs: dict[str, object], loops: list[str], **options) -> list[torch.Tensor]:
    """What each loop writes: ours, and transformers', which also gives what `generate` is asked for beside tokens."""
    ours = model.generate(**inputs, **PLAIN | options)
    stock = model.generate(**inputs, **PLAIN | options, return_dict_in_generate=True).sequences
    assert loops == ["_write", "_prefill"]
    loops.clear()
    return [ours, stock]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_both_loops_write_the_same(family, joint, layout, loops):
    model = build_seq2seq(family, joint)
    ours, stock = of_both_loops(model, padded(layout), loops)
    assert torch.equal(ours, stock) and len(ours.unique(dim=0)) > 1


@pytest.mark.parametrize(
    "options",
    [
        {"eos_token_id": [3, 5, 7]},
        {"eos_token_id": 3, "forced_eos_token_id": 3, "pad_token_id": 9},
        {"eos_token_id": [3, 5, 7], "min_new_tokens": 4},
        {"no_repeat_ngram_size": 1, "repetition_penalty": 1.5},
        {"forced_bos_token_id": 4, "bad_words_ids": [[3]]},
        {"stopping_criteria": [OverAt(3)], "eos_token_id": 3},
        {"output_scores": True, "output_attentions": True, "output_hidden_states": True},
    ],
)
@pytest.mark.parametrize("joint", WAYS)
def test_options_of_the_text_change_both_alike(joint, options, loops):
    model = build_seq2seq("lstm", joint)
    ours, stock = of_both_loops(model, padded("left"), loops, **options)
    assert torch.equal(ours, stock)


def test_texts_end_on_their_own_in_ours():
    model = build_seq2seq("lstm", "additive-context")
    free = model.generate(**padded(), **PLAIN)
    end = int(free[0, 2])
    written = model.generate(**padded(), **PLAIN, eos_token_id=end, pad_token_id=0)
    lengths = [row.index(end) + 1 if end in row else len(row) for row in free.tolist()]
    assert len(set(lengths)) > 1
    for row, before, length in zip(written.tolist(), free.tolist(), lengths, strict=True):
        assert row == before[:length] + [0] * (len(row) - length)


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("joint", WAYS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_both_loops_choose_by_the_same_scores(dtype, joint, rows, loops):
    """Hold the scores equal for one row and for 20, whose layers are computed by another path."""
    model = build_seq2seq("gru", joint).to(dtype)
    sources = torch.stack(tokens([5] * rows, SOURCE_TOKENS))
    seen = []
    for more in ({}, {"return_dict_in_generate": True}):
        scores = Scores()
        model.generate(sources, **PLAIN, logits_processor=[scores], **more)
        seen.append(torch.stack(scores.seen))
    assert loops == ["_write", "_prefill"]
    assert seen[0].dtype == torch.float32 and seen[0].shape[:2] == (7, rows)
    assert torch.allclose(*seen, rtol=0, atol=1e-5)


@pytest.mark.parametrize("given", ["all", "states alone"])
def test_a_source_that_was_read_before(given, loops):
    model = build_seq2seq("lstm", "general-attended", bridge="none" if given == "states alone" else "dense")
    batch = padded()
    with torch.no_grad():
        read = model.get_encoder()(**batch)
    if given == "states alone":
        read = BaseModelOutput(last_hidden_state=read.last_hidden_state)
    inputs = {"encoder_outputs": read, "attention_mask": batch["attention_mask"]}
    ours, stock = of_both_loops(model, inputs, loops)
    assert torch.equal(ours, stock) and torch.equal(ours, model.generate(**batch, **PLAIN))


OTHERS = {
    "sampling": SAMPLING,
    "beams": {"num_beams": 2},
    "no state": {"use_cache": False},
    "a target that has begun": {"decoder_input_ids": torch.tensor([[1, 4]])},
    "a mask of the target": {"decoder_attention_mask": torch.ones(1, 1, dtype=torch.long)},
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_more_than_that_is_left_to_transformers(what, loops):
    build_seq2seq().generate(SOURCES[0].unsqueeze(0), **PLAIN | OTHERS[what])
    assert loops == ["_prefill"]


def test_a_streamer_and_a_state_are_left_to_transformers(loops):
    model, source, streamer = build_seq2seq(), SOURCES[0].unsqueeze(0), Collector()
    model.generate(source, **PLAIN, streamer=streamer)
    assert len(streamer.pieces) == 8
    first = model(source, decoder_input_ids=torch.tensor([[1]]), use_cache=True)
    model.generate(source, **PLAIN, decoder_input_ids=torch.tensor([[1, 4]]), cache=first.cache)
    assert loops == ["_prefill"] * 2


@pytest.mark.parametrize("part", ["", "model", "model.decoder"])
@pytest.mark.parametrize("when", ["register_forward_pre_hook", "register_forward_hook"])
def test_who_watches_the_forward_pass_sees_each_step(when, part, loops):
    model, calls = build_seq2seq(), []
    handle = getattr(model.get_submodule(part), when)(lambda *_: calls.append(None))
    expected = model.generate(SOURCES[0].unsqueeze(0), **PLAIN)
    assert len(calls) == 7 and loops == ["_prefill"]
    handle.remove()
    assert torch.equal(model.generate(SOURCES[0].unsqueeze(0), **PLAIN), expected)
    assert len(calls) == 7 and loops == ["_prefill", "_write"]


def test_who_watches_a_layer_sees_each_step_in_ours(loops):
    model, calls = build_seq2seq(), []
    for name in ("model.decoder.layers.0.cell", "model.decoder.attention", "lm_head"):
        model.get_submodule(name).register_forward_hook(lambda *_, name=name: calls.append(name))
    model.generate(SOURCES[0].unsqueeze(0), **PLAIN)
    assert len(calls) == 3 * 7 and len(set(calls)) == 3 and loops == ["_write"]


def test_another_forward_pass_is_called(loops):
    model, calls = build_seq2seq(), []
    real = model.forward

    def forward(*args: object, **kwargs: object) -> object:
        calls.append(None)
        return real(*args, **kwargs)

    model.forward = forward
    model.generate(SOURCES[0].unsqueeze(0), **PLAIN)
    assert len(calls) == 7 and loops == ["_prefill"]


def test_the_forward_pass_of_a_subclass_is_called(loops):
    model = build_seq2seq()

    class Upside(type(model)):
        def forward(self, *args: object, **kwargs: object) -> object:
            outputs = super().forward(*args, **kwargs)
            outputs.logits = -outputs.logits
            return outputs

    expected = model.generate(SOURCES[0].unsqueeze(0), **PLAIN)
    model.__class__ = Upside
    written = model.generate(SOURCES[0].unsqueeze(0), **PLAIN)
    assert not torch.equal(written, expected) and loops == ["_write", "_prefill"]


def test_dropout_in_training_is_left_to_transformers(loops):
    build_seq2seq().train().generate(SOURCES[0].unsqueeze(0), **PLAIN)
    assert loops == ["_prefill"]
