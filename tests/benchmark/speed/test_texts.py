"""The sample: cut, padded, bucketed; and made up, which is said, where there are no corpora."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hf_rnn.benchmark.speed.texts import MAX_TOKENS, Sample, bucketed_batches, pad, write_sample


def test_the_sample_is_read_as_it_was_written(sample_folder: Path) -> None:
    sample = Sample.read(sample_folder)
    assert len(sample.texts) == 12
    assert sample.lengths.max() == MAX_TOKENS > sample.lengths.min() > 0
    assert set(sample.labels) <= {0, 1}
    longest = sample.texts[int(sample.lengths.argmax())]
    # Words and punctuation: the characters were cut where the ids were.
    assert MAX_TOKENS / 2 < longest.text.count(" ") < MAX_TOKENS


def test_made_up_texts_are_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path / "none"))
    said = write_sample(tmp_path, count=200, fitted=200)
    assert said["name"] == "synthetic"
    assert "there is no ${HF_RNN_CORPORA}/imdb/train.parquet" in said["source"]
    assert said["texts"] == said["fitted_texts"] == 200
    # The lengths of reviews: a median of 193 words, of which a third is cut.
    assert 150 < said["median_tokens"] <= MAX_TOKENS
    assert 150 < said["mean_tokens"] < 230


@pytest.mark.corpus
def test_imdb_is_taken_where_it_is(tmp_path: Path) -> None:
    said = write_sample(tmp_path, count=100, fitted=300)
    assert said["name"] == "imdb"
    assert 150 < said["mean_tokens"] < 230
    assert 20 < Sample.read(tmp_path).labels.sum() < 80, "the file is sorted by label; the sample is not"


def test_texts_of_a_given_length(sample_folder: Path) -> None:
    for tokens in (1, 50, 1000):
        texts = Sample.read(sample_folder).of_length(3, tokens)
        assert [len(text.ids) for text in texts] == [tokens] * 3
        assert texts[0].text.count(" ") > tokens / 2
    assert texts[0].text != texts[1].text


def test_padding_stands_on_the_right(sample_folder: Path) -> None:
    texts = Sample.read(sample_folder).texts[:4]
    padded = pad(texts, MAX_TOKENS)
    assert padded.shape == (4, MAX_TOKENS)
    assert pad(texts).shape[1] == max(len(text.ids) for text in texts)
    for row, text in zip(padded, texts, strict=True):
        np.testing.assert_array_equal(row[: len(text.ids)], text.ids)
        assert not row[len(text.ids) :].any()


def test_buckets_hold_every_text_once_and_similar_lengths() -> None:
    lengths = np.random.default_rng(0).integers(1, 256, 100)
    epochs = [bucketed_batches(lengths, 16, np.random.default_rng(seed)) for seed in (0, 1)]
    for batches in epochs:
        assert sorted(np.concatenate(batches)) == list(range(100))
        assert np.mean([np.ptp(lengths[batch]) for batch in batches]) < 60
    assert not np.array_equal(epochs[0][0], epochs[1][0])
