"""`generate()` does for each token what it does for the first, however long the text has grown."""

from __future__ import annotations

import statistics
import time

import pytest
import torch
from transformers.generation.streamers import BaseStreamer

from tests.models.common import build_language_model


PROMPT = torch.tensor([[3, 4, 5]])


def test_after_the_prompt_one_token_and_its_mask_are_read():
    model = build_language_model("lstm")
    read = []
    handle = model.register_forward_pre_hook(lambda _, args, given: read.append(given), with_kwargs=True)
    found = model.generate(
        PROMPT, max_new_tokens=4, do_sample=False, return_dict_in_generate=True, output_hidden_states=True
    )
    handle.remove()
    for position, given in enumerate(read[1:], start=3):
        assert torch.equal(given["input_ids"], found.sequences[:, position : position + 1])
        assert torch.equal(given["attention_mask"], torch.ones(1, 1))
    # What else was asked of a forward pass is asked each time: of the embeddings and of the layer.
    assert [len(states) for states in found.hidden_states] == [2] * 4


class Clock(BaseStreamer):
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        # Of this process: others that share the machine do not count.
        self.seconds.append(time.process_time())

    def end(self) -> None:
        pass


@pytest.mark.slow
def test_the_ten_thousandth_token_takes_as_long_as_the_tenth():
    model, clock = build_language_model("lstm", hidden_sizes=[64, 64]).float(), Clock()
    model.generate(PROMPT, max_new_tokens=20, do_sample=False)
    model.generate(PROMPT, max_new_tokens=10_000, do_sample=False, streamer=clock)
    # The first is the prompt; the second the token that the prompt gave.
    each = [after - before for before, after in zip(clock.seconds[1:], clock.seconds[2:], strict=False)]
    # The least disturbed tenth of each: others take the cache away.
    first, last = (statistics.quantiles(some, n=10)[0] for some in (each[10:510], each[-500:]))
    assert last < 1.5 * first
