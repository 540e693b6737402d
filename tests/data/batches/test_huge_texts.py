"""A text of many megabytes is cut before it is tokenized, and said with its row."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Dataset

from hf_rnn.data.batches.texts import HUGE_TEXT, tokenize_dataset
from hf_rnn.data.tokenizers.training import train_tokenizer


class Listening:
    """A tokenizer that remembers the longest text it was given."""

    def __init__(self) -> None:
        self.tokenizer = train_tokenizer(["a b c d e"], min_frequency=1, show_progress=False)
        self.longest = 0

    def __call__(self, texts: list[str], **options: Any) -> Any:
        self.longest = max(self.longest, *map(len, texts))
        return self.tokenizer(texts, **options)

    def num_special_tokens_to_add(self) -> int:
        return 0


@pytest.mark.parametrize(("side", "expected"), [("head", "aaaa"), ("tail", "eeee"), ("head_tail", "aeee")])
def test_a_huge_text_is_cut_before_it_is_tokenized(side: Any, expected: str, caplog: pytest.LogCaptureFixture) -> None:
    listening = Listening()
    huge = "a " * HUGE_TEXT + "e " * HUGE_TEXT
    rows = Dataset.from_dict({"text": ["a b", huge], "label": [0, 1]})
    found = tokenize_dataset(rows, listening, max_length=4, side=side)  # type: ignore[arg-type]
    assert listening.longest <= HUGE_TEXT + 1
    assert "".join(listening.tokenizer.convert_ids_to_tokens(found[1]["input_ids"])) == expected
    said = [record.getMessage() for record in caplog.records if record.name == "hf_rnn.data.batches.texts"]
    assert said == ["Row 1 has a text of 4,000,000 characters: no more than 1,000,000 of them are tokenized."]


def test_a_huge_text_that_nothing_cuts_is_said_with_its_row(caplog: pytest.LogCaptureFixture) -> None:
    rows = Dataset.from_dict({"text": ["a", "a " * HUGE_TEXT]})
    found = tokenize_dataset(rows, Listening())  # type: ignore[arg-type]
    assert found[1]["length"] == HUGE_TEXT
    assert "Row 1 has a text of 2,000,000 characters" in caplog.text and "--max_seq_length" in caplog.text
