"""Tests of hf_rnn/data/readers/cells.py."""

from __future__ import annotations

import datetime
import json
import math

import numpy as np
import pytest

from hf_rnn.data.readers.cells import as_list, as_number, is_empty, is_moment


@pytest.mark.parametrize("value", [None, "", " \t\n", math.nan])
def test_what_is_empty(value):
    assert is_empty(value)


@pytest.mark.parametrize(
    "value",
    [
        *("2024-03-01", "01/03/2024", "1.3.24", "2024/3", "03/2024", "2024-03-01T10:30:00Z", "2024-03-01 10:30:00.12"),
        *("2024-03-01T10:30:00+02:00", "1/3/24 10:30", "10:30", "10:30 PM", "10h30", "5 March 2024", "March 5, 2024"),
        *("5th of May 2024", "Mar-24", "jan/2024", "3 de março de 2024", "Mon, 5 Mar 2024", "Monday", "segunda-feira"),
        *(
            "Mon Apr 06 22:19:45 PDT 2009",
            "2024/03/01 10:00:11 AM GMT+1",
            " Sábado ",
            datetime.date(2024, 3, 1),
            datetime.datetime(2024, 3, 1, 10),
        ),
    ],
)
def test_moments(value):
    assert is_moment(value)


@pytest.mark.parametrize(
    "value",
    [
        *("positive", "4/5", "1.5", "2024", "5", "1-2", "10", "", None, 2024, 3.5, True, "monday blues", "sun film"),
        *("marvellous", "may be", "decent", "satisfied", "set menu", "3.5.1x", "out of 5", "[1]"),
    ],
)
def test_what_is_no_moment(value):
    assert not is_moment(value)


@pytest.mark.parametrize("value", ["NA", "None", "nan", 0, 0.0, False, [], "."])
def test_what_is_not_empty(value):
    assert not is_empty(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *(("1", 1.0), ("-2.5", -2.5), (" 3 ", 3.0), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("01", 1.0), (4, 4.0)),
        *((True, None), ("1,5", None), ("nan", None), ("inf", None), (math.inf, None), ("1_000", None), ("", None)),
        *(("0x10", None), (None, None), ("1 2", None), ([1], None), ("1e999", None)),
    ],
)
def test_numbers(value, number):
    assert as_number(value) == number


NAMES = ["a", "b c", "d, e", "it's", 'say "x"', "é", "back\\slash", "[x]", "1", "", "None"]


@pytest.mark.parametrize("written", [str, json.dumps, lambda items: str(np.array(items, dtype=object))])
def test_lists_of_names_are_read_as_they_were_written(written):
    for end in range(len(NAMES) + 1):
        assert as_list(written(NAMES[:end])) == NAMES[:end]


def test_lists_of_numbers_and_of_names_without_quotes():
    assert as_list("[1, 0, 1]") == as_list("[1 0 1]") == as_list(str(np.array([1, 0, 1]))) == ["1", "0", "1"]
    assert as_list("[1. 0.]") == ["1.", "0."]
    assert as_list("[very good, bad]") == ["very good", "bad"]
    assert as_list("[don't know, bad]") == ["don't know", "bad"]
    assert as_list("[very good]") == ["very good"]


@pytest.mark.parametrize(
    "text", ["a", "a, b", "[a", "a]", "['a''b']", "['a' b]", "['a', nan]", "['a', ['b']]", "[a,,b]", "['a', 'b]", ""]
)
def test_what_is_no_list(text):
    assert as_list(text) is None
