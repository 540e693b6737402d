"""Fewer words with a vector of their own: the frequent ones answer as before, the others as unknown words do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hf_rnn import BiLstmConfig, BiLstmForTokenClassification, BiLstmModel, SiameseConfig, SiameseModel
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces
from hf_rnn.data.tokenizers.word_vocabulary import spell_tokens
from hf_rnn.hub.pruning import prune_words
from hf_rnn.models.word_embeddings import UNKNOWN_ROW, pack_bytes


WORDS = ("apple", "banana", "cherry", "date", "elder")
# Of the words without an occurrence that with the longer vector stays.
TEXTS = ["banana banana banana cherry", "Cherry date", "unseen"]
TOKENIZER = train_word_pieces([list(WORDS), ["unseen"]], vocab_size=300, show_progress=False)


def model_of(kind: type[Any] = BiLstmModel, aliases: dict[str, str] | None = None, **values: Any) -> Any:
    torch.manual_seed(0)
    spelt, starts = spell_tokens(TOKENIZER)
    config = BiLstmConfig(
        vocab_size=len(TOKENIZER),
        word_vocab_size=len(WORDS) + 1,
        word_aliases=len(aliases or {}),
        max_token_bytes=max(map(len, spelt)),
        embedding_size=4,
        hidden_size=3,
        pad_token_id=TOKENIZER.pad_token_id,
        char_encoder="cnn",
        char_embedding_size=3,
        char_hidden_size=4,
        pooling="mean",
        **values,
    )
    model = SiameseModel(SiameseConfig(encoder=config)) if kind is SiameseModel else kind(config)
    encoder = model.encoder if kind is SiameseModel else model.base_model
    encoder.embeddings.set_tokens(spelt, starts)
    rows = encoder.embeddings.set_words(WORDS, aliases)
    with torch.no_grad():
        encoder.embeddings.word_embeddings.weight[rows["elder"]] *= 50
    return model.eval()


def states(model: Any, text: str) -> torch.Tensor:
    encoder = getattr(model, "encoder", model.base_model)
    with torch.no_grad():
        return encoder(**TOKENIZER(text, return_tensors="pt")).last_hidden_state


@pytest.mark.parametrize("kind", [BiLstmModel, BiLstmForTokenClassification, SiameseModel])
def test_frequent_words_answer_as_before_and_others_as_unknown_ones(kind: type[Any]) -> None:
    model, whole = model_of(kind), model_of(kind)
    assert prune_words(model, TOKENIZER, TEXTS, 4) == 1
    for text in ("banana", "Cherry date", "elder", "unseen"):
        torch.testing.assert_close(states(model, text), states(whole, text), rtol=0, atol=0)
    assert not torch.equal(states(model, "apple"), states(whole, "apple"))
    table = getattr(whole, "encoder", whole.base_model).embeddings
    with torch.no_grad():
        table.word_embeddings.weight[table.rows(pack_bytes([b"apple"]))] = table.word_embeddings.weight[
            UNKNOWN_ROW
        ].clone()
    torch.testing.assert_close(states(model, "apple"), states(whole, "apple"), rtol=0, atol=0)


def test_the_smaller_model_is_saved_and_loaded(tmp_path: Any) -> None:
    model = model_of(SiameseModel)
    prune_words(model, TOKENIZER, TEXTS, 2)
    model.save_pretrained(tmp_path)
    loaded = SiameseModel.from_pretrained(tmp_path)
    assert loaded.config.encoder.word_vocab_size == 3
    assert loaded.encoder.embeddings.word_embeddings.weight.shape == (3, 4)
    torch.testing.assert_close(states(loaded.eval(), "banana cherry apple"), states(model, "banana cherry apple"))


def test_a_word_that_shares_a_vector_keeps_it_where_it_stays(tmp_path: Any) -> None:
    aliases = {"avocado": "apple", "plantain": "banana", "plum": "cherry"}
    model, whole = model_of(aliases=aliases), model_of(aliases=aliases)
    prune_words(model, TOKENIZER, TEXTS, 4)
    assert (model.config.word_vocab_size, model.config.word_aliases) == (5, 2)
    model.save_pretrained(tmp_path)
    loaded = BiLstmModel.from_pretrained(tmp_path).eval()
    for text in ("plantain Plum", "banana elder"):
        torch.testing.assert_close(states(loaded, text), states(whole, text), rtol=0, atol=0)
    assert loaded.embeddings.rows(pack_bytes([b"avocado"])).tolist() == [UNKNOWN_ROW]


def test_as_many_words_as_there_are_change_nothing() -> None:
    model = model_of()
    assert prune_words(model, TOKENIZER, TEXTS, 5) == 0
    assert model.config.word_vocab_size == 6


def test_models_without_a_table_of_words_are_refused() -> None:
    plain = BiLstmModel(BiLstmConfig(vocab_size=9, embedding_size=4, hidden_size=3))
    with pytest.raises(ValueError, match=r"`most_words`=2 was given, and the BiLstmModel has no table of words"):
        prune_words(plain, TOKENIZER, TEXTS, 2)
    with pytest.raises(ValueError, match=r"`most_words`=0 must be at least 1"):
        prune_words(model_of(), TOKENIZER, TEXTS, 0)
