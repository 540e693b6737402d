"""The tokenizer and the model of a tagger."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, GPT2Tokenizer, PreTrainedModel

from hf_rnn.data.readers.sentences import TokenClassificationData, TokenDataArguments, load_token_classification
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.data.tokenizers.word_pieces import WORD_START
from hf_rnn.tasks.arguments import ModelArguments, WordArguments
from hf_rnn.tasks.token_classification.building import NEW_DROPOUT, TAGGER_DEFAULTS, build_tagger, tagger_tokenizer
from tests.tasks.small_tagging_runs import SMALL, save_tiny_bert, write_sentences


SENTENCES = [
    (["Maria", "met", "Ana", "in", "New", "York", "."], ["B-PER", "O", "B-PER", "O", "B-LOC", "I-LOC", "O"]),
    (["Ana", "met", "Maria", "in", "Lisbon", "."], ["B-PER", "O", "B-PER", "O", "B-LOC", "O"]),
]
LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TokenClassificationData:
    train_file = write_sentences(tmp_path_factory.mktemp("data") / "train.jsonl", SENTENCES)
    return load_token_classification(TokenDataArguments(train_file=train_file))


def tokenizer_of(data: TokenClassificationData, model: ModelArguments | None = None, **values: Any) -> Any:
    checkpoint = values.pop("checkpoint", None)
    return tagger_tokenizer(
        WordArguments(**{"piece_vocab_size": 300, **values}),
        model or ModelArguments(),
        data.splits["train"]["tokens"],
        checkpoint=checkpoint,
        show_progress=False,
    )


def build(data: TokenClassificationData, overrides: dict[str, Any] | None = None, **values: Any) -> PreTrainedModel:
    words = WordArguments(**{name: values.pop(name) for name in ("word_vocab_size", "word_aliases") if name in values})
    # The dropout is that of any new tagger here, not the one of small runs.
    small = {name: value for name, value in SMALL.items() if name not in NEW_DROPOUT}
    model = ModelArguments(config_overrides=json.dumps({**small, **(overrides or {})}), **values)
    return build_tagger(model, words, tokenizer_of(data), data)


def rows_of(model: PreTrainedModel, data: TokenClassificationData, *words: str) -> list[int]:
    """The row of the table that the model takes for each of `words` in a text."""
    embeddings: Any = model.model.embeddings
    taken: list[torch.Tensor] = []
    hook = embeddings.word_embeddings.register_forward_pre_hook(lambda module, inputs: taken.append(inputs[0]))
    model(**tokenizer_of(data)(list(words), is_split_into_words=True, return_tensors="pt"))
    hook.remove()
    return taken[0].tolist()


# Tokenizers


def test_a_new_tokenizer_is_trained_on_the_sentences(data: TokenClassificationData) -> None:
    tokenizer = tokenizer_of(data)
    assert len(tokenizer) <= 300
    tokens = tokenizer.tokenize("Maria met", add_special_tokens=False)
    assert [token.startswith(WORD_START) for token in tokens].count(True) == 2
    assert len(tokenizer_of(data, piece_vocab_size=260)) <= 260 < len(tokenizer)


def test_where_a_tokenizer_is_taken_from(data: TokenClassificationData, tmp_path: Path) -> None:
    """A checkpoint to resume, then the one that is named, then the model's."""
    for name in ("resumed", "named", "model"):
        train_tokenizer([name], min_frequency=1, show_progress=False).save_pretrained(tmp_path / name)
    folder = {name: str(tmp_path / name) for name in ("resumed", "named", "model")}
    model = ModelArguments(model_name_or_path=folder["model"])
    assert "model" in tokenizer_of(data, model).get_vocab()
    named = tokenizer_of(data, model, tokenizer_name_or_path=folder["named"])
    assert "named" in named.get_vocab()
    resumed = tokenizer_of(data, model, tokenizer_name_or_path=folder["named"], checkpoint=folder["resumed"])
    assert "resumed" in resumed.get_vocab()


@pytest.mark.parametrize("stock", [True, False], ids=["GPT-2", "ours"])
def test_byte_level_tokenizers_read_words_as_they_read_text(
    data: TokenClassificationData, tmp_path: Path, stock: bool
) -> None:
    """They do so even if transformers does not heed their `add_prefix_space`; so does the tokenizer that is saved."""
    trained = train_tokenizer([" ".join(tokens) for tokens, _ in SENTENCES], kind="bpe", show_progress=False)
    if stock:
        model = json.loads(trained.backend_tokenizer.to_str())["model"]
        merges = [tuple(pair) for pair in model["merges"]]
        trained = GPT2Tokenizer(vocab=model["vocab"], merges=merges, pad_token="[PAD]")
    trained.save_pretrained(tmp_path / "bpe")
    words = SENTENCES[0][0]
    assert trained(words, is_split_into_words=True)["input_ids"] != trained(" ".join(words))["input_ids"]
    taken = tokenizer_of(data, tokenizer_name_or_path=str(tmp_path / "bpe"))
    taken.save_pretrained(tmp_path / "saved")
    for tokenizer in (taken, AutoTokenizer.from_pretrained(tmp_path / "saved")):
        split = tokenizer(words, is_split_into_words=True)["input_ids"]
        assert split == tokenizer(" ".join(words))["input_ids"]
        assert [token.startswith(WORD_START) for token in tokenizer.convert_ids_to_tokens(split)].count(True) == 7


def test_padding_is_on_the_right(data: TokenClassificationData, tmp_path: Path) -> None:
    trained = train_tokenizer(["a b"], min_frequency=1, show_progress=False)
    trained.padding_side = "left"
    trained.save_pretrained(tmp_path)
    assert tokenizer_of(data, tokenizer_name_or_path=str(tmp_path)).padding_side == "right"


