"""The confusion table against counts by hand, and its Markdown."""

from __future__ import annotations

import json

import pytest

from hf_rnn.metrics.confusion import confusion_markdown, confusion_table


REFERENCES = [["B-PER", "I-PER", "O", "B-LOC"], [], ["B-ORG", "O"]]
PREDICTIONS = [["B-PER", "B-LOC", "O", "I-LOC"], [], ["O", "I-PER"]]


def test_tokens_are_counted_by_type() -> None:
    table = confusion_table(REFERENCES, PREDICTIONS)
    assert table == {
        "O": {"O": 1, "LOC": 0, "ORG": 0, "PER": 1},
        "LOC": {"O": 0, "LOC": 1, "ORG": 0, "PER": 0},
        "ORG": {"O": 1, "LOC": 0, "ORG": 0, "PER": 0},
        "PER": {"O": 0, "LOC": 1, "ORG": 0, "PER": 1},
    }
    assert list(table) == list(table["O"]) == ["O", "LOC", "ORG", "PER"]
    assert json.loads(json.dumps(table)) == table


def test_label_names_give_the_rows_their_order() -> None:
    names = ["B-PER", "I-PER", "B-ORG", "B-MISC", "B-LOC", "I-LOC", "O"]
    table = confusion_table(REFERENCES, PREDICTIONS, names)
    assert list(table) == list(table["LOC"]) == ["O", "PER", "ORG", "MISC", "LOC"]
    assert (table["PER"]["LOC"], table["LOC"]["PER"]) == (1, 0)
    assert sum(table["MISC"].values()) == 0


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        ([["B-LOC"]], [["O"]], "`references` must be of the types of `label_names`; they hold 'LOC'"),
        ([["O"]], [["I-LOC"]], "`predictions` must be of the types of `label_names`; they hold 'LOC'"),
        ([["LOC"]], [["O"]], "`references` must be IOB2"),
        ([["O"]], [["LOC"]], "`predictions` must be IOB2"),
        ([["O"], ["O"]], [["O"], []], "sentence 1 .* has 0 and 1"),
        ([["O"], ["O"]], [["O"]], "as many sentences as `references`; they are of 1 and 2"),
    ],
)
def test_tags_that_do_not_fit_are_named(
    references: list[list[str]], predictions: list[list[str]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_table(references, predictions, ["O", "B-PER", "I-PER"])


def test_label_names_of_another_scheme_are_named() -> None:
    with pytest.raises(ValueError, match="`label_names` must be IOB2 .* 'NOUN'"):
        confusion_table([["O"]], [["O"]], ["O", "NOUN"])


def test_outside_is_always_among_the_types() -> None:
    assert confusion_table([], []) == {"O": {"O": 0}}
    assert confusion_table([["O"]], [["B-PER"]], ["B-PER"]) == {"O": {"O": 0, "PER": 1}, "PER": {"O": 0, "PER": 0}}


def test_markdown() -> None:
    table = confusion_table([["B-PER", "O", "O"]], [["B-A|B", "O", "O"]])
    assert confusion_markdown(table) == (
        "| true \\ predicted | O | A\\|B | PER |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| O | 2 | 0 | 0 |\n"
        "| A\\|B | 0 | 0 | 0 |\n"
        "| PER | 0 | 1 | 0 |\n"
    )
