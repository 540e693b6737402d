"""Which rows are held out: whole groups of rows with texts in common, of each label the same share."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import HfArgumentParser

from hf_rnn.data.readers.documents import LanguageDataArguments, load_language_data
from hf_rnn.data.readers.hold_out import hold_out_and_sample
from hf_rnn.data.readers.shared_texts import connected_rows, row_texts
from hf_rnn.data.readers.sources import SourceArguments


def numbered(count: int) -> Dataset:
    return Dataset.from_dict({"row": list(range(count))})


def classified(labels: list[int], **columns: list[Any]) -> Dataset:
    features = Features({"label": ClassLabel(names=["a", "b", "c"])})
    rows = Dataset.from_dict({"label": labels}, features=features)
    for name, values in {"row": list(range(len(labels))), **columns}.items():
        rows = rows.add_column(name, values)
    return rows


def pairs(texts: list[tuple[str, str]], labels: list[float] | None = None) -> Dataset:
    labels = labels or [float(row % 2) for row in range(len(texts))]
    first, second = ([pair[side] for pair in texts] for side in (0, 1))
    columns = {"text": first, "text_b": second, "label": labels, "row": list(range(len(texts)))}
    return Dataset.from_dict(columns)


def held(splits: dict[str, Dataset], **flags: Any) -> dict[str, list[int]]:
    """Split → rows, of what is held out by default."""
    arguments = SourceArguments(train_file="a.csv", **{"hold_out_percentage": 10, **flags})
    return {name: rows["row"][:] for name, rows in hold_out_and_sample(splits, arguments).items()}


def components(texts: list[tuple[str, ...]]) -> list[int]:
    """The first row that each row hangs together with, found by spreading until nothing changes."""
    normal = [{" ".join(text.casefold().split()) for text in row} for row in texts]
    group = list(range(len(texts)))
    changed = True
    while changed:
        changed = False
        for one in range(len(texts)):
            for other in range(len(texts)):
                if normal[one] & normal[other] and group[one] != group[other]:
                    group[one] = group[other] = min(group[one], group[other])
                    changed = True
    return group


TEXTS = st.sampled_from(["a", "b", "C", "c ", "d", "e", "f", "g\tg", "G  g", "h", "", "ß", "ss"])


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=25))
@settings(max_examples=100, deadline=None)
def test_rows_that_hang_together(texts: list[tuple[str, str]]) -> None:
    """As a search for neighbours finds them, row by row, until nothing changes."""
    keys = row_texts(pairs(texts))
    assert keys is not None
    found, expected = connected_rows(keys), components(texts)
    assert [found.index(group) for group in found] == [expected.index(group) for group in expected]


@given(st.lists(st.tuples(TEXTS, TEXTS, st.sampled_from([0.0, 1.0])), min_size=12, max_size=40), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_no_group_is_cut_where_groups_are_small(rows: list[tuple[str, str, float]], seed: int) -> None:
    """Beside what is drawn there are a hundred pairs without a text in common."""
    texts = [(a, b) for a, b, _ in rows] + [(f"left {i}", f"right {i}") for i in range(100)]
    labels = [label for *_, label in rows] + [float(i % 2) for i in range(100)]
    splits = held({"train": pairs(texts, labels)}, split_seed=seed)
    group = components(texts)
    assert {group[row] for row in splits["train"]}.isdisjoint({group[row] for row in splits["validation"]})
    assert sorted(splits["train"] + splits["validation"]) == list(range(len(texts)))
    for label, count in Counter(labels).items():
        assert abs(sum(labels[row] == label for row in splits["validation"]) - count / 10) <= 1 + len(rows) / 4


def test_pairs_that_share_a_text_stay_on_one_side_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    # Forty stars: a reference and five answers to it.
    texts = [(f"reference {star}", f"answer {star} {i}") for star in range(40) for i in range(5)]
    splits = held({"train": pairs(texts)})
    assert {row // 5 for row in splits["train"]}.isdisjoint(row // 5 for row in splits["validation"])
    assert len(splits["validation"]) == pytest.approx(20, abs=3)
    assert "0.0 % of the held-out pairs share a text with the training part." in caplog.text
    caplog.clear()
    at_random = held({"train": pairs(texts)}, hold_out_by="random")
    shared = {row // 5 for row in at_random["train"]}
    share = 100 * sum(row // 5 in shared for row in at_random["validation"]) / len(at_random["validation"])
    assert f" {share:.1f} % of the held-out pairs share a text" in caplog.text
    assert share > 90


def test_a_group_of_most_pairs_is_held_out_by_whole_texts(caplog: pytest.LogCaptureFixture) -> None:
    """Twenty queries by twenty documents hang together: no pair is left out, and each that is held out has a text that
    training has not seen.
    """
    texts = [(f"query {i}", f"document {j}") for i in range(20) for j in range(20)]
    # Of labels that are alike in every row and column.
    splits = held({"train": pairs(texts, [float((i + j) % 2) for i in range(20) for j in range(20)])})
    assert sorted(splits["train"] + splits["validation"]) == list(range(400))
    assert 20 <= len(splits["validation"]) <= 60
    seen = {text for row in splits["train"] for text in texts[row]}
    assert all(not seen.issuperset(texts[row]) for row in splits["validation"])
    share = 100 * sum(bool(seen.intersection(texts[row])) for row in splits["validation"]) / len(splits["validation"])
    assert f" {share:.1f} % of the held-out pairs share a text with the training part." in caplog.text


def test_two_pairs_are_held_out_of_few(caplog: pytest.LogCaptureFixture) -> None:
    """One of each label, or no figure of them would be defined; single rows, where no groups will do."""
    texts = [(f"a {i}", f"b {i}") for i in range(6)]
    splits = held({"train": pairs(texts)})
    assert sorted(row % 2 for row in splits["validation"]) == [0, 1]
    rare = [1.0, 1.0, *[0.0] * 28]
    splits = held({"train": pairs([(f"a {i}", f"b {i}") for i in range(30)], rare)})
    assert sum(rare[row] for row in splits["validation"]) == 1
    splits = held({"train": pairs([("same", f"b {i}") for i in range(6)])})
    assert sorted(row % 2 for row in splits["validation"]) == [0, 1]
    assert "100.0 % of the held-out pairs share a text with the training part" in caplog.text


def test_equal_texts_stay_on_one_side(caplog: pytest.LogCaptureFixture) -> None:
    texts = [f"Text {row // 2}" if row % 2 else f"text  {row // 2} " for row in range(100)]
    splits = held({"train": classified([0, 0, 1, 1] * 25, text=texts)})
    assert {row // 2 for row in splits["train"]}.isdisjoint(row // 2 for row in splits["validation"])
    assert [sum(row % 4 < 2 for row in splits["validation"]), len(splits["validation"])] == [6, 12]
    assert "0.0 % of the held-out texts are also in the training part." in caplog.text


def test_a_group_with_all_rows_of_a_label_stays_to_be_trained_on() -> None:
    texts = [*(str(row) for row in range(20)), "same", "same"]
    splits = held({"train": classified([0] * 20 + [1] * 2, text=texts)}, hold_out_percentage=50)
    assert len(splits["validation"]) == 10
    assert {20, 21} <= set(splits["train"])


def test_equal_sentences_and_equal_documents_stay_on_one_side(tmp_path: Any) -> None:
    rows = [[str(row // 2), "is", "Here"] for row in range(60)]
    splits = held({"train": numbered(60).add_column("tokens", rows)})
    assert {row // 2 for row in splits["train"]}.isdisjoint(row // 2 for row in splits["validation"])
    path = tmp_path / "documents.csv"
    path.write_text("text\n" + "".join(f"document {row // 2}\n" for row in range(60)))
    data = load_language_data(LanguageDataArguments(train_file=str(path), validation_split_percentage=10))
    assert set(data.splits["train"]).isdisjoint(data.splits["validation"])
    assert len(data.splits["validation"]) == 6


def test_given_splits_that_share_texts_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    train = classified([0, 1, 0, 1], text=["a", "b", "c", "d"])
    test = classified([0, 1, 0, 1], text=["A ", "x", "d", "y"])
    held({"train": train, "validation": classified([0, 1], text=["new", "newer"]), "test": test})
    assert [record.getMessage() for record in caplog.records] == [
        "2 of 4 test texts (50.0 %) are also in the training split."
    ]
    caplog.clear()
    held({"train": pairs([("a", "b"), ("c", "d")]), "validation": pairs([("x", "A"), ("y", "z")])})
    assert caplog.messages == ["1 of 2 validation pairs (50.0 %) share a text with the training pairs."]


def test_texts_with_more_than_one_label_are_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    texts = [*(f"text {row}" for row in range(20)), "Text  3", "text 7", "text 7"]
    train = classified([*[0, 1] * 10, 0, 1, 0], text=texts)
    held({"train": train}, hold_out_percentage=0)
    assert caplog.messages == [
        "2 texts have more than one label, such as 'text 3' ('a', 'b'): no model can learn both. Correct these rows, "
        "or leave them out."
    ]
    caplog.clear()
    held({"train": pairs([("a", "b"), ("c", "d"), ("A ", "b"), ("b", "a")], [1, 0, 0, 0])}, hold_out_percentage=0)
    assert "1 pair has more than one label, such as 'a / b' ('0', '1')" in caplog.text
    caplog.clear()
    # Scores may differ, equal labels do not, and a text of a pair may stand in others.
    held({"train": pairs([("a", "b"), ("a", "b"), ("a", "c")], [0.5, 0.75, 0])}, hold_out_percentage=0)
    held({"train": classified([0, 0, 1], text=["a", "a", "b"])}, hold_out_percentage=0)
    held({"train": pairs([("a", "b"), ("a", "c")], [0, 1])}, hold_out_percentage=0)
    assert caplog.messages == []


def test_most_held_out_texts_in_training_are_a_sign_of_a_wrong_column(caplog: pytest.LogCaptureFixture) -> None:
    train = classified([0, 1, 0, 1], text=["a", "b", "c", "d"])
    held({"train": train, "test": classified([0, 1, 0], text=["A ", "x", "d"])})
    assert "2 of 3 test texts (66.7 %) are also in the training split. So many equal texts" in caplog.text
    caplog.clear()
    opinions = ["good", "bad"] * 20
    held({"train": classified([0, 0, 1, 1] * 10, text=opinions)})
    assert "100.0 % of the held-out texts are also in the training part. So many equal texts" in caplog.text
    assert "mean that a wrong column is read as the text; look at what is read, such as 'bad'" in caplog.text
    caplog.clear()
    held({"train": classified([0, 0, 1, 1] * 10, text=opinions)}, hold_out_by="random", validation_split_percentage=20)
    assert "So many equal texts" in caplog.text


@pytest.mark.parametrize("seed", range(5))
def test_the_same_share_of_each_label_is_held_out(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    # Sorted by class, as many corpora are; the last class has one row, which is needed for training.
    labels = [0] * 60 + [1] * 40 + [2]
    splits = held({"train": classified(labels)}, split_seed=seed)
    assert [sum(labels[row] == label for row in splits["validation"]) for label in range(3)] == [6, 4, 0]
    most = held({"train": classified(labels)}, split_seed=seed, hold_out_percentage=60)
    assert [sum(labels[row] == label for row in most["validation"]) for label in range(3)] == [36, 24, 0]
    assert sorted(splits["train"] + splits["validation"]) == list(range(101))
    assert splits["train"] == sorted(splits["train"])
    assert splits == held({"train": classified(labels)}, split_seed=seed)
    assert splits != held({"train": classified(labels)}, split_seed=seed + 1)
    assert "10 of 101 training rows (9.9 %) are held out, the same share of each label" in caplog.text


def test_several_labels_and_numbers_are_held_out_evenly(caplog: pytest.LogCaptureFixture) -> None:
    vectors = [[float(row % 2), float(row % 5 == 0), 1.0] for row in range(100)]
    rows = Dataset.from_dict(
        {"row": list(range(100)), "label": vectors}, Features(row=Value("int64"), label=List(Value("float32")))
    )
    splits = held({"train": rows}, hold_out_percentage=20)
    counts = [sum(vectors[row][label] for row in splits["validation"]) for label in range(3)]
    assert counts == pytest.approx([10, 4, 20], abs=1)
    caplog.clear()
    splits = held({"train": numbered(100).add_column("label", [row / 100 for row in range(100)])})
    assert sorted(row // 10 for row in splits["validation"]) == list(range(10)), "one of each tenth"
    assert caplog.text.rstrip().endswith("are held out, low and high numbers alike.")


def test_the_labels_of_pairs_are_two_classes() -> None:
    labels = [0.0] * 20 + [1.0] * 80
    splits = held({"train": numbered(100).add_column("label", labels)})
    assert sorted(labels[row] for row in splits["validation"]) == [0.0] * 2 + [1.0] * 8


@pytest.mark.parametrize(
    ("flags", "validation"),
    [
        ({"validation_split_percentage": 25}, 5),
        ({"validation_split_size": 3}, 3),
        ({"hold_out_percentage": 0}, None),
    ],
)
def test_nothing_is_held_out_by_default_where_another_flag_asks(
    flags: dict[str, float], validation: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    splits = held({"train": numbered(20)}, **flags)
    assert (len(splits["validation"]) if validation else splits.get("validation")) == validation
    assert "There is no validation split" not in caplog.text
    given = held(
        {"train": numbered(20), "validation": numbered(2)}, **dict.fromkeys(flags, None) | {"hold_out_percentage": 10}
    )
    assert given == {"train": list(range(20)), "validation": [0, 1]}


@pytest.mark.parametrize("by", ["text", "random"])
def test_flags(by: str, caplog: pytest.LogCaptureFixture) -> None:
    flags = ["--train_file", "a.csv", "--test_split_percentage", "25", "--max_train_samples", "2", "--split_seed", "3"]
    (arguments,) = HfArgumentParser(SourceArguments).parse_args_into_dataclasses([*flags, "--hold_out_by", by])
    splits = hold_out_and_sample({"train": numbered(8)}, arguments)
    test, kept = splits["test"]["row"][:], splits["train"]["row"][:]
    assert (len(test), len(kept)) == (2, 2)
    assert set(test).isdisjoint(kept)
    assert "The test split: 2 of 8 training rows (25 %) are held out." in caplog.text
    if by == "random":
        shuffled = numbered(8).shuffle(seed=3)["row"][:]
        assert test == shuffled[-2:]
        assert kept == [row for row in shuffled[:-2] if row in kept], "in the order of the rows"


def test_random_parts_are_the_last_of_the_shuffled_rows() -> None:
    """As every release has drawn them: published figures come from such splits."""
    asked = {"validation_split_percentage": 20, "test_split_percentage": 10, "hold_out_by": "random"}
    splits = held({"train": numbered(50)}, **asked)
    shuffled = numbered(50).shuffle(seed=42)["row"][:]
    assert list(splits) == ["train", "validation", "test"]
    assert splits["train"] + splits["test"] + splits["validation"] == shuffled
    assert len(splits["validation"]) == 10
    assert held({"train": numbered(50)}, **asked, split_seed=1)["train"] != splits["train"]


def test_a_test_split_is_taken_from_what_is_left() -> None:
    splits = held({"train": numbered(100)}, test_split_percentage=10)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 81, "validation": 10, "test": 9}
    assert sorted(sum(splits.values(), [])) == list(range(100))


def test_of_few_rows_one_is_held_out() -> None:
    assert len(held({"train": numbered(4)})["validation"]) == 1
    with pytest.raises(ValueError, match="`hold_out_percentage`=10 of 3 training rows is no row of any label"):
        held({"train": classified([0, 1, 2])})
    with pytest.raises(ValueError, match="No validation split of 2 rows can be held out: no label has a second row"):
        held({"train": classified([0, 1, 2])}, validation_split_size=2)
    with pytest.raises(ValueError, match="`hold_out_percentage`=100 must be from 0 to less than 100"):
        held({"train": numbered(4)}, hold_out_percentage=100)


@pytest.mark.slow
def test_half_a_million_pairs_take_seconds() -> None:
    texts = [(f"text {row % 170_000}", f"text {row * 7 % 300_000}") for row in range(500_000)]
    rows = pairs(texts)
    start = time.perf_counter()
    splits = hold_out_and_sample({"train": rows}, SourceArguments(train_file="a.csv", hold_out_percentage=10))
    assert time.perf_counter() - start < 60, "some five seconds on two cores that nobody else uses"
    assert 40_000 < len(splits["validation"]) < 60_000
