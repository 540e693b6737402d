"""The figures are medians of the repeats, the ratios are of the figures, and nothing is left out of the document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_rnn.benchmark.document import write_document
from hf_rnn.benchmark.speed.network import forward_operations
from hf_rnn.benchmark.speed.report import read_document
from tests.benchmark.speed.documents import RATES, document, trained


def test_figures_are_medians_of_the_repeats() -> None:
    found = document()
    # 100 texts in a median of 0.25, 0.5 and 0.05 seconds: neither means nor minima.
    assert found["training"]["ours"]["texts_per_second"] == pytest.approx(400)
    assert found["training"]["keras"]["texts_per_second"] == pytest.approx(200)
    ours = found["inference"]["ours"]
    assert ours["texts_per_second"] == pytest.approx(2000)
    assert ours["cold_start_s"] == 2.0
    assert ours["size_mb"] == pytest.approx(10.8)
    assert ours["by_length_ms"] == {"64": 2.0, "1024": 25.0}
    assert ours["seconds"] == [0.05, 0.1, 0.04], "the repeats stand beside the figure"


def test_latency_is_of_the_calls_of_a_round_then_of_the_rounds() -> None:
    alone = document()["inference"]["ours"]["one_text_ms"]["16"]
    # Rounds of 1, 2, 30 and 1, 4, 5: medians 2 and 4; 95th percentiles 2 + 0.9 · 28 and 4 + 0.9 · 1.
    assert alone["repeats"] == {"p50": [2.0, 4.0], "p95": [pytest.approx(27.2), pytest.approx(4.9)]}
    assert alone["p50"] == 3.0
    assert alone["p95"] == pytest.approx((27.2 + 4.9) / 2)


def test_ratios_are_of_the_figures() -> None:
    ratios = {(row["section"], row["peer"], row["beside"]): row for row in document()["ratios"]}
    assert set(ratios) == {("training", "ours", "keras"), ("inference", "ours", "minilm")}
    assert ratios["training", "ours", "keras"]["value"] == pytest.approx(2.0)
    assert ratios["training", "ours", "keras"]["reached"] is True
    assert ratios["inference", "ours", "minilm"]["value"] == pytest.approx(100.0)
    slow = document(training={"ours": trained(1.0), "keras": trained(1.0)})["ratios"][0]
    assert (slow["value"], slow["target"], slow["reached"]) == (1.0, 1.7, False)


def test_the_share_of_the_peak_is_of_the_fastest_product() -> None:
    found = document()
    assert found["gemm"]["fp32"]["gflops"] == 200.0 and found["gemm"]["fp32"]["by"] == "oneDNN"
    assert found["gemm"]["bf16"]["gflops"] == 410.0 and found["gemm"]["bf16"]["by"] == "torch.mm"
    assert found["gemm"]["fp32"]["repeats"]["torch.mm"] == [rate["fp32"]["torch.mm"] for rate in RATES]
    training = 400 * 3 * forward_operations(190) / 1e9
    assert found["training"]["ours"]["gflops"] == pytest.approx(training)
    assert found["training"]["ours"]["share_of_gemm_peak"] == pytest.approx(training / 200)
    assert found["inference"]["ours"]["gflops"] == pytest.approx(2000 * forward_operations(190) / 1e9)
    assert "share_of_gemm_peak" not in found["inference"]["minilm"], "another network has other products"


def test_missing_and_failed_peers_are_reported() -> None:
    found = document()
    for section in ("training", "inference"):
        assert found[section]["gone"] == {
            "label": "Not there",
            "status": "missing",
            "reason": "not installed: no_such_module",
            "install": "pip install no_such_module",
        }
    assert found["inference"]["keras"] == {"label": "Theirs", "status": "failed", "reason": "ValueError: broken"}


def test_the_document_says_where_and_on_what() -> None:
    found = document()
    assert found["machine"]["cpu"] and "torch_threads" not in found["machine"]
    assert found["threads"] == {"training": 2, "batches": 2, "one_text": 1, "cold_start": 1}
    assert found["versions"]["torch"]
    assert found["dataset"]["source"] == "a file"
    assert found["network"]["cells"]["lstm"]["megaflop_per_text"]["training"] == pytest.approx(
        3 * forward_operations(190) / 1e6
    )


def test_the_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    found, path = document(), tmp_path / "deep" / "speed.json"
    write_document(found, path)
    assert read_document(path) == json.loads(json.dumps(found))
    path.write_text('{"schema_version": 0}')
    with pytest.raises(ValueError, match="`schema_version` is 0, not 1"):
        read_document(path)
