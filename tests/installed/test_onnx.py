"""Every bundle as an ONNX graph, which answers as its pipeline without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import pipeline

import hf_rnn
from hf_rnn.export import export_onnx


export = pytest.importorskip("hf_rnn.export.runtime", reason="the extra `export` is not installed")

QUESTIONS: dict[str, tuple[str, Any]] = {
    "bilstm-imdb": ("text-classification", "A fine film, and a joy to the end."),
    "bilstm-crf-conll2003": ("token-classification", "Maria moved to Lisbon."),
    "bilstm-crf-lener-br": ("token-classification", "Gilmar Mendes citou a Lei nº 8.666 em Brasília."),
    "bilstm-crf-pt": ("token-classification", "Maria Silva mudou-se para Lisboa em 2010."),
    "siamese-bilstm-quora": ("text-classification", {"text": "How do I swim?", "text_pair": "I want to swim"}),
    "siamese-bilstm-stsb": ("text-classification", {"text": "A man sings.", "text_pair": "Someone is singing."}),
    "gru-dates": ("text2text-generation", "dia 3 de maio de 2021"),
    "lstm-shakespeare-char": ("text-generation", "ROMEO:"),
}


@pytest.mark.parametrize("name", hf_rnn.list_bundled())
def test_the_graph_answers_as_the_pipeline(name: str, tmp_path: Path) -> None:
    task, question = QUESTIONS[name]
    folder = export_onnx(hf_rnn.bundled(name), tmp_path / "onnx")
    run = export.load(folder)
    if task == "text-generation":
        ask = pipeline(task, model=hf_rnn.bundled(name))
        assert run(question, max_new_tokens=10) == ask(question, do_sample=False, max_new_tokens=10)
        return
    if task == "text2text-generation":
        assert run([question]) == pipeline(task, model=hf_rnn.bundled(name))([question])
        return
    options = {"aggregation_strategy": "simple"} if task == "token-classification" else {}
    ask = pipeline(task, model=hf_rnn.bundled(name), **options)
    answers, wanted = run([question])[0], ask([question])[0]
    if task != "token-classification":
        answers, wanted = [answers], [wanted]
    for answer, expected in zip(answers, wanted, strict=True):
        assert answer.keys() == expected.keys()
        assert float(answer.pop("score")) == pytest.approx(float(expected.pop("score")), abs=1e-5)
        assert answer == expected
