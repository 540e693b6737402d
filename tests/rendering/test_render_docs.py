"""scripts/render_docs.py: the tables follow the JSON, and the documents of the project are up to date."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_rnn.benchmark.comparison.report import write_comparison
from hf_rnn.benchmark.defaults.report import collect_cells, write_cell
from hf_rnn.benchmark.document import write_document
from hf_rnn.runs.results import write_results
from tests.benchmark.comparisons import document as comparison_document
from tests.benchmark.defaults_documents import cell as defaults_cell
from tests.benchmark.speed.documents import document as speed_document
from tests.results_document import results_document


README = "# Title\n\nText.\n\n<!-- results:imdb -->\n<!-- /results:imdb -->\n\nMore text.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text(README)
    folder = tmp_path / "model_cards" / "results"
    write_results(results_document(), folder / "bilstm.json")
    write_results(results_document(name="winner", metrics__test__accuracy=0.95, recipe=None), folder / "winner.json")
    write_results(results_document(name="unread", metrics={}), folder / "unread.json")
    write_results(results_document(name="elsewhere", dataset__name="other"), folder / "other.json")
    return tmp_path


@pytest.fixture
def render(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The script, run on a folder with flags; it leaves by SystemExit when something is wrong."""

    def run(root: Path, *flags: str) -> None:
        monkeypatch.setattr(sys, "argv", ["render_docs.py", "--root", str(root), *flags])
        runpy.run_path(str(project / "scripts" / "render_docs.py"), run_name="__main__")

    return run


def test_the_table_is_of_the_dataset_and_sorted(render: Callable[..., None], root: Path) -> None:
    render(root)
    text = (root / "README.md").read_text()
    assert text.startswith("# Title\n\nText.\n\n<!-- results:imdb -->\n| Model |")
    assert text.endswith("<!-- /results:imdb -->\n\nMore text.\n")
    recipe = "[imdb_bilstm.json](hf_rnn/recipes/imdb_bilstm.json)"
    assert [line for line in text.splitlines() if line.startswith("| `")] == [
        "| `winner` | 2,345,678 | 9.4 MB | 0.9500 | 0.9134 | 21.4 | 2 | 1 |  |",
        f"| `bilstm-imdb` | 2,345,678 | 9.4 MB | 0.9071 | 0.9134 | 21.4 | 2 | 1 | {recipe} |",
        f"| `unread` | 2,345,678 | 9.4 MB |  |  | 21.4 | 2 | 1 | {recipe} |",
    ]


def test_a_figure_changes_when_the_json_does(render: Callable[..., None], root: Path) -> None:
    render(root)
    render(root, "--check")
    changed = results_document(metrics__test__accuracy=0.9177)
    write_results(changed, root / "model_cards" / "results" / "bilstm.json")
    before = (root / "README.md").read_text()
    with pytest.raises(SystemExit, match=r"Out of date: README.md. Run `make docs`."):
        render(root, "--check")
    assert (root / "README.md").read_text() == before, "--check changes nothing"
    assert "0.9177" not in before
    render(root)
    assert "| 0.9177 |" in (root / "README.md").read_text()


def test_cards_are_rendered_too(render: Callable[..., None], root: Path) -> None:
    card = root / "model_cards" / "comparison.md"
    card.write_text("<!-- results:other -->\nold\n<!-- /results:other -->\n")
    render(root)
    assert "`elsewhere`" in card.read_text()
    assert "old" not in card.read_text()


def test_speed_is_rendered_from_its_own_file(render: Callable[..., None], root: Path) -> None:
    write_document(speed_document(), root / "model_cards" / "benchmarks" / "speed.json")
    with (root / "README.md").open("a") as file:
        file.write("<!-- speed:training -->\nold\n<!-- /speed:training -->\n")
    render(root)
    text = (root / "README.md").read_text()
    assert "<!-- speed:training -->\n|  | Texts a second |" in text and "old" not in text
    assert "| Ours | 400 |" in text and "`winner`" in text
    (root / "README.md").write_text(text + "<!-- speed:mars -->\n<!-- /speed:mars -->\n")
    with pytest.raises(ValueError, match="'speed:mars'.* there are: conditions, inference, ratios, training"):
        render(root)


