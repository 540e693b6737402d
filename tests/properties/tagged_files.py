"""Tagged sentences with entities known by construction, and the ways in which files write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


# A run of tokens: its entity's type, or None outside of all.
Run = tuple[str | None, list[str]]
Sentence = list[Run]

TYPES = ("PER", "LOC", "ORG-GOV", "entity_name", "Música")
# With every sign that a reader could take for something else; none begins a row of -DOCSTART-.
TOKENS = st.one_of(
    st.sampled_from(["#", "##", "#tag", "-", "--", '"', "'", "``", "/", "_", "|", "O", "I-PER", "B", "1", "2", "1-2"]),
    st.sampled_from(
        ["Ann", "São", "10\u00a0000", "a\u2028b", "and/or", "a_b", "1.1", "😀", "[", "{", "*", "=", "x=y|z"]
    ),
    st.text("abçZ9.,;:!?/#-'\"", min_size=1, max_size=6),
).filter(lambda token: not token.startswith("-DOC"))
# It shows the scheme whatever else is drawn: one, two and three tokens, and what is outside.
FIRST: Sentence = [
    (None, ["It", "was"]),
    ("PER", ["Ann", "de", "Roe"]),
    (None, ["of"]),
    ("LOC", ["Rome"]),
    (None, ["and", "of"]),
]
SECOND: Sentence = [("LOC", ["New", "York"]), (None, ["."])]


def iob2(sentence: Sentence) -> list[str]:
    """The tags as they are to be read."""
    return [
        tag
        for kind, tokens in sentence
        for tag in (["O"] * len(tokens) if kind is None else [f"B-{kind}", *[f"I-{kind}"] * (len(tokens) - 1)])
    ]


def letters(sentence: Sentence, scheme: str) -> list[tuple[str, str]]:
    """The letter and the type of each token in a scheme."""
    single, last, inside = {
        **dict.fromkeys(("iob2", "iob1", "io"), ("B", "I", "I")),
        "ioe": ("E", "E", "I"),
        "bioes": ("S", "E", "I"),
        "bilou": ("U", "L", "I"),
        "bmes": ("S", "E", "M"),
        "bmewo": ("W", "E", "M"),
    }[scheme]
    found = []
    before: str | None = None
    for kind, tokens in sentence:
        if kind is None:
            found += [("O", "")] * len(tokens)
        else:
            begin = "I" if scheme in ("io", "ioe") or (scheme == "iob1" and before != kind) else "B"
            alone = begin if scheme in ("iob1", "io") else single
            run = [alone] if len(tokens) == 1 else [begin, *[inside] * (len(tokens) - 2), last]
            found += [(letter, kind) for letter in run]
        before = kind
    return found


SCHEMES = ("iob2", "iob1", "io", "ioe", "bioes", "bilou", "bmes", "bmewo")
SPELLINGS: dict[str, Callable[[str, str], str]] = {
    "B-PER": lambda letter, kind: f"{letter}-{kind}",
    "B_PER": lambda letter, kind: f"{letter}_{kind}",
    "PER-B": lambda letter, kind: f"{kind}-{letter}",
    "PER_B": lambda letter, kind: f"{kind}_{letter}",
    "b-PER": lambda letter, kind: f"{letter.lower()}-{kind}",
    "PER": lambda letter, kind: kind,
}
# What the columns of a row are; "sign" and "lemma" are none of tags.
LAYOUTS = (
    ("token", "tag"),
    ("token", "pos", "tag"),
    ("token", "tag", "sign"),
    ("token", "pos", "chunk", "tag"),
    ("id", "token", "tag"),
    ("id", "token", "lemma", "tag", "sign"),
)
COMMENTS = (
    "# sent_id = s1",
    "# text = It was, he said",
    "#begin document (a/b); part 000",
    "# newdoc id = n",
    "# 5 %",
)
BLANKS = ("", " ", "\t", " \t ", "\n", "-DOCSTART- -X- O O")


@dataclass(frozen=True)
class TaggedFile:
    """A file, and what is in it."""

    content: bytes
    sentences: list[tuple[list[str], list[str]]]
    description: dict[str, Any]


@st.composite
def sentences(draw: st.DrawFn, touching: bool) -> Sentence:
    """Runs of tokens; two entities of one type touch only where the scheme can tell them apart."""
    runs: Sentence = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([None, None, *TYPES]))
        if runs and kind == runs[-1][0] and (kind is None or not touching):
            continue
        runs.append((kind, draw(st.lists(TOKENS, min_size=1, max_size=4))))
    return runs


@st.composite
def tagged_files(draw: st.DrawFn) -> TaggedFile:
    """A file in columns."""
    spelling = draw(st.sampled_from(list(SPELLINGS)))
    scheme = "io" if spelling == "PER" else draw(st.sampled_from(SCHEMES))
    drawn = draw(st.lists(sentences(touching=scheme != "io"), max_size=4))
    read = [FIRST, SECOND, *drawn]
    if spelling == "PER":
        # Types alone are those of entities where what is outside is more than a third.
        entities = sum(len(tokens) for sentence in read for kind, tokens in sentence if kind is not None)
        read.append([(None, ["word"] * entities)])
    outside = draw(st.sampled_from(["O", "o", "OUT", "0"])) if spelling not in ("PER", "PER_B") else "O"
    layout = draw(st.sampled_from(LAYOUTS))
    separator = draw(st.sampled_from(["\t", " ", "   "]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines: list[str] = []
    if draw(st.booleans()) and "chunk" not in layout:
        lines.append(separator.join({"tag": "ner", "id": "n"}.get(name, name) for name in layout))
    for sentence in read:
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(COMMENTS)))
        tokens = [token for _, run in sentence for token in run]
        for number, (token, (letter, kind)) in enumerate(zip(tokens, letters(sentence, scheme), strict=True), start=1):
            tag = outside if letter == "O" else SPELLINGS[spelling](letter, kind)
            cells = {
                "token": token,
                "tag": tag,
                "id": str(number),
                "pos": ("NN", "VB")[number % 2],
                "lemma": f"l{number}",
                "sign": "+-"[number % 2],
                "chunk": ("B-NP", "I-NP")[number > 1],
            }
            lines.append(separator.join(cells[name] for name in layout))
        lines.append(draw(st.sampled_from(BLANKS)))
    text = "\n".join(lines).replace("\n", end) + draw(st.sampled_from(["", end]))
    description = {"spelling": spelling, "scheme": scheme, "outside": outside, "layout": layout}
    expected = [([token for _, run in sentence for token in run], iob2(sentence)) for sentence in read]
    content = (draw(st.sampled_from(["", "\ufeff"])) + text).encode("utf-8")
    return TaggedFile(content, expected, description)
