"""Words in the plane, against scikit-learn's principal components."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from hf_rnn.insight.neighbours import EmbeddingTable, embedding_table
from hf_rnn.insight.plane import plane_of, word_plane
from hf_rnn.insight.steps import NotApplicableError
from tests.insight.small import tokenizer
from tests.models.common import build


WORDS = list("abcdefgh")
TABLE = EmbeddingTable([*WORDS, "zero"], np.vstack([np.random.default_rng(2).normal(size=(8, 5)), np.zeros((1, 5))]))


def test_the_points_are_the_principal_components() -> None:
    found = plane_of(TABLE, WORDS)
    pca = PCA(2).fit(TABLE.directions[:8])
    expected = pca.transform(TABLE.directions[:8])
    np.testing.assert_allclose(np.abs(found.points), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(found.shares, pca.explained_variance_ratio_, rtol=1e-9)
    # The sign is that of the largest weight, whatever the library gives.
    signs = np.sign(pca.components_[np.arange(2), np.abs(pca.components_).argmax(1)])
    np.testing.assert_allclose(found.points, expected * signs, atol=1e-9)


def test_words_of_a_plane_keep_their_distances() -> None:
    # Directions of three axes lie in a plane, as an equilateral triangle.
    found = plane_of(EmbeddingTable(["x", "y", "z"], np.eye(3)), ["x", "y", "z"])
    distances = [np.linalg.norm(found.points[i] - found.points[i - 1]) for i in range(3)]
    np.testing.assert_allclose(distances, np.sqrt(2))
    assert found.shares.sum() == pytest.approx(1)


def test_the_words_of_a_text_in_a_model() -> None:
    model = build("gru")
    found = word_plane(model, tokenizer(), "a c e ? d b c")
    assert found.words == ("a", "c", "e", "d", "b")
    by_hand = plane_of(embedding_table(model, tokenizer()), ["a", "c", "e", "d", "b"])
    np.testing.assert_array_equal(found.points, by_hand.points)


def test_what_is_written(tmp_path: Path) -> None:
    found = plane_of(TABLE, WORDS)
    table, picture = found.write(tmp_path / "out" / "plane.csv")
    assert picture.read_bytes().startswith(b"\x89PNG")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["word"] for row in rows] == WORDS
    np.testing.assert_array_equal([[float(row["x"]), float(row["y"])] for row in rows], found.points)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"There are 2 words with a vector \(a, b\); a plane needs at least 3"):
        plane_of(TABLE, ["a", "b"])
    with pytest.raises(ValueError, match="'q' is not among the 9 words"):
        plane_of(TABLE, ["a", "b", "q"])
    with pytest.raises(ValueError, match="The vectors of x, y, z are all the same"):
        plane_of(EmbeddingTable(["x", "y", "z"], np.full((3, 4), 0.3)), ["x", "y", "z"])
    with pytest.raises(NotApplicableError):
        word_plane(build("gru", one_hot_input=True), tokenizer(), "a b c")