def test_gradients_are_rendered_from_their_file(render: Callable[..., None], root: Path, project: Path) -> None:
    path = root / "model_cards" / "gradient_flow" / "gradient_flow.json"
    path.parent.mkdir()
    document = json.loads((project / "model_cards" / "gradient_flow" / "gradient_flow.json").read_text())
    document["networks"]["GRU, gate bias 0"]["clipped"]["accuracy"] = 0.1239
    path.write_text(json.dumps(document))
    with (root / "README.md").open("a") as file:
        file.write("<!-- gradients:comparison -->\nold\n<!-- /gradients:comparison -->\n")
    render(root)
    (row,) = (
        line for line in (root / "README.md").read_text().splitlines() if line.startswith("| GRU, gate bias 0 |")
    )
    assert "| 0.124 |" in row


def test_searches_are_rendered_from_their_files(render: Callable[..., None], root: Path) -> None:
    spread = {"mean": 0.75, "standard_deviation": 0.0125, "values": [0.7375, 0.7625]}
    document = {
        "trials": {"finished": 7, "pruned": 2, "failed": 1, "interrupted": 0},
        "minutes": {"study": 9.87, "trials": 18.76, "this_process": 20.0, "processes": 2},
        "machine": {"cpu": "a processor", "cores": 2},
        "objective": {"metric": "accuracy", "direction": "maximize"},
        "space": {
            "learning_rate": {"low": 1e-4, "high": 0.1, "log": True, "type": "float"},
            "pooling": {"choices": ["mean", "max"]},
        },
        "best": {"trial": 4, "value": 0.81239, "parameters": {"learning_rate": 0.0123456, "pooling": "max"}},
        "importance": {"learning_rate": 0.875},
        "comparison": {
            "metric": "accuracy",
            "seeds": [2, 3],
            "best": {"validation": spread, "minutes": 1.0},
            "default": {"validation": {**spread, "mean": 0.5}, "minutes": 1.0},
        },
    }
    path = root / "model_cards" / "search" / "mine" / "search.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    with (root / "README.md").open("a") as file:
        file.write("<!-- search:mine -->\nold\n<!-- /search:mine -->\n")
    render(root)
    lines = (root / "README.md").read_text().splitlines()
    (told,) = (line for line in lines if "trials finished" in line)
    assert told.startswith(
        "7 trials finished, 2 pruned and 1 failed in 9.9 minutes (2 processes, 18.8 minutes together"
    )
    assert told.endswith("The best, trial 4, had accuracy 0.8124 on validation.")
    assert "| `learning_rate` | 0.0001 to 0.1 (log) | 0.01235 | 0.88 |" in lines
    assert "| `pooling` | mean, max | max |  |" in lines
    assert "| best | 0.7500 ± 0.0125 (0.7375 to 0.7625) | 2 |" in lines
    assert "| default | 0.5000 ± 0.0125 (0.7375 to 0.7625) | 2 |" in lines and "old" not in lines


def test_contributions_are_rendered_from_their_files(render: Callable[..., None], root: Path) -> None:
    by_tokens = {"5": {"texts": 9, "largest": 0.25, "random": 0.0125, "ratio": 20.0, "ratio_95": [15.0, 30.0]}}
    error = {"median": 0.001, "quantile_95": 0.005, "max": 0.0098}
    path = root / "model_cards" / "insight" / "mine.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"completeness_error": error, "deletion": {"by_tokens": by_tokens}}))
    with (root / "README.md").open("a") as file:
        file.write("<!-- contributions:mine -->\nold\n<!-- /contributions:mine -->\n")
    render(root)
    text = (root / "README.md").read_text()
    assert "| 5 | 25.0% | 1.2% | 20.0 | 15.0 to 30.0 |" in text and "largest 0.98%" in text and "old" not in text


