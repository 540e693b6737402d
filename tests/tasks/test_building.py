"""The tokenizer and the model of a run."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from hf_rnn import GruConfig, GruForSequenceClassification
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.tasks import building
from hf_rnn.tasks.arguments import ModelArguments, TokenizerArguments
from hf_rnn.tasks.building import build_model, build_tokenizer, checkpoint_config, trained_labels
from tests.tasks.small_runs import save_tiny_bert


TEXTS = ["good film good film", "bad film bad film"]  # a vocabulary of [PAD], [UNK], good, bad, film
LABELS = {"id2label": {0: "no", 1: "yes"}, "label2id": {"no": 0, "yes": 1}}
SMALL = '{"embedding_size": 4, "hidden_size": 3}'


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    return train_tokenizer(TEXTS, show_progress=False)


def build(tokenizer: PreTrainedTokenizerBase, **arguments: Any) -> PreTrainedModel:
    if "model_name_or_path" not in arguments:
        arguments = {"config_overrides": SMALL, **arguments}
    return build_model(ModelArguments(**arguments), AutoModelForSequenceClassification, tokenizer, **LABELS)


@pytest.fixture
def checkpoint(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> Path:
    """A GRU for three named labels, with its tokenizer."""
    config = GruConfig(vocab_size=9, embedding_size=4, hidden_size=3, id2label={0: "a", 1: "b", 2: "c"})
    GruForSequenceClassification(config).save_pretrained(tmp_path / "gru")
    tokenizer.save_pretrained(tmp_path / "gru")
    return tmp_path / "gru"


def test_a_new_model(tokenizer: PreTrainedTokenizerBase) -> None:
    model = build(tokenizer)
    assert (model.config.model_type, model.config.vocab_size, model.config.hidden_size) == ("bilstm", 5, 3)
    assert model.config.pad_token_id == tokenizer.pad_token_id == 0
    assert model.config.id2label == LABELS["id2label"]
    assert build(tokenizer, model_type="dan").config.model_type == "dan"


def test_a_checkpoint_keeps_its_weights_and_gets_a_head_for_the_labels(checkpoint: Path, tokenizer) -> None:
    stored = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    model = build(tokenizer, model_name_or_path=str(checkpoint), config_overrides='{"dropout": 0.25}')
    assert (model.config.num_labels, model.config.dropout, model.config.vocab_size) == (2, 0.25, 9)
    assert model.classifier.output.weight.shape == (2, 3)
    torch.testing.assert_close(model.model.state_dict(), stored.model.state_dict(), rtol=0, atol=0)


def test_a_half_precision_checkpoint_is_trained_in_float32(checkpoint: Path, tokenizer) -> None:
    AutoModelForSequenceClassification.from_pretrained(checkpoint).half().save_pretrained(checkpoint)
    assert build(tokenizer, model_name_or_path=str(checkpoint)).dtype == torch.float32


def test_configuration_of_a_checkpoint(checkpoint: Path) -> None:
    assert checkpoint_config(ModelArguments()) is None
    config = checkpoint_config(ModelArguments(model_name_or_path=str(checkpoint)), dropout=0.5)
    assert (config.model_type, config.dropout, config.num_labels) == ("gru", 0.5, 3)


def test_labels_of_a_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    assert trained_labels(ModelArguments()) is None
    assert trained_labels(ModelArguments(model_name_or_path=str(checkpoint))) == {"a": 0, "b": 1, "c": 2}
    # LABEL_0, LABEL_1 are what transformers calls labels without a name.
    bert = save_tiny_bert(tmp_path / "bert", TEXTS)
    assert trained_labels(ModelArguments(model_name_or_path=str(bert))) is None


def test_a_tokenizer_is_trained_where_none_is_named() -> None:
    made = build_tokenizer(TokenizerArguments(), ModelArguments(), TEXTS, show_progress=False)
    assert set(made.get_vocab()) == {"[PAD]", "[UNK]", "good", "bad", "film"}
    arguments = TokenizerArguments(tokenizer_kind="character", lowercase=False, min_frequency=50)
    made = build_tokenizer(arguments, ModelArguments(), ["Ab"], show_progress=False)
    assert {"A", "b"} <= set(made.get_vocab())


def test_a_tokenizer_that_is_named_goes_before_that_of_the_checkpoint(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    class Spy:
        @staticmethod
        def from_pretrained(path: str, *, revision: str, trust_remote_code: bool) -> PreTrainedTokenizerBase:
            asked.append((path, revision))
            return AutoTokenizer.from_pretrained(path)

    train_tokenizer(["other words other words"], show_progress=False).save_pretrained(tmp_path / "other")
    monkeypatch.setattr(building, "AutoTokenizer", Spy)
    model = ModelArguments(model_name_or_path=str(checkpoint), revision="v2")
    assert "film" in build_tokenizer(TokenizerArguments(), model, TEXTS).get_vocab()
    named = TokenizerArguments(tokenizer_name_or_path=str(tmp_path / "other"))
    assert "words" in build_tokenizer(named, model, TEXTS).get_vocab()
    # The revision is one of the model's repository.
    assert asked == [(str(checkpoint), "v2"), (str(tmp_path / "other"), "main")]


@pytest.mark.parametrize("overrides", ['{"vocab_size": 4}', '{"vocab_size": null}'])
def test_a_tokenizer_larger_than_the_model(tokenizer, overrides: str) -> None:
    with pytest.raises(ValueError, match="The tokenizer has 5 entries; the model's `vocab_size` is (4|None)"):
        build(tokenizer, config_overrides=overrides)


def test_vectors_from_a_file(tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "glove.txt").write_text("film 1 2 3 4\ngood 5 6 7 8\nunused 9 9 9 9\n")
    with caplog.at_level(logging.WARNING):
        model = build(tokenizer, embedding_vectors=str(tmp_path / "glove.txt"))
    assert "2 of 3 tokens (66.7%) have a pretrained vector" in caplog.text
    weight = model.get_input_embeddings().weight
    assert weight[tokenizer.convert_tokens_to_ids("film")].tolist() == [1, 2, 3, 4]
    assert weight.requires_grad


def test_vectors_from_a_matrix_below_a_folder_of_the_environment(
    tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path))
    np.save(tmp_path / "matrix.npy", np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=np.float32))
    (tmp_path / "words.txt").write_text("good\nfilm\n")
    model = build(
        tokenizer,
        embedding_vectors="${HF_RNN_CORPORA}/matrix.npy",
        embedding_words="${HF_RNN_CORPORA}/words.txt",
        freeze_embeddings=True,
    )
    weight = model.get_input_embeddings().weight
    assert weight[tokenizer.convert_tokens_to_ids("film")].tolist() == [5, 6, 7, 8]
    assert not weight.requires_grad


def test_vectors_of_another_model(tokenizer, checkpoint: Path) -> None:
    model = build(tokenizer, embedding_vectors=str(checkpoint))
    table = AutoModelForSequenceClassification.from_pretrained(checkpoint).get_input_embeddings().weight
    film = tokenizer.convert_tokens_to_ids("film")
    assert torch.equal(model.get_input_embeddings().weight[film], table[film])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"freeze_embeddings": True}, "freeze_embeddings"), ({"embedding_vectors": "glove-6b-50d"}, "embedding_vectors")],
)
def test_a_model_without_embeddings(tokenizer, arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` was given, but the model has no embedding table"):
        build(tokenizer, config_overrides='{"one_hot_input": true}', **arguments)


def test_a_vocabulary_is_filled_from_the_vectors(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("the 1 0\nfilm 0 1\nLisbon 1 1\nriver 2 0\nlake 0 2\n", encoding="utf-8")
    arguments = TokenizerArguments(vocab_size=7, vocab_from_vectors=True)
    model_arguments = ModelArguments(
        embedding_vectors=str(file), config_overrides='{"embedding_size": 2, "hidden_size": 3}'
    )
    tokenizer = build_tokenizer(arguments, model_arguments, TEXTS, show_progress=False)
    assert len(tokenizer) == 7
    model = build_model(model_arguments, AutoModelForSequenceClassification, tokenizer, **LABELS)
    rows = model.get_input_embeddings().weight[tokenizer.convert_tokens_to_ids(["the", "river"])]
    assert rows.tolist() == [[1, 0], [2, 0]]


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_a_vocabulary_is_not_filled_from_nothing(kind: str, tmp_path: Path) -> None:
    vectors = {"embedding_vectors": str(tmp_path / "vectors.txt")} if kind == "bpe" else {}
    arguments = TokenizerArguments(tokenizer_kind=kind, vocab_from_vectors=True)
    with pytest.raises(ValueError, match="`vocab_from_vectors` needs `embedding_vectors`.*`tokenizer_kind` word"):
        build_tokenizer(arguments, ModelArguments(**vectors), TEXTS, show_progress=False)


@pytest.mark.parametrize("overrides", ['{"hiden_size": 9}', '{"no_such_value": 1}'])
@pytest.mark.parametrize("kind", ["gru", "bert"])
def test_a_value_that_a_checkpoint_does_not_know_is_refused(
    checkpoint: Path, tmp_path: Path, tokenizer, kind: str, overrides: str
) -> None:
    path = checkpoint if kind == "gru" else save_tiny_bert(tmp_path / "bert", TEXTS)
    name = json.loads(overrides).popitem()[0]
    with pytest.raises(ValueError, match=rf"`{name}` \(given: \d\) is not an argument of \w+Config"):
        build(tokenizer, model_name_or_path=str(path), config_overrides=overrides)
