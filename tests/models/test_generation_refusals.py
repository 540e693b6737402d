"""What `generate()` refuses, where stock transformers would read the wrong tokens or nothing would be gained."""

from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache, GenerationConfig, StaticCache, pipeline

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.models.cache_rnn import RecurrentCache
from tests.models.common import build_language_model, configure


IDS = {"input_ids": torch.tensor([[3, 4, 5]])}


def generate(**given: object) -> None:
    build_language_model("lstm").generate(max_new_tokens=2, **given)


def state(steps: int) -> RecurrentCache:
    """One that has read so many steps."""
    return RecurrentCache([tuple(torch.zeros(1, 1, 4, dtype=torch.float64) for _ in range(2))], steps)


@pytest.mark.parametrize("implementation", ["static", "offloaded", "dynamic", "quantized"])
def test_other_caches_are_refused(implementation):
    with pytest.raises(ValueError, match=f"`cache_implementation` is '{implementation}'; .* must have None"):
        generate(**IDS, cache_implementation=implementation)
    with pytest.raises(ValueError, match=f"`cache_implementation` is '{implementation}'"):
        generate(**IDS, generation_config=GenerationConfig(cache_implementation=implementation))


def test_a_cache_of_keys_and_values_is_refused():
    config = configure("lstm")
    config.num_attention_heads = 1
    for cache in (DynamicCache(), StaticCache(config, max_cache_len=8)):
        name = type(cache).__name__
        with pytest.raises(ValueError, match=f"`cache` is a {name}; it must be a RecurrentCache"):
            generate(**IDS, cache=cache)


def test_an_assistant_is_refused():
    message = "assisted generation is not supported with stateful models, such as LstmForCausalLM"
    with pytest.raises(ValueError, match=message):
        generate(**IDS, assistant_model=build_language_model("lstm"))
    with pytest.raises(ValueError, match=message):
        generate(**IDS, prompt_lookup_num_tokens=2)


@pytest.mark.parametrize("chunk_size", [None, 2])
@pytest.mark.parametrize(
    ("columns", "masked", "message"),
    [
        (3, 3, "`input_ids` has 3 steps and `cache` has read 5; .* `attention_mask` of 8 steps"),
        (5, 5, "`input_ids` has 5 steps and `cache` has read 5"),
        (3, 7, "`attention_mask` is for 7 steps; it must be for 3, those of `input_ids`, or 8 with those"),
        (0, 5, "`input_ids` has no step"),
    ],
)
def test_tokens_that_do_not_go_with_the_state(columns, masked, message, chunk_size):
    inputs = {"input_ids": torch.full((1, columns), 3), "attention_mask": torch.ones(1, masked, dtype=torch.long)}
    with pytest.raises(ValueError, match=message):
        generate(**inputs, cache=state(5), prefill_chunk_size=chunk_size)


def test_other_inputs_that_are_refused():
    features = {"inputs_embeds": torch.zeros(1, 3, 5, dtype=torch.float64)}
    with pytest.raises(ValueError, match="`inputs_embeds` has 3 steps and `cache` has read 5"):
        generate(**features, cache=state(5))
    with pytest.raises(ValueError, match="`prefill_chunk_size` is 2; with `inputs_embeds` it must be None"):
        generate(**features, prefill_chunk_size=2)
    with pytest.raises(ValueError, match="`use_cache` is False; it must be True with .* that has read 2 steps"):
        generate(**IDS, cache=state(2), use_cache=False)


def test_no_prompt():
    with pytest.raises(ValueError, match="no prompt, and `bos_token_id` is None"):
        generate()
    model = build_language_model("lstm")
    options = {"max_new_tokens": 3, "do_sample": False}
    assert torch.equal(model.generate(bos_token_id=4, **options), model.generate(torch.tensor([[4]]), **options))


def test_characters_that_the_tokenizer_does_not_know_are_unknown_tokens():
    """The rule of the tokenizer: they are read as its unknown token, and stay in the text as they were."""
    tokenizer = train_tokenizer(["abc"], kind="character", show_progress=False)
    model = build_language_model("gru", vocab_size=len(tokenizer)).float()
    write = pipeline("text-generation", model=model, tokenizer=tokenizer)
    (answer,) = write("aé\N{SNOWMAN}b", max_new_tokens=6, do_sample=False)
    unknown, a, b = tokenizer.convert_tokens_to_ids([tokenizer.unk_token, "a", "b"])
    tokens = model.generate(torch.tensor([[a, unknown, unknown, b]]), max_new_tokens=6, do_sample=False)[0, 4:]
    assert answer["generated_text"] == "aé\N{SNOWMAN}b" + tokenizer.decode(tokens, skip_special_tokens=True)
