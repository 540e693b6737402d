"""Tests of hf_rnn/data/row_checksum.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch

from hf_rnn.data.batches.series import SeriesWindows
from hf_rnn.data.batches.streams import TokenizedText, TokenStreams
from hf_rnn.data.images.pairs import ImagePairs, TrainingImagePairs
from hf_rnn.data.readers.series.reader import Series
from hf_rnn.data.row_checksum import rows_checksum
from hf_rnn.data.synthetic.glyphs import GlyphPairs


ROWS = {
    "text": ["a", "b", None, "dé"],
    "input_ids": [[1, 2], [], [3], [4, 5, 6]],
    "labels": [0, 1, 1, None],
    "scores": [[0.5, float("nan")], [1.0, 2.0], [0.0, 0.0], [3.0, 4.0]],
    "nested": [{"x": [1]}, {"x": []}, None, {"x": [2, 3]}],
}


def rows(**changes: list[Any]) -> datasets.Dataset:
    return datasets.Dataset.from_dict({**ROWS, **changes})


def test_equal_rows_have_equal_checksums_wherever_they_lie(tmp_path: Path) -> None:
    expected = rows_checksum(rows())
    twice = datasets.concatenate_datasets([rows(), rows()])
    rows().to_parquet(tmp_path / "rows.parquet")
    rows().save_to_disk(tmp_path / "rows")
    others = (
        twice.select([0, 5, 2, 7]),
        twice.select(range(4, 8)),
        rows().select([3, 2, 1, 0]).select([3, 2, 1, 0]),
        rows().with_format("torch"),
        datasets.Dataset.from_parquet(str(tmp_path / "rows.parquet"), cache_dir=str(tmp_path / "cache")),
        datasets.load_from_disk(tmp_path / "rows"),
    )
    assert [rows_checksum(each) for each in others] == [expected] * len(others)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": ["ab", "", None, "dé"]},
        {"text": ["a", None, "b", "dé"]},
        {"input_ids": [[1], [2], [3], [4, 5, 6]]},
        {"input_ids": [[1, 2], [], [3], [4, 5, 7]]},
        {"labels": [0, 1, 0, None]},
        {"labels": [0, 1, None, 1]},
        {"scores": [[0.5, 0.0], [1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]},
        {"nested": [{"x": [1]}, {"x": []}, None, {"x": [2, 4]}]},
        {"more": [1, 2, 3, 4]},
    ],
)
def test_other_rows_have_other_checksums(changes: dict[str, list[Any]]) -> None:
    assert rows_checksum(rows(**changes)) != rows_checksum(rows())


def test_another_order_and_another_name_of_a_column_are_other_rows() -> None:
    found = {rows_checksum(each) for each in (rows(), rows().select([1, 0, 2, 3]), rows().rename_column("text", "t"))}
    assert len(found) == 3


def series(last: float, start: int = 4) -> SeriesWindows:
    values = np.arange(10, dtype=np.float64)[:, None].copy()
    values[-1] = last
    return SeriesWindows([Series("", values, np.zeros((10, 0)), None, None)], [(start, 10)], 3, 2)


def pictures(value: float) -> dict[str, torch.Tensor]:
    return {"a": torch.zeros(2, 1, 4, 4), "b": torch.full((2, 1, 4, 4), value)}


def text(*tokens: int, columns: int = 1) -> TokenStreams:
    return TokenStreams(TokenizedText([torch.tensor(tokens, dtype=torch.int32)]), columns)


@pytest.mark.parametrize(
    ("same", "others"),
    [
        ((text(1, 2, 3, 4, 5), text(1, 2, 3, 4, 5)), (text(1, 2, 3, 4, 6), text(1, 2, 3, 4, 5, columns=2))),
        ((series(1.0), series(1.0)), (series(2.0), series(1.0, start=5))),
        (
            (ImagePairs(pictures(0.5), 4), ImagePairs(pictures(0.5), 4)),
            (ImagePairs(pictures(0.6), 4), ImagePairs(pictures(0.5), 5), TrainingImagePairs(pictures(0.5), 2)),
        ),
        ((GlyphPairs("test", 4), GlyphPairs("test", 4)), (GlyphPairs("test", 4, seed=1), GlyphPairs("train", 4))),
    ],
)
def test_datasets_of_other_kinds_tell_what_they_are(same: tuple[Any, Any], others: tuple[Any, ...]) -> None:
    assert rows_checksum(same[0]) == rows_checksum(same[1]) is not None
    found = [rows_checksum(each) for each in (same[0], *others)]
    assert len(set(found)) == len(found)


def test_a_training_set_of_images_is_the_same_in_each_epoch() -> None:
    pairs = TrainingImagePairs(pictures(0.5), 2)
    before = rows_checksum(pairs)
    pairs.set_epoch(3)
    assert rows_checksum(pairs) == before


def test_an_unknown_dataset_has_none() -> None:
    assert rows_checksum([{"input_ids": [1]}]) is None
