"""Tests of hf_rnn/data/readers/label_forms.py, through `encode_labels`: each form that labels have in files."""

from __future__ import annotations

import math

import pytest
from datasets import Dataset

from hf_rnn.data.readers.label_forms import MULTI, REGRESSION, SINGLE, find_form
from hf_rnn.data.readers.labels import encode_labels, label_form


def encode(values, validation=None, **arguments):
    splits = {"train": Dataset.from_dict({"y": values})}
    if validation is not None:
        splits["validation"] = Dataset.from_dict({"y": validation})
    of_model = {name: arguments[name] for name in ("label2id", "class_names", "first") if name in arguments}
    return encode_labels(splits, "y", label_form(splits, "y", **arguments), **of_model)


def decoded(encoded, split="train"):
    """The names of each row's labels."""
    names = encoded.label_names
    if encoded.problem_type == SINGLE:
        return [names[label] for label in encoded.labels[split]]
    return [[name for name, one in zip(names, row, strict=True) if one] for row in encoded.labels[split]]


@pytest.mark.parametrize(
    ("values", "names", "read"),
    [
        (["pos", " pos", "neg ", "\tneg"], ["neg", "pos"], ["pos", "pos", "neg", "neg"]),
        (["01", "1", "1"], ["01", "1"], ["01", "1", "1"]),
        (["10", "9", "-1"], ["-1", "9", "10"], ["10", "9", "-1"]),
        (["1.0", "2.0", "10.0"], ["1", "2", "10"], ["1", "2", "10"]),
        ([1.0, 2.0, 1.0], ["1", "2"], ["1", "2", "1"]),
        (["true", "False", "TRUE"], ["False", "True"], ["True", "False", "True"]),
        (["Sim", "não", "NÃO"], ["não", "sim"], ["sim", "não", "não"]),
        (["yes", "no"], ["no", "yes"], ["yes", "no"]),
        (["Yes", "yes", "maybe"], ["Yes", "maybe", "yes"], ["Yes", "yes", "maybe"]),
        (["[spam]", "[ham]"], ["[ham]", "[spam]"], ["[spam]", "[ham]"]),
        (
            ["Arts, Culture", "World, Politics"],
            ["Arts, Culture", "World, Politics"],
            ["Arts, Culture", "World, Politics"],
        ),
        (["NA", "None", "NA"], ["NA", "None"], ["NA", "None", "NA"]),
        (["1", "2", "many"], ["1", "2", "many"], ["1", "2", "many"]),
    ],
)
def test_one_class_a_text(values, names, read):
    encoded = encode(values)
    assert (encoded.problem_type, encoded.label_names, decoded(encoded)) == (SINGLE, names, read)


A_B_C = [["b", "a"], ["c"], ["a", "c"], ["b"]]


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        (A_B_C, {}),
        (["b,a", "c", "a, c", "b"], {}),
        (["b,a", "c", "a, c", "b"], {"delimiter": ","}),
        (["b|a", "c", "a|c", "b"], {"delimiter": "|"}),
        (["b;a", "c", "a;c", "b"], {"problem_type": MULTI}),
        (["b / a", "c", "a / c", "b"], {"delimiter": "/"}),
        (["['b', 'a']", "['c']", "['a', 'c']", "['b']"], {}),
        (['["b", "a"]', '["c"]', '["a", "c"]', '["b"]'], {}),
        (["[b, a]", "['c']", "['a' 'c']", "['b']"], {}),
        (["['b', 'a']", "['c']", "['a', 'c']", "['b']"], {"delimiter": ","}),
    ],
)
def test_several_labels_a_text(values, arguments):
    encoded = encode(values, **arguments)
    assert (encoded.problem_type, encoded.label_names) == (MULTI, ["a", "b", "c"])
    assert decoded(encoded) == [sorted(row) for row in A_B_C]


