"""Tests of hf_rnn/data/readers/column_names.py."""

from __future__ import annotations

import pytest

from hf_rnn.data.readers.column_names import LABEL_NAMES, TEXT_NAMES, is_index_name, usual_columns


@pytest.mark.parametrize(
    "name",
    [
        *("text", "TEXT", " Text ", "texts", "sentence", "Review", "review_text", "reviewText", "Review Text"),
        *("review-text", "tweet text", "content", "body", "utterance", "headline", "description", "verified_reviews"),
        *("texto", "Frase", "avaliacao", "Avaliação", "comentário", "COMENTARIO", "mensagem", "conteúdo", "título"),
        *("pergunta", "resenha", "notícia", "OriginalTweet", "cleaned_text", "post_title", "minha avaliação"),
    ],
)
def test_usual_texts(name):
    assert usual_columns([name], TEXT_NAMES) == [name]
    assert usual_columns([name], LABEL_NAMES) == []


@pytest.mark.parametrize(
    "name",
    [
        *("label", "Labels", "CLASS", "Class Index", "category", "sentiment", "polarity", "target", "rating", "Stars"),
        *("score", "intent", "emotion", "topic", "tag", "y", "classe", "rotulo", "Rótulo", "categoria", "sentimento"),
        *("polaridade", "nota", "alvo", "emoção", "assunto", "tema", "intenção", "airline_sentiment", "userRating"),
    ],
)
def test_usual_labels(name):
    assert usual_columns([name], LABEL_NAMES) == [name]
    assert usual_columns([name], TEXT_NAMES) == []


@pytest.mark.parametrize(
    "name", ["text_id", "context", "words", "label_confidence", "my_y", "subtitle2", "", "pretext"]
)
def test_other_names(name):
    assert usual_columns([name], TEXT_NAMES) == usual_columns([name], LABEL_NAMES) == []


def test_the_order_of_preference():
    assert usual_columns(["title", "my_text", "body", "Text"], TEXT_NAMES) == ["Text", "body", "title", "my_text"]
    assert usual_columns(["rating", "sentiment", "label"], LABEL_NAMES) == ["label", "sentiment", "rating"]
    # Of the same name twice the first column comes first.
    assert usual_columns(["TEXT", "text"], TEXT_NAMES) == ["TEXT", "text"]


def test_names_of_an_index():
    assert all(map(is_index_name, ["", "Unnamed: 0", "id", "ID", "index", "tweet_id", "userId", "row"]))
    assert not any(map(is_index_name, ["text", "label", "v1", "idea", "paid"]))


def test_no_name_is_twice_in_a_list_and_none_in_both():
    for names in (TEXT_NAMES, LABEL_NAMES):
        assert len(set(names)) == len(names)
    assert not set(TEXT_NAMES) & set(LABEL_NAMES)
