"""The state reaches the model by every name that a caller may use, and comes back under every name."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from transformers import DynamicCache, TextStreamer
from transformers.generation.utils import ALL_CACHE_NAMES
from transformers.modeling_outputs import ModelOutput

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.models.cache_rnn import RecurrentCache
from hf_rnn.models.state_name import STATE_NAME, STATE_NAMES, _name_in, take_state
from tests.models.common import batch_of, build, build_language_model, build_tagger, sentences
from tests.models.stranger import ask_a_stranger


NAMES = ["cache", "past_key_values"]
IDS = torch.tensor([[1, 3, 6, 2], [5, 4, 7, 8]])
HEADS = {
    "backbone": lambda: build("lstm", head=False),
    "classifier": lambda: build("gru"),
    "tagger": lambda: build_tagger("gru", "softmax", words=False),
    "language model": lambda: build_language_model("lstm"),
}
MODES = {
    "greedy": {"do_sample": False},
    "beams": {"do_sample": False, "num_beams": 3, "num_return_sequences": 2},
    "sampling": {"do_sample": True, "num_return_sequences": 2},
    "without a state": {"do_sample": False, "use_cache": False},
}


def first_of(outputs) -> torch.Tensor:
    return outputs.last_hidden_state if "last_hidden_state" in outputs else outputs.logits


def test_the_name_is_the_one_that_transformers_generates_with() -> None:
    assert STATE_NAME == ALL_CACHE_NAMES[0]
    assert set(NAMES) <= set(STATE_NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", HEADS)
def test_a_forward_pass_takes_it_by_both_names(head: str, name: str) -> None:
    model = HEADS[head]()
    whole, start = model(IDS), model(IDS[:, :2], use_cache=True)
    assert start.cache is start.past_key_values is start[STATE_NAME]
    continued, forgotten = model(IDS[:, 2:], **{name: start.cache}), model(IDS[:, 2:])
    steps = first_of(whole)
    last = steps if steps.dim() == 2 else steps[:, 2:]
    torch.testing.assert_close(first_of(continued), last)
    assert not torch.allclose(first_of(forgotten), last)
    assert continued.cache.get_seq_length() == 4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", MODES)
def test_generate_takes_it_by_both_names(mode: str, name: str) -> None:
    model = build_language_model("lstm", hidden_sizes=[4, 3])
    options = {**MODES[mode], "max_new_tokens": 5, "pad_token_id": 0, "eos_token_id": None}
    batch, _ = batch_of(sentences([3, 5, 2]), "left")
    read = model(**batch, use_cache=True).cache
    # A state that has counted nothing serves with and without `use_cache`.
    start = RecurrentCache(read.states)
    given = torch.randint(1, 13, (3, 2), generator=torch.Generator().manual_seed(0))
    written = []
    for arguments in ({name: start}, {STATE_NAME: start}, {}):
        torch.manual_seed(0)
        written.append(model.generate(given, attention_mask=torch.ones_like(given), **arguments, **options))
    assert torch.equal(written[0], written[1])
    assert not torch.equal(written[0], written[2])


def test_generate_returns_it_by_both_names() -> None:
    model = build_language_model("gru")
    found = model.generate(IDS, max_new_tokens=3, do_sample=False, return_dict_in_generate=True)
    assert isinstance(found[STATE_NAME], RecurrentCache) and found[STATE_NAME].get_seq_length() == 6


class Heard(TextStreamer):
    def __init__(self, tokenizer) -> None:
        super().__init__(tokenizer)
        self.text = ""

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.text += text


@pytest.mark.parametrize("name", NAMES)
def test_a_streamer_hears_what_is_written_from_it(name: str) -> None:
    tokenizer = train_tokenizer(["abcdefgh"], kind="character", end_of_text=True, show_progress=False)
    model = build_language_model("gru", vocab_size=len(tokenizer))
    start = RecurrentCache(model(IDS[:1] % 5 + 2, use_cache=True).cache.states)
    heard = Heard(tokenizer)
    prompt = torch.tensor([[3]])
    written = model.generate(prompt, **{name: start}, streamer=heard, max_new_tokens=4, do_sample=False)
    assert heard.text.rstrip("\n") == tokenizer.decode(written[0])


# Runs where hf_rnn cannot be imported.
STRANGER = """
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

