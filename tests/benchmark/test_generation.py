"""What is measured of a language model that writes: the tokens it is asked for, by each way, and where the time is."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

import hf_rnn
from hf_rnn.benchmark import generation
from hf_rnn.benchmark.generation import (
    GenerationArguments,
    forward_loop,
    generation_tables,
    load_language_model,
    measure_generation,
    position_figures,
    token_seconds,
)
from tests.export.language import save_language_model
from tests.missing import pretend


def prompt(folder: Path) -> torch.Tensor:
    return AutoTokenizer.from_pretrained(folder)(generation.PROMPT, return_tensors="pt")["input_ids"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of words that would end the text with the first of them."""
    folder = save_language_model(tmp_path_factory.mktemp("generation") / "tiny", kind="word")
    model = AutoModelForCausalLM.from_pretrained(folder)
    first = model.generate(prompt(folder), max_new_tokens=1, do_sample=False)[0, -1].item()
    return save_language_model(folder, kind="word", eos_token_id=first)


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "other_load_cores", lambda: 0.0)


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> PreTrainedModel:
    return load_language_model(str(checkpoint))[1]


def test_all_ways_are_measured_and_written(checkpoint: Path, tmp_path: Path) -> None:
    document = measure_generation(GenerationArguments(str(checkpoint), str(tmp_path / "speed.json"), quick=True))
    assert json.loads((tmp_path / "speed.json").read_text()) == document
    assert document["ways"].keys() == {"generate", "forward", "onnx"}
    for way in document["ways"].values():
        (seconds,) = way["repeats_seconds"]
        assert way["tokens_per_second"] == pytest.approx(20 / seconds)
        rate = document["characters_per_token"] * way["tokens_per_second"]
        assert way["characters_per_second"] == pytest.approx(rate)
    assert document["characters_per_token"] > 1
    assert document["milliseconds_per_token"].keys() == {"10", "100"}
    assert (document["threads"], document["quick"]) == (1, True)
    assert (document["model"]["name"], document["model"]["class"]) == ("tiny", "LstmForCausalLM")
    assert {"cpu", "cores"} <= document["machine"].keys() and "torch" in document["versions"]
    tables = generation_tables(document)
    assert f"| `forward()` in a bare loop | {document['ways']['forward']['tokens_per_second']:,.0f} |" in tables
    assert f"| `generate()` | {document['milliseconds_per_token']['10']['milliseconds']:.3f} ms | " in tables
    assert "A quick run: these figures only show that it works. `tiny`, " in tables


def test_every_way_writes_as_many_tokens_as_it_is_asked_for(
    checkpoint: Path, model: PreTrainedModel, tmp_path: Path
) -> None:
    ids = prompt(checkpoint)
    written = model.generate(ids, max_new_tokens=30, do_sample=False)[0, ids.shape[1] :]
    assert len(written) == 30
    assert torch.equal(forward_loop(model, ids, 30), written)
    ways, reason = generation._ways(model, ids, checkpoint, tmp_path)
    assert reason is None
    (answer,) = ways["onnx"](30)
    text = AutoTokenizer.from_pretrained(checkpoint).decode(written, skip_special_tokens=True)
    assert answer["generated_text"] == generation.PROMPT + text
    assert len(token_seconds(model, ids, 30)) == 30


def test_where_there_is_no_onnx_runtime_it_says_so(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, onnxruntime=None)
    document = measure_generation(GenerationArguments(str(checkpoint), str(tmp_path / "speed.json"), quick=True))
    reason = 'ONNX Runtime needs onnxruntime>=1.23 (not installed): pip install "hf_rnn[export]"'
    assert document["ways"]["onnx"] == {"status": "missing", "reason": reason}
    assert f"| ONNX Runtime, `TextGenerator` | missing: {reason} |  |\n" in generation_tables(document)


def test_the_time_of_a_token_is_the_median_over_the_rounds_of_the_median_up_to_it() -> None:
    seconds = [9.0] * 5 + [0.001] * 4 + [0.002] + [0.003] * 100 + [0.005] * 890 + [0.004] * 100
    slow, fast = ([factor * second for second in seconds] for factor in (3, 0.5))
    assert position_figures([slow, fast, seconds]) == {
        "10": {"milliseconds": pytest.approx(1.0), "window": 5},
        "100": {"milliseconds": pytest.approx(3.0), "window": 50},
        "1000": {"milliseconds": pytest.approx(5.0), "window": 100},
    }


def test_each_token_is_timed_from_the_one_before_it(model: PreTrainedModel) -> None:
    steps: list[None] = []

    def slow(*_: object) -> None:
        steps.append(None)
        time.sleep(0.05 if len(steps) == 4 else 0.0)

    handle = model.register_forward_pre_hook(slow)
    seconds = token_seconds(model, torch.tensor([[3, 4]]), 8)
    handle.remove()
    assert seconds.index(max(seconds)) == 3 and seconds[3] >= 0.05


def test_another_load_on_the_machine_is_told(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "other_load_cores", lambda: 1.0)
    document = measure_generation(GenerationArguments(str(checkpoint), str(tmp_path / "speed.json"), quick=True))
    assert "other processes kept 1.0 cores busy" in generation_tables(document)


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`output`='speed.txt' must be the name of a .json file"):
        GenerationArguments("model", "speed.txt")
    with pytest.raises(ValueError, match=f"`model`='{tmp_path}' must be the folder of a checkpoint, or bundled:NAME"):
        load_language_model(str(tmp_path))
    with pytest.raises(ValueError, match="`model` must be a bundled checkpoint .*; it is 'bundled:nothing'"):
        load_language_model("bundled:nothing")
    config = hf_rnn.LstmConfig(vocab_size=5, embedding_size=3, hidden_size=3)
    hf_rnn.LstmForSequenceClassification(config).save_pretrained(tmp_path)
    for name, made in ((str(tmp_path), "LstmFor"), ("bundled:siamese-bilstm-quora", "SiameseFor")):
        with pytest.raises(ValueError, match=f"`model`='{name}' must be a recurrent language model; it is a {made}"):
            load_language_model(name)
