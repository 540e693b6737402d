"""The language of a corpus: of sentences that were written for it, and of samples of real corpora."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.data.language import LANGUAGES, find_language


CORPORA = Path(os.environ.get("HF_RNN_CORPORA", "../shared/data"))

SENTENCES = {
    "en": [
        "what time does the next train leave",
        "i love it, it is so easy to use!!",
        "who wrote the book about whales?",
    ],
    "pt": [
        "que horas sai o proximo trem",
        "eu amei, é muito fácil de usar!!",
        "Quem escreveu o livro sobre as baleias?",
    ],
    "es": [
        "¿a qué hora sale el próximo tren?",
        "me encanta, es muy fácil de usar",
        "quien escribió el libro de la ballena",
    ],
    "fr": [
        "à quelle heure part le prochain train",
        "je l'adore, il est très facile à utiliser",
        "qui a écrit ce livre",
    ],
    "de": [
        "wann fährt der nächste Zug ab",
        "ich liebe es, es ist so einfach",
        "Wer hat das Buch über die Wale geschrieben?",
    ],
    "it": [
        "a che ora parte il prossimo treno",
        "lo adoro, è molto facile da usare",
        "chi ha scritto il libro sulla balena",
    ],
    "nl": [
        "hoe laat vertrekt de volgende trein",
        "ik vind het heel makkelijk",
        "wie heeft het boek over de walvis geschreven?",
    ],
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("change", [str, str.upper, lambda text: f"@anna {text} https://t.co/x1 #the <br />"])
def test_few_sentences_have_their_language(language: str, change: Callable[[str], str]) -> None:
    assert find_language([change(text) for text in SENTENCES[language]]) == language


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["12345 :-)"],
        ["pizza"],
        ["今天天气很好，我们去公园吧", "こんにちは、元気ですか"],
        ["Сегодня хорошая погода, и мы идём в парк", "кто написал эту книгу"],
        ["hyvää huomenta, kuinka voit tänään", "minä rakastan tätä kirjaa paljon", "juna lähtee kello kuusi illalla"],
        SENTENCES["en"] + SENTENCES["de"],
    ],
)
def test_what_is_in_none_of_them_has_none(texts: list[str]) -> None:
    assert find_language(texts) is None


def test_a_sample_of_a_large_corpus_is_of_all_its_parts() -> None:
    halves = SENTENCES["en"] * 1000 + SENTENCES["pt"] * 1000
    assert find_language(halves) is None
    assert find_language(SENTENCES["en"] * 1000) == "en"


def questions() -> list[str]:
    with (CORPORA / "small" / "trec_train.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def tweets() -> list[str]:
    with (CORPORA / "small" / "tweets_mg_pt.csv").open(encoding="utf-8", errors="replace", newline="") as file:
        return [row["Text"] for row in csv.DictReader(file)]


def sentences(folder: str, column: str) -> list[str]:
    from datasets import Dataset

    cells: list[Any] = Dataset.from_parquet(str(CORPORA / folder / "train.parquet"))[column][:]
    return [cell if isinstance(cell, str) else " ".join(cell) for cell in cells]


def with_typos(text: str, drawn: random.Random) -> str:
    """Lower-cased, every twentieth character another."""
    letters = "abcdefghijklmnopqrstuvwxyz "
    return "".join(drawn.choice(letters) if drawn.random() < 0.05 else letter for letter in text.lower())


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("language", "read"),
    [
        ("en", questions),
        ("pt", tweets),
        ("en", lambda: sentences("conll2003", "tokens")),
        ("pt", lambda: sentences("lener_br", "tokens")),
        *((language, lambda language=language: sentences("multi30k", language)) for language in ("en", "de", "fr")),
    ],
)
def test_samples_of_real_corpora(language: str, read: Callable[[], list[str]]) -> None:
    texts, drawn = read(), random.Random(0)
    assert find_language(texts) == language
    found = [find_language(drawn.sample(texts, 100)) for _ in range(50)]
    noisy = [find_language([with_typos(text, drawn) for text in drawn.sample(texts, 100)]) for _ in range(20)]
    assert found == [language] * 50 and noisy == [language] * 20
    # Of ten texts it may say nothing; what it says is right.
    assert {find_language(drawn.sample(texts, 10)) for _ in range(50)} <= {language, None}


def test_one_letter_of_formulas_makes_no_language() -> None:
    assert find_language([f"x{n} y{n % 7}" for n in range(40)]) is None
