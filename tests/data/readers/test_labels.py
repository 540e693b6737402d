"""Tests of hf_rnn/data/readers/labels.py."""

from __future__ import annotations

import datetime

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from hf_rnn.data.readers.labels import LabelMap, encode_labels, label_form


SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def encode(train, validation=None, feature=None, **arguments):
    features = None if feature is None else Features({"y": feature})
    splits = {"train": Dataset.from_dict({"y": train}, features=features)}
    if validation is not None:
        splits["validation"] = Dataset.from_dict({"y": validation}, features=features)
    of_model = {name: arguments[name] for name in ("label2id", "class_names", "first") if name in arguments}
    return encode_labels(splits, "y", label_form(splits, "y", **arguments), **of_model)


@pytest.mark.parametrize(
    ("values", "names", "ids"),
    [
        ([10, 9, 10, -1], ["-1", "9", "10"], [2, 1, 2, 0]),
        (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
        ([True, False], ["False", "True"], [1, 0]),
    ],
)
def test_single_labels_are_sorted(values, names, ids):
    encoded = encode(values)
    assert (encoded.problem_type, encoded.label_names, encoded.labels["train"]) == (SINGLE, names, ids)
    assert encoded.feature.names == names


def test_class_labels_keep_their_order_even_when_one_is_absent():
    encoded = encode([0, 2], feature=ClassLabel(names=["z", "m", "a"]))
    assert (encoded.label_names, encoded.labels["train"]) == (["z", "m", "a"], [0, 2])


def test_label_names_name_integers_booleans_and_order_strings():
    names = ["negative", "positive"]
    for values in ([1, 0, 1], [True, False, True], ["positive", "negative", "positive"]):
        encoded = encode(values, class_names=names)
        assert (encoded.label_names, encoded.labels["train"]) == (names, [1, 0, 1])
    assert encode([0, 1], feature=ClassLabel(names=["n", "p"]), class_names=names).labels["train"] == [0, 1]
    assert encode(["a", "b"], class_names=["b", "a"]).labels["train"] == [1, 0]


def test_label2id_decides():
    assert encode(["a", "a"], label2id={"b": 0, "a": 1}).labels["train"] == [1, 1]
    assert encode([1, 0], label2id={"LABEL_0": 0, "LABEL_1": 1}).labels["train"] == [1, 0]
    assert encode([1, 2], label2id={"1": 0, "2": 1}).labels["train"] == [0, 1]
    swapped = encode([0, 1], feature=ClassLabel(names=["a", "b"]), label2id={"b": 0, "a": 1})
    assert (swapped.label_names, swapped.labels["train"]) == (["b", "a"], [1, 0])


def test_multi_label_lists_and_strings():
    lists = encode([["b", "a"], [], ["c"]], [["a"]])
    assert (lists.problem_type, lists.label_names) == (MULTI, ["a", "b", "c"])
    assert lists.labels == {"train": [[1.0, 1.0, 0.0], [0.0] * 3, [0.0, 0.0, 1.0]], "validation": [[1.0, 0.0, 0.0]]}
    assert encode([[2, 0], [1]]).labels["train"] == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    strings = encode(["b; a", "", None, "c"], problem_type=MULTI, delimiter=";")
    assert strings.label_names == ["a", "b", "c"]
    assert strings.labels["train"] == [[1.0, 1.0, 0.0], [0.0] * 3, [0.0] * 3, [0.0, 0.0, 1.0]]
    classes = encode([[1], [0, 1]], feature=List(ClassLabel(names=["x", "a"])))
    assert (classes.label_names, classes.labels["train"]) == (["x", "a"], [[0.0, 1.0], [1.0, 1.0]])
    # A csv column that happens to hold one number a row is read as integers.
    assert encode([3, 7], problem_type=MULTI).labels["train"] == [[1.0, 0.0], [0.0, 1.0]]


def test_regression():
    encoded = encode([0.5, 2.0], [1.0])
    assert (encoded.problem_type, encoded.label_names, encoded.feature) == (REGRESSION, None, Value("float32"))
    assert encoded.labels == {"train": [0.5, 2.0], "validation": [1.0]}
    assert encode([1, 5], problem_type=REGRESSION).labels["train"] == [1.0, 5.0]


@pytest.mark.parametrize(
    ("train", "validation", "arguments", "message"),
    [
        (["a", "b"], ["a", "x"], {}, r"`y` of the validation split has the value 'x' in row 1 .*one of 'a', 'b'"),
        ([0, 1], [2], {}, r"value 2 in row 0 .*one of '0', '1'"),
        ([0, 1], [-1], {"class_names": ["n", "p"]}, r"value -1 in row 0 .*one of 'n', 'p'"),
        ([0, 2], None, {"class_names": ["n", "p"]}, r"the train split has the value 2 in row 1"),
        ([0, 1], None, {"label2id": {"5": 0, "6": 1}}, r"value 0 in row 0 .*one of '5', '6'"),
        ([True], None, {"label2id": {"x": 0, "y": 1, "z": 2}}, r"value True in row 0"),
        (["a", "b", None], None, {}, r"value None in row 2 .*must be an integer, a string"),
        ([["a"], ["b", None]], None, {}, r"value \['b', None\] in row 1"),
        ([["a"], ["b"]], [["a", "c"]], {}, r"value 'c' in row 0"),
        ([0.5, None], None, {}, r"value None in row 1 .*a finite number"),
        ([0.5, float("nan")], None, {}, r"value nan in row 1"),
        (["1.5x"], None, {"problem_type": REGRESSION}, r"value '1.5x' in row 0"),
        ([True], None, {"problem_type": REGRESSION}, r"value True in row 0"),
        ([["a"]], None, {"problem_type": SINGLE}, r"value \['a'\] in row 0"),
        (["a", "a"], None, {}, r"`y` of the train split holds one value only, 'a'"),
        ([[], []], None, {"problem_type": MULTI}, "holds no label at all"),
        ([0, 1], None, {"problem_type": "binary"}, r"`problem_type`='binary' must be None or one of"),
        ([0.5], None, {"class_names": ["a", "b"]}, r"`class_names`=\['a', 'b'\] was given, .*regression"),
        ([0, 1], None, {"label2id": {"a": 0, "b": 2}}, r"`label2id`=.* must map the names to the ids 0 to 1"),
        ([0, 1], None, {"label2id": {"a": 0, "b": 1}, "class_names": ["b", "a"]}, "must agree"),
        ([0, 1], None, {"class_names": ["a", "a"]}, "must be different"),
        ([datetime.date(2020, 1, 1)], None, {}, "has the type Value.'date32'.; a label column holds"),
    ],
)
def test_bad_labels(train, validation, arguments, message):
    with pytest.raises(ValueError, match=message):
        encode(train, validation, **arguments)


def test_hidden_class_labels_are_an_error():
    with pytest.raises(ValueError, match=r"validation split has the value -1 in row 0 .*one of 'n', 'p'"):
        encode([0, 1], [-1], feature=ClassLabel(names=["n", "p"]))


def test_long_lists_of_names_are_cut_in_errors():
    assert str(LabelMap([f"n{i}" for i in range(25)])).endswith("'n19' and 5 more")
