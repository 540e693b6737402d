"""Tiny files under the names that the documents use, and corpora and vectors of the shapes that the recipes read."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from hf_rnn.data.synthetic.reviews import LABEL_NAMES, generate_reviews
from hf_rnn.data.vectors import PACKAGED_VECTORS
from tests.tasks.small_similarity_runs import generate_pairs
from tests.tasks.small_tagging_runs import generate_tagged, save_tiny_bert, write_sentences


# All types of CoNLL-2003, the fourth of which the generator has not.
TAGGED = [(["The", "Dutch", "Cup", "ended", "."], ["O", "B-MISC", "I-MISC", "O", "O"]), *generate_tagged(59, seed=5)]
PAIRS = generate_pairs(60, seed=5)
REVIEWS = [review["text"] for review in generate_reviews(60, seed=5)]
SENTIMENTS = [review["label"] for review in generate_reviews(60, seed=5)]
# Folders of the checkout that the commands name.
OF_CHECKOUT = ("scripts", "hf_rnn")
BOOK = "\n".join(REVIEWS * 3) + "\n"


def write_files(folder: Path, checkout: Path) -> None:
    """What a reader of the documents has: a checkout, and data."""
    for name in OF_CHECKOUT:
        (folder / name).symlink_to(checkout / name)
    named = [LABEL_NAMES[sentiment] for sentiment in SENTIMENTS]
    _write_csv(folder / "reviews.csv", ("text", "label"), zip(REVIEWS, named, strict=True))
    _write_csv(folder / "labelled.csv", ("text", "label"), zip(REVIEWS[:9], named, strict=False))
    _write_csv(folder / "new.csv", ("text",), ((text,) for text in REVIEWS[:9]))
    _write_csv(folder / "pairs.csv", ("question1", "question2", "label"), PAIRS)
    for split, sentences in (("train", TAGGED[:40]), ("dev", TAGGED[40:50]), ("test", TAGGED[50:])):
        write_sentences(folder / f"{split}.conll", sentences)
    _write_sentences(folder)
    _write_steps(folder)
    for name, days in (("prices.csv", 160), ("prices_new.csv", 60)):
        # Prices of working days, as they come from an exchange.
        closes = 20 + np.cumsum(np.random.default_rng(days).normal(size=days))
        dates = np.busday_offset("2024-01-01", range(days), roll="forward")
        _write_csv(folder / name, ("date", "close", "volume"), zip(dates, closes.round(2), range(days), strict=True))
    _write_pictures(folder)
    triplets = [(first, second, PAIRS[row - 1][1]) for row, (first, second, label) in enumerate(PAIRS) if label]
    _write_csv(folder / "triplets.csv", ("anchor", "positive", "negative"), triplets)
    (folder / "book.txt").write_text(BOOK, encoding="utf-8")
    _write_other_forms(folder, list(zip(REVIEWS, named, strict=True)))
    save_tiny_bert(folder / "tiny_bert", TAGGED, limit=64)


def _write_pictures(folder: Path) -> None:
    """Squares of as many shades as there are classes, and two people to be known by one picture each."""
    generator = np.random.default_rng(5)
    names = [*(f"pictures/shade{one}/{other}.png" for one in range(8) for other in range(3)), "new.png"]
    for name in [*names, "known/ana.png", "known/ben.png"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (9, 11), dtype=np.uint8)).save(path)


def _write_sentences(folder: Path) -> None:
    """Sources with targets, in a table and in files whose lines go together."""
    targets = [" ".join(reversed(review.split())) for review in REVIEWS]
    rows = list(zip(REVIEWS, targets, strict=True))
    _write_csv(folder / "sentences.csv", ("english", "german"), rows)
    _write_csv(folder / "sentences_test.csv", ("english", "german"), rows[:6])
    for split, chosen in (("train", rows[:50]), ("dev", rows[50:])):
        for language, texts in zip(("en", "de"), zip(*chosen, strict=True), strict=True):
            (folder / f"{split}.{language}").write_text("\n".join(texts) + "\n", encoding="utf-8")


def _write_steps(folder: Path) -> None:
    """Sentences with a number, or with any number of labels, at every token; and texts with two numbers each."""
    levels = [[len(token) / 10 for token in tokens] for tokens, _ in TAGGED]
    notes = [
        [[name for name, is_so in (("name", tag != "O"), ("long", len(token) > 5)) if is_so] for token, tag in pairs]
        for pairs in (zip(*sentence, strict=True) for sentence in TAGGED)
    ]
    for name, targets in (("levels", levels), ("notes", notes)):
        rows = ({"tokens": tokens, "labels": labels} for (tokens, _), labels in zip(TAGGED, targets, strict=True))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    numbers = (
        (review, sentiment + 0.5, len(review) / 100) for review, sentiment in zip(REVIEWS, SENTIMENTS, strict=True)
    )
    _write_csv(folder / "ratings.csv", ("text", "plot", "acting"), numbers)


def _write_other_forms(folder: Path, labelled: list[tuple[str, str]]) -> None:
    """The reviews and the tagged sentences in the other files that the page of data names."""
    columns = ("text", "label")
    splits = {"train": labelled[:40], "validation": labelled[40:50], "test": labelled[50:]}
    for name, rows in {**splits, "part1": labelled[:30], "part2": labelled[30:]}.items():
        _write_csv(folder / f"{name}.csv", columns, rows)
    _write_csv(folder / "reviews.txt", columns, labelled)
    for number, (text, label) in enumerate(labelled):
        file = folder / "reviews" / label / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (folder / "reviews.csv.gz").write_bytes(gzip.compress((folder / "reviews.csv").read_bytes()))
    (folder / "reviews.json").write_text(
        json.dumps([dict(zip(columns, row, strict=True)) for row in labelled]), encoding="utf-8"
    )
    _write_parquet(
        folder / "reviews.parquet",
        {name: list(values) for name, values in zip(columns, zip(*labelled, strict=True), strict=True)},
    )
    lines = (
        " ".join(f"{token}/{tag}" for token, tag in zip(*sentence, strict=True) if "/" not in token)
        for sentence in TAGGED
    )
    (folder / "train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_corpora(folder: Path) -> None:
    """The corpora of `HF_RNN_CORPORA` that the commands' recipes read: the same files and columns, few rows."""
    rows = {"text": REVIEWS, "label": SENTIMENTS}
    for split, part in (("train", slice(0, 40)), ("test", slice(40, 50)), ("unsupervised", slice(50, 60))):
        _write_parquet(folder / "imdb" / f"{split}.parquet", {name: values[part] for name, values in rows.items()})
    for split, sentences in (("train", TAGGED[:40]), ("validation", TAGGED[40:50]), ("test", TAGGED[50:])):
        tokens, tags = (list(column) for column in zip(*sentences, strict=True))
        _write_parquet(folder / "conll2003" / f"{split}.parquet", {"tokens": tokens, "ner_tags": tags})
    (folder / "lm").mkdir()
    for split in ("train", "valid", "test"):
        (folder / "lm" / f"ptb.{split}.txt").write_text(BOOK.replace("\n", " \n "), encoding="utf-8")


def write_vectors(folder: Path) -> None:
    """A package of vectors like that of `glove-6b-50d`, for the words of the files above alone."""
    _, module, matrix, index = PACKAGED_VECTORS["glove-6b-50d"]
    words = sorted(
        {word.strip(".,!?").lower() for word in " ".join([BOOK, *_words_of_pairs_and_tags()]).split()} - {""}
    )
    (folder / module / "data").mkdir(parents=True)
    (folder / module / "__init__.py").touch()
    np.save(folder / module / matrix, np.random.default_rng(0).normal(size=(len(words), 50)).astype(np.float32))
    _write_parquet(folder / module / index, {"word": words})


def _words_of_pairs_and_tags() -> Iterable[str]:
    for first, second, _ in PAIRS:
        yield from (first, second)
    for tokens, _ in TAGGED:
        yield from tokens


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def _write_parquet(path: Path, columns: dict[str, list[Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), path)