def test_generation_is_rendered_from_its_file(render: Callable[..., None], root: Path) -> None:
    path = root / "model_cards" / "benchmarks" / "generation.json"
    path.parent.mkdir(exist_ok=True)
    document = {
        "schema_version": 1,
        "quick": False,
        "date": "2026-11-22T00:00:00",
        "machine": {"cpu": "a processor"},
        "other_load_cores": {"before": 0.0, "after": 0.0},
        "compiled_kernels": True,
        "model": {"name": "lm", "parameters": 1234},
        "effort": {"rounds": 5, "tokens": 1000},
        "ways": {"generate": {"status": "measured", "tokens_per_second": 2345.6, "characters_per_second": 2345.6}},
        "milliseconds_per_token": {"10": {"milliseconds": 0.4321, "window": 5}},
    }
    path.write_text(json.dumps(document))
    with (root / "README.md").open("a") as file:
        file.write("<!-- generation:lm -->\nold\n<!-- /generation:lm -->\n")
    render(root)
    text = (root / "README.md").read_text()
    assert "| `generate()` | 2,346 | 2,346 |" in text and "0.432 ms" in text and "`lm`, 1,234 parameters" in text
    for changes, message in (({"quick": True}, "is of a quick run"), ({"schema_version": 2}, "`schema_version` is 2")):
        path.write_text(json.dumps({**document, **changes}))
        with pytest.raises(ValueError, match=message):
            render(root)


def test_one_text_is_rendered_from_its_file(render: Callable[..., None], root: Path) -> None:
    path = root / "model_cards" / "benchmarks" / "one_text.json"
    path.parent.mkdir(exist_ok=True)
    answer = {
        "task": "text-classification",
        "ways": {"fast": 1.5, "pipeline": 9.25},
        "parts": {"fast_tokenizer": 0.25, "fast_model": 0.75, "pipeline_tokenizer": 1.0, "pipeline_model": 8.5},
    }
    document = {
        "schema_version": 1,
        "quick": False,
        "date": "2026-11-22T00:00:00",
        "machine": {"cpu": "a processor"},
        "other_load_cores": {"before": 0.0, "after": 1.5},
        "compiled_kernels": True,
        "effort": {"rounds": 5, "calls": 3},
        "network": {"16": {"fast": 0.0321, "onnx": 0.0654}},
        "answers": {"mine": answer},
    }
    path.write_text(json.dumps(document))
    with (root / "README.md").open("a") as file:
        file.write("<!-- one text:times -->\nold\n<!-- /one text:times -->\n")
    render(root)
    text = (root / "README.md").read_text()
    assert "| hf_rnn, compiled network | 0.032 ms |\n| ONNX Runtime | 0.065 ms |\n" in text
    assert "| `mine`, text-classification | 1.500 ms | 9.250 ms |  |  |\n" in text
    # What the tokenizer and the model leave over is never less than nothing.
    assert "| `mine`, `hf_rnn.load_fast` | 0.250 ms | 0.750 ms | 0.500 ms |\n" in text
    assert "| `mine`, `pipeline` | 1.000 ms | 8.500 ms | 0.000 ms |\n" in text
    assert "other processes kept 1.5 cores busy. a processor; one thread; medians of 5 rounds. 2026-11-22." in text
    path.write_text(json.dumps({**document, "quick": True}))
    with pytest.raises(ValueError, match="is of a quick run"):
        render(root)


