"""Tests of hf_rnn/data/readers/columns.py: tables as people publish them, of which only a few values are made up."""

from __future__ import annotations

import pytest
from datasets import Dataset

from hf_rnn.data.readers.columns import (
    class_columns,
    decided_column,
    label_columns,
    sample_columns,
    text_columns,
    zero_one_columns,
)


ROWS = 20
TEXTS = [f"this is what person number {i} has to say, at some length" for i in range(ROWS)]
SHORT = [f"title {i} here" for i in range(ROWS)]
CLASSES = [("ham", "spam")[i % 3 == 0] for i in range(ROWS)]
COUNT = [str(i) for i in range(ROWS)]
DATES = [f"Mon Apr {i:02} 22:19:45 PDT 2009" for i in range(ROWS)]
USERS = [f"user_{i * i}" for i in range(ROWS)]
LINKS = [f"https://example.org/a/very/long/address/of/a/page/that/goes/on/{i}/and/on" for i in range(ROWS)]
STARS = [str(1 + i % 5) for i in range(ROWS)]
DAYS = [f"2024-03-{1 + i % 6:02}" for i in range(ROWS)]
YEARS = [str(2020 + i % 4) for i in range(ROWS)]
EMPTY = [None] * ROWS


@pytest.mark.parametrize(
    ("table", "text", "label"),
    [
        # The SMS spam collection, as it is spread.
        ({"v1": CLASSES, "v2": TEXTS, "Unnamed: 2": EMPTY, "Unnamed: 3": EMPTY}, "v2", "v1"),
        # Sentiment140, without a header.
        (
            {
                "column_0": [str(4 * (i % 2)) for i in range(ROWS)],
                "column_1": COUNT,
                "column_2": DATES,
                "column_3": ["NO_QUERY"] * ROWS,
                "column_4": USERS,
                "column_5": TEXTS,
            },
            "column_5",
            "column_0",
        ),
        # Reviews of Amazon's speakers.
        (
            {"rating": STARS, "date": DATES, "variation": CLASSES, "verified_reviews": TEXTS, "feedback": STARS},
            "verified_reviews",
            "rating",
        ),
        # AG News.
        ({"Class Index": STARS, "Title": SHORT, "Description": TEXTS}, "Description", "Class Index"),
        # Tweets about airlines.
        (
            {
                "tweet_id": COUNT,
                "airline_sentiment": CLASSES,
                "airline_sentiment_confidence": ["0.5"] * ROWS,
                "airline": CLASSES,
                "name": USERS,
                "text": TEXTS,
                "tweet_location": CLASSES,
            },
            "text",
            "airline_sentiment",
        ),
        ({"": COUNT, "Avaliacao": TEXTS, "Polaridade": CLASSES}, "Avaliacao", "Polaridade"),
        ({"url": LINKS, "words": TEXTS, "kind": CLASSES}, "words", "kind"),
        # What its name promises is not what the column holds.
        ({"review": STARS, "opinion_of_them": TEXTS, "class": CLASSES}, "opinion_of_them", "class"),
        # A survey: what has the name of texts holds the labels, and each day has several rows.
        ({"feedback given": TEXTS, "Opinion": CLASSES, "Date": DAYS}, "feedback given", "Opinion"),
        (
            {"Nº": COUNT, "Avaliação do cliente": TEXTS, "Data": DAYS, "Opinião": CLASSES},
            "Avaliação do cliente",
            "Opinião",
        ),
        ({"remarks": TEXTS, "comment": CLASSES, "created_at": DAYS, "Ano": YEARS}, "remarks", "comment"),
        # Texts that come again, such as those that several people rated, stay the texts beside longer remarks.
        (
            {"text": [*TEXTS[:10], *TEXTS[:10]], "remark": [f"{text}, I think" for text in TEXTS], "y": CLASSES},
            "text",
            "y",
        ),
        ({"text": TEXTS, "topic": TEXTS[::-1], "stance": CLASSES}, "text", "stance"),
        ({"text": TEXTS, "category": ["news"] * ROWS, "sentiment": CLASSES}, "text", "sentiment"),
        ({"comment": [*TEXTS[:2], *[None] * 18], "body": TEXTS, "label": CLASSES}, "body", "label"),
        # Whole classes follow one another; the names of users repeat.
        ({"a": sorted(CLASSES), "b": TEXTS, "c": USERS}, "b", "a"),
        # What repeats names classes, however long the names are.
        ({"p": SHORT, "q": [f"opinion of the {name} kind, and a long one" for name in CLASSES]}, "p", "q"),
        # Without a space between words.
        (
            {"x": [f"这是第{'一二三四五六七八九十'[i % 10] * (1 + i)}个评论" for i in range(ROWS)], "z": CLASSES},
            "x",
            "z",
        ),
    ],
)
def test_texts_and_labels_of_published_tables(table, text, label):
    for names in (list(table), list(table)[::-1]):
        sample = sample_columns(Dataset.from_dict({name: table[name] for name in names}))
        assert text_columns(sample).certain == text
        assert label_columns(sample, [text]).certain == label


