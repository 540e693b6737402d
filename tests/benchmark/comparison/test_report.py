"""The document of a comparison: its figures follow from what was measured, and its schema is held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.comparison.arguments import Cited
from hf_rnn.benchmark.comparison.checkpoints import Candidate
from hf_rnn.benchmark.comparison.measuring import FULL
from hf_rnn.benchmark.comparison.report import (
    build_comparison,
    method_of,
    model_figures,
    ratios,
    read_comparison,
    validate_comparison,
    write_comparison,
)
from hf_rnn.benchmark.comparison.test_set import TestSet
from hf_rnn.benchmark.document import describe_origin
from hf_rnn.bundles import bundled
from hf_rnn.runs.describe import checkpoint_size
from hf_rnn.runs.results import ResultsError
from hf_rnn.tasks.text_classification.comparing import logit_figures
from tests.benchmark.comparisons import document, model


RECORD: dict[str, Any] = {
    "model_class": "BiLstmForSequenceClassification",
    "model_type": "bilstm",
    "parameters": 1_185_346,
    "load_seconds": [0.3, 0.1, 0.2],
    "milliseconds": [[1.0, 2.0, 30.0], [1.0, 4.0, 5.0]],
    "seconds": [4.0, 2.0, 1.0],
    "texts": 100,
    "tokens": 3000,
    "import_mb": 300.0,
    "peak_mb": 342.5,
    "metrics": {"accuracy": 0.9},
}


def test_figures_are_medians_of_what_was_measured() -> None:
    folder = Path(bundled("bilstm-imdb"))
    built = build_comparison(
        name="imdb",
        test=TestSet(
            "text-classification", ["a"], ["a"], [1], ["x", "y"], "single_label_classification", logit_figures
        ),
        source="test.csv",
        candidates=[Candidate("bilstm-imdb", folder)],
        records={"bilstm-imdb": RECORD},
        baseline=None,
        cited=[Cited("bert", 0.95, "a paper")],
        effort=FULL,
        threads=None,
        quick=False,
        arguments={},
        origin=describe_origin(),
        other_load={"before": 0.0, "after": 0.1},
    )
    (figures,) = built["models"]
    assert figures["latency_ms"]["p50"] == 3.0, "the median of the rounds' medians, 2 and 4"
    assert figures["throughput"]["texts_per_second"] == 50
    assert figures["throughput"]["tokens_per_second"] == 1500
    assert figures["memory_mb"] == {"over_imports": 42.5, "imports": 300.0, "peak": 342.5}
    assert figures["load_seconds"]["median"] == 0.2
    assert figures["size_bytes"] == checkpoint_size(folder)
    assert figures["dtype"] == "float16"
    assert figures["training"]["minutes"] > 0
    assert built["metric"] == "accuracy"
    assert built["cited"] == [{"name": "bert", "value": 0.95, "source": "a paper"}]
    assert built["ratios"] is None


def test_a_row_of_another_library_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "meta.json").write_bytes(b"12345")
    (folder / "training.json").write_text('{"library": "spacy", "minutes": 2.5, "epochs": 3.0, "seeds": 1}')
    types = {"GPE": "LOC", "DATE": None}
    candidate = Candidate("sm", folder, library="spacy", types=types)
    record = RECORD | {"model_class": "English", "model_type": "spacy", "dtype": "float32", "version": "3.8.1"}
    figures = model_figures(candidate, record)
    assert figures["library"] == {"name": "spaCy", "version": "3.8.1", "types": types}
    assert (figures["size_bytes"], figures["dtype"]) == (5, "float32")
    assert figures["training"] == {"minutes": 2.5, "epochs": 3.0, "seeds": 1}
    ours = Candidate("ours", Path(bundled("bilstm-crf-conll2003")))
    assert "library" not in model_figures(ours, RECORD)
    method = method_of("token-classification", [ours, candidate])
    assert method.startswith(method_of("token-classification", [ours]))
    assert "Models of other libraries are measured alike" in method and "loading is `spacy.load`." in method
    rows = [model("ours"), model("sm", library=figures["library"])]
    assert document(models=rows, baseline=None, ratios=None)["models"][1]["library"]["types"] == types


def test_ratios_are_above_one_for_what_takes_less() -> None:
    less = model(
        "less",
        p50=1.0,
        parameters=100_000,
        size_bytes=1_000_000,
        memory_mb={"over_imports": 25.0, "imports": 1.0, "peak": 26.0},
        load_seconds={"median": 1.0, "repeats": []},
    )
    found = ratios([model("base", p50=4.0), less], "base")
    assert found["base"] == dict.fromkeys(found["base"], 1.0)
    assert found["less"] == {
        "latency": 4.0,
        "throughput": 4.0,
        "parameters": 10.0,
        "size": 4.0,
        "memory": 2.0,
        "load": 0.5,
    }
    nothing = model("nothing", memory_mb={"over_imports": 0.0, "imports": 1.0, "peak": 1.0})
    assert ratios([model("base"), nothing], "base")["nothing"]["memory"] is None


def test_a_document_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "comparison" / "conll2003.json"
    # Made once: it has the second in which it was made.
    written = document()
    write_comparison(written, path)
    assert read_comparison(path) == written
    path.write_text("{")
    with pytest.raises(ResultsError, match="conll2003.json is not JSON"):
        read_comparison(path)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schema_version",), 99, "`schema_version` must be 1, not 99"),
        (("task",), None, "`task` must be str, not None"),
        (("models", 0, "latency_ms", "p50"), float("nan"), "`models.0.latency_ms.p50` must be a finite number"),
        (("models", 0, "throughput", "texts"), "many", "`models.0.throughput.texts` must be int"),
        (("models", 0, "speed"), 1.0, "`models.0.speed` is unknown"),
        (("models", 0, "quality"), {"accuracy": 0.9}, "`models.0.quality.f1` is missing"),
        (("models", 0, "quality"), None, "`models.0.quality` must be null where `random` is true, and only there"),
        (("models", 1, "quality"), {"f1": 0.5}, "`models.1.quality` must be null where `random` is true"),
        (("models", 0, "training"), {"minutes": 1.0}, "`models.0.training.epochs` is missing"),
        (("cited", 0, "value"), "high", "`cited.0.value` must be float"),
        (("models", 0, "library"), None, "`models.0.library` must be an object, not None"),
        (("models", 0, "library"), {"name": "spaCy", "version": None}, "`models.0.library.types` is missing"),
        (("baseline",), None, "`ratios` must be null where `baseline` is"),
        (("baseline",), "roberta", "`baseline` must be one of minilm, bert-base-cased, bilstm-crf, not 'roberta'"),
        (("ratios", "minilm", "size"), "big", "`ratios.minilm.size` must be float or null"),
    ],
)
def test_what_breaks_the_schema_is_named(
    tmp_path: Path, path: tuple[str | int, ...], value: object, message: str
) -> None:
    changed: Any = document()
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ResultsError, match=message):
        validate_comparison(changed)
    with pytest.raises(ResultsError):
        write_comparison(changed, tmp_path / "x.json")
    assert not (tmp_path / "x.json").exists()
    (tmp_path / "y.json").write_text(json.dumps(changed))
    with pytest.raises(ResultsError, match=f"y.json: {message}"):
        read_comparison(tmp_path / "y.json")