def test_a_comparison_is_rendered_from_its_file_and_a_change_is_noticed(
    render: Callable[..., None], root: Path
) -> None:
    path = root / "model_cards" / "comparison" / "conll2003.json"
    write_comparison(comparison_document(), path)
    with (root / "README.md").open("a") as file:
        file.write("<!-- comparison:conll2003 -->\nold\n<!-- /comparison:conll2003 -->\n")
    render(root)
    text = (root / "README.md").read_text()
    assert "<!-- comparison:conll2003 -->\n|  | F1 | Parameters |" in text and "old" not in text
    assert "| `minilm` | 0.9100 |" in text
    render(root, "--check")
    changed = comparison_document()
    changed["models"][0]["quality"]["f1"] = 0.9153
    write_comparison(changed, path)
    with pytest.raises(SystemExit, match="Out of date: README.md"):
        render(root, "--check")
    write_comparison(comparison_document(quick=True), path)
    with pytest.raises(ValueError, match=r"README.md: the comparison 'conll2003' is a quick run"):
        render(root)
    assert (root / "README.md").read_text() == text


def test_the_defaults_are_rendered_from_their_file_and_a_change_is_noticed(
    render: Callable[..., None], root: Path
) -> None:
    folder = root / "model_cards" / "defaults"
    cells = root / "cells"
    cells.mkdir()
    folder.mkdir()
    page = folder / "README.md"
    for path in (root / "README.md", page):
        with path.open("a") as file:
            file.write("<!-- defaults:summary -->\nold\n<!-- /defaults:summary -->\n")
    write_cell(defaults_cell(figure=0.8123), cells / "trec-200.json")
    write_document(collect_cells(cells), folder / "defaults.json")
    render(root)
    for path in (root / "README.md", page):
        assert "| TREC questions, 6 classes | accuracy |  | **0.812** / 0.770 |" in path.read_text()
        assert "\nold\n" not in path.read_text()
    render(root, "--check")
    write_cell(defaults_cell(figure=0.8234), cells / "trec-200.json")
    write_document(collect_cells(cells), folder / "defaults.json")
    with pytest.raises(SystemExit, match=r"Out of date: README.md, model_cards/defaults/README.md"):
        render(root, "--check")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- results:imdb -->\n", "the marker <!-- results:imdb --> has no other half"),
        (
            "<!-- results:mars -->\n<!-- /results:mars -->\n",
            "nothing for the block 'results:mars' in model_cards/results; .*there are: imdb, other",
        ),
        ("<!-- speed:training -->\n", "the marker <!-- speed:training --> has no other half"),
        (
            "<!-- speed:training -->\n<!-- /speed:training -->\n",
            "nothing for the block 'speed:training' in model_cards/benchmarks/speed.json, which `make bench` writes",
        ),
        ("<!-- comparison:imdb -->\n", "the marker <!-- comparison:imdb --> has no other half"),
        (
            "<!-- comparison:imdb -->\n<!-- /comparison:imdb -->\n",
            "nothing for the block 'comparison:imdb' in model_cards/comparison, .*there are: none",
        ),
        (
            "<!-- generation:lm -->\n<!-- /generation:lm -->\n",
            "nothing for the block 'generation:lm' in model_cards/benchmarks/generation.json, .*there are: none",
        ),
        (
            "<!-- gradients:comparison -->\n<!-- /gradients:comparison -->\n",
            "nothing for the block 'gradients:comparison' in model_cards/gradient_flow",
        ),
        (
            "<!-- search:mine -->\n<!-- /search:mine -->\n",
            "nothing for the block 'search:mine' in model_cards/search, .*there are: none",
        ),
        (
            "<!-- contributions:mine -->\n<!-- /contributions:mine -->\n",
            "nothing for the block 'contributions:mine' in model_cards/insight, .*there are: none",
        ),
        (
            "<!-- defaults:summary -->\n<!-- /defaults:summary -->\n",
            "nothing for the block 'defaults:summary' in model_cards/defaults/defaults.json, .*there are: none",
        ),
    ],
)
def test_a_block_that_cannot_be_filled_is_named(
    render: Callable[..., None], root: Path, text: str, message: str
) -> None:
    (root / "README.md").write_text(README + text)
    with pytest.raises(ValueError, match=message):
        render(root)
    assert (root / "README.md").read_text() == README + text


def test_the_documents_of_the_project_are_up_to_date(render: Callable[..., None], project: Path) -> None:
    """`--check` ends the process with an error where a document is not what would be written."""
    render(project, "--check")
