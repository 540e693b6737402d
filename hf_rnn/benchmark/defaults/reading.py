"""Reads the corpora, and writes what the command and the peers are given of them."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data.readers.conll import read_conll, write_conll
from ...data.readers.files import read_rows
from ...data.readers.tag_schemes import iob1_to_iob2
from .corpora import Corpus
from .noise import with_typos
from .splitting import Part, Parts, cut_rows, cut_text


__all__ = ["is_there", "read_parts", "write_part"]


def is_there(corpus: Corpus, folder: Path) -> bool:
    return (folder / corpus.file).is_file()


def read_parts(corpus: Corpus, folder: Path) -> Parts:
    """Read the training part of a corpus and draw from it.

    Args:
        folder: The one that `--data` names.

    Raises:
        FileNotFoundError: the corpus is not there.
        ValueError: it lacks a column, or cannot be read.
    """
    path = folder / corpus.file
    if corpus.is_text:
        return cut_text(path.read_text(encoding="utf-8"), corpus)
    return cut_rows(_tagged(corpus, path) if corpus.kind == "tags" else _labelled(corpus, path), corpus)


def write_part(part: Part, corpus: Corpus, folder: Path, name: str) -> Path:
    """Write a part as people have such data: a csv, tagged tokens in columns, or a text.

    Returns:
        The file, called `name` and the ending of its format.
    """
    if corpus.is_text:
        path = folder / f"{name}.txt"
        path.write_text(part.inputs[0], encoding="utf-8")
    elif corpus.kind == "tags":
        path = folder / f"{name}.conll"
        write_conll(path, [list(zip(*row, strict=True)) for row in zip(part.inputs, part.labels, strict=True)])
    else:
        path = folder / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(corpus.columns)
            for texts, label in zip(part.inputs, part.labels, strict=True):
                writer.writerow([*((texts,) if isinstance(texts, str) else texts), label])
    return path


def _labelled(corpus: Corpus, path: Path) -> Part:
    columns = _columns(corpus, path)
    # A row without a text or a label teaches nothing; the command would leave it out, too.
    rows = [row for row in zip(*columns, strict=True) if all(cell is not None and str(cell).strip() for cell in row)]
    single = len(corpus.columns) == 2
    inputs = [row[0] if single else list(row[:-1]) for row in rows]
    if corpus.kind in ("classes", "pair_labels"):
        return Part(inputs, [str(row[-1]) for row in rows])
    return Part(inputs, [float(row[-1]) for row in rows])


def _tagged(corpus: Corpus, path: Path) -> Part:
    if corpus.columns:
        tokens, tags = _columns(corpus, path)
    else:
        rows = read_conll(str(path))
        tokens, tags = rows["tokens"][:], rows["ner_tags"][:]
    # In a sentence without a token there is nothing to tag.
    kept = [(list(words), _iob2(names)) for words, names in zip(tokens, tags, strict=True) if len(words)]
    if corpus.noise_seed is not None:
        draw = random.Random(corpus.noise_seed)
        kept = [(with_typos(words, draw), names) for words, names in kept]
    return Part([words for words, _ in kept], [names for _, names in kept])


def _iob2(tags: Sequence[str]) -> list[str]:
    """Types alone become entities: neighbours of one type are one."""
    return iob1_to_iob2([tag if tag == "O" or tag[:2] in ("B-", "I-") else f"I-{tag}" for tag in tags])


def _columns(corpus: Corpus, path: Path) -> list[Any]:
    rows = read_rows(str(path))
    for name in corpus.columns:
        if name not in rows.column_names:
            raise ValueError(f"`data`: {path} has no column {name!r}; it has {', '.join(rows.column_names)}.")
    return [rows[name][:] for name in corpus.columns]
