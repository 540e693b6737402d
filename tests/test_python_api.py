"""The examples of docs/python_api.md print what it says, and the model that they push is one that others can load."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from transformers import pipeline

from tests.publishing import ana_fixture  # noqa: F401  (a fixture)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_page_trains_evaluates_and_pushes(project: Path, ana: HfApi) -> None:
    page = project / "docs" / "python_api.md"
    text = page.read_text(encoding="utf-8")
    pushes = ">>> trainer.push_to_hub()  # doctest: +SKIP"
    # Without a Hub a reader of the page could not run this line; here there is one.
    text = text.replace(pushes, ">>> commit = trainer.push_to_hub()")
    examples = doctest.DocTestParser().get_doctest(text, {}, page.stem, str(page), 0)
    assert doctest.DocTestRunner().run(examples).failed == 0
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(
        ana.list_repo_files("ana/output")
    )
    folder = ana.snapshot_download("ana/output", local_dir="loaded")
    assert pipeline("text-classification", model=folder)("a dull film")[0]["label"] == "bad"


def test_the_first_example_has_twelve_lines(project: Path) -> None:
    text = (project / "docs" / "python_api.md").read_text(encoding="utf-8")
    twelve = text.split("## Twelve lines")[1].split("\n## ")[0]
    assert twelve.count(">>>") == 12
