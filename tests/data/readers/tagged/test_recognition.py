"""Schemes of entity tags are told by the tags, however they are written, and what is no scheme is named."""

from __future__ import annotations

import pytest

from hf_rnn.data.readers.tagged.recognition import find_reading, looks_like_entities


def sentences(text: str) -> list[list[str]]:
    return [sentence.split() for sentence in text.split("|")]


# The entities of every row of this table are the same.
IOB2 = sentences("O B-PER I-PER I-PER O B-LOC O | B-LOC O B-PER I-PER")
WRITTEN = {
    "iob2": {
        "underscore": "O B_PER I_PER I_PER O B_LOC O | B_LOC O B_PER I_PER",
        "type first": "O PER-B PER-I PER-I O LOC-B O | LOC-B O PER-B PER-I",
        "type first, underscore": "O PER_B PER_I PER_I O LOC_B O | LOC_B O PER_B PER_I",
        "OUT": "OUT B-PER I-PER I-PER OUT B-LOC OUT | B-LOC OUT B-PER I-PER",
        "other": "other B-PER I-PER I-PER other B-LOC other | B-LOC other B-PER I-PER",
        "0": "0 B-PER I-PER I-PER 0 B-LOC 0 | B-LOC 0 B-PER I-PER",
        "small": "o b-PER i-PER i-PER o b-LOC o | b-LOC o b-PER i-PER",
        "colon": "O B:PER I:PER I:PER O B:LOC O | B:LOC O B:PER I:PER",
    },
    "iob1": {"plain": "O I-PER I-PER I-PER O I-LOC O | I-LOC O I-PER I-PER | I-LOC B-LOC"},
    "io": {
        "I- alone": "O I-PER I-PER I-PER O I-LOC O | I-LOC O I-PER I-PER",
        "types alone": "O PER PER PER O LOC O | LOC O PER PER",
    },
    "ioe": {"plain": "O I-PER I-PER E-PER O E-LOC O | E-LOC O I-PER E-PER"},
    "bioes": {
        "plain": "O B-PER I-PER E-PER O S-LOC O | S-LOC O B-PER E-PER",
        "underscore": "O B_PER I_PER E_PER O S_LOC O | S_LOC O B_PER E_PER",
        "type first": "O PER-B PER-I PER-E O LOC-S O | LOC-S O PER-B PER-E",
    },
    "bilou": {
        "plain": "O B-PER I-PER L-PER O U-LOC O | U-LOC O B-PER L-PER",
        "small": "o b-PER i-PER l-PER o u-LOC o | u-LOC o b-PER l-PER",
    },
    "bmes": {
        "BMES": "O B-PER M-PER E-PER O S-LOC O | S-LOC O B-PER E-PER",
        "BMEWO": "O B-PER M-PER E-PER O W-LOC O | W-LOC O B-PER E-PER",
    },
}


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        pytest.param(scheme, text, id=f"{scheme}, {name}")
        for scheme, ways in WRITTEN.items()
        for name, text in ways.items()
    ],
)
def test_every_way_to_write_the_same_entities(scheme: str, text: str) -> None:
    written = sentences(text)
    for asked in (None, scheme):
        reading = find_reading(written, asked)
        assert reading is not None and reading.scheme == scheme
        assert [reading.to_iob2(tags) for tags in written[:2]] == IOB2


@pytest.mark.parametrize(
    ("text", "scheme", "iob2"),
    [
        ("O B I I O B", "iob2", "O B-ENT I-ENT I-ENT O B-ENT"),
        ("o b i i o b", "iob2", "O B-ENT I-ENT I-ENT O B-ENT"),
        ("O I I O I B", "iob1", "O B-ENT I-ENT O B-ENT B-ENT"),
        ("I I O", "io", "B-ENT I-ENT O"),
        ("B I L O U", "bilou", "B-ENT I-ENT I-ENT O B-ENT"),
        ("B M E O S", "bmes", "B-ENT I-ENT I-ENT O B-ENT"),
    ],
)
def test_tags_without_a_type_are_of_one(text: str, scheme: str, iob2: str) -> None:
    reading = find_reading(sentences(text))
    assert reading is not None and reading.scheme == scheme
    assert reading.to_iob2(text.split()) == iob2.split()


