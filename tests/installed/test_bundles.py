"""Every bundled checkpoint answers through every pipeline and function that it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, pipeline

import hf_rnn


TEXTS = ["It takes its time and earns every minute of it.", "The plot makes no sense and the acting is even worse."]


def needs(name: str) -> str:
    """The folder of the bundle `name`; the test is skipped where the research weights are not installed."""
    if name not in hf_rnn.list_bundled():
        pytest.skip(f"{name} is not installed")
    return hf_rnn.bundled(name)


def test_every_bundle_has_a_test() -> None:
    free = {"bilstm-crf-lener-br", "bilstm-imdb", "gru-dates", "lstm-shakespeare-char"}
    research = {"bilstm-crf-conll2003", "bilstm-crf-pt", "siamese-bilstm-quora", "siamese-bilstm-stsb"}
    assert free <= set(hf_rnn.list_bundled()) <= free | research


@pytest.mark.parametrize("name", hf_rnn.list_bundled())
def test_a_bundle_loads_whole(name: str) -> None:
    folder = hf_rnn.bundled(name)
    assert json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))["name"] == name
    _, loading = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["mismatched_keys"]


def test_reviews_are_classified() -> None:
    classify = pipeline("text-classification", model=needs("bilstm-imdb"))
    assert [answer["label"] for answer in classify(TEXTS)] == ["positive", "negative"]
    many = hf_rnn.predict_texts(classify, TEXTS * 40)
    assert [answer["label"] for answer in many] == ["positive", "negative"] * 40
    alone = [classify(text)[0]["score"] for text in TEXTS]
    assert [answer["score"] for answer in many] == pytest.approx(alone * 40, abs=1e-6)


def test_entities_are_found() -> None:
    tag = pipeline("token-classification", model=needs("bilstm-crf-conll2003"), aggregation_strategy="simple")
    text = "Mr. Kofi Annan flew to New York on Monday, Reuters said."
    found = [(entity["word"], entity["entity_group"]) for entity in tag(text)]
    assert found == [("Kofi Annan", "PER"), ("New York", "LOC"), ("Reuters", "ORG")]


def found_in(name: str, text: str) -> list[tuple[str, str]]:
    tag = pipeline("token-classification", model=needs(name), aggregation_strategy="simple")
    return [(entity["word"], entity["entity_group"]) for entity in tag(text)]


def test_portuguese_entities_are_found() -> None:
    assert found_in("bilstm-crf-pt", "Luiz Inácio Lula da Silva viajou de Brasília a São Paulo em 2010.") == [
        ("Luiz Inácio Lula da Silva", "PESSOA"),
        ("Brasília", "LOCAL"),
        ("São Paulo", "LOCAL"),
        ("em 2010", "TEMPO"),
    ]


def test_entities_of_portuguese_court_rulings_are_found() -> None:
    text = "O ministro Gilmar Mendes citou a Lei nº 8.666, de 21 de junho de 1993, no Supremo Tribunal Federal."
    assert found_in("bilstm-crf-lener-br", text) == [
        ("Gilmar Mendes", "PESSOA"),
        ("Lei nº 8.666", "LEGISLACAO"),
        ("21 de junho de 1993", "TEMPO"),
        ("Supremo Tribunal Federal", "ORGANIZACAO"),
    ]


def test_sentences_are_scored_by_their_meaning() -> None:
    folder = needs("siamese-bilstm-stsb")
    score = pipeline("text-classification", model=folder)
    near, far = (
        score({"text": "A man is playing a guitar.", "text_pair": other})["score"]
        for other in ("A man plays the guitar.", "The market fell on Monday.")
    )
    assert near > 0.7 and far < 0.1


def test_pairs_are_compared_classified_and_searched() -> None:
    folder = needs("siamese-bilstm-quora")
    pairs = [
        {"text": "How can I learn swimming?", "text_pair": other}
        for other in ("What is the best way to learn to swim?", "How do I learn to code?")
    ]
    similarity = pipeline("sentence-similarity", model=folder)
    assert [answer["alike"] for answer in similarity(pairs)] == [True, False]
    classify = pipeline("text-classification", model=folder)
    assert [answer["label"] for answer in classify(pairs)] == ["alike", "different"]
    model = AutoModel.from_pretrained(folder)
    vectors = model.encode(["How do I boil an egg?", "What is the best way to learn to swim?"])
    _, positions = model.search("How can I learn swimming?", vectors, top_k=1)
    assert positions.tolist() == [[1]]


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        ("How old are you?", "What is your age?", "alike"),
        ("Where are you from?", "Where are you going?", "different"),
    ],
)
def test_questions_that_were_answered_wrongly_once(first: str, second: str, label: str) -> None:
    # Words that are shared do not make two questions alike, nor do other words make them different. The pairs are
    # regression cases: no network has learnt from them, which tests/scripts/test_pair_everyday.py holds.
    folder = needs("siamese-bilstm-quora")
    for text, other in ((first, second), (second, first)):
        pair = {"text": text, "text_pair": other}
        answer = pipeline("text-classification", model=folder)(pair)
        assert (answer[0] if isinstance(answer, list) else answer)["label"] == label


def loop(model, ids: torch.Tensor, steps: int) -> torch.Tensor:
    """Greedy search by a loop that reads the whole text anew for each token."""
    for _ in range(steps):
        logits = model(ids, torch.ones_like(ids), use_cache=False).logits[:, -1]
        ids = torch.cat([ids, logits.argmax(dim=1, keepdim=True)], dim=1)
    return ids


@torch.no_grad()
def test_dates_are_brought_into_one_form() -> None:
    normalize = pipeline("text2text-generation", model=needs("gru-dates"))
    written = ["terça-feira, 4 de julho de 2023", "MAY 3, 2021", "5/23/99", "03.05.68"]
    answers = [answer["generated_text"] for answer in normalize(written, batch_size=4)]
    assert answers == ["2023-07-04", "2021-05-03", "1999-05-23", "2068-05-03"]
    assert normalize("3 de maio de 2021", num_beams=3, num_return_sequences=2)[0] == {"generated_text": "2021-05-03"}


def test_text_is_written_as_a_loop_writes_it() -> None:
    folder = needs("lstm-shakespeare-char")
    write = pipeline("text-generation", model=folder)
    options = {"do_sample": False, "max_new_tokens": 20}
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), write.tokenizer
    ids = tokenizer("ROMEO:", return_tensors="pt")["input_ids"]
    wanted = loop(model, ids, 20)
    assert torch.equal(model.generate(ids, **options), wanted)
    assert write("ROMEO:", **options)[0]["generated_text"] == tokenizer.decode(wanted[0])
    # From a state, by each of its names, and by beams, which reorder it.
    state = model(ids[:, :-1], use_cache=True).cache
    for name in ("cache", "past_key_values"):
        assert torch.equal(model.generate(ids, **{name: state}, **options), wanted)
    beams = {**options, "num_beams": 4}
    assert torch.equal(model.generate(ids, **beams), model.generate(ids, **beams, use_cache=False))
