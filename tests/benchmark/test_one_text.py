"""What is measured of one short text: every way gives an answer, and each has its turn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_rnn.benchmark import one_text
from hf_rnn.benchmark.one_text import (
    ASKED,
    Effort,
    OneTextArguments,
    measure_one_text,
    one_text_tables,
    taken_in_turn,
)
from hf_rnn.benchmark.speed import one_text_network
from hf_rnn.benchmark.speed.one_text_network import network_ways
from hf_rnn.bundles import bundled
from hf_rnn.inference.fast import load_fast
from hf_rnn.kernels.loading import network_library


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_text, "other_load_cores", lambda: 0.0)
    # Its export takes seconds, and it is a package that need not be there.
    for module in (one_text, one_text_network):
        monkeypatch.setattr(module, "has_onnx", lambda: False)
    monkeypatch.setattr(one_text, "_minilm", lambda task: None)


def test_each_way_has_its_turn_in_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    clock = [0.0]
    seconds = {"a": iter([9.0, 1.0, 2.0, 3.0, 9.0, 9.0, 1.0]), "b": iter([9.0] + [0.5] * 6)}

    def way(name: str) -> None:
        asked.append(name)
        clock[0] += next(seconds[name])

    monkeypatch.setattr(one_text.time, "perf_counter", lambda: clock[0])
    found = taken_in_turn({name: lambda name=name: way(name) for name in seconds}, Effort(rounds=2, calls=3))
    assert "".join(asked) == "ab" + "aaabbb" * 2
    # The median of 2 (of 1, 2, 3) and 9 (of 9, 9, 1); the first call of each does not count.
    assert found == {"a": pytest.approx(5500.0), "b": pytest.approx(500.0)}


@pytest.mark.skipif(network_library() is None, reason="the kernels could not be built: no C++ compiler")
def test_every_way_is_measured_and_written(tmp_path: Path) -> None:
    asked = {"bilstm-imdb": ASKED["bilstm-imdb"], "no-such-checkpoint": ("text-classification", "A text.")}
    arguments = OneTextArguments(str(tmp_path / "one_text.json"), quick=True)
    document = measure_one_text(arguments, network_ways, asked)
    assert json.loads((tmp_path / "one_text.json").read_text()) == document
    assert {length: set(ways) for length, ways in document["network"].items()} == {
        "16": {"fast", "modules"},
        "50": {"fast", "modules"},
    }
    assert list(document["answers"]) == ["bilstm-imdb"]
    answer = document["answers"]["bilstm-imdb"]
    assert (answer["path"], answer["reason"], answer["asked"]) == ("compiled", None, one_text.REVIEW)
    assert set(answer["ways"]) == {"fast", "pipeline"}
    assert set(answer["parts"]) == {f"{way}_{part}" for way in ("fast", "pipeline") for part in ("tokenizer", "model")}
    times = [*answer["ways"].values(), *answer["parts"].values(), *document["network"]["16"].values()]
    assert all(milliseconds > 0 for milliseconds in times)
    assert "A quick run: these figures only show that it works." in one_text_tables(document)


def test_all_that_is_asked_is_answered() -> None:
    for name, (task, text) in ASKED.items():
        answer = load_fast(bundled(name), task=task)(text)
        assert answer, f"{name} finds nothing in {text!r}"


def test_figures_are_written_to_json_alone() -> None:
    with pytest.raises(ValueError, match=r"`output`='times.txt' must be the name of a .json file"):
        OneTextArguments("times.txt")
