"""Unlabelled sentences out of running text and of WordNet's glosses."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from datasets import load_dataset

from ...data.readers.files import expand_path
from ...data.readers.pair_columns import find_pair_columns


__all__ = ["read_sentences", "with_slips", "wordnet_sentences"]


WORDNET_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
FEWEST_WORDS, MOST_WORDS = 2, 45
# The first sentences of a text say what it is about; more of the same text teach less than others do.
SENTENCES_OF_A_TEXT = 6
# Shares of the sentences that are read in lower case, and with slips of the keyboard, as people write them.
LOWER_CASED, MISTYPED = 0.3, 0.15

_END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀ-ÖØ-Þ\"'])")
_MARKUP = re.compile(r"<[^<>]+>")
_EXAMPLE = re.compile(r'"([^"]+)"')


def read_sentences(sources: Sequence[str], seed: int) -> list[str]:
    """The sentences of all sources, each once, in an order drawn with `seed`.

    Args:
        sources: As `EncoderDistillationArguments.texts`.

    Raises:
        ValueError: a source is neither a .txt, a .parquet nor WordNet's folder, or it has no sentence.
    """
    generator = random.Random(seed)
    found: list[str] = []
    for source in sources:
        name, _, most = source.rpartition(":") if source.rpartition(":")[2].isdigit() else (source, "", "")
        sentences = [kept for text in _texts(name, generator) if (kept := _fitting(text)) is not None]
        if not sentences:
            raise ValueError(f"`texts` names {name!r}, which has no sentence of {FEWEST_WORDS} to {MOST_WORDS} words.")
        generator.shuffle(sentences)
        found += sentences[: int(most)] if most else sentences
    found = list(dict.fromkeys(found))
    generator.shuffle(found)
    return found


def _texts(source: str, generator: random.Random) -> Iterable[str]:
    path = Path(expand_path(source))
    if path.is_dir() and all((path / name).is_file() for name in WORDNET_FILES):
        return wordnet_sentences(path, generator)
    if path.suffix == ".txt" and path.is_file():
        return _END.split(path.read_text(encoding="utf-8").replace("\n", " "))
    if path.suffix == ".parquet" and path.is_file():
        rows = load_dataset("parquet", data_files=str(path), split="train")
        if "text" in rows.column_names:
            texts = rows["text"]
            return (
                sentence for text in texts for sentence in _END.split(_MARKUP.sub(" ", text))[:SENTENCES_OF_A_TEXT]
            )
        # Texts of pairs are read whole: they are compared whole.
        columns = find_pair_columns(None, None, rows, "train")
        return chain(rows[columns.first][:], rows[columns.second][:])
    raise ValueError(
        f"`texts` names {source!r}; it must be a .txt file, a .parquet with a column text or with pairs of texts, or "
        f"a folder with WordNet's {', '.join(WORDNET_FILES)}."
    )


def wordnet_sentences(folder: Path, generator: random.Random) -> Iterator[str]:
    """The definitions of WordNet (Fellbaum 1998), half of them after the word that they define, and its examples."""
    for name in WORDNET_FILES:
        for line in (folder / name).read_text(encoding="latin-1").splitlines():
            if line.startswith("  "):
                continue  # The licence stands in lines that begin with two spaces.
            head, _, gloss = line.partition("|")
            word = head.split()[4].replace("_", " ")
            definition = _EXAMPLE.sub("", gloss).strip(" ;")
            yield f"{word}: {definition}" if generator.random() < 0.5 else definition
            yield from _EXAMPLE.findall(gloss)


def _fitting(text: str) -> str | None:
    words = text.split()
    return " ".join(words) if FEWEST_WORDS <= len(words) <= MOST_WORDS else None


def with_slips(sentences: Sequence[str], seed: int) -> list[str]:
    """The sentences as a student reads them: some in lower case, some with letters dropped, doubled or swapped inside
    of words. Every sentence keeps its words in their places, so that the teacher's states still belong to them.
    """
    generator = random.Random(seed)
    return [_slip(sentence, generator) for sentence in sentences]


def _slip(sentence: str, generator: random.Random) -> str:
    if generator.random() < LOWER_CASED:
        sentence = sentence.lower()
    if generator.random() < MISTYPED:
        return " ".join(
            _mistyped(word, generator) if word.isalpha() and len(word) > 3 and generator.random() < 0.2 else word
            for word in sentence.split(" ")
        )
    return sentence


def _mistyped(word: str, generator: random.Random) -> str:
    place = generator.randrange(1, len(word) - 1)
    kind = generator.randrange(3)
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + word[place] + word[place:]
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
