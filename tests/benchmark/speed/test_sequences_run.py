"""The benchmark of encoder-decoders from arguments to tables, with peers that cost nothing."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from hf_rnn.benchmark.speed.measuring import QUICK
from hf_rnn.benchmark.speed.sequences import run
from hf_rnn.benchmark.speed.sequences.run import SequenceBenchmarkArguments, run_sequence_benchmark
from hf_rnn.benchmark.speed.sequences.tables import BLOCKS, markdown_tables, read_sequences
from tests.benchmark.speed.fake_peers import fake


PEERS = (
    fake("ours", milliseconds=5, logit=7, tolerance=1e-4),
    fake("torch", milliseconds=50, logit=7, tolerance=1e-4),
    fake("keras", milliseconds=20, logit=8, tolerance=1e-4),
    fake("onnx", fails="prepare"),
    replace(fake("onnx-int8"), trained=False),
    fake("gone", needs=("no_such_module",)),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "PEERS", PEERS)
        patch.setattr(run, "QUICK", replace(QUICK, warm_up=1, repeats=3, calls=4))
        patch.setattr(run, "other_load_cores", lambda: 0.0)
        output = tmp_path_factory.mktemp("out") / "new" / "sequences.json"
        keys = [peer.key for peer in PEERS]
        made = run_sequence_benchmark(
            SequenceBenchmarkArguments(output=str(output), peers=keys, threads=1, repeats=2, quick=True)
        )
    assert json.loads(output.read_text()) == made
    return made


@pytest.fixture
def document(measured: dict) -> dict:
    """What each test may change."""
    return copy.deepcopy(measured)


def test_what_is_measured_and_what_is_not(document: dict) -> None:
    training, writing = document["training"], document["writing"]
    assert {key: row["status"] for key, row in training.items()} == {
        **dict.fromkeys(("ours", "torch", "keras", "onnx"), "measured"),
        "gone": "missing",
    }
    assert {key: row["status"] for key, row in writing.items()} == {
        **dict.fromkeys(("ours", "torch", "onnx-int8"), "measured"),
        **dict.fromkeys(("keras", "onnx"), "failed"),
        "gone": "missing",
    }
    assert "computes another network: its first answer is 8.000000" in writing["keras"]["reason"]
    assert writing["onnx"]["reason"] == "ArithmeticError: prepare went wrong"
    assert training["gone"]["install"] == "pip install no_such_module"
    for row in training.values():
        if row["status"] == "measured":
            assert len(row["seconds"]) == 2 and len(row["warm_up_seconds"]) == 1
            first, second = row["seconds"]
            assert row["pairs_per_second"] == pytest.approx(QUICK.texts / ((first + second) / 2))
    assert writing["ours"]["size_mb"] == 0.001
    assert len(writing["ours"]["sentence_ms"]["repeats"]["p50"]) == 2
    assert document["effort"] == {"texts": QUICK.texts, "batch_size": 8, "warm_up": 1, "repeats": 2, "calls": 4}


def test_ratios_are_of_pairs_a_second(document: dict) -> None:
    found = {(row["peer"], row["beside"]): row for row in document["ratios"]}
    assert found.keys() == {("ours", "torch"), ("ours", "keras")}, "those whose peers were both measured"
    for (peer, beside), row in found.items():
        rates = [document["training"][key]["pairs_per_second"] for key in (peer, beside)]
        assert row["value"] == pytest.approx(rates[0] / rates[1])
        assert row["target"] == 3.0 and row["reached"] == (row["value"] >= 3)
    assert found["ours", "torch"]["value"] > 3, "5 milliseconds beside 50"


def test_the_tables(document: dict) -> None:
    tables = {name: table(document) for name, table in BLOCKS.items()}
    rows = tables["sequences-training"].splitlines()
    rates = [float(row.split(" | ")[1].replace(",", "")) for row in rows[2:6]]
    assert rates == sorted(rates, reverse=True) and "Fake torch" in rows[5]
    missing = "| Fake gone | missing: not installed: no_such_module (`pip install no_such_module`) |"
    assert rows[6].startswith(missing)
    writing = tables["sequences-writing"]
    p50, p95 = (document["writing"]["ours"]["sentence_ms"][name] for name in ("p50", "p95"))
    assert f"| Fake ours | {p50:.2f} / {p95:.2f} ms | ≤ 8 ms | 0.0 MB |" in writing
    assert "| Fake onnx | failed: ArithmeticError: prepare went wrong |" in writing and missing in writing
    value = document["ratios"][0]["value"]
    assert f"| Fake ours | Fake torch | {value:.2f} | ≥ 3 |" in tables["sequences-ratios"]
    assert "A quick run: these figures only show that it works. " in tables["sequences-conditions"]
    assert (
        "a sentence of 13 tokens to as many; medians of 2 rounds, the first 1 epochs" in tables["sequences-conditions"]
    )
    assert all(table in markdown_tables(document) for table in tables.values())


def test_another_load_is_told(document: dict) -> None:
    document["other_load_cores"]["after"] = 1.5
    told = "Not an idle machine, so not to be relied on: other processes kept 1.5 cores busy. "
    assert told in BLOCKS["sequences-conditions"](document)


def test_an_error_of_several_lines_stays_in_its_row(document: dict) -> None:
    document["writing"]["onnx"]["reason"] = "one\ntwo"
    assert "| Fake onnx | failed: one two |" in BLOCKS["sequences-writing"](document)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"quick": True}, "is of a quick run"), ({"schema_version": 0}, "`schema_version` is 0, not 1")],
)
def test_what_is_no_measurement_is_not_read(document: dict, change: dict, message: str, tmp_path: Path) -> None:
    path = tmp_path / "sequences.json"
    path.write_text(json.dumps({**document, "quick": False}))
    assert read_sequences(path)["quick"] is False
    path.write_text(json.dumps({**document, "quick": False, **change}))
    with pytest.raises(ValueError, match=message):
        read_sequences(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peers": ["oars"]}, "`peers` names 'oars'; it may name: ours, ours-gru, "),
        ({"threads": 0}, "`threads`=0 must be at least 1"),
        ({"repeats": -1}, "`repeats`=-1 must be at least 1"),
        ({"output": "figures"}, "`output`='figures' must be the name of a .json file"),
    ],
)
def test_wrong_arguments_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SequenceBenchmarkArguments(**changes)  # type: ignore[arg-type]


def test_what_is_compared_is_in_the_table() -> None:
    keys = {peer.key for peer in run.PEERS}
    assert len(keys) == len(run.PEERS) and set(run.QUICK_PEERS) <= keys
    trained = {peer.key for peer in run.PEERS if peer.trained}
    assert {key for peer, beside, _ in run.RATIOS for key in (peer, beside)} == trained
    assert run.TARGETS.keys() <= {peer.key for peer in run.PEERS if peer.asked}
