"""Encodings are found where the bytes tell them, and asked for where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.data.readers.tables.encodings import find_encoding
from hf_rnn.data.readers.tables.sources import find_source


TEXTS = {
    "cp1252": "O filme é ótimo, não há dúvida; a atuação é péssima às vezes.\n",
    "cp1251": "Отличный фильм, всем советую.\nПлохая игра актёров и скучный сюжет.\n" * 10,
    "koi8_r": "Отличный фильм, всем советую.\nПлохая игра актёров и скучный сюжет.\n" * 10,
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy.\nTo je velmi dobrý film, doporučuji všem.\n",
    "cp1253": "Πολύ καλή ταινία, τη συνιστώ.\n" * 30,
}


def found(folder: Path, content: bytes) -> str:
    path = folder / "a.csv"
    path.write_bytes(content)
    encoding = find_encoding(find_source(path, "a.csv"), None)
    assert encoding.is_guess
    return content.decode(encoding.name)


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_text_is_that_which_was_written(tmp_path: Path, encoding: str) -> None:
    assert found(tmp_path, TEXTS[encoding].encode(encoding)) == TEXTS[encoding]


@pytest.mark.parametrize("word", ["não", "très", "Größe", "niño", "smörgås", "“so”", "5€", "l’été", "À", "it’s"])
def test_one_word_of_windows(tmp_path: Path, word: str) -> None:
    assert found(tmp_path, f"text,label\n{word},x\n".encode("cp1252")) == f"text,label\n{word},x\n"


def test_hashtags_and_slips_among_many_words_are_western_still(tmp_path: Path) -> None:
    text = TEXTS["cp1252"] * 10 + "15ºBPM na #OperaçãoBetaLab, genuínoS; R™s\n"
    assert found(tmp_path, text.encode("cp1252")) == text


def test_what_may_be_several_is_asked_for_with_the_text_of_each(tmp_path: Path) -> None:
    hungarian = "Időpocsékolás volt, nem tetszett, őrült fűszer.\n"
    with pytest.raises(ValueError, match=r"may be cp1250 \('.*Időpocsékolás.*`--encoding`"):
        found(tmp_path, hungarian.encode("cp1250"))


def test_a_foreign_name_among_portuguese_words_is_western_still(tmp_path: Path) -> None:
    text = "As eleições e as opiniões da população, por São João.\n" * 5 + "A estação de Düsseldorf, disse Müller.\n"
    assert found(tmp_path, text.encode("cp1252")) == text
    with pytest.raises(ValueError, match="may be cp1250"):
        found(tmp_path, ("Időpocsékolás volt, őrült fűszer: São Paulo.\n" * 5).encode("cp1250", errors="ignore"))


def test_a_damaged_line_is_named_wherever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_rnn.data.readers.tables.encodings.CHUNK_BYTES", 7)
    path = tmp_path / "a.csv"
    for ends in ("\n", "\r\n", "\r"):
        path.write_bytes(ends.join(["text", *["ação"] * 20, ""]).encode() + b"\xe3" + ends.encode())
        assert find_encoding(find_source(path, "a.csv"), None).damaged_line == 22, repr(ends)
