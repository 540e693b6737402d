"""Language models by the runtime: what `generate` writes, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, pipeline

from hf_rnn.export import export_onnx
from hf_rnn.export.runtime import TextGenerator, load
from tests.export.language import save_language_model


PROMPTS = ["the cat", "a", "xyz, the dog"]  # the last has letters that the tokenizer does not know


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_language_model(tmp_path_factory.mktemp("language") / "checkpoint")


@pytest.fixture(scope="module")
def writer(checkpoint: Path) -> Path:
    return export_onnx(checkpoint, checkpoint.parent / "onnx", int8=True)


@pytest.mark.parametrize(("variant", "kind"), [("lstm", "character"), ("gru", "bpe"), ("jordan", "word")])
def test_the_likeliest_text_is_that_of_the_pipeline(tmp_path: Path, variant: str, kind: str) -> None:
    folder = save_language_model(tmp_path / "checkpoint", variant, kind)
    stock = pipeline("text-generation", model=str(folder))
    write = load(export_onnx(folder, tmp_path / "onnx"))
    assert isinstance(write, TextGenerator)
    expected = stock(PROMPTS, max_new_tokens=30, do_sample=False)
    assert write(PROMPTS, max_new_tokens=30) == expected
    assert write(PROMPTS[0], max_new_tokens=30) == expected[0]
    assert len({answer["generated_text"][-20:] for (answer,) in expected}) > 1


def test_tokens_are_those_of_generate(checkpoint: Path, writer: Path) -> None:
    model, ids = AutoModelForCausalLM.from_pretrained(checkpoint), [3, 7, 4]
    expected = model.generate(torch.tensor([ids]), max_new_tokens=200, do_sample=False)[0, 3:].tolist()
    assert load(writer)._write(ids, 200, 0, np.random.default_rng()) == expected


def test_steps_go_on_from_a_state(writer: Path) -> None:
    write, ids = load(writer), np.array([[3, 7, 4, 9], [5, 5, 6, 2]])
    every, reached = write.step(ids)
    first, state = write.step(ids[:, :3])
    last, after = write.step(ids[:, 3:], state)
    assert every.shape == (2, 4, load(writer).tokenizer.get_vocab_size())
    assert np.abs(np.concatenate([first, last], axis=1) - every).max() < 1e-5
    for name, value in reached.items():
        assert np.abs(after[name] - value).max() < 1e-6


def test_what_is_drawn_follows_the_temperature(writer: Path) -> None:
    write = load(writer)
    once, again = (write(PROMPTS, max_new_tokens=40, temperature=3, seed=5) for _ in range(2))
    assert once == again != write(PROMPTS, max_new_tokens=40, temperature=3, seed=6)
    assert write(PROMPTS, max_new_tokens=40, temperature=1e-4, seed=1) == write(PROMPTS, max_new_tokens=40)
    logits = write.step(np.array([[3]]))[0][0, -1].astype(float)
    expected = np.exp(logits / 4) / np.exp(logits / 4).sum()
    random = np.random.default_rng(0)
    drawn = [write._write([3], 1, 4, random)[0] for _ in range(2000)]
    assert np.abs(np.bincount(drawn, minlength=len(expected)) / 2000 - expected).max() < 0.05


def test_a_text_ends_with_the_token_that_ends_texts(tmp_path: Path, checkpoint: Path, writer: Path) -> None:
    whole = load(writer)._write([3, 7], 50, 0, np.random.default_rng())
    end = whole[len(set(whole[:5])) + 3]
    write = load(export_onnx(save_language_model(tmp_path / "ends", eos_token_id=[end, 1]), tmp_path / "onnx"))
    ended = write._write([3, 7], 50, 0, np.random.default_rng())
    assert ended == whole[: whole.index(end) + 1] and len(ended) < 50


def test_an_empty_text_begins_with_the_token_that_begins_texts(tmp_path: Path, writer: Path) -> None:
    with pytest.raises(ValueError, match="`texts` has '', which has no token; this model needs one to go on from"):
        load(writer)("")
    folder = save_language_model(tmp_path / "begins", bos_token_id=4)
    stock = pipeline("text-generation", model=str(folder))
    expected = stock("", max_new_tokens=20, do_sample=False)
    assert load(export_onnx(folder, tmp_path / "onnx"))("", max_new_tokens=20) == expected


def test_bad_input_is_named(writer: Path) -> None:
    for options, message in (
        ({"max_new_tokens": 0}, "`max_new_tokens`=0 must be a whole number from 1"),
        ({"temperature": -1.0}, "`temperature`=-1.0 must be a number from 0"),
        ({"temperature": float("nan")}, "`temperature`=nan"),
    ):
        with pytest.raises(ValueError, match=message):
            load(writer)("a", **options)


def test_8_bits_and_the_command_line_without_torch(writer: Path) -> None:
    assert load(writer, int8=True)("the", max_new_tokens=5)[0]["generated_text"].startswith("the")
    code = (
        "import runpy, sys; sys.modules['torch'] = sys.modules['transformers'] = None; sys.argv = sys.argv[1:]; "
        "sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(writer / "runtime.py"), str(writer), "the cat", "a"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [json.loads(line) for line in lines] == load(writer)(["the cat", "a"])