@pytest.mark.parametrize(
    "values",
    [
        [[1, 0, 1], [0, 0, 0]],
        [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]],
        [[True, False, True], [False, False, False]],
        ["[1, 0, 1]", "[0, 0, 0]"],
        ["[1 0 1]", "[0 0 0]"],
        ["[1. 0. 1.]", "[0. 0. 0.]"],
        ["[True, False, True]", "[false, false, false]"],
        ["1 0 1", "0 0 0"],
    ],
)
def test_vectors_say_0_or_1_of_each_label(values):
    encoded = encode(values, class_names=["x", "a", "m"])
    assert (encoded.problem_type, encoded.label_names) == (MULTI, ["x", "a", "m"])
    assert encoded.labels["train"] == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert encode(values).label_names == ["0", "1", "2"]


def test_lists_of_class_numbers_are_no_vectors():
    assert decoded(encode([[1, 0], [2]])) == [["0", "1"], ["2"]]
    assert decoded(encode(["[1, 0]", "[10]", "[9]"])) == [["0", "1"], ["10"], ["9"]]
    assert encode([[0], [1]]).labels["train"] == [[1.0, 0.0], [0.0, 1.0]]


def test_decimals_are_for_regression():
    for values in (["1.5", "2", "-3.25"], [1.5, 2.0, -3.25]):
        encoded = encode(values)
        assert (encoded.problem_type, encoded.labels["train"]) == (REGRESSION, [1.5, 2.0, -3.25])
    assert encode(["1", "5"], problem_type=REGRESSION).labels["train"] == [1.0, 5.0]
    assert encode(["1,5", "2", "-3,25"], problem_type=REGRESSION).labels["train"] == [1.5, 2.0, -3.25]
    assert decoded(encode(["0.5", "1.5"], problem_type=SINGLE)) == ["0.5", "1.5"]


def test_cells_that_say_nothing():
    single = find_form(["a", "b"], "y")
    assert all(map(single.lacks_label, [None, "", " ", math.nan, "nan", "NaN", "null"]))
    assert not any(map(single.lacks_label, ["a", "NA", "None", 0, False]))
    several = find_form(["a,b", "b", "a"], "y")
    assert not several.lacks_label("") and several.names("") == several.names(None) == []
    assert find_form([[1, 0, 1], [0, 0, 0]], "y").lacks_label(None)


def test_a_percentage_among_names_is_a_name():
    assert decoded(encode(["C++", "100 %", "C++", "100 %"])) == ["C++", "100 %", "C++", "100 %"]
    asked = encode(["37%", "5 %", "2.5"], problem_type=REGRESSION)
    assert asked.labels["train"] == [37.0, 5.0, 2.5]


@pytest.mark.parametrize(
    ("values", "remark"),
    [
        (["1", "2", "3"], "3 whole numbers, each a class (--problem_type regression: numbers)"),
        (["1.0", "2.0"], "1.0 is the class 1"),
        (["0.5", "2"], "so this is a regression (--problem_type single_label_classification: classes)"),
        ([" a", "b"], "white space around a label is no part of it"),
        (["Pos", "pos", "neg"], "'Pos', 'pos' differ by case or accents alone and are different classes"),
        (["Yes", "Y", "No", "N"], "'N', 'No' and 'Y', 'Yes' may be spellings of one answer each and are different"),
        (["yes", "1", "True", "no"], "'1', 'True', 'yes' may be spellings of one answer each"),
        (["sim", "S", "não", "talvez"], "'S', 'sim' may be spellings of one answer each"),
        (["Não", "nao", "SIM"], "booleans, however they are spelled: não and sim"),
        (["37%", "5 %"], "so this is a regression (--problem_type single_label_classification: classes)"),
        (["a", "b"] * 10 + ["Total"], "1 of 3 classes have one row each: 'Total'"),
        (["TRUE", "true", "false"], "booleans, however they are spelled: False and True"),
        (["a,b", "b", "a"], "values such as 'a,b', so a text may have several labels (--problem_type single_label"),
        (["['a']", "['b']"], "lists, so a text may have several labels"),
        ([[1, 0, 1], [0, 1, 0]], "vectors of 3 values that say 0 or 1 of each label (their names: --class_names)"),
    ],
)
def test_what_was_chosen_is_said(values, remark):
    remarks = find_form(values, "y").remarks
    assert len(remarks) == 1 and remark in remarks[0]