ids = torch.tensor(given["ids"])
writer = AutoModelForCausalLM.from_pretrained(given["writer"], trust_remote_code=True)
classifier = AutoModelForSequenceClassification.from_pretrained(given["classifier"], trust_remote_code=True)
for name in given["names"]:
    start = writer(ids[:, :2], use_cache=True)
    end = writer(ids[:, 2:], **{name: start.cache})
    written = writer.generate(ids, **{name: start.past_key_values}, max_new_tokens=4, num_beams=2, do_sample=False)
    state = classifier(ids[:, :2], use_cache=True).cache
    found[name] = [end.logits.tolist(), written.tolist(), classifier(ids[:, 2:], **{name: state}).logits.tolist()]
"""


def test_code_from_a_repository_takes_it_by_both_names(tmp_path: Path) -> None:
    writer, classifier = build_language_model("gru").float(), build("gru").float()
    writer.save_pretrained(tmp_path / "writer")
    classifier.save_pretrained(tmp_path / "classifier")
    folders = {"writer": tmp_path / "writer", "classifier": tmp_path / "classifier"}
    found = ask_a_stranger(STRANGER, tmp_path / "stranger", **folders, ids=IDS.tolist(), names=NAMES)
    written = writer.generate(IDS, max_new_tokens=4, num_beams=2, do_sample=False)
    for name in NAMES:
        logits, texts, labels = map(torch.tensor, found[name])
        torch.testing.assert_close(logits, writer(IDS).logits[:, 2:], rtol=1e-4, atol=1e-5)
        assert torch.equal(texts, written)
        torch.testing.assert_close(labels, classifier(IDS).logits, rtol=1e-4, atol=1e-5)


# Runs with a transformers whose outputs call the state `memory`.
NEXT_RENAME = """
import dataclasses
import typing
import torch
from transformers import modeling_outputs

for name in (
    "CausalLMOutputWithPast", "SequenceClassifierOutputWithPast", "BaseModelOutputWithPoolingAndCrossAttentions"
):
    names = [field.name for field in dataclasses.fields(getattr(modeling_outputs, name))]
    names = ["memory" if field in ("cache", "past_key_values") else field for field in names]
    fields = [(field, typing.Any, dataclasses.field(default=None)) for field in names]
    renamed = dataclasses.make_dataclass(name, fields, bases=(modeling_outputs.ModelOutput,))
    setattr(modeling_outputs, name, renamed)

import hf_rnn

ids = torch.tensor([[1, 3, 6, 2], [5, 4, 7, 8]])
for model in (
    hf_rnn.LstmForCausalLM(hf_rnn.LstmConfig(vocab_size=9, hidden_size=4)),
    hf_rnn.GruForTokenClassification(hf_rnn.GruConfig(vocab_size=9, hidden_size=4)),
):
    model.eval()
    start = model(ids[:, :2], use_cache=True)
    assert "memory" in start and start.memory is start.cache is start.past_key_values, list(start)
    for name in ("memory", "cache", "past_key_values"):
        end = model(ids[:, 2:], **{name: start.memory})
        torch.testing.assert_close(end.logits, model(ids).logits[:, 2:])
print("kept")
"""


def test_the_next_rename_loses_no_state(project: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(project)}
    command = [sys.executable, "-c", NEXT_RENAME]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "kept", done.stderr


@dataclass
class Without(ModelOutput):
    loss: torch.Tensor | None = None


@dataclass
class With(ModelOutput):
    loss: torch.Tensor | None = None
    memory: torch.Tensor | None = None


def test_the_name_is_found_by_what_the_outputs_differ_in() -> None:
    assert _name_in(With, Without) == "memory"


def test_two_states_are_refused() -> None:
    model = build("gru")
    state = model(IDS, use_cache=True).cache
    with pytest.raises(ValueError, match="`cache` and `past_key_values` are two names of one state"):
        model(IDS, cache=state, past_key_values=state)
    with pytest.raises(ValueError, match="`cache` and `past_key_values` are two names"):
        build_language_model("gru").generate(IDS, cache=state, past_key_values=state)


@pytest.mark.parametrize("head", HEADS)
def test_a_state_under_an_unknown_name_is_refused(head: str) -> None:
    model = HEADS[head]()
    for state in (model(IDS, use_cache=True).cache, DynamicCache()):
        with pytest.raises(
            ValueError, match=f"`memory` is a {type(state).__name__}; a state must be given as `cache`"
        ):
            model(IDS, memory=state)


def test_what_is_no_state_stays_among_the_arguments() -> None:
    arguments = {"output_hidden_states": True, "past_key_values": None}
    assert take_state(arguments) is None
    assert arguments == {"output_hidden_states": True}
