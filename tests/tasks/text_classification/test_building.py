"""What a new classifier of texts reads: words that it knows how to spell, or tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from hf_rnn.data.tokenizers.text_pieces import train_text_pieces
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.tasks.arguments import ModelArguments, TokenizerArguments
from hf_rnn.tasks.text_classification.building import build_classifier, with_kind
from tests.tasks.small_runs import SMALL, run, write_reviews


TEXTS = ["a good film", "a good book", "a bad film", "the actress"]
LABELS = {"id2label": {0: "no", 1: "yes"}, "label2id": {"no": 0, "yes": 1}}
OVERRIDES = '{"embedding_size": 4, "hidden_size": 3}'


def build(kind: str = "pieces", model: dict[str, Any] | None = None, **tokenizer: Any) -> tuple[Any, Any]:
    train = train_text_pieces if kind == "pieces" else train_tokenizer
    made = train(TEXTS, show_progress=False)
    arguments = ModelArguments(**{"config_overrides": OVERRIDES, **(model or {})})
    return build_classifier(arguments, TokenizerArguments(**tokenizer), made, TEXTS, **LABELS).eval(), made


def words_with_a_vector(model: Any, tokenizer: Any, words: list[str]) -> list[str]:
    embeddings, found = model.model.embeddings, []
    for word in words:
        ids = tokenizer(word, return_tensors="pt")["input_ids"]
        steps = embeddings.find_words(ids, torch.ones_like(ids, dtype=torch.bool))
        characters, _ = embeddings._characters(ids, steps)
        found += [word] if int(embeddings.rows(characters)[0]) else []
    return found


@pytest.mark.parametrize(
    ("model", "kind", "expected"),
    [
        ({}, None, "pieces"),
        ({"embedding_vectors": "glove-6b-50d"}, None, "word"),
        ({"config_overrides": '{"one_hot_input": true}'}, None, "word"),
        ({"config_overrides": '{"one_hot_input": false}'}, None, "pieces"),
        ({"embedding_vectors": "glove-6b-50d"}, "pieces", "pieces"),
        ({}, "bpe", "bpe"),
    ],
)
def test_the_kind_that_is_trained(model: dict[str, Any], kind: str | None, expected: str) -> None:
    arguments = TokenizerArguments(tokenizer_kind=kind, vocab_size=77)
    settled = with_kind(arguments, ModelArguments(**model))
    assert (settled.tokenizer_kind, settled.vocab_size) == (expected, 77)


def test_words_of_two_occurrences_have_a_vector_and_all_are_spelt() -> None:
    model, tokenizer = build()
    assert model.config.char_encoder == "cnn" and model.config.vocab_size == len(tokenizer)
    known = ["a", "good", "bad", "film", "book", "the", "actress"]
    assert words_with_a_vector(model, tokenizer, known) == ["a", "good", "film"]
    assert model.config.word_vocab_size == 4
    # Two words without a vector are told apart by their spelling; a tokenizer of words cannot.
    with torch.no_grad():
        new = [
            model(**tokenizer(text, return_tensors="pt")).logits for text in ("a dreadful film", "a delightful film")
        ]
    assert (new[0] - new[1]).abs().max() > 1e-4


def test_the_flags_of_the_tokenizer_say_which_words_have_a_vector() -> None:
    model, tokenizer = build(min_frequency=1)
    assert words_with_a_vector(model, tokenizer, ["bad", "actress", "zebra"]) == ["bad", "actress"]
    model, tokenizer = build(min_frequency=1, vocab_size=3)
    assert words_with_a_vector(model, tokenizer, ["a", "good", "film", "bad"]) == ["a", "good"]
    for arguments, message in (
        ({"vocab_size": 1}, "`vocab_size`=1 must be"),
        ({"min_frequency": 0}, "`min_frequency`"),
    ):
        with pytest.raises(ValueError, match=message):
            build(**arguments)


@pytest.mark.parametrize(
    ("kind", "overrides"), [("word", {}), ("bpe", {}), ("pieces", {"config_overrides": '{"one_hot_input": true}'})]
)
def test_other_tokenizers_and_one_hot_inputs_have_a_step_for_each_token(kind: str, overrides: dict[str, Any]) -> None:
    model, _ = build(kind, overrides)
    assert model.config.word_vocab_size is None and model.config.char_encoder is None


def test_vectors_of_words_start_the_table(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("film 1 2\nzebra 3 4\n", encoding="utf-8")
    model, tokenizer = build(model={"embedding_vectors": str(file), "config_overrides": '{"hidden_size": 3}'})
    assert model.config.embedding_size == 2
    assert words_with_a_vector(model, tokenizer, ["film", "zebra", "good"]) == ["film", "zebra"]


def test_what_follows_from_the_words_is_not_overridden() -> None:
    for name in ("vocab_size", "word_vocab_size", "max_token_bytes"):
        with pytest.raises(ValueError, match=f"`config_overrides` give `{name}`=9, which follows from the tokenizer"):
            build(model={"config_overrides": f'{{"{name}": 9}}'})
    # Anything else is.
    assert build(model={"config_overrides": '{"char_encoder": null}'})[0].config.char_encoder is None


def test_a_run_reads_words_and_its_wide_part_does_too(tmp_path: Path) -> None:
    files = write_reviews(tmp_path / "data")
    run(tmp_path / "out", **files)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert model.config.word_vocab_size is not None and model.config.wide_buckets is not None
    assert tokenizer("A GREAT film")["input_ids"] == tokenizer("a great film")["input_ids"]
    # However it is cut, a word is the same to both parts: its letters are given one by one here.
    whole = tokenizer("a great film")["input_ids"]
    letters = [token for word in "a great film".split() for token in tokenizer.convert_tokens_to_ids(["Ġ", *word])]
    assert len(letters) > len(whole)
    inputs = [torch.tensor([ids]) for ids in (whole, letters)]
    with torch.no_grad():
        said = [model(ids).logits for ids in inputs]
        wide = [model.wide(ids, torch.ones_like(ids, dtype=torch.bool)) for ids in inputs]
    torch.testing.assert_close(said[0], said[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(wide[0], wide[1], rtol=0, atol=1e-5)


def test_a_run_of_words_as_they_are(tmp_path: Path) -> None:
    files = write_reviews(tmp_path / "data")
    run(tmp_path / "out", tokenizer_kind="word", config_overrides=SMALL, **files)
    assert AutoConfig.from_pretrained(tmp_path / "out").word_vocab_size is None
    with pytest.raises(ValueError, match="`tokenizer_kind`='words' must be one of pieces, word, bpe"):
        run(tmp_path / "other", tokenizer_kind="words", **files)
