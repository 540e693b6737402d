"""A folder for the Hub: staged and checked here, it loads with the package and without."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, pipeline

import hf_rnn
from hf_rnn.hub.publishing import publish
from hf_rnn.hub.staging import stage


TEXTS = ["A fine film.", "A waste of an evening, badly played."]
# Where another environment has staged folders with its own versions, and where this one leaves its own for that.
OTHER, OWN = (os.environ.get(name) for name in ("HF_RNN_STAGED_BY_OTHERS", "HF_RNN_STAGED_HERE"))

CLASSIFY = """
from transformers import pipeline
classify = pipeline("text-classification", model=given["folder"], trust_remote_code=True)
found = [answer["score"] for answer in classify(given["texts"])]
"""
WRITE = """
import torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(given["folder"], trust_remote_code=True)
ids = torch.tensor([given["ids"]])
state = model(ids[:, :-1], use_cache=True).cache
found = [
    model.generate(ids, do_sample=False, max_new_tokens=12, num_beams=3)[0].tolist(),
    model.generate(ids, past_key_values=state, do_sample=False, max_new_tokens=12)[0].tolist(),
]
"""
NORMALIZE = """
from transformers import pipeline
normalize = pipeline("text2text-generation", model=given["folder"], trust_remote_code=True)
found = [answer["generated_text"] for answer in normalize(given["texts"], batch_size=2, num_beams=2)]
"""


def staged_folder(name: str, folder: Path) -> Path:
    stage(f"bundled:{name}", folder, repo_id="ana/model")
    return folder


def test_a_dry_run_says_what_would_be_published() -> None:
    said = publish("bundled:bilstm-imdb", "ana/film", dry_run=True)
    assert "model.safetensors" in said.description and said.url is None


def test_a_classifier_is_staged_and_answers_without_the_package(tmp_path: Path, stranger) -> None:
    folder = staged_folder("bilstm-imdb", Path(OWN or tmp_path) / "bilstm-imdb")
    wanted = [
        answer["score"] for answer in pipeline("text-classification", model=hf_rnn.bundled("bilstm-imdb"))(TEXTS)
    ]
    assert stranger(CLASSIFY, folder=folder, texts=TEXTS) == pytest.approx(wanted, abs=1e-6)
    write_answers(folder, {"texts": TEXTS, "scores": wanted})


@torch.no_grad()
def test_a_writer_is_staged_and_writes_without_the_package(tmp_path: Path, stranger) -> None:
    folder = staged_folder("lstm-shakespeare-char", Path(OWN or tmp_path) / "lstm-shakespeare-char")
    ids = [5, 9, 12, 20]
    model = AutoModelForCausalLM.from_pretrained(hf_rnn.bundled("lstm-shakespeare-char"))
    beams = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=12, num_beams=3)[0].tolist()
    greedy = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=12)[0].tolist()
    assert stranger(WRITE, folder=folder, ids=ids) == [beams, greedy]
    write_answers(folder, {"ids": ids, "written": [beams, greedy]})


def test_an_encoder_decoder_is_staged_and_writes_without_the_package(tmp_path: Path, stranger) -> None:
    folder = staged_folder("gru-dates", Path(OWN or tmp_path) / "gru-dates")
    texts = ["3 de maio de 2021", "May 3rd, 2021", "03/05/21"]
    assert stranger(NORMALIZE, folder=folder, texts=texts) == ["2021-05-03"] * 3
    write_answers(folder, {"texts": texts, "written": ["2021-05-03"] * 3})


def write_answers(folder: Path, answers: dict[str, object]) -> None:
    """Write beside the folder what it answered here, and under which version."""
    answers["transformers"] = transformers.__version__
    folder.with_suffix(".json").write_text(json.dumps(answers), encoding="utf-8")


@pytest.mark.skipif(OTHER is None, reason="HF_RNN_STAGED_BY_OTHERS names no folder of another environment")
def test_what_other_versions_have_staged_answers_here_as_there(stranger) -> None:
    files = sorted(Path(str(OTHER)).glob("*/*.json"))
    assert files
    for path in files:
        answers, folder = json.loads(path.read_text(encoding="utf-8")), path.with_suffix("")
        if "written" in answers and "texts" in answers:
            assert stranger(NORMALIZE, folder=folder, texts=answers["texts"]) == answers["written"], path
        elif "texts" in answers:
            found = stranger(CLASSIFY, folder=folder, texts=answers["texts"])
            assert found == pytest.approx(answers["scores"], abs=1e-5), path
        else:
            assert stranger(WRITE, folder=folder, ids=answers["ids"]) == answers["written"], path
