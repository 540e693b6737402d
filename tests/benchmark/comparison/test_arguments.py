"""What scripts/compare.py may be told, and the test set that is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.comparison.arguments import Cited, CompareArguments
from hf_rnn.benchmark.comparison.test_set import read_test_set
from hf_rnn.tasks.similarity.comparing import PairTestArguments
from hf_rnn.tasks.text_classification.comparing import TextTestArguments
from hf_rnn.tasks.token_classification.comparing import TokenTestArguments
from tests.tasks.small_runs import write_rows


def arguments(**changes: Any) -> CompareArguments:
    values = {"task": "text-classification", "models": ["a"], "output": "x.json"}
    return CompareArguments(**(values | changes))


def test_a_citation_keeps_the_equals_signs_of_its_source() -> None:
    found = Cited.parse("bert-base = 0.924 = https://x.org/?id=1&y=2")
    assert found == Cited("bert-base", 0.924, "https://x.org/?id=1&y=2")


@pytest.mark.parametrize("text", ["bert", "bert=0.9", "bert=high=x", "bert=92.4=x", "=0.9=x", "bert=nan=x", "b=0.9="])
def test_a_citation_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="`cited`=.* must be NAME=VALUE=SOURCE"):
        arguments(cited=[text])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "ner"}, "`task`='ner' must be one of text-classification, token-classification, sentence-sim"),
        ({"models": []}, "`models` must name at least one"),
        ({"threads": 0}, "`threads`=0 must be at least 1"),
        ({"output": "folder"}, "`output`='folder' must be the name of a .json file"),
    ],
)
def test_arguments_out_of_range_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arguments(**changes)


def test_a_test_file_is_enough_and_none_is_too_little() -> None:
    for group in (TextTestArguments, TokenTestArguments, PairTestArguments):
        assert group(test_file="x.csv").test_file == "x.csv"
        with pytest.raises(ValueError, match="Give `test_file` or `dataset_name`"):
            group(train_file="x.csv")


def test_integer_labels_are_read_by_the_order_of_the_models(tmp_path: Path) -> None:
    path = tmp_path / "test.json"
    path.write_text('[{"text": "fine", "label": 1}, {"text": "dull", "label": 0}, {"text": "", "label": 0}]')
    test = read_test_set("text-classification", TextTestArguments(test_file=str(path)), ["negative", "positive"])
    assert (test.texts, test.references, test.label_names) == (["fine", "dull"], [1, 0], ["negative", "positive"])
    assert test.metric == "accuracy"
    assert sorted(test.sample(5)) == ["dull", "fine"]
    figures = test.metrics([[0.0, 3.0], [0.0, 1.0]])
    assert figures["accuracy"] == 1 / 2


def test_pairs_are_read_from_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("first,second,label\na,b,yes\nc,d,no\n")
    data = TextTestArguments(
        test_file=str(path), text_column_names="first", text_pair_column_name="second", class_names="no,yes"
    )
    test = read_test_set("text-classification", data, None)
    assert test.inputs == [{"text": "a", "text_pair": "b"}, {"text": "c", "text_pair": "d"}]
    assert test.references == [1, 0]


def test_pairs_that_are_compared_are_read_with_their_distinct_texts(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("one,two,same\na,b,1\nc,a,0\nb,d,1\n")
    data = PairTestArguments(test_file=str(path), text_column_names="one,two", label_column_name="same")
    test = read_test_set("sentence-similarity", data, None)
    assert test.inputs[1] == {"text": "c", "text_pair": "a"}
    assert (test.texts, test.references) == (["a", "c", "b", "d"], [1, 0, 1])
    assert (test.problem_type, test.metric, test.label_names) == ("labels", "roc_auc", None)
    figures = test.metrics([0.9, 0.2, 0.4], threshold=0.5)
    assert figures["roc_auc"] == 1.0
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx(2 / 3)
    assert test.metrics([0.9, 0.5, 0.1]) == {"roc_auc": 0.5, "average_precision": pytest.approx(5 / 6)}


def test_scored_pairs_are_correlated_whatever_their_range(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("sentence1,sentence2,score\na,b,5\nc,d,0\ne,f,2\n")
    test = read_test_set("sentence-similarity", PairTestArguments(test_file=str(path), score_range="0,5"), None)
    assert (test.references, test.metric) == (pytest.approx([1.0, 0.0, 0.4]), "spearman")
    figures = test.metrics([0.9, 0.1, 0.2], threshold=0.5)
    assert figures == {"spearman": pytest.approx(1.0), "pearson": pytest.approx(0.42 / (0.38 * 38 / 75) ** 0.5)}


def test_a_few_pairs_of_a_sorted_file_still_have_both_labels(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    rows = [f"a{row},b{row},{int(row >= 8)}" for row in range(10)]
    path.write_text("\n".join(["question1,question2,is_duplicate", *rows]) + "\n")
    test = read_test_set("sentence-similarity", PairTestArguments(test_file=str(path)), None)
    few = test.first(4)
    assert [pair["text"] for pair in few.inputs] == ["a0", "a8", "a1", "a2"]
    assert few.references == [0, 1, 0, 0]
    assert test.first(None) == test


def test_a_label_that_the_models_do_not_have_is_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "test.csv", [("fine", "positive"), ("so so", "mixed")])
    with pytest.raises(ValueError, match="'mixed'.*must be one of 'negative', 'positive'"):
        read_test_set("text-classification", TextTestArguments(test_file=str(path)), ["negative", "positive"])


def test_sentences_are_read_with_their_tags(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(
        '{"tokens": ["Ann", "Lee", "sang"], "ner_tags": ["B-PER", "I-PER", "O"]}\n'
        '{"tokens": ["Oslo"], "ner_tags": ["B-LOC"]}\n'
    )
    names = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    test = read_test_set("token-classification", TokenTestArguments(test_file=str(path)), names)
    assert test.inputs == [["Ann", "Lee", "sang"], ["Oslo"]]
    assert test.texts == ["Ann Lee sang", "Oslo"]
    assert test.references == [["B-PER", "I-PER", "O"], ["B-LOC"]]
    assert test.metric == "f1"
    assert test.metrics([["B-PER", "O", "O"], ["B-LOC"]])["f1"] == 0.5
    assert test.first(1).inputs == [["Ann", "Lee", "sang"]]
