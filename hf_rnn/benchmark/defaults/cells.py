"""The cells of the table, a corpus at a size each: which are wanted, in which order, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .corpora import CORPORA, Corpus, find_corpus


__all__ = ["ORDERS", "Cell", "chosen_cells"]


ORDERS = ("small-first", "by-corpus")
ALL = "all"
# Another subset of so few rows moves a figure more than other rows to measure on do: so many subsets are drawn.
FEW_ROWS, DRAWS = 50, 3


@dataclass(frozen=True)
class Cell:
    """A corpus at a size.

    Attributes:
        corpus: The corpus.
        size: The rows, or characters, that are learned from; None: all there are.
    """

    corpus: Corpus
    size: int | None

    @property
    def name(self) -> str:
        return f"{self.corpus.key}:{self.label}"

    @property
    def label(self) -> str:
        """The size in names: a number or `all`."""
        return ALL if self.size is None else str(self.size)

    @property
    def draws(self) -> int:
        """How many subsets of the training rows are measured, whose figures are averaged."""
        few = not self.corpus.is_text and self.size is not None and self.size <= FEW_ROWS
        return DRAWS if few else 1

    def file(self, folder: Path) -> Path:
        """Where the cell is kept once it is measured."""
        return folder / f"{self.corpus.key}-{self.label}.json"


def chosen_cells(only: str | None, order: str) -> list[Cell]:
    """The cells that are wanted, in their order.

    Args:
        only: Cells or whole corpora with commas between them, such as `trec:200,conll`; None: every cell.
        order: One of `ORDERS`: the smallest sizes of all corpora first, or one corpus after the other.

    Raises:
        ValueError: there is no such order, corpus or size; the message lists those that there are.
    """
    if order not in ORDERS:
        raise ValueError(f"`order`={order!r} must be one of {', '.join(ORDERS)}.")
    every = [Cell(corpus, size) for corpus in CORPORA for size in (*corpus.sizes, None)]
    if only is not None:
        wanted = {name for word in only.split(",") for name in _names_of(word.strip())}
        every = [cell for cell in every if cell.name in wanted]
    return every if order == "by-corpus" else sorted(every, key=_rank)


def _names_of(word: str) -> list[str]:
    key, colon, size = word.partition(":")
    corpus = find_corpus(key)
    cells = [Cell(corpus, each) for each in (*corpus.sizes, None)]
    if not colon:
        return [cell.name for cell in cells]
    sizes = [cell.label for cell in cells]
    if size not in sizes:
        raise ValueError(f"`only` names the size {size!r} of {key!r}; it may be: {', '.join(sizes)}.")
    return [word]


def _rank(cell: Cell) -> int:
    """The place of its size among those of its corpus: characters and rows are counted differently."""
    return len(cell.corpus.sizes) if cell.size is None else cell.corpus.sizes.index(cell.size)
