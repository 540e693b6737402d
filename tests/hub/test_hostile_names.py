"""Markup and folders of a home in titles, labels, texts and paths stay out of what is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.hub.model_card import model_card
from hf_rnn.insight.report import explain
from hf_rnn.runs.describe import non_default_arguments
from tests.tasks import small_runs


HOSTILE = "<script>alert('x')</script> <img src=x onerror=alert(1)> $\\foo$"
FORBIDDEN = ("<script", "<img src=x", "onerror=alert(1)>")


def outside_of_code(card: str) -> str:
    """A card without its code, in which nothing is markup."""
    blocks = card.split("```")[::2]
    return "\n".join("".join(line.split("`")[::2]) for block in blocks for line in block.splitlines())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("home") / "maria" / "secret"
    reviews = small_runs.write_reviews(folder)
    results: dict[str, Any] = small_runs.run(folder / "run", **reviews, dataset_title=HOSTILE, dataset_notes=HOSTILE)
    assert json.loads((folder / "run" / "results.json").read_text()) == results
    return results


def test_a_title_is_no_markup_in_a_card(run: dict[str, Any]) -> None:
    card = str(model_card(run | {"name": HOSTILE}, license="apache-2.0", language="en", repo_id="me/model"))
    assert "&lt;script>" in card
    shown = outside_of_code(card.split("---", 2)[2])
    assert not [line for line in shown.splitlines() if "<script" in line or "<img" in line]


def test_no_folder_of_a_home_is_in_the_results_or_the_card(run: dict[str, Any]) -> None:
    assert "maria" not in json.dumps(run)
    assert run["dataset"]["source"] == "train.csv"
    before = run | {"dataset": run["dataset"] | {"source": "/home/maria/secret/train.csv"}}
    card = str(model_card(before, license="apache-2.0", language="en"))
    assert "maria" not in card and "Read from `train.csv`" in card


def test_a_path_is_recorded_by_its_name_and_what_is_none_as_it_is(tmp_path: Path) -> None:
    from hf_rnn.tasks.arguments import ReportArguments

    (tmp_path / "a.csv").touch()
    given = ReportArguments(dataset_notes=f"{tmp_path}/a.csv", dataset_title="and/or: https://example.org/a/b, 1/2")
    recorded = non_default_arguments(given)
    assert recorded == {"dataset_notes": "a.csv", "dataset_title": "and/or: https://example.org/a/b, 1/2"}


def test_labels_and_texts_are_no_markup_in_a_page() -> None:
    tokenizer = train_tokenizer([f"good film {HOSTILE}"] * 2, min_frequency=1, show_progress=False)
    config = AutoConfig.for_model(
        "bilstm",
        vocab_size=len(tokenizer),
        embedding_size=4,
        hidden_size=4,
        id2label={0: HOSTILE, 1: "<b>good</b>"},
        label2id={HOSTILE: 0, "<b>good</b>": 1},
    )
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config)
    page = explain(model, tokenizer, f"good {HOSTILE} film", name=HOSTILE).html()
    assert "&lt;script&gt;" in page
    assert not any(mark in page for mark in (*FORBIDDEN, "<b>good"))
