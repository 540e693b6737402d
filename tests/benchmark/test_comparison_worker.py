"""A compared model answers as its stock pipeline does, in its own process; here in that of the test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from hf_rnn.benchmark.comparison_worker import MeasuredModel
from tests.benchmark.comparisons import CLASSES, LIMIT, SENTENCES, TAGS, TEXTS, save_bert, save_bilstm


def loaded(folder: Path, task: str, texts: Sequence[object] = TEXTS) -> MeasuredModel:
    path = folder / "texts.json"
    path.write_text(json.dumps({"latency": list(texts), "throughput": list(texts)}))
    model = MeasuredModel(str(folder), task, str(path))
    assert model.load()["seconds"] > 0
    return model


def test_logits_are_named_and_cut_as_in_the_pipeline(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bert", CLASSES[::-1])
    model = loaded(folder, "text-classification")
    answers = model.predict(TEXTS)["predictions"]
    stock = pipeline("text-classification", model=str(folder))
    expected = stock(TEXTS, top_k=None, function_to_apply="none", truncation=True, max_length=LIMIT)
    for answer, logits in zip(answers, expected, strict=True):
        assert answer == pytest.approx({row["label"]: row["score"] for row in logits}, abs=1e-5)
    assert {round(answer["positive"], 3) for answer in answers} != {round(answers[0]["positive"], 3)}


def test_pairs_are_answered(tmp_path: Path) -> None:
    pairs = [{"text": "a fine film", "text_pair": "dull"}, {"text": "dull", "text_pair": "a fine film"}]
    model = loaded(save_bert(tmp_path / "bert"), "text-classification", pairs)
    first, second = (answer["positive"] for answer in model.predict(pairs)["predictions"])
    assert abs(first - second) > 1e-3
    assert len(model.latency(0, 2)["milliseconds"]) == 2
    assert model.throughput()["texts"] == 2


def test_every_token_gets_the_tag_of_its_first_piece(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bert", TAGS, tagger=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    weights = AutoModelForTokenClassification.from_pretrained(folder)
    expected = []
    for sentence in SENTENCES[:3]:
        encoded = tokenizer(sentence, is_split_into_words=True, return_tensors="pt")
        assert encoded["input_ids"].shape[1] <= LIMIT
        with torch.no_grad():
            best = weights(**encoded).logits[0].argmax(-1).tolist()
        words = encoded.word_ids()
        expected.append([TAGS[best[words.index(word)]] for word in range(len(sentence))])
    found = loaded(folder, "token-classification").predict([*SENTENCES, []])["predictions"]
    assert found[:3] == expected
    assert [len(tags) for tags in found] == [*map(len, SENTENCES), 0], "in windows, nothing is lost"
    assert len({tag for tags in found for tag in tags}) > 1


def test_long_sentences_go_through_the_pipeline_of_tags(tmp_path: Path) -> None:
    model = loaded(save_bert(tmp_path / "bert", TAGS, tagger=True), "token-classification")
    assert len(model.latency(0, 4)["milliseconds"]) == 4
    assert len(model.latency(2, 20)["milliseconds"]) == 2
    longest = max(TEXTS, key=len)
    assert model.pipeline(longest, ignore_labels=[])[-1]["end"] == len(longest), "read to its end"
    found = model.throughput()
    tokenizer = model.pipeline.tokenizer
    assert found["tokens"] == sum(len(tokenizer(text, truncation=False)["input_ids"]) for text in TEXTS)


def test_tokens_that_are_cut_do_not_count(tmp_path: Path) -> None:
    tokens = loaded(save_bert(tmp_path / "bert"), "text-classification").throughput()["tokens"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "bert")
    lengths = [len(tokenizer(text)["input_ids"]) for text in TEXTS]
    assert max(lengths) > LIMIT
    assert tokens == sum(min(length, LIMIT) for length in lengths)


def test_ours_is_described_and_reads_texts_whole(tmp_path: Path) -> None:
    model = loaded(save_bilstm(tmp_path / "ours"), "text-classification")
    described = model.describe()
    assert (described["model_class"], described["model_type"]) == ("BiLstmForSequenceClassification", "bilstm")
    assert described["parameters"] == sum(weight.numel() for weight in model.pipeline.model.parameters())
    memory = model.memory()
    assert 0 < memory["import_mb"] <= memory["peak_mb"]
    long = "fine " * 3000
    one, other = (answer["positive"] for answer in model.predict([long, long + "dull dull dull"])["predictions"])
    assert one != other
