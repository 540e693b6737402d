"""Puts the words of a text in a plane by their embeddings: the two directions in which these differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .figures import name_of, new_figure, write_with_figure
from .neighbours import EmbeddingTable, known_words, table_and_words


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["FEWEST_WORDS", "WordPlane", "plane_of", "word_plane"]


FEWEST_WORDS = 3


@dataclass(frozen=True)
class WordPlane:
    """Attributes:
    words: The words.
    points: (words, 2), where each lies on the two axes.
    shares: (2,), the share of all the variance that each axis shows; what is missing to 1 cannot be seen.
    """

    words: tuple[str, ...]
    points: np.ndarray
    shares: np.ndarray

    def figure(self) -> Figure:
        """A point for each word, with its name."""
        figure = new_figure(7.0, 6.0)
        axes = figure.subplots()
        axes.scatter(self.points[:, 0], self.points[:, 1], s=14, color="C0")
        for word, point in zip(self.words, self.points, strict=True):
            axes.annotate(name_of(word), point, xytext=(4, 3), textcoords="offset points", fontsize=8)
        for number, (name, share) in enumerate(zip("xy", self.shares, strict=True), start=1):
            axes.set(**{f"{name}label": f"component {number} ({share:.0%} of the variance)"})
        axes.margins(0.12)
        # A distance is the same in both directions.
        axes.set_aspect("equal", adjustable="datalim")
        axes.grid(alpha=0.3)
        return figure

    def write(self, path: str | Path) -> tuple[Path, Path]:
        """Write a line for each word, `word`, `x` and `y`, as CSV to `path`, and the figure as PNG beside it; missing
        folders are made.

        Returns:
            Both paths.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        lines = ([word, *point] for word, point in zip(self.words, self.points.tolist(), strict=True))
        return write_with_figure(path, [["word", "x", "y"], *lines], self.figure())


def word_plane(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str) -> WordPlane:
    """The different words of `text` in the plane of their embeddings in `model`, see [`plane_of`].

    Args:
        model: Any model with a table of its tokens, or of words (`config.word_vocab_size`).
        text: Such as a list of words with spaces between. Words that the model does not know are left out.

    Raises:
        NotApplicableError: the model has no table of embeddings.
        ValueError: the text has fewer than three words that the model knows.
    """
    table, words = table_and_words(model, tokenizer, [text])
    return plane_of(table, known_words(words, table))


def plane_of(table: EmbeddingTable, words: Sequence[str]) -> WordPlane:
    """The principal components of the vectors of `words` (Pearson 1901; Hotelling 1933), by a singular value
    decomposition: centred at their mean, projected onto the two directions of the largest variance.

    The vectors have length 1, as those that are compared by cosine. Of the two directions of an axis that one is
    positive in which its largest weight is.

    Raises:
        ValueError: a word is not in the table, there are fewer than three, or all vectors are the same.
    """
    unknown = [word for word in words if word not in table.rows]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not among the {len(table.words):,} words of the table.")
    if len(words) < FEWEST_WORDS:
        raise ValueError(
            f"There are {len(words)} words with a vector ({', '.join(words) or 'none'}); a plane needs at least "
            f"{FEWEST_WORDS}."
        )
    vectors = table.directions[[table.rows[word] for word in words]]
    centred = vectors - vectors.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    total = float((sizes**2).sum())
    # Rounding leaves some of the mean in vectors that are the same.
    if total < 1e-12 * len(words):
        raise ValueError(f"The vectors of {', '.join(words)} are all the same; they span no plane.")
    axes = axes[:2] * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:2, None]
    # An embedding of one feature has one axis.
    points, shares = np.zeros((len(words), 2)), np.zeros(2)
    points[:, : len(axes)], shares[: len(axes)] = centred @ axes.T, sizes[:2] ** 2 / total
    return WordPlane(tuple(words), points, shares)
