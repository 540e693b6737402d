"""What `generate()` refuses, where stock transformers would read the wrong tokens or nothing would be gained."""

from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache, GenerationConfig, StaticCache

from hf_rnn.models.cache_rnn import RecurrentCache
from tests.models.common import build_language_model, configure


def refused(match: str, inputs: dict[str, object], error: type[Exception] = ValueError, **options) -> None:
    with pytest.raises(error, match=match):
        build_language_model("lstm").generate(**inputs, max_new_tokens=2, **options)


IDS = {"input_ids": torch.tensor([[3, 4, 5]])}


@pytest.mark.parametrize("implementation", ["static", "offloaded", "dynamic", "quantized"])
def test_other_caches_are_refused(implementation):
    refused(
        f"`cache_implementation` is '{implementation}'; a recurrent model must have None",
        IDS,
        cache_implementation=implementation,
    )
    refused("`cache_implementation` is", IDS, generation_config=GenerationConfig(cache_implementation=implementation))


def test_a_cache_of_keys_and_values_is_refused():
    config = configure("lstm")
    config.num_attention_heads = 1
    for cache in (DynamicCache(), StaticCache(config, max_cache_len=8)):
        refused(
            f"`past_key_values` is a {type(cache).__name__}; it must be a RecurrentCache", IDS, past_key_values=cache
        )


def test_an_assistant_is_refused():
    model = build_language_model("lstm")
    refused(
        "assisted generation is not supported with stateful models, such as LstmForCausalLM",
        IDS,
        assistant_model=model,
    )
    refused("assisted generation is not supported with stateful models", IDS, prompt_lookup_num_tokens=2)


@pytest.mark.parametrize(
    ("columns", "masked", "message"),
    [
        (3, 3, "`input_ids` has 3 steps and `past_key_values` has read 5; .* `attention_mask` of 8 steps"),
        (5, 5, "`input_ids` has 5 steps and `past_key_values` has read 5"),
        (3, 7, "`attention_mask` is for 7 steps; it must be for 3, those of `input_ids`, or 8 with those"),
        (0, 5, "`input_ids` has no step"),
    ],
)
def test_tokens_that_do_not_go_with_the_state(columns, masked, message):
    states = [tuple(torch.zeros(1, 1, 4, dtype=torch.float64) for _ in range(2))]
    inputs = {"input_ids": torch.full((1, columns), 3), "attention_mask": torch.ones(1, masked, dtype=torch.long)}
    for chunk_size in (None, 2):
        refused(message, inputs, past_key_values=RecurrentCache(states, 5), prefill_chunk_size=chunk_size)


def test_other_inputs_that_are_refused():
    features = {"inputs_embeds": torch.zeros(1, 3, 5, dtype=torch.float64)}
    states = [tuple(torch.zeros(1, 1, 4, dtype=torch.float64) for _ in range(2))]
    refused(
        "`inputs_embeds` has 3 steps and `past_key_values` has read 5",
        features,
        past_key_values=RecurrentCache(states, 5),
    )
    refused("`prefill_chunk_size` is 2; with `inputs_embeds` it must be None", features, prefill_chunk_size=2)
    refused(
        "`use_cache` is False; it must be True with `past_key_values` that has read 2 steps",
        IDS,
        past_key_values=RecurrentCache(states, 2),
        use_cache=False,
    )
    refused(
        "`attention_mask` is for 4 steps; it must be for 3, those of `input_ids`.",
        IDS,
        attention_mask=torch.ones(1, 4, dtype=torch.long),
    )
    refused(
        "`past_key_values` holds .* for a layer; this one takes",
        {"input_ids": torch.ones(2, 3, dtype=torch.long)},
        past_key_values=RecurrentCache(states),
    )
    refused("`bos_token_id` has to be defined when no `input_ids` are provided", {})
    refused("`input_ids` holds ids from 3 to 13", {"input_ids": torch.tensor([[3, 13]])}, IndexError)
