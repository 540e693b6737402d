"""A model of ours on the Hub on loopback: pushed by `model.push_to_hub`, used by those who cannot import hf_rnn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.loopback import Clients, LoopbackHub
from tests.models.stranger import ask_a_stranger


REPO = "ana/tiny"
TEXTS = ["a fine film", "dull , dull , dull", "fine"]
CARD = b"---\nlicense: mit\npipeline_tag: text-classification\nlibrary_name: transformers\n---\n# Tiny\n"

# Twice, with other weights; the first time is tagged v1. What each answers is printed.
PUSH = """
import json, sys
import hf_rnn
from huggingface_hub import HfApi
from transformers import AutoModelForSequenceClassification, AutoTokenizer

repo, folder, texts = json.loads(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder)
answers = []
for tag in ("v1", None):
    model.push_to_hub(repo, private=True)
    tokenizer.push_to_hub(repo)
    answers.append(model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.tolist())
    if tag:
        HfApi().create_tag(repo, tag=tag)
        model.classifier.output.weight.data.neg_()
print(json.dumps(answers))
"""

STRANGER = """
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer, pipeline

for revision in given["revisions"]:
    options = {"revision": revision, "trust_remote_code": True}
    tokenizer = AutoTokenizer.from_pretrained(given["repo"], revision=revision)
    model = AutoModelForSequenceClassification.from_pretrained(given["repo"], **options)
    pipe = pipeline("text-classification", model=given["repo"], **options)
    found[revision] = {
        "config": AutoConfig.from_pretrained(given["repo"], **options).model_type,
        "backbone": type(AutoModel.from_pretrained(given["repo"], **options)).__name__,
        "logits": model(**tokenizer(given["texts"], padding=True, return_tensors="pt")).logits.tolist(),
        "labels": [answer["label"] for answer in pipe(given["texts"])],
        "module": type(model).__module__.split(".")[0],
    }
"""
WITHOUT_TASK = """
pipe = pipeline(model=given["repo"], trust_remote_code=True)
found["task"] = pipe.task
"""


@pytest.fixture
def pushed(
    loopback_hub: LoopbackHub, hub_client: Clients, run_folder: Path, tmp_path: Path, project: Path
) -> list[list[list[float]]]:
    """The logits of `TEXTS`, of v1 and of main, by the process that has pushed both."""
    environment = loopback_hub.environment(tmp_path / "ana", loopback_hub.token()) | {"PYTHONPATH": str(project)}
    arguments = json.dumps([REPO, str(run_folder), TEXTS])
    done = subprocess.run(
        [sys.executable, "-c", PUSH, arguments], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    hub_client(loopback_hub.token()).upload_file(repo_id=REPO, path_or_fileobj=CARD, path_in_repo="README.md")
    return json.loads(done.stdout.splitlines()[-1])


def test_a_stranger_uses_it(
    pushed: list[list[list[float]]], loopback_hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in loopback_hub.environment(tmp_path, loopback_hub.token("ana", "read")).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))  # of both strangers
    monkeypatch.delenv("HF_HUB_OFFLINE")
    asked: dict[str, Any] = {"repo": REPO, "texts": TEXTS, "revisions": ["v1", "main"]}
    online = ask_a_stranger(STRANGER + WITHOUT_TASK, tmp_path / "online", **asked)
    assert online.pop("task") == "text-classification"
    for revision, logits in zip(("v1", "main"), pushed, strict=True):
        answer = online[revision]
        assert (answer["config"], answer["backbone"]) == ("bilstm", "BiLstmModel")
        assert answer["module"] == "transformers_modules"  # the code of the repository
        assert answer["logits"] == [pytest.approx(row, abs=1e-6) for row in logits]
        assert answer["labels"] == [f"LABEL_{int(row[1] > row[0])}" for row in logits]
    assert online["v1"]["labels"] != online["main"]["labels"]

    loopback_hub.stop()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert ask_a_stranger(STRANGER, tmp_path / "offline", **asked) == online