def test_nothing_is_said_of_plain_classes():
    assert find_form(["pos", "neg"], "y").remarks == find_form([0, 1], "y").remarks == ()
    for values in (["n", "v", "s", "f"], ["yes", "no", "maybe"], ["1", "0", "N", "F", "x"]):
        assert find_form(values, "y").remarks == ()
    assert find_form(["1", "2", "3"], "y", problem_type=SINGLE).remarks == ()


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        (["2,5", "27", "3"], {}, r"such as '2,5', which may be several labels or a number .*`label_delimiter` ','"),
        (["a, b", "a, c", "d, e", "a"], {}, "'a, b', which may be one label or several. Give `label_delimiter` ','"),
        (["['a']", "b"], {}, r"lists of labels, such as \"\['a'\]\", and other values, such as 'b'.*`problem_type`"),
        (
            ["0.5", "1.5", "n/a"],
            {},
            "numbers with decimals, such as '0.5', and 'n/a'. Correct that, or give `problem_t",
        ),
        ([str(i) for i in range(300)], {}, "300 different whole numbers. Give `problem_type` regression"),
        ([f"a text number {i}" for i in range(9)], {}, "9 different values in 9 rows, .*another `label_column_name`"),
        ([f"n{i}" for i in range(300)], {}, "300 different values in 300 rows, such as 'n0'; these are no classes"),
        (
            ["a", "b"],
            {"delimiter": ",", "problem_type": SINGLE},
            "`label_delimiter`=',' .*`problem_type`='single_label",
        ),
    ],
)
def test_what_may_be_two_things_is_an_error_with_the_flag(values, arguments, message):
    with pytest.raises(ValueError, match=message):
        encode(values, **arguments)


@pytest.mark.parametrize(
    ("values", "validation", "arguments", "message"),
    [
        (["['a']", "['b']"], ["['a"], {}, r"value \"\['a\" in row 0"),
        (
            [[1, 0, 1], [0, 0, 0]],
            [[1, 0]],
            {},
            r"value \[1, 0\] in row 0 .*3 values, 0 or 1 for each of '0', '1', '2'",
        ),
        ([[1, 0, 1], [0, 0, 0]], None, {"class_names": ["a", "b"]}, "vectors of 3 values; `class_names` .* has 2"),
        ([[1, 0, 1], [0, 0, 0]], None, {"label2id": {"a": 0, "b": 1}}, "vectors of 3 values; `label2id` .* has 2"),
        (["1.5", "2.5"], ["x"], {}, "value 'x' in row 0 .* a finite number"),
        (["a", "b"], ["1", "c", "c"], {}, r"value '1' in row 0 .*one of 'a', 'b', .*: 'c' × 2, '1' × 1\). Correct or"),
        (["1", "2"], ["01"], {}, "value '01' in row 0"),
        (["a", "b"], ["A"], {}, "value 'A' in row 0"),
        (["0", "01"], None, {"class_names": ["n", "p"]}, "value '01' in row 1 .*one of 'n', 'p'"),
    ],
)
def test_cells_that_do_not_fit_the_form_of_the_training_rows(values, validation, arguments, message):
    with pytest.raises(ValueError, match=message):
        encode(values, validation, **arguments)


def test_later_splits_are_read_in_the_form_of_the_first():
    assert encode(["1.0", "2.0"], ["2", "1.0"]).labels["validation"] == [1, 0]
    assert encode(["1", "2"], ["2.0"]).labels["validation"] == [1]
    assert encode(["a,b", "b", "a"], ["b, a", ""]).labels["validation"] == [[1.0, 1.0], [0.0, 0.0]]
    assert encode(["true", "false"], ["TRUE"]).labels["validation"] == [1]


def test_known_labels_are_names_whatever_they_look_like():
    known = {"Sci, Tech": 0, "Sci": 1, "Tech": 2}
    encoded = encode(["Sci, Tech", "Sci", "Tech"], label2id=known)
    assert (encoded.problem_type, encoded.labels["train"]) == (SINGLE, [0, 1, 2])
    numbers = encode(["0", "1", "1.0"], label2id={"negative": 0, "positive": 1})
    assert numbers.labels["train"] == [0, 1, 1]
    assert encode(["true", "FALSE"], label2id={"negative": 0, "positive": 1}).labels["train"] == [1, 0]
