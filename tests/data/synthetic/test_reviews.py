"""Tests of hf_rnn/data/synthetic/reviews.py."""

from __future__ import annotations

import random
import re

import pytest
import torch
from datasets import ClassLabel, Value
from transformers import DataCollatorWithPadding

from hf_rnn.data.batches.texts import tokenize_dataset
from hf_rnn.data.synthetic import reviews as synthetic
from hf_rnn.data.synthetic.reviews import generate_reviews, synthetic_reviews
from hf_rnn.data.tokenizers.training import train_tokenizer


NEGATION = re.compile(r"\b(not|never|hardly|isn't exactly|by no means)\b")


def clause_polarity(clause: str) -> int:
    """The polarity of a clause as a reader finds it, written without the generator's own code."""
    words = [[word in clause for word in (*synthetic.ADJECTIVES[p], *synthetic.RECOMMENDATIONS[p])] for p in (0, 1)]
    assert sum(words[0]) + sum(words[1]) == 1, clause
    return int(any(words[1])) ^ bool(NEGATION.search(clause))


def read_label(text: str) -> int:
    verdict = re.split(r"(?<=[.!]) ", text)[-1].split(": ")[-1]
    if ", but " in verdict:
        main = verdict.split(", but ")[1]
    elif "lthough " in verdict:
        # "although A, B" or "B, although A"
        before, after = re.split(r"(?<!Overall)(?<!end)(?<!all), ", verdict)
        main = before if after.startswith("although") else after
    else:
        main = verdict
    return clause_polarity(main)


def test_every_label_is_what_a_reader_of_the_text_finds():
    for review in generate_reviews(2000, seed=3):
        assert read_label(review["text"]) == review["label"], review


def test_deterministic_balanced_and_without_repetition():
    reviews = generate_reviews(1001, seed=1)
    assert reviews == generate_reviews(1001, seed=1)
    assert reviews != generate_reviews(1001, seed=2)
    assert sum(review["label"] for review in reviews) == 500
    assert len({review["text"] for review in reviews}) == 1001
    # Balanced throughout, neither sorted by class nor alternating.
    assert 0.35 < sum(review["label"] for review in reviews[:400:2]) / 200 < 0.65
    assert 0.35 < sum(review["label"] for review in reviews[:200]) / 200 < 0.65


def test_the_global_generator_is_left_alone():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    generate_reviews(10, seed=0)
    assert random.random() == expected


def test_sizes():
    assert generate_reviews(0, seed=0) == []
    with pytest.raises(ValueError, match="must be at least 0; it is -1"):
        generate_reviews(-1, seed=0)


def test_splits():
    data = synthetic_reviews(train=600, validation=100, test=80, seed=0)
    assert {split: len(rows) for split, rows in data.items()} == {"train": 600, "validation": 100, "test": 80}
    for rows in data.values():
        assert rows.features == {"text": Value("string"), "label": ClassLabel(names=["negative", "positive"])}
        assert sum(rows["label"]) == len(rows) / 2
        assert "ynthetic" in rows.info.description
    assert len({text for rows in data.values() for text in rows["text"]}) == 780
    assert data["test"].to_list() == synthetic_reviews(600, 100, 80, seed=0)["test"].to_list()
    assert data["test"].to_list() != synthetic_reviews(600, 100, 80, seed=1)["test"].to_list()


def test_a_text_that_was_seen_is_drawn_again(monkeypatch):
    drawn = iter(["a", "a", "b"])
    monkeypatch.setattr(synthetic, "_review", lambda label, generator: next(drawn))
    assert [review["text"] for review in generate_reviews(2, seed=0)] == ["a", "b"]


def test_a_bag_of_words_does_not_solve_it():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    linear_model = pytest.importorskip("sklearn.linear_model")
    data = synthetic_reviews()
    for ngrams in ((1, 1), (1, 2)):
        vectorizer = text.CountVectorizer(ngram_range=ngrams)
        counts = vectorizer.fit_transform(data["train"]["text"])
        model = linear_model.LogisticRegression(max_iter=2000).fit(counts, data["train"]["label"])
        assert model.score(vectorizer.transform(data["test"]["text"]), data["test"]["label"]) < 0.75


@pytest.mark.slow
def test_a_bilstm_learns_it():
    torch.manual_seed(0)
    data = synthetic_reviews()
    tokenizer = train_tokenizer(data["train"]["text"], show_progress=False)
    collate = DataCollatorWithPadding(tokenizer)
    batches = {split: collate(tokenize_dataset(data[split], tokenizer).to_list()) for split in ("train", "test")}
    embedding = torch.nn.Embedding(len(tokenizer), 64)
    lstm = torch.nn.LSTM(64, 64, batch_first=True, bidirectional=True)
    classifier = torch.nn.Linear(128, 2)

    def logits(batch, rows):
        mask = batch["attention_mask"][rows].unsqueeze(-1).bool()
        states = lstm(embedding(batch["input_ids"][rows]))[0]
        return classifier(states.masked_fill(~mask, -torch.inf).amax(dim=1))

    modules = (embedding, lstm, classifier)
    optimizer = torch.optim.Adam([weight for module in modules for weight in module.parameters()], lr=3e-3)
    for _ in range(8):
        for rows in torch.randperm(4000).split(64):
            loss = torch.nn.functional.cross_entropy(logits(batches["train"], rows), batches["train"]["labels"][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        predictions = logits(batches["test"], slice(None)).argmax(dim=-1)
    assert (predictions == batches["test"]["labels"]).float().mean() > 0.95