def test_what_may_be_several_is_not_decided():
    sample = {"a": TEXTS, "b": TEXTS[::-1], "c": CLASSES, "d": STARS}
    assert text_columns(sample).certain is None
    found = label_columns(sample, ["a", "b"])
    assert (found.names, found.certain) == (["c", "d"], None)
    rows = Dataset.from_dict(sample)
    with pytest.raises(ValueError, match=r"Give `x`: in the dev split 'c', 'd' may all be the y, .* 'c' \('spam'\)"):
        decided_column(found, "the y", "x", "dev", rows)


def test_a_column_of_each_row_s_own_values_or_of_one_value_is_no_class():
    assert class_columns({"a": COUNT, "b": ["x"] * ROWS, "c": EMPTY, "id": CLASSES, "d": CLASSES}) == ["d"]
    assert label_columns({"a": COUNT}).names == []


def test_times_are_no_labels_unless_they_are_named():
    assert label_columns({"text": TEXTS, "Date": DAYS}, ["text"]).names == []
    assert label_columns({"text": TEXTS, "x": DAYS, "year": YEARS, "shop": CLASSES}, ["text"]).names == ["shop"]
    # Under another name numbers may be classes; names of classes may stand under the name of a time.
    assert label_columns({"text": TEXTS, "x": YEARS}, ["text"]).certain == "x"
    assert label_columns({"text": TEXTS, "data": CLASSES}, ["text"]).certain == "data"
    assert label_columns({"text": TEXTS, "label": DAYS}, ["text"]).certain == "label"


def test_two_columns_of_few_values_are_asked_for():
    shops = [("Leeds", "York", "Hull")[i % 3] for i in range(ROWS)]
    table = {"What did you think?": TEXTS, "Review(pos/neg)": CLASSES, "Store": shops}
    assert text_columns(table).certain == "What did you think?"
    found = label_columns(table, ["What did you think?"])
    assert (found.names, found.certain) == (["Review(pos/neg)", "Store"], None)


def test_lists_are_labels_where_nothing_else_is():
    lists = [[f"a{i}", "b"] for i in range(ROWS)]
    for written in (lists, list(map(str, lists))):
        assert text_columns({"a": SHORT, "b": written, "c": COUNT}).certain == "a"
        assert label_columns({"a": TEXTS, "b": written, "c": COUNT}, ["a"]).certain == "b"
        assert label_columns({"a": TEXTS, "b": written, "c": CLASSES}, ["a"]).certain == "c"


def test_numbers_with_decimals_are_labels_where_nothing_else_is():
    decimals = [str(i / 4) for i in range(ROWS)]
    assert label_columns({"a": TEXTS, "b": decimals, "c": COUNT}, ["a"]).certain == "b"
    assert label_columns({"a": TEXTS, "b": decimals, "c": CLASSES}, ["a"]).certain == "c"


def test_a_big_file_is_sampled_over_its_whole_length():
    labels = ["a"] * 4000 + ["b"] * 4000
    sample = sample_columns(Dataset.from_dict({"y": labels}))
    assert len(sample["y"]) == 1000
    assert set(sample["y"]) == {"a", "b"}


def test_columns_of_zero_and_one():
    table = {"a": ["0", "1"], "b": [1, 0], "c": [True, False], "d": ["0.0", "1.0"], "e": ["0", "2"], "f": [None, None]}
    assert zero_one_columns(table) == ["a", "b", "c", "d"]
