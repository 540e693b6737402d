"""The table of corpora on which the default command is measured, and the sizes that are taken of each."""

from __future__ import annotations

from dataclasses import dataclass

from .kinds import KINDS, DataKind


__all__ = ["CORPORA", "TEXT_SIZES", "ROW_SIZES", "Corpus", "find_corpus"]


# Rows, and characters of a long text; the whole training part comes on top.
ROW_SIZES = (50, 200, 1000, 5000)
TEXT_SIZES = (50_000, 200_000)
# No more rows are measured on than these, and no more than a fifth of all.
MOST_HELD_OUT = 2000


@dataclass(frozen=True)
class Corpus:
    """A corpus of the folder that `--data` names.

    Attributes:
        key: Its name on the command line and in the names of files.
        title: Its name in tables.
        kind: A key of `KINDS`.
        file: Its training part, below the folder. No other split is ever read.
        columns: The columns of its texts, and then that of its labels; empty: a file of tagged tokens, or a long text.
        language: ISO 639-1 code.
        flags: What the command has to be told of the data, because the file does not say it. No flag tunes.
        most: The most training rows (of a long text: characters) that are used; None: all.
        held_out: The most rows that are measured on.
        noise_seed: What the typing errors of tokens that are lower-cased are drawn by; None: the tokens stay.
    """

    key: str
    title: str
    kind: str
    file: str
    columns: tuple[str, ...] = ()
    language: str = "en"
    flags: tuple[str, ...] = ()
    most: int | None = None
    held_out: int = MOST_HELD_OUT
    noise_seed: int | None = None

    @property
    def data_kind(self) -> DataKind:
        return KINDS[self.kind]

    @property
    def is_text(self) -> bool:
        """Whether it is one long text, whose size is counted in characters."""
        return self.kind in ("characters", "words")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that are taken of it where it has as much, beside the whole."""
        return TEXT_SIZES if self.is_text else ROW_SIZES


BOOK, CONLL = "lm/mysterious_island.txt", "conll2003/train.parquet"
# A long text is a matter of an hour on one thread; half of one shows the same.
MOST_CHARACTERS = 600_000
CORPORA = (
    Corpus("trec", "TREC questions, 6 classes", "classes", "small/trec_train.csv", ("text", "label")),
    Corpus(
        "tweets",
        "Tweets in Portuguese, 3 classes",
        "classes",
        "small/tweets_mg_pt.csv",
        ("Text", "Classificacao"),
        language="pt",
    ),
    Corpus(
        "alexa",
        "Reviews of a loudspeaker, ratings as numbers",
        "numbers",
        "small/alexa_ratings.csv",
        ("verified_reviews", "rating"),
        # Ratings from 1 to 5 are taken for classes unless the command is told otherwise.
        flags=("--problem_type", "regression"),
    ),
    # Long reviews: half the rows are measured on, and no more than 5,000 learned.
    Corpus("imdb", "IMDb reviews", "classes", "imdb/train.parquet", ("text", "label"), most=5000, held_out=1000),
    Corpus(
        "quora", "Quora, pairs of questions", "pair_labels", "quora/train.parquet", ("question1", "question2", "label")
    ),
    Corpus("stsb", "STS-B, graded pairs", "pair_scores", "stsb/train.parquet", ("sentence1", "sentence2", "score")),
    Corpus("snips", "Snips, 39 types of slots", "tags", "small/snips_train.conll"),
    Corpus("conll", "CoNLL-2003 entities", "tags", CONLL, ("tokens", "ner_tags")),
    Corpus("conll-noisy", "CoNLL-2003, lower-cased, with typos", "tags", CONLL, ("tokens", "ner_tags"), noise_seed=0),
    Corpus("pt-ner", "Entities in Portuguese", "tags", "pt_ner/corpus_paramopama_second_harem.txt", language="pt"),
    Corpus(
        "book-characters",
        "A book in characters",
        "characters",
        BOOK,
        flags=("--tokenizer_kind", "character"),
        most=MOST_CHARACTERS,
    ),
    Corpus("book-words", "A book in words", "words", BOOK, flags=("--tokenizer_kind", "word"), most=MOST_CHARACTERS),
)


def find_corpus(key: str) -> Corpus:
    """The row of a corpus.

    Raises:
        ValueError: there is none of this name; the message lists the names.
    """
    for corpus in CORPORA:
        if corpus.key == key:
            return corpus
    raise ValueError(f"`only` names {key!r}; it may name: {', '.join(corpus.key for corpus in CORPORA)}.")