@pytest.mark.parametrize(
    "tags",
    ["B-ORG-GOV I-ORG-GOV O", "B-entity_name I-entity_name O", "entity_name-B entity_name-I O", "B_a-b I_a-b O"],
)
def test_types_may_hold_hyphens_and_underscores(tags: str) -> None:
    reading = find_reading([tags.split()])
    assert reading is not None
    begin, inside, outside = reading.to_iob2(tags.split())
    assert begin[2:] == inside[2:] in ("ORG-GOV", "entity_name", "a-b")
    assert (begin[:2], inside[:2], outside) == ("B-", "I-", "O")


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("O I-PER I-PER B-PER O I-LOC | I-LOC I-ORG | O", "iob1"),
        ("O I-X I-Y | O", "io"),
        ("O I-X | B-X", "iob2"),
        ("I-X B-X O I-X B-X I-X", "iob1"),
        ("I-X B-Y", "iob2"),
        ("O | B-X I-X B-X", "iob2"),
        ("O O", "iob2"),
        ("S-X", "bioes"),
        ("B-X O E-X", "bioes"),
        ("B-X L-X U-X", "bilou"),
        ("O O O | COMMA", "io"),
    ],
)
def test_schemes_are_told_by_what_occurs(text: str, scheme: str) -> None:
    reading = find_reading(sentences(text))
    assert reading is not None and reading.scheme == scheme


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NN VBZ O",
        "NOUN VERB PUNCT X",
        "-X",
        # Tags of Brown, of the Penn treebank, of Mac-Morpho, of tweets (where O is a pronoun), of Multext.
        "NP-HL NP VBD-TL PRP$ IN-TL . FW-IN",
        "DT NN . , `` '' -LRB- PRP$",
        "ART N PREP|+ PRO-KS PRO-KS-REL NPROP",
        "O V N D A N P N , L S",
        "NNFS1-----A---- Z:------------- VB-S---3P-AA---",
    ],
)
def test_other_tags_stay_tags(text: str) -> None:
    assert find_reading(sentences(text)) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("O B-PER I-PER PER O", "1 of 4 .* 'PER'"),
        ("O B-PER I-PER NN O", "'NN'"),
        ("O B-PER I-", "'I-'"),
        ("B-X X", "'X'"),
        ("O X-PER Y-PER Z-LOC", "3 of 4 .* 'X-PER', 'Y-PER', 'Z-LOC'"),
        ("O O B I Q", "'Q'"),
        ("O B-PER E-PER L-PER", "the letters B, E, L .* together in no scheme"),
        ("* (PER* *) (LOC)", "brackets of CoNLL-2005"),
    ],
)
def test_what_is_half_a_scheme_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=f"look like .*{named}.*`tag_scheme` none"):
        find_reading(sentences(text))
    assert find_reading(sentences(text), "none") is None


def test_letters_of_the_scheme_may_come_later() -> None:
    reading = find_reading(sentences("O B-PER L-PER"))
    assert reading is not None and reading.to_iob2(["U-LOC", "B-LOC", "I-LOC", "L-LOC"]) == [
        *("B-LOC", "B-LOC", "I-LOC", "I-LOC")
    ]
    with pytest.raises(ValueError, match="The tag 'E-X' is no tag of an entity; it must be 'O' or one of 'B-<type>'"):
        reading.to_iob2(["E-X"])


def test_a_column_of_signs_is_none_of_tags() -> None:
    assert not looks_like_entities({"+": 5, "-": 3})
    assert not looks_like_entities({"NN": 5, "O": 3, "VB": 2})
    assert looks_like_entities({"O": 5, "B-X": 1})
    assert looks_like_entities({"O": 5, "B-X": 1, "PER": 1}), "nearly: refused later, and not passed over"
