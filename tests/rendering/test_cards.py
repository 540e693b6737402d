"""The cards of a project are made of its JSON alone, and `scripts/render_docs.py` keeps them so."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from hf_rnn import list_bundled
from hf_rnn.benchmark.comparison.report import write_comparison
from hf_rnn.hub.card_options import CardOptions, write_card_options
from hf_rnn.hub.model_card import model_card
from hf_rnn.rendering.cards import copied_plots, project_cards
from hf_rnn.runs.curves import CURVES_FILE
from hf_rnn.runs.results import read_results, write_results
from hf_rnn.runs.trials import collect_trials
from tests.benchmark.comparisons import document as comparison_document
from tests.results_document import results_document


COMPARISON = "model_cards/comparison/conll2003.json"
CARDS = ["hf_rnn/pretrained/bilstm/README.md", "model_cards/baseline.md", "model_cards/bilstm.md"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One bundled checkpoint, compared with others, and a baseline that is not bundled."""
    bundle, folder = tmp_path / "hf_rnn" / "pretrained" / "bilstm", tmp_path / "model_cards"
    write_results(results_document(name="bilstm"), bundle / "results.json")
    write_card_options(CardOptions(license="mit", language="en", bundled=True), bundle / "card.json")
    (bundle / "config.json").write_text("{}")
    write_results(results_document(name="baseline", metrics__test__accuracy=0.8765), folder / "results" / "other.json")
    write_card_options(CardOptions(license="mit", language="en"), folder / "baseline.json")
    write_comparison(comparison_document(), tmp_path / COMPARISON)
    (tmp_path / COMPARISON).with_suffix(".png").write_bytes(b"plot")
    (tmp_path / "README.md").write_text("# Title\n")
    return tmp_path


def cards(root: Path) -> dict[str, str]:
    published = [read_results(path) for path in sorted((root / "model_cards" / "results").glob("*.json"))]
    return {path.relative_to(root).as_posix(): text for path, text in project_cards(root, published).items()}


def compare(root: Path, options_file: str) -> None:
    options = CardOptions(license="mit", language="en", bundled="pretrained" in options_file, compared_in=COMPARISON)
    write_card_options(options, root / options_file)


def test_a_card_is_that_of_the_options_and_results(root: Path) -> None:
    written = cards(root)
    assert sorted(written) == CARDS
    table = "What the runs measured, each before any rounding of its weights:\n\n| Model |"
    text = written["hf_rnn/pretrained/bilstm/README.md"]
    assert table in text and "| `baseline` | 2,345,678 | 9.4 MB | 0.8765 | 0.9134 | 21.4 | 2 | 1 |\n" in text
    assert written["model_cards/bilstm.md"] == text
    # Of the baseline there are no other results to stand beside.
    options = {"license": "mit", "language": "en"}
    baseline = results_document(name="baseline", metrics__test__accuracy=0.8765)
    assert written["model_cards/baseline.md"] == str(model_card(baseline, **options))


def test_a_comparison_stands_in_place_of_the_table(root: Path) -> None:
    assert copied_plots(root) == {}
    compare(root, "hf_rnn/pretrained/bilstm/card.json")
    compare(root, "model_cards/baseline.json")
    written = cards(root)
    for path, plot in zip(CARDS, ["comparison.png", *["comparison/conll2003.png"] * 2], strict=True):
        assert "| `minilm` | 0.9100 |" in written[path]
        assert f"]({plot})\n" in written[path]
        assert f"written from `{COMPARISON}`" in written[path]
        assert "What the runs measured" not in written[path]
    source = (root / COMPARISON).with_suffix(".png")
    assert copied_plots(root) == {root / "hf_rnn" / "pretrained" / "bilstm" / "comparison.png": source}


def test_learning_curves_are_linked_from_where_the_card_is(root: Path) -> None:
    assert not any("Loss and metric" in text for text in cards(root).values())
    (root / "hf_rnn" / "pretrained" / "bilstm" / CURVES_FILE).write_bytes(b"")
    (root / "model_cards" / "baseline.png").write_bytes(b"")
    links = [CURVES_FILE, "baseline.png", f"../hf_rnn/pretrained/bilstm/{CURVES_FILE}"]
    for path, link in zip(CARDS, links, strict=True):
        assert f"![Loss and metric by epoch]({link})" in cards(root)[path]


def test_what_is_missing_is_named(root: Path) -> None:
    compare(root, "model_cards/baseline.json")
    write_comparison(comparison_document(quick=True), root / COMPARISON)
    with pytest.raises(ValueError, match="the comparison 'conll2003' is a quick run"):
        cards(root)
    (root / COMPARISON).unlink()
    with pytest.raises(FileNotFoundError, match=COMPARISON):
        cards(root)
    (root / "model_cards" / "baseline.json").rename(root / "model_cards" / "stranger.json")
    with pytest.raises(ValueError, match=r"stranger.json: no file in model_cards/results has the `name` 'stranger'"):
        cards(root)
    (root / "hf_rnn" / "pretrained" / "bilstm" / "results.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"bilstm/results.json"):
        cards(root)
    (root / "hf_rnn" / "pretrained" / "bilstm" / "card.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"bilstm/card.json"):
        cards(root)


def test_the_cards_of_the_project_are_those_that_its_json_makes(project: Path) -> None:
    written = cards(project)
    assert len(written) >= 2 * len(list_bundled()) + 1
    for path, text in written.items():
        assert (project / path).read_text(encoding="utf-8") == text, f"{path} is out of date: run `make docs`"
    for copy, plot in copied_plots(project).items():
        assert copy.read_bytes() == plot.read_bytes()


def test_the_script_writes_and_checks_them(project: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def render(*flags: str) -> None:
        monkeypatch.setattr(sys, "argv", ["render_docs.py", "--root", str(root), *flags])
        runpy.run_path(str(project / "scripts" / "render_docs.py"), run_name="__main__")

    compare(root, "hf_rnn/pretrained/bilstm/card.json")
    plot = root / "hf_rnn" / "pretrained" / "bilstm" / "comparison.png"
    with pytest.raises(SystemExit, match=r"Out of date: hf_rnn/.*/README.md, hf_rnn/.*/comparison.png"):
        render("--check")
    assert not plot.exists()
    render()
    render("--check")
    assert plot.read_bytes() == b"plot"
    assert {path: (root / path).read_text(encoding="utf-8") for path in CARDS} == cards(root)
    card = root / "model_cards" / "bilstm.md"
    card.write_text(card.read_text(encoding="utf-8").replace("0.9100", "0.9900"), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"Out of date: model_cards/bilstm.md. Run `make docs`"):
        render("--check")


def test_what_was_tried_stands_before_the_training(root: Path) -> None:
    assert not any("What was tried" in text for text in cards(root).values())
    tried = results_document(name="x", metrics={"validation": {"accuracy": 0.75}}, dataset__splits={"validation": 7})
    path = root / "model_cards" / "trials" / "bilstm.json"
    path.parent.mkdir()
    path.write_text(json.dumps(collect_trials([("wider | deeper", tried)], ["accuracy"])))
    written = cards(root)
    for card in ("hf_rnn/pretrained/bilstm/README.md", "model_cards/bilstm.md"):
        table = written[card].partition("## What was tried\n\n")[2].partition("## Training")[0]
        assert table.startswith("| Tried | Accuracy, validation |") and "| wider / deeper | 0.7500 |" in table
        assert "from `model_cards/trials/bilstm.json`" in table
    assert "What was tried" not in written["model_cards/baseline.md"]
