"""Tests of hf_rnn/data/readers/tag_schemes.py."""

from __future__ import annotations

from itertools import product

import pytest
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB1, IOB2, IOBES, Entities

from hf_rnn.data.readers.tag_schemes import (
    bioes_to_iob2,
    entity_types,
    invalid_positions,
    iob1_to_iob2,
    iob2_to_bioes,
    mend,
)


# The same three sentences in each scheme.
SCHEMES = {
    "IOB1": "O I-PER I-PER B-PER O I-LOC | I-LOC I-ORG | O",
    "IOB2": "O B-PER I-PER B-PER O B-LOC | B-LOC B-ORG | O",
    "BIOES": "O B-PER E-PER S-PER O S-LOC | S-LOC S-ORG | O",
}


def sentences(text):
    return [sentence.split() for sentence in text.split("|")]


def every_sequence(prefixes, longest=4):
    """All sequences of tags of two types, up to a length."""
    tags = ["O", *(f"{prefix}-{entity}" for prefix in prefixes for entity in "XY")]
    return [list(sequence) for length in range(longest + 1) for sequence in product(tags, repeat=length)]


def entities(tags, scheme):
    """What seqeval finds in one sentence, as (type, first, last)."""
    return [(e.tag, e.start, e.end - 1) for e in Entities([tags], scheme).entities[0]]


def test_the_schemes_of_one_text():
    for iob1, iob2, bioes in zip(*map(sentences, SCHEMES.values()), strict=True):
        assert iob1_to_iob2(iob1) == iob2
        assert iob2_to_bioes(iob2) == bioes
        assert bioes_to_iob2(bioes) == iob2
    assert iob1_to_iob2([]) == iob2_to_bioes([]) == bioes_to_iob2([]) == []


def test_iob1_holds_the_same_entities_in_iob2():
    for tags in every_sequence("BI"):
        converted = iob1_to_iob2(tags)
        assert invalid_positions(converted) == []
        assert get_entities(converted) == get_entities(tags)
        # seqeval's strict IOB1 takes no B- that begins an entity without need, as IOB2 has them.
        if all(tag[0] != "B" or before[2:] == tag[2:] for before, tag in zip(["O", *tags], tags, strict=False)):
            assert entities(converted, IOB2) == entities(tags, IOB1)


def test_iob2_and_bioes_hold_the_same_entities():
    for tags in every_sequence("BI"):
        if invalid_positions(tags):
            with pytest.raises(ValueError, match="These tags: the tag 'I-[XY]' at position"):
                iob2_to_bioes(tags)
            continue
        bioes = iob2_to_bioes(tags)
        assert entities(bioes, IOBES) == entities(tags, IOB2)
        assert bioes_to_iob2(bioes) == tags


def test_bioes_that_breaks_the_rules_keeps_the_entities_apart():
    assert bioes_to_iob2(["O", "E-X", "O", "I-X"]) == ["O", "I-X", "O", "I-X"], "left for `mend`"
    for tags in every_sequence("BIES", longest=3):
        assert get_entities(bioes_to_iob2(tags)) == get_entities(tags)


def test_invalid_positions():
    assert invalid_positions("I-X I-X O I-X B-X I-X I-Y I-Y B-Y I-X".split()) == [0, 3, 6, 9]
    assert invalid_positions([]) == []


def test_mend():
    tags = "O I-X I-X B-X I-Y".split()
    assert mend(tags, "keep", "here") == tags
    assert mend(tags, "repair", "here") == "O B-X I-X B-X B-Y".split()
    with pytest.raises(ValueError, match=r"^Row 7: the tag 'I-X' at position 1 .from 0. follows neither 'B-X' nor"):
        mend(tags, "refuse", "Row 7")
    valid = "B-X I-X O".split()
    assert mend(valid, "refuse", "here") == valid
    with pytest.raises(ValueError, match="`invalid`='drop' must be one of 'keep', 'repair', 'refuse'"):
        mend(tags, "drop", "here")


def test_entity_types():
    assert entity_types(["O", "S-b-c", "B-PER", "I-PER", "E-LOC"]) == ["LOC", "PER", "b-c"]
    assert entity_types(["O"]) == []
    with pytest.raises(ValueError, match="The tag 'NN' is no tag of an entity; .* 'B-<type>', 'I-<type>', 'E-<type>'"):
        entity_types(["O", "NN"])


@pytest.mark.parametrize("convert", [iob1_to_iob2, iob2_to_bioes, invalid_positions])
def test_tags_of_other_schemes(convert):
    with pytest.raises(
        ValueError, match="The tag 'E-X' is no tag .*; it must be 'O' or one of 'B-<type>', 'I-<type>'"
    ):
        convert(["B-X", "E-X"])


def test_tags_that_are_not_bioes():
    with pytest.raises(ValueError, match="The tag 'L-X' is no tag of an entity"):
        bioes_to_iob2(["B-X", "L-X"])
