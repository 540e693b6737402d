"""Tables and plots show the figures of the document, and name what has none."""

from __future__ import annotations

from pathlib import Path

from hf_rnn.benchmark.speed.plots import bars, batch_curves, draw, length_curves
from hf_rnn.benchmark.speed.tables import markdown_tables, section_table, thread_words
from tests.benchmark.speed.documents import document


def test_the_training_table_is_sorted_and_complete() -> None:
    assert section_table(document(), "training").splitlines() == [
        "|  | Texts a second | Share of the GEMM peak | Peak memory |",
        "| --- | ---: | ---: | ---: |",
        "| Ours | 400 | 32% | 512 MB |",
        "| Theirs | 200 | 16% | 512 MB |",
        "| Not there | missing: not installed: no_such_module (`pip install no_such_module`) |  |  |",
    ]


def test_the_inference_table_has_every_column() -> None:
    lines = section_table(document(), "inference").splitlines()
    assert lines[2] == "| Ours | 2,000 | 3.00 / 16.05 ms | 3.00 / 3.00 ms | 10.8 MB | 300 MB | 2.0 s | 53% |"
    assert lines[3].startswith("| A BERT | 20 |") and lines[3].endswith("| 2.0 s |  |")
    assert lines[4].startswith("| Theirs | failed: ValueError: broken |")
    assert len({line.count("|") for line in lines}) == 1


def test_all_tables_together_say_the_conditions() -> None:
    text = markdown_tables(document())
    assert "imdb, 100 texts cut at 256 tokens (190 on average)" in text
    assert "fp32 200 by oneDNN, bf16 410 by torch.mm" in text
    assert "| Training: Ours | Theirs | 2.00 | ≥ 1.7 |" in text
    assert "quick run" not in text
    assert "quick run" in markdown_tables(document(quick=True))
    assert "Not an idle machine" not in text
    busy = markdown_tables(document(other_load={"before": 0.1, "after": 1.26}))
    assert "Not an idle machine, so not to be relied on: other processes kept 1.3 cores busy." in busy
    assert thread_words(document(threads=None)) == "threads as each library chooses"


def test_bars_are_the_figures_and_the_footnote_names_the_rest() -> None:
    (axes,) = bars(document(), "training", "title").axes
    assert [bar.get_width() for bar in axes.patches] == [200, 400]
    figure = bars(document(), "inference", "title")
    assert "Not there: missing" in figure._supxlabel.get_text()
    assert "Theirs: failed: ValueError: broken" in figure._supxlabel.get_text()


def test_curves_are_the_medians_and_mark_the_longest_text() -> None:
    (axes,) = length_curves(document()).axes
    ours, bert = axes.lines
    assert list(zip(*ours.get_data(), strict=True)) == [(64.0, 2.0), (1024.0, 25.0)]
    assert bert.get_label() == "A BERT"
    assert [text.get_text() for text in axes.texts] == ["takes no more than 512"]
    (axes,) = batch_curves(document()).axes
    (bert,) = axes.lines
    assert list(zip(*bert.get_data(), strict=True)) == [(1.0, 20.0), (8.0, 40.0)], "texts a second"
    assert not axes.texts


def test_four_pictures_are_written(tmp_path: Path) -> None:
    paths = draw(document(), tmp_path)
    assert [path.name for path in paths] == [
        "speed_training.png",
        "speed_inference.png",
        "speed_length.png",
        "speed_batch.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
