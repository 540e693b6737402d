"""The cards of the project, as huggingface_hub reads them and as it has the Hub validate them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

from hf_rnn.bundles import bundled_folders, encoder_folders
from hf_rnn.hub.model_card import METRICS
from hf_rnn.runs.kinds import find_kind
from hf_rnn.runs.results import read_results
from tests.fixtures.loopback import LoopbackHub


PROJECT = Path(__file__).parent.parent.parent
FOLDERS = bundled_folders()
CARDS = sorted([*(folder / "README.md" for folder in FOLDERS.values()), *(PROJECT / "model_cards").glob("*.md")])
VALIDATE = """
import sys
from huggingface_hub import ModelCard
for path in sys.argv[1:]:
    card = ModelCard.load(path)
    card.validate()
"""


def validate(hub: LoopbackHub, cache: Path, *cards: Path) -> subprocess.CompletedProcess[str]:
    """`ModelCard.validate` of each, in a process whose Hub is `hub`."""
    command = [sys.executable, "-c", VALIDATE, *map(str, cards)]
    return subprocess.run(command, env=hub.environment(cache), capture_output=True, text=True, check=False)


def test_model_cards_holds_those_of_the_bundled_checkpoints_and_of_the_baseline() -> None:
    assert {path.stem for path in CARDS if path.parent.name == "model_cards"} >= {*FOLDERS, "minilm-conll2003"}


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_the_front_matter_is_read_as_it_was_written(path: Path) -> None:
    card = ModelCard.load(path)
    data = card.data
    assert data.to_yaml() == card.content.split("---\n")[1].rstrip("\n")
    for field in ("language", "license", "library_name", "pipeline_tag", "tags"):
        assert getattr(data, field), field
    if path.stem in encoder_folders():
        assert data.base_model
        return
    for field in ("metrics", "model_name"):
        assert getattr(data, field), field
    # Data that are generated, or that only their makers give out, are on no Hub.
    assert data.datasets or {path.stem, path.parent.name} & {"gru-dates", "bilstm-crf-pt"}
    index = eval_results_to_model_index(data.model_name, data.eval_results)
    assert model_index_to_eval_results(index) == (data.model_name, data.eval_results)
    assert ModelCardData(**{"model-index": index}, ignore_metadata_errors=False).eval_results == data.eval_results


@pytest.mark.parametrize("name", FOLDERS)
def test_the_model_index_has_the_figures_of_the_results(name: str) -> None:
    results = read_results(FOLDERS[name] / "results.json")
    expected = [
        (
            find_kind(results["task"]).pipeline or results["task"],
            split,
            results["dataset"]["name"],
            METRICS[metric][0],
            value,
        )
        for split, figures in results["metrics"].items()
        for metric, value in figures.items()
        if metric in METRICS and split != "train"
    ]
    for path in (FOLDERS[name] / "README.md", PROJECT / "model_cards" / f"{name}.md"):
        data = ModelCard.load(path).data
        found = [
            (r.task_type, r.dataset_split, r.dataset_name, r.metric_type, r.metric_value) for r in data.eval_results
        ]
        assert sorted(found) == sorted(expected)


def test_the_hub_accepts_them(loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    done = validate(loopback_hub, tmp_path, *CARDS)
    assert done.returncode == 0, done.stderr
    assert len(loopback_hub.requested("POST /api/validate-yaml")) == len(CARDS)


def test_the_hub_refuses_a_broken_one(loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    text = CARDS[0].read_text(encoding="utf-8")
    broken = tmp_path / "README.md"
    broken.write_text(text.replace("\ndatasets:\n-", "\ndatasets:\n- a: 1\n-"), encoding="utf-8")
    done = validate(loopback_hub, tmp_path, broken)
    assert done.returncode != 0
    assert '"datasets" must be a string or a list of strings' in done.stderr
