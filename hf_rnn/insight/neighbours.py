"""Shows what lies near what in a table of embeddings: nearest neighbours by cosine, and analogies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.backbone import RecurrentModel
from ..models.word_embeddings import UNKNOWN_ROW, WordEmbeddings, pack_bytes
from .figures import name_of, new_figure
from .steps import NotApplicableError, as_array, read_text


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = [
    "EmbeddingTable",
    "Neighbours",
    "analogy",
    "embedding_table",
    "known_words",
    "nearest_neighbours",
    "one_token_words",
    "table_and_words",
]

# How many of a text's first tokens are read for its words.
MOST_TOKENS = 1000


@dataclass(frozen=True)
class Neighbours:
    """Attributes:
    query: What they are neighbours of, such as "paris" or "france + rome − paris".
    words: The nearest first.
    similarities: Their cosines.
    """

    query: str
    words: tuple[str, ...]
    similarities: np.ndarray

    def figure(self) -> Figure:
        """A bar for each word."""
        figure = new_figure(6.0, 0.9 + 0.26 * len(self.words))
        axes = figure.subplots()
        bars = axes.barh(range(len(self.words)), self.similarities, color="C0")
        axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
        axes.set_yticks(range(len(self.words)), [name_of(word) for word in self.words])
        axes.invert_yaxis()
        axes.set(xlabel="cosine", title=self.query.replace("$", r"\$"))
        axes.margins(x=0.12)
        return figure


class EmbeddingTable:
    """Words and their vectors, compared by cosine.

    Args:
        words: All different.
        vectors: (words, features); a word whose vector is zero is near nothing.

    Raises:
        ValueError: for another number of vectors than of words, or a word twice.
    """

    def __init__(self, words: Sequence[str], vectors: np.ndarray) -> None:
        if len(words) != len(vectors):
            raise ValueError(f"`vectors` has {len(vectors)} rows; it must have one for each of {len(words)} `words`.")
        self.words = tuple(words)
        self.rows = {word: row for row, word in enumerate(self.words)}
        if len(self.rows) != len(self.words):
            raise ValueError("`words` holds a word twice; each must be there once.")
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        self.directions = vectors / np.where(norms > 0, norms, 1)
        self.is_zero = norms[:, 0] == 0

    def nearest(self, word: str, k: int = 10) -> Neighbours:
        """The `k` words whose vectors have the largest cosine with that of `word`, which is not among them.

        Example:
            >>> table = EmbeddingTable(["good", "fine", "bad"], np.array([[1.0, 0.1], [1.0, 0.0], [-1.0, 0.0]]))
            >>> table.nearest("good", k=1).words
            ('fine',)

        Raises:
            ValueError: `word` is not in the table, or `k` is below 1.
        """
        return self.analogy([word], k=k)

    def analogy(self, positive: Sequence[str], negative: Sequence[str] = (), k: int = 10) -> Neighbours:
        """The `k` words d whose vectors, of length 1 as all here, have the largest cosine with Σ positive − Σ negative
        (3CosAdd, Mikolov et al. 2013, https://aclanthology.org/N13-1090). What was asked with is not among them.

        France is to Paris as which country is to Rome? France + Rome − Paris:

        Example:
            >>> words = ["Paris", "France", "Rome", "Italy", "palace"]
            >>> vectors = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [0.5, 0.5, 2, 0]])
            >>> table = EmbeddingTable(words, vectors)
            >>> table.analogy(["France", "Rome"], ["Paris"], k=1).words
            ('Italy',)

        Raises:
            ValueError: a word is not in the table, `positive` is empty, or `k` is below 1.
        """
        if k < 1:
            raise ValueError(f"`k`={k} must be at least 1.")
        for name, words in (("positive", positive), ("negative", negative)):
            if isinstance(words, str):
                raise ValueError(f"`{name}`={words!r} is a string; it must be a list of words.")
        if not positive:
            raise ValueError("`positive` is empty; it must hold at least one word.")
        asked = [*map(self._row, positive), *map(self._row, negative)]
        signs = np.array([1.0] * len(positive) + [-1.0] * len(negative))
        target = signs @ self.directions[asked]
        length = np.linalg.norm(target)
        cosines = self.directions @ (target / length if length > 0 else target)
        cosines[self.is_zero] = -np.inf
        cosines[asked] = -np.inf
        order = np.argsort(-cosines, kind="stable")[:k]
        order = order[np.isfinite(cosines[order])]
        query = " − ".join([" + ".join(positive), *negative])
        return Neighbours(query, tuple(self.words[row] for row in order), cosines[order])

    def _row(self, word: str) -> int:
        if word not in self.rows:
            raise ValueError(f"{word!r} is not among the {len(self.words):,} words of the table.")
        if self.is_zero[self.rows[word]]:
            raise ValueError(f"The vector of {word!r} is zero; it has no direction to compare.")
        return self.rows[word]


def nearest_neighbours(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    word: str,
    k: int = 10,
    vocabulary: Iterable[str] | None = None,
) -> Neighbours:
    """The `k` words nearest to `word` in the embedding table of `model`.

    Args:
        model: Any model with a table of its tokens, or of words (`config.word_vocab_size`).
        word: As it stands in a text; the tokenizer makes one token of it, in a model of words it has a row.
        vocabulary: In a model of words, which words are looked up: the checkpoint keeps a key of each of its words,
            not its spelling. By default `one_token_words`.

    Raises:
        NotApplicableError: the model has no such table.
        ValueError: `word` is of several tokens, or unknown; `k` is below 1.
    """
    return analogy(model, tokenizer, [word], k=k, vocabulary=vocabulary)


def analogy(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    positive: Sequence[str],
    negative: Sequence[str] = (),
    k: int = 10,
    vocabulary: Iterable[str] | None = None,
) -> Neighbours:
    """Find what is to the last of `positive` as its first is to the one of `negative`. With `["France", "Rome"],
    ["Paris"]` that is Italy, in a table that knows it: France is to Paris as Italy is to Rome. See
    `EmbeddingTable.analogy`; arguments and errors are those of `nearest_neighbours`.
    """
    for name, words in (("positive", positive), ("negative", negative)):
        if isinstance(words, str):
            raise ValueError(f"`{name}`={words!r} is a string; it must be a list of words.")
    asked = [*positive, *negative]
    if _of_words(model) is None:
        names = [_token_of(tokenizer, word) for word in asked]
        table = embedding_table(model, tokenizer)
    else:
        names = asked
        table = embedding_table(model, tokenizer, None if vocabulary is None else [*asked, *vocabulary], asked)
    return table.analogy(names[: len(positive)], names[len(positive) :], k)


def embedding_table(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    vocabulary: Iterable[str] | None = None,
    also: Sequence[str] = (),
) -> EmbeddingTable:
    """The input embeddings of `model`, without those of special tokens.

    Args:
        vocabulary: In a model of words, the words to look up; those that share a row, as "Film" may with "film", are
            there once, as they come first. None: `one_token_words`.
        also: In a model of words, words to look up before those.

    Raises:
        NotApplicableError: the model has no table.
        ValueError: `vocabulary` is given for a model of tokens, or no word of it has a row; a word of `also` has none.
    """
    weight = _weight(model)
    words = _of_words(model)
    if words is not None:
        rows = _word_rows(words, one_token_words(model) if vocabulary is None else vocabulary, also)
        return EmbeddingTable(tuple(rows), weight[list(rows.values())])
    if vocabulary is not None:
        raise ValueError("`vocabulary` is for models of words (`config.word_vocab_size`); the words here are tokens.")
    special = set(tokenizer.all_special_tokens)
    # A tokenizer may have tokens that were added after the model was trained, and have no row.
    ids = {token: row for token, row in tokenizer.get_vocab().items() if token not in special and row < len(weight)}
    return EmbeddingTable(tuple(ids), weight[list(ids.values())])


def table_and_words(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> tuple[EmbeddingTable, list[str]]:
    """The table of `model`, and the words of `texts` as the table calls them, in their order: tokens, or in a model of
    words its words. Some may have no vector, see [`known_words`].

    Raises:
        NotApplicableError: the model has no table.
    """
    reads = [read_text(model, tokenizer, text, max_tokens=MOST_TOKENS) for text in texts]
    if getattr(getattr(model.config, "encoder", model.config), "word_vocab_size", None) is not None:
        asked = [step for read in reads for step in read.steps]
        return embedding_table(model, tokenizer, [*asked, *one_token_words(model)]), asked
    ids = [number for read in reads for number in read.inputs["input_ids"][0].tolist()]
    return embedding_table(model, tokenizer), [str(token) for token in tokenizer.convert_ids_to_tokens(ids)]


def known_words(words: Iterable[str], table: EmbeddingTable) -> list[str]:
    """Keep the `words` that have a vector and a letter or a digit, each once, in their order."""
    return [
        word
        for word in dict.fromkeys(words)
        if word in table.rows and not table.is_zero[table.rows[word]] and any(map(str.isalnum, word))
    ]


def _weight(model: PreTrainedModel) -> np.ndarray:
    try:
        layer = model.get_input_embeddings()
    except NotImplementedError:
        # transformers raises it for a model that reads no token ids.
        layer = None
    if not isinstance(layer, torch.nn.Embedding):
        raise NotApplicableError(f"`model` is a {type(model).__name__} without a table of embeddings.")
    return as_array(layer.weight)


def _of_words(model: PreTrainedModel) -> WordEmbeddings | None:
    found = [part.embeddings for part in model.modules() if isinstance(part, RecurrentModel)]
    return found[0] if found and isinstance(found[0], WordEmbeddings) else None


def _token_of(tokenizer: PreTrainedTokenizerBase, word: str) -> str:
    # The word is looked up as a word of a text, or else as its beginning: a byte-level tokenizer has other tokens for
    # the two.
    found: list[str] = []
    for text in (f" {word}", word):
        found = tokenizer.tokenize(text, add_special_tokens=False)
        if len(found) == 1 and found[0] != tokenizer.unk_token:
            return found[0]
    what = f"{len(found)} tokens" if len(found) != 1 else "an unknown token"
    raise ValueError(
        f"{word!r} is {what} to the tokenizer ({' '.join(found)}); it must be a word with one of its own."
    )


def one_token_words(model: PreTrainedModel) -> list[str]:
    """The words that the tokenizer of a model of words has one token for.

    Raises:
        NotApplicableError: the model is not of words.
    """
    embeddings = _of_words(model)
    if embeddings is None:
        raise NotApplicableError(f"`model` is a {type(model).__name__} of tokens; it must be one of words.")
    starts = embeddings.token_starts.nonzero().flatten().tolist()
    spelt = (bytes(embeddings.token_bytes[token][: embeddings.token_lengths[token]].tolist()) for token in starts)
    # Some bytes are but the first part of a character.
    texts = (text.decode("utf-8", errors="ignore") for text in spelt)
    return [text for text in texts if text]


def _word_rows(embeddings: WordEmbeddings, vocabulary: Iterable[str], also: Sequence[str]) -> dict[str, int]:
    words = list(dict.fromkeys([*also, *vocabulary]))
    if not words:
        raise ValueError("`vocabulary` is empty; it must hold the words to look up.")
    packed = pack_bytes([word.encode() for word in words]).to(embeddings.keys.device)
    found = dict(zip(words, embeddings.rows(packed).tolist(), strict=True))
    unknown = [word for word in also if found[word] == UNKNOWN_ROW]
    if unknown:
        raise ValueError(f"{unknown[0]!r} has no vector of its own: to the model it is an unknown word.")
    first: dict[int, str] = {}
    for word, row in found.items():
        first.setdefault(row, word)
    kept = {word: row for row, word in first.items() if row != UNKNOWN_ROW}
    # Asked for by two spellings, a row has two names.
    kept |= {word: found[word] for word in also}
    if not kept:
        raise ValueError(f"None of the {len(words):,} words of `vocabulary` has a vector of its own in the model.")
    return kept
