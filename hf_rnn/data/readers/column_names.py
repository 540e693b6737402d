"""The names under which people keep texts and labels, in English and Portuguese, and how names are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .cells import without_accents


__all__ = ["LABEL_NAMES", "TEXT_NAMES", "is_index_name", "is_time_name", "name_key", "name_words", "usual_columns"]

# The name that comes first is taken where a table has several. What is a part of a text, such as a title, comes last.
TEXT_NAMES = (
    *("text", "texto", "texts", "textos", "sentence", "frase", "sentença", "review", "review_text", "review_body"),
    *("resenha", "avaliação", "content", "conteúdo", "comment", "comentário", "tweet", "tweet_text", "message"),
    *("mensagem", "body", "corpo", "document", "documento", "utterance", "enunciado", "article", "artigo", "notícia"),
    *("news", "post", "publicação", "email", "e-mail", "sms", "feedback_text", "opinion", "opinião", "complaint"),
    *("reclamação", "reviews", "verified_reviews", "sentences", "frases", "comments", "comentários", "tweets"),
    *("messages", "mensagens", "documents", "documentos", "avaliações", "paragraph", "parágrafo", "passage", "trecho"),
    *("abstract", "narrative", "narrativa", "transcript", "question", "pergunta", "query", "consulta", "statement"),
    *("afirmação", "input", "entrada", "description", "descrição", "ementa", "phrase", "headline", "manchete"),
    *("title", "título", "summary", "resumo", "subject"),
)
LABEL_NAMES = (
    *(
        "label",
        "rótulo",
        "labels",
        "rótulos",
        "class",
        "classe",
        "class_label",
        "class_index",
        "category",
        "categoria",
    ),
    *("categories", "categorias", "sentiment", "sentimento", "polarity", "polaridade", "target", "alvo", "intent"),
    *("intenção", "emotion", "emoção", "emotions", "emoções", "topic", "topics", "tópico", "tema", "assunto", "genre"),
    *("gênero", "stance"),
    *("gold", "gold_label", "ground_truth", "annotation", "anotação", "answer", "rating", "ratings", "overall"),
    *("stars", "star", "estrelas", "star_rating", "score", "nota", "pontuação", "tag", "tags", "type", "tipo"),
    *("output", "saída", "y", "classification", "classificação"),
)
# What numbers the rows is neither a text nor a label. pandas writes its index as "Unnamed: 0".
_INDEX_NAMES = frozenset(
    ("", "id", "ids", "index", "idx", "indice", "rowid", "row", "linha", "uid", "uuid", "guid", "no", "nr", "numero")
)
# The last word of a name that says when something was.
_TIME_NAMES = frozenset(
    ("date", "data", "time", "hora", "horario", "datetime", "timestamp", "day", "dia", "month", "mes", "year", "ano")
)


def is_index_name(name: str) -> bool:
    """Whether a column of this name numbers or names the rows: ``Unnamed: 0``, ``id``, ``index``, ``tweet_id``."""
    words = name_words(name)
    return (
        "".join(words) in _INDEX_NAMES or words[0] == "unnamed" or words[-1] in ("id", "ids", "index", "idx", "uuid")
    )


def is_time_name(name: str) -> bool:
    """Whether a column of this name says when something was: ``Date``, ``review date``, ``created_at``, ``Ano``."""
    words = name_words(name)
    return words[-1] in _TIME_NAMES or (len(words) > 1 and words[-1] in ("at", "em"))


def usual_columns(columns: Iterable[str], usual: Sequence[str]) -> list[str]:
    """Find the `columns` that have one of the `usual` names, the most usual first.

    Case, accents and separators do not count: ``Avaliacao`` is ``avaliação``, ``reviewText`` is ``review_text``. One
    that only ends with a usual one, as ``airline_sentiment`` does, comes after all that are usual themselves.

    Args:
        columns: The names of a table's columns.
        usual: Names in the order of preference, such as `TEXT_NAMES` or `LABEL_NAMES`.

    Example:
        >>> usual_columns(["id", "OriginalTweet", "Review Text", "title"], TEXT_NAMES)
        ['Review Text', 'title', 'OriginalTweet']
    """
    known = {name_key(name): place for place, name in reversed(list(enumerate(usual)))}
    found = []
    for position, column in enumerate(columns):
        words = name_words(column)
        # From the longest end of the name, which is the whole, to its last word.
        for first in range(len(words)):
            place = known.get("".join(words[first:]))
            if place is not None and not (first and len(words[-1]) == 1):
                found.append((first > 0, place, position, column))
                break
    return [column for *_, column in sorted(found)]


def name_key(name: str) -> str:
    """The same for names that differ in case, accents and separators alone."""
    return "".join(name_words(name))


def name_words(name: str) -> list[str]:
    """The words of a name in lower case without accents: ``reviewText``, ``Review_Text`` → review, text."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", without_accents(name))
    return re.findall(r"[^\W_]+", split.casefold()) or [""]
