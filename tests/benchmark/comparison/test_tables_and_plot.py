"""The table and the plot of a comparison show its figures, and say what was not measured."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hf_rnn.benchmark.comparison.plot import draw_comparison, figure
from hf_rnn.benchmark.comparison.tables import (
    comparison_block,
    comparison_conditions,
    comparison_markdown,
    comparison_table,
)
from hf_rnn.benchmark.document import Document
from tests.benchmark.comparisons import document, model


def test_the_table_is_sorted_and_complete() -> None:
    assert comparison_table(document()).splitlines() == [
        "|  | F1 | Parameters | Size on disk | One text, p50 / p95 | Texts a second | Tokens a second | Peak memory | "
        "Loading | Minutes to train |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| `minilm` | 0.9100 | 22,000,000 | 90.0 MB float32 | 18.00 / 36.00 ms | 56 | 1,111 | 50 MB | 0.50 s | "
        "30.2 (3 seeds) |",
        "| `bilstm-crf` | 0.9000 | 1,000,000 (22×) | 4.0 MB float32 (22.5×) | 2.00 / 4.00 ms (9×) | 500 (9×) | "
        "10,000 | 0 MB | 0.50 s (1×) |  |",
        "| `bert-base-cased` (random weights) | not measured | 1,000,000 (22×) | 4.0 MB float32 (22.5×) | "
        "90.00 / 180.00 ms (0.2×) | 11 (0.2×) | 222 | 50 MB (1×) | 0.50 s (1×) |  |",
        "| bert-base, not measured here: Devlin et al. 2019 | 0.9240 |  |  |  |  |  |  |  |  |",
    ]


def test_random_weights_stand_below_the_worst_model() -> None:
    models = [model("random", random=True, quality=None), model("worst", quality={"f1": 0.0})]
    lines = comparison_table(document(models=models, baseline=None, ratios=None)).splitlines()
    assert [line.split("`")[1] for line in lines[2:4]] == ["worst", "random"]


def test_without_a_baseline_there_are_no_ratios() -> None:
    assert "×" not in comparison_markdown(document(baseline=None, ratios=None))


def test_the_conditions_are_said() -> None:
    text = comparison_conditions(document())
    assert "Quality on 3,453 texts of `${HF_RNN_CORPORA}/conll2003/test.parquet`" in text
    assert "times better than `minilm`" in text
    assert "`bert-base-cased` borrows the tokenizer of `minilm`" in text
    assert "Not an idle machine" not in text
    busy = comparison_conditions(document(other_load_cores={"before": 0.1, "after": 1.26}))
    assert "Not an idle machine, so not to be relied on: other processes kept 1.3 cores busy." in busy
    assert "without its compiled kernels" in comparison_conditions(document(compiled_kernels=False))


def test_of_similarity_pairs_are_compared_and_texts_are_timed() -> None:
    models = [model("ours", quality={"roc_auc": 0.87}), model("minilm", quality={"roc_auc": 0.9, "f1": 0.8})]
    similarity = document(
        task="sentence-similarity", metric="roc_auc", models=models, baseline=None, ratios=None, cited=[]
    )
    assert comparison_table(similarity).startswith("|  | ROC-AUC | Parameters |")
    assert "| `minilm` | 0.9000 |" in comparison_table(similarity)
    text = comparison_conditions(similarity)
    assert "Quality on 3,453 pairs of" in text
    assert "one text at a time: at most 200 of their texts" in text
    (axes,) = figure(similarity).axes
    assert axes.get_ylabel() == "ROC-AUC"


def test_models_of_other_libraries_are_marked() -> None:
    types = {"DATE": None, "GPE": "LOC", "PERSON": "PER", "TIME": None}
    rows = [
        model("ours"),
        model("sm", p50=9.0, library={"name": "spaCy", "version": "3.8.1", "types": types}),
        model("own", p50=5.0, library={"name": "spaCy", "version": "3.8.1", "types": None}),
    ]
    drawn = document(models=rows, baseline=None, ratios=None, cited=[])
    assert "| `sm` (spaCy) | 0.9000 |" in comparison_table(drawn) and "| `ours` | 0.9000 |" in comparison_table(drawn)
    text = comparison_conditions(drawn)
    assert "Models of other libraries than transformers are marked by their library: spaCy 3.8.1." in text
    assert (
        "The types of `sm` are not those of the test set; read are GPE as LOC, PERSON as PER, and DATE, TIME as no "
        "entity." in text
    )
    assert "`own`" not in text
    assert "other libraries" not in comparison_conditions(document())
    (axes,) = figure(drawn).axes
    circle, *squares = (points.get_paths()[0].vertices for points in axes.collections)
    assert len(circle) > 5 and [len(square) for square in squares] == [5, 5]
    assert "sm (spaCy)\n4.0 MB" in [text.get_text() for text in axes.texts]


def test_a_quick_run_is_no_block_of_a_document() -> None:
    assert comparison_block(document()).startswith(comparison_table(document()))
    with pytest.raises(ValueError, match="'conll2003' is a quick run"):
        comparison_block(document(quick=True))
    assert "A quick run: these figures only show that it works." in comparison_markdown(document(quick=True))


def crowd() -> Document:
    """Eight models in nearly one place, two of them without quality."""
    near = [
        model(
            f"a-rather-long-name-{i}", p50=2.0 + i / 50, quality={"f1": 0.9 + i / 1000}, size_bytes=(1 + 9 * i) * 10**6
        )
        for i in range(6)
    ]
    random = [model(f"random-{i}", p50=2.1 + i / 50, random=True, quality=None) for i in range(2)]
    return document(models=near + random, baseline=None, ratios=None)


@pytest.mark.parametrize("drawn", [document(), crowd()])
def test_labels_overlap_neither_each_other_nor_points(drawn: Document) -> None:
    picture = figure(drawn)
    (axes,) = picture.axes
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in axes.texts]
    assert len(boxes) == len(drawn["models"]) + len(drawn["cited"])
    for (i, a), (j, b) in combinations(enumerate(boxes), 2):
        assert not a.padded(-0.5).overlaps(b), (axes.texts[i].get_text(), axes.texts[j].get_text())
    for points in axes.collections:
        x, y = axes.transData.transform(points.get_offsets()[0])
        assert not any(box.contains(x, y) for box in boxes)
    assert all(axes.bbox.padded(1).contains(*corner) for box in boxes for corner in (box.p0, box.p1))


def test_points_are_at_latency_and_quality_with_the_size_as_area() -> None:
    (axes,) = figure(document()).axes
    assert axes.get_xscale() == "log"
    places = [tuple(points.get_offsets()[0]) for points in axes.collections]
    assert places == [(18.0, 0.91), (2.0, 0.9)]
    minilm, ours = (points.get_sizes()[0] for points in axes.collections)
    assert minilm / ours == pytest.approx(90 / 4)
    vertical, horizontal = axes.lines
    assert vertical.get_xdata()[0] == 90.0
    assert horizontal.get_ydata()[0] == 0.924
    texts = [text.get_text() for text in axes.texts]
    assert "bert-base-cased\n4.0 MB\nquality not measured" in texts
    assert "bert-base, cited" in texts


def test_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    draw_comparison(document(), tmp_path / "a.png")
    draw_comparison(document(), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
