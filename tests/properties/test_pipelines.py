"""Any text through the pipeline of each bundled checkpoint: no crash, and an answer that makes sense."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import strategies as st
from transformers import Pipeline, pipeline

from hf_rnn import bundled
from tests.properties.generating import generated
from tests.properties.texts import broken_texts, megabytes, texts


BUNDLED = {
    "text-classification": "bilstm-imdb",
    "token-classification": "bilstm-crf-conll2003",
    "sentence-similarity": "siamese-bilstm-quora",
    "text-generation": "lstm-shakespeare-char",
    "text2text-generation": "gru-dates",
}


@cache
def pipeline_of(task: str) -> Pipeline:
    return pipeline(task, model=bundled(BUNDLED[task]))


def classify(text: str, other: str = "") -> int:
    answers = pipeline_of("text-classification")([text, other], top_k=None, batch_size=2)
    for scores in answers:
        assert {answer["label"] for answer in scores} == {"negative", "positive"}
        assert math.isclose(sum(answer["score"] for answer in scores), 1, abs_tol=1e-5)
    return len(answers)


def tag(text: str, other: str = "") -> int:
    # One at a time: in a batch, transformers' own padding of the offsets fails on a text without tokens.
    answers = pipeline_of("token-classification")([text, other], aggregation_strategy="simple")
    for given, entities in zip([text, other], answers, strict=True):
        end = 0
        for entity in entities:
            assert entity["entity_group"] in ("LOC", "MISC", "ORG", "PER") and 0 < entity["score"] <= 1
            assert end <= entity["start"] < entity["end"] <= len(given)
            end = entity["end"]
    return len(answers)


def compare(text: str, other: str = "How are you?") -> int:
    forth, back = pipeline_of("sentence-similarity")(
        [{"text": text, "text_pair": other}, {"text": other, "text_pair": text}]
    )
    assert -1.00001 <= forth["score"] <= 1.00001 and isinstance(forth["alike"], bool)
    assert math.isclose(forth["score"], back["score"], abs_tol=1e-5)
    return 2


def write(text: str, other: str = "") -> int:
    del other
    if text == "":
        # Nothing to begin with; the message says so.
        with pytest.raises(ValueError, match="There is no prompt"):
            pipeline_of("text-generation")(text, max_new_tokens=3)
        return 0
    (answer,) = pipeline_of("text-generation")(text, max_new_tokens=3, do_sample=False)
    assert answer["generated_text"].startswith(text)
    return 1


def rewrite(text: str, other: str = "") -> int:
    answers = pipeline_of("text2text-generation")([text, other], max_new_tokens=12, batch_size=2)
    for given, answer in zip([text, other], answers, strict=True):
        # What is written never depends on the batch.
        assert [answer] == pipeline_of("text2text-generation")(given, max_new_tokens=12)
        assert len(answer["generated_text"]) <= 12
    return len(answers)


# Each checks the answers to its texts, and gives their number: of two texts, but of one that is written on.
ASK: dict[str, Callable[..., int]] = {
    "text-classification": classify,
    "token-classification": tag,
    "sentence-similarity": compare,
    "text-generation": write,
    "text2text-generation": rewrite,
}


@pytest.mark.reliability(
    section="Properties",
    fault="Any Unicode text (control characters, from right to left, emoji, NUL) through each bundled pipeline",
    mutation="no look at whether there is a prompt",
)
@generated(60, 1500, task=st.sampled_from(list(ASK)), text=texts(), other=texts())
def test_any_text_has_an_answer(task: str, text: str, other: str) -> None:
    """Hold the answers to what an answer of the task must be, and count them."""
    assert ASK[task](text, other) == (int(text != "") if task == "text-generation" else 2)


@generated(12, 100, task=st.sampled_from(list(ASK)), text=broken_texts())
def test_half_a_surrogate_pair_is_refused(task: str, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match="TextEncodeInput|lone surrogate"):
        ASK[task](text)


@pytest.mark.slow
@pytest.mark.reliability(
    section="Properties",
    fault="1 MB in one string through each bundled pipeline",
    mutation="a text of 50,000 tokens or more divided by zero",
)
@pytest.mark.parametrize("task", list(ASK))
def test_a_megabyte_has_an_answer(task: str, outcome: Callable[[str], None]) -> None:
    """Hold the answers to what an answer of the task must be, and count them."""
    given = megabytes()
    if task == "text-generation":
        # A token a character: of several minutes for all, one text.
        given = {name: given[name] for name in ("sentences",)}
    for text in given.values():
        assert ASK[task](text) == (1 if task == "text-generation" else 2)
    outcome(f"{len(given)} texts answered")
