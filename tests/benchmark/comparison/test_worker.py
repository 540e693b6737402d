"""A compared model answers as its stock pipeline does, in its own process; here in that of the test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer, BertModel, pipeline

from hf_rnn.benchmark.comparison.worker import MeasuredEncoder, MeasuredModel
from hf_rnn.models.modeling_siamese import SiameseForPairClassification, SiameseModel
from tests.benchmark.comparisons import (
    CLASSES,
    LIMIT,
    SENTENCES,
    TAGS,
    TEXTS,
    save_bert,
    save_bilstm,
    save_encoder,
    save_siamese,
)


PAIRS = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, [*TEXTS[1:], ""], strict=True)]


def loaded(folder: Path, task: str, texts: Sequence[object] = TEXTS) -> MeasuredModel:
    path = folder / "texts.json"
    path.write_text(json.dumps({"latency": list(texts), "throughput": list(texts)}))
    measured = MeasuredEncoder if task == "sentence-similarity" else MeasuredModel
    model = measured(str(folder), task, str(path))
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


def test_a_siamese_network_compares_by_its_own_similarity(tmp_path: Path) -> None:
    folder = save_siamese(tmp_path / "siamese", similarity="euclidean", threshold=-0.25)
    model = loaded(folder, "sentence-similarity")
    described = model.describe()
    assert (described["model_class"], described["model_type"]) == ("SiameseModel", "bilstm")
    assert described["threshold"] == -0.25
    siamese = SiameseModel.from_pretrained(folder)
    expected = [siamese.similarity(pair["text"], pair["text_pair"]).item() for pair in PAIRS]
    assert len(set(expected)) == len(PAIRS)
    assert model.predict(PAIRS)["predictions"] == pytest.approx(expected, abs=1e-6)


def test_of_a_classifier_of_pairs_the_siamese_network_is_measured(tmp_path: Path) -> None:
    folder = save_siamese(tmp_path / "pairs", SiameseForPairClassification, threshold=0.5)
    model = loaded(folder, "sentence-similarity")
    inner = SiameseForPairClassification.from_pretrained(folder).model
    assert model.describe()["parameters"] == inner.num_parameters()
    vectors = inner.encode(TEXTS, AutoTokenizer.from_pretrained(folder))
    (found,) = model.predict(PAIRS[:1])["predictions"]
    assert found == pytest.approx(torch.cosine_similarity(vectors[0], vectors[1], dim=0).item(), abs=1e-6)


def test_a_bert_is_the_mean_over_its_tokens(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "bert")
    model = loaded(folder, "sentence-similarity")
    described = model.describe()
    assert (described["model_type"], described["threshold"]) == ("bert", None)
    bert, tokenizer = BertModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        a, b = (
            bert(**tokenizer(text, truncation=True, max_length=LIMIT, return_tensors="pt")).last_hidden_state.mean(1)
            for text in TEXTS[2:]
        )
    expected = torch.cosine_similarity(a, b).item()
    assert abs(expected) < 0.999
    assert model.predict([PAIRS[2]])["predictions"] == pytest.approx([expected], abs=1e-5)


def test_what_is_timed_of_similarity_is_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(save_encoder(tmp_path / "bert"), "sentence-similarity")
    asked: list[tuple[object, ...]] = []
    threads: list[int] = []
    encode = SiameseModel.encode

    def counted(self: SiameseModel, inputs: object, *args: object, **options: object) -> torch.Tensor:
        vectors = encode(self, inputs, *args, **options)
        asked.append((inputs, options, tuple(vectors.shape)))
        threads.append(torch.get_num_threads())
        return vectors

    monkeypatch.setattr(SiameseModel, "encode", counted)
    assert len(model.latency(1, 3)["milliseconds"]) == 2
    found = model.throughput()
    size = model.pipeline.model.config.output_size
    assert asked == [
        (TEXTS[1], {}, (size,)),
        (TEXTS[2], {}, (size,)),
        (TEXTS, {"batch_size": 32}, (len(TEXTS), size)),
    ]
    assert threads[:2] == [1, 1]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "bert")
    assert found["tokens"] == sum(min(len(tokenizer(text)["input_ids"]), LIMIT) for text in TEXTS)