# Models


def test_a_new_model_has_words_characters_capitals_and_a_crf(data: TokenClassificationData) -> None:
    config = build(data).config
    assert TAGGER_DEFAULTS == {"char_encoder": "cnn", "casing_features": True, "crf": True}
    assert {name: getattr(config, name) for name in TAGGER_DEFAULTS} == TAGGER_DEFAULTS
    assert NEW_DROPOUT == {"embedding_dropout": 0.3, "dropout": 0.5}
    assert {name: getattr(config, name) for name in NEW_DROPOUT} == NEW_DROPOUT
    assert (config.model_type, config.label_scheme) == ("bilstm", "BIOES")
    assert [config.id2label[index] for index in range(len(LABELS))] == LABELS
    # maria, met, ana, in and "." occur twice; one row more is that of unknown words.
    assert config.word_vocab_size == 6
    assert config.embedding_size == SMALL["embedding_size"]
    # A character is a byte here.
    tokens = tokenizer_of(data).get_vocab().keys() - {"[PAD]", "[UNK]"}
    assert config.max_token_bytes == max(len(token.removeprefix(WORD_START)) for token in tokens)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"crf": False}, {"crf": False, "label_scheme": None}),
        ({"label_scheme": "BIO"}, {"crf": True, "label_scheme": "BIO"}),
        ({"label_scheme": None}, {"crf": True, "label_scheme": None}),
        ({"char_encoder": "lstm", "casing_features": False}, {"char_encoder": "lstm", "casing_features": False}),
    ],
)
def test_overrides_come_on_top(
    data: TokenClassificationData, overrides: dict[str, Any], expected: dict[str, Any]
) -> None:
    config = build(data, overrides).config
    assert {name: getattr(config, name) for name in expected} == expected


def test_tags_that_are_no_entities_have_no_scheme(data: TokenClassificationData) -> None:
    other = TokenClassificationData(data.splits, data.label_names, is_entities=False, dataset_name="pos")
    config = build(other).config
    assert config.crf and config.label_scheme is None


def test_words_have_rows_of_their_own(data: TokenClassificationData) -> None:
    """A word has one row in any case of letters; rare words share the first row."""
    model = build(data)
    rows = rows_of(model, data, "maria", "met", "ana", "in", ".", "Lisbon", "Paris", "MARIA")
    assert sorted(rows[:5]) == [1, 2, 3, 4, 5]
    assert rows[5:] == [0, 0, rows[0]]
    few = build(data, word_vocab_size=3)
    assert few.config.word_vocab_size == 3
    assert sorted(rows_of(few, data, "maria", "met", "ana", "in", ".")) == [0, 0, 0, 1, 2]


VECTORS = {"zebra": [1.0, 2.0, 3.0], "maria": [4.0, 5.0, 6.5], "lisbon": [-7.0, 8.0, 9.0]}


@pytest.fixture
def glove(tmp_path: Path) -> str:
    path = tmp_path / "glove.txt"
    path.write_text("".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in VECTORS.items()))
    return str(path)


def test_vectors_are_those_of_the_words(
    data: TokenClassificationData, glove: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Rare words of training have their vectors, and so do words that training lacks; the width is the table's."""
    with caplog.at_level(logging.WARNING, logger="hf_rnn"):
        model = build_tagger(ModelArguments(embedding_vectors=glove), WordArguments(), tokenizer_of(data), data)
    assert f"3 words, all with vectors of 3 dimensions, as {glove} has them" in caplog.text
    table = model.get_input_embeddings()
    assert table.weight.shape == (4, 3) and table.weight.requires_grad
    rows = rows_of(model, data, "Maria", "Lisbon", "zebra", "met")
    assert table.weight[rows[:3]].tolist() == [VECTORS[word] for word in ("maria", "lisbon", "zebra")]
    assert rows[3] == 0


def test_words_without_a_vector_of_their_own_share_the_nearest(
    data: TokenClassificationData, glove: str, caplog: pytest.LogCaptureFixture
) -> None:
    # "maria" and "lisbon" are in the sentences; "horse" is nearer to "maria", and "quagga" is one word too many.
    with open(glove, "a") as file:
        file.write("horse 5 5 5\nquagga -7 8 8\n")
    with caplog.at_level(logging.WARNING, logger="hf_rnn"):
        model = build(data, {"embedding_size": 3}, embedding_vectors=glove, word_vocab_size=3, word_aliases=2)
    assert "2 further words share the vector of the nearest of them" in caplog.text
    assert (model.config.word_vocab_size, model.config.word_aliases) == (3, 2)
    maria, lisbon, zebra, horse, quagga = rows_of(model, data, "maria", "lisbon", "zebra", "Horse", "quagga")
    assert zebra == horse == maria != lisbon and quagga == 0
    # Where no vectors are named, there is nothing to share.
    assert build(data, word_aliases=2).config.word_aliases == 0


def test_embeddings_may_be_frozen(data: TokenClassificationData, glove: str) -> None:
    model = build(data, {"embedding_size": 3}, embedding_vectors=glove, freeze_embeddings=True)
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad]
    assert frozen == ["model.embeddings.word_embeddings.weight"]


def test_a_stock_model_has_a_head_for_the_tags(data: TokenClassificationData, tmp_path: Path) -> None:
    bert = ModelArguments(model_name_or_path=str(save_tiny_bert(tmp_path, SENTENCES)))
    model = build_tagger(bert, WordArguments(), tokenizer_of(data, bert), data)
    assert type(model).__name__ == "BertForTokenClassification"
    assert model.classifier.out_features == len(LABELS)
    assert [model.config.id2label[index] for index in range(len(LABELS))] == LABELS
    assert not hasattr(model.config, "crf")
