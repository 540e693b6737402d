"""The corpora as they are read, and the files that the command is given."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from hf_rnn.benchmark.defaults.corpora import Corpus
from hf_rnn.benchmark.defaults.noise import with_typos
from hf_rnn.benchmark.defaults.reading import read_parts, write_part
from hf_rnn.benchmark.defaults.splitting import Parts
from hf_rnn.data.readers.conll import read_conll
from hf_rnn.data.readers.files import read_rows


def both(parts: Parts) -> list[tuple[object, object]]:
    """All rows, whichever part they are in."""
    return sorted(
        (each, label)
        for part in (parts.train, parts.held_out)
        for each, label in zip(part.inputs, part.labels, strict=True)
    )


def test_texts_go_through_as_they_are(tmp_path: Path) -> None:
    texts = [f'He said "{number}",\nand left' for number in range(10)]
    lines = [json.dumps({"Text": text, "Class": str(row % 2)}) for row, text in enumerate(texts)]
    (tmp_path / "tiny.jsonl").write_text("\n".join([*lines, json.dumps({"Text": " ", "Class": "1"})]) + "\n")
    corpus = Corpus("tiny", "Tiny", "classes", "tiny.jsonl", ("Text", "Class"))
    parts = read_parts(corpus, tmp_path)
    assert both(parts) == sorted((text, str(row % 2)) for row, text in enumerate(texts)), "without the empty text"
    written = read_rows(str(write_part(parts.train, corpus, tmp_path, "train")))
    assert (written["Text"][:], written["Class"][:]) == (parts.train.inputs, parts.train.labels)
    with pytest.raises(ValueError, match="`data`: .*tiny.jsonl has no column 'label'; it has Text, Class"):
        read_parts(Corpus("tiny", "Tiny", "classes", "tiny.jsonl", ("Text", "label")), tmp_path)


def test_graded_pairs_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("a,b,score\n" + "".join(f"one {row},two {row},{row}.5\n" for row in range(10)))
    corpus = Corpus("p", "Pairs", "pair_scores", "pairs.csv", ("a", "b", "score"))
    parts = read_parts(corpus, tmp_path)
    assert both(parts) == [([f"one {row}", f"two {row}"], row + 0.5) for row in range(10)]
    written = read_rows(str(write_part(parts.held_out, corpus, tmp_path, "held_out")))
    assert list(zip(written["a"][:], written["b"][:], strict=True)) == [tuple(pair) for pair in parts.held_out.inputs]


def test_types_alone_become_entities(tmp_path: Path) -> None:
    (tmp_path / "io.txt").write_text(
        "Ana PER\nSilva PER\nin O\nRio LOC\n\n" + "\n\n".join(f"w{n} O" for n in range(9))
    )
    corpus = Corpus("io", "IO", "tags", "io.txt")
    parts = read_parts(corpus, tmp_path)
    assert (["Ana", "Silva", "in", "Rio"], ["B-PER", "I-PER", "O", "B-LOC"]) in both(parts)
    written = read_conll(str(write_part(parts.train, corpus, tmp_path, "train")))
    assert (written["tokens"][:], written["ner_tags"][:]) == (parts.train.inputs, parts.train.labels)


def test_typos_are_few_and_the_same_each_time() -> None:
    words = ["Washington"] * 2000
    typed = with_typos(words, random.Random(1))
    assert typed == with_typos(words, random.Random(1))
    wrong = [word for word in typed if word != "washington"]
    # 300 are expected, with a standard deviation of 16; some replace a letter by itself.
    assert 230 < len(wrong) < 350
    assert all(word.startswith("w") and abs(len(word) - 10) <= 1 for word in wrong)
    assert {len(word) for word in wrong} == {9, 10, 11}
    kept = ["eu", "u.s.a.", "1996-08-22"] * 200
    assert with_typos(kept, random.Random(0)) == kept, "short words, and those that are not letters alone"


def test_noise_changes_words_and_no_tags(tmp_path: Path) -> None:
    (tmp_path / "news.conll").write_text("".join(f"Washington{'x' * row} B-LOC\nsays O\n\n" for row in range(40)))
    clean = read_parts(Corpus("c", "C", "tags", "news.conll"), tmp_path)
    noisy = read_parts(Corpus("c", "C", "tags", "news.conll", noise_seed=0), tmp_path)
    assert noisy.train.labels == clean.train.labels
    assert all(word == word.lower() for sentence in noisy.train.inputs for word in sentence)
    assert noisy.train.inputs != [[word.lower() for word in sentence] for sentence in clean.train.inputs]
