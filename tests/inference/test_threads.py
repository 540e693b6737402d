"""Threads that share a tokenizer, each with a truncation of its own, get the answers that one thread gets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, pipeline

import hf_rnn
from hf_rnn.inference import predict_texts
from hf_rnn.inference.pipelines import make_pipeline
from hf_rnn.inference.tagging import words_of
from tests.inference import small_models


LONG = [" ".join(small_models.WORDS[start:] + small_models.WORDS[:start]) for start in range(12)]
# What each thread asks for, over and over.
REPEATS = 25


@pytest.fixture(autouse=True)
def change_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[[], Any]]:
    folder = tmp_path_factory.mktemp("models")
    tokenizer = small_models.TOKENIZER
    classifier = AutoModelForSequenceClassification.from_pretrained(small_models.classifier(folder)).eval()
    tagger = AutoModelForTokenClassification.from_pretrained(small_models.tagger(folder)).eval()
    siamese = hf_rnn.SiameseModel.from_pretrained(small_models.siamese(folder)).eval()
    classify = pipeline("text-classification", model=classifier, tokenizer=tokenizer)
    ours = make_pipeline("text-classification", classifier, tokenizer)
    tag = make_pipeline("token-classification", tagger, tokenizer)

    def predicted(**options: Any) -> Any:
        return predict_texts(classify, LONG, progress=False, top_k=None, **options)

    return {
        "whole texts": predicted,
        "the first tokens": lambda: predicted(truncation=True, max_length=3),
        "more tokens": lambda: predicted(truncation=True, max_length=7),
        "our pipeline": lambda: ours(LONG, truncation=True, max_length=5),
        "tags": lambda: tag(LONG[:3]),
        "vectors": lambda: siamese.encode(LONG, tokenizer).tolist(),
        "words": lambda: [words_of(tokenizer, text) for text in LONG],
    }


def test_answers_are_those_of_one_thread(calls: dict[str, Callable[[], Any]]) -> None:
    expected = {name: call() for name, call in calls.items()}
    assert expected["whole texts"] != expected["the first tokens"] != expected["more tokens"]

    def repeated(name: str) -> list[Any]:
        return [calls[name]() for _ in range(REPEATS)]

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(len(calls)) as pool:
        found = dict(zip(calls, pool.map(repeated, calls), strict=True))
    torch.set_num_threads(threads)
    for name, answers in found.items():
        assert all(answer == expected[name] for answer in answers), name
