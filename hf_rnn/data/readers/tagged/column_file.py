"""Sentences in columns, as the shared tasks of CoNLL publish them: a token a line, a blank line after a sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from ..tables.opening import OpenFile
from .layout import ColumnRequest, Layout, find_layout
from .lines import COMMENT, Block, blocks_of_lines, text_lines, without_first_row
from .sentences import Sentence


__all__ = ["ColumnFileReader", "column_tokens"]

logger = logging.getLogger(__name__)

# Of a file that is read line by line so many sentences are looked at to find its columns.
HEAD = 1000
# One sentence of more tokens is a file without blank lines.
LONGEST_ALONE = 300
# So many sentences, each of one token, have a blank line after every row.
MANY_SINGLE = 50


class ColumnFileReader:
    """Reads the files of a data set. Those after the first one, which is that of training, are read as that is, if
    they have as many columns.

    Args:
        request: What is known of the columns.
    """

    def __init__(self, request: ColumnRequest) -> None:
        self.request = request
        self._first: Layout | None = None

    def read(self, file: OpenFile) -> list[Sentence]:
        """The sentences of a file, in their order.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is empty, has no sentence or is not UTF-8; a row has another number of columns than the
                first; or as `find_layout`.
        """
        path = file.source.shown
        blocks = list(blocks_of_lines(text_lines(file)))
        layout = find_layout(blocks, path, self.request, like=self._first) if blocks else None
        if layout is None:
            raise ValueError(f"The file {path!r} has no sentences.")
        if layout.is_guess:
            logger.warning("%s", _said(layout, path))
        self._first = self._first or layout
        _say_doubtful(blocks, layout, path)
        sentences = [sentence for sentence in sentences_of(blocks, layout, path) if sentence.tokens]
        if not sentences:
            raise ValueError(f"The file {path!r} has no sentences.")
        _check_blank_lines(sentences, path)
        return sentences


def sentences_of(blocks: Iterable[Block], layout: Layout, path: str) -> Iterator[Sentence]:
    """The sentence of each block; comments in front of its first row, and what is no word, are left out.

    Raises:
        ValueError: a row has another number of columns than the first of the file.
    """
    for block in without_first_row(blocks) if layout.header else blocks:
        tokens, tags, lines = [], [], []
        for number, text in rows_of(block, layout):
            cells = layout.cells.cut(text)
            if len(cells) != layout.cells.width:
                raise ValueError(
                    f"The file {path!r}, line {number}: expected {layout.cells.width} columns as in the first row, "
                    f"found {len(cells)}: {text!r}."
                )
            if layout.has_ids and not cells[0].isdecimal():
                continue
            tokens.append(cells[layout.token])
            lines.append(number)
            if layout.tag is not None:
                tags.append(layout.tag_of(cells))
        place = f"{path}, line {lines[0] if lines else block[0].number}"
        yield Sentence(tokens, tags if layout.tag is not None else None, place, tuple(lines))


def column_tokens(lines: Iterable[str]) -> Iterator[list[str] | ValueError]:
    """The tokens of each sentence, line by line, for who needs no tags, whatever stands behind them in a row. A
    sentence with a row that has none is an error, in its place.

    Args:
        lines: Those of a file in columns, without their ends.
    """
    blocks = blocks_of_lines(lines)
    head = list(islice(blocks, HEAD))
    layout = find_layout(head, "", ColumnRequest(tagged=False)) if head else None
    if layout is None:
        return
    blocks = chain(head, blocks)
    for block in without_first_row(blocks) if layout.header else blocks:
        rows = [(number, layout.cells.cut(text)) for number, text in rows_of(block, layout)]
        lacking = [number for number, cells in rows if len(cells) <= layout.token]
        if lacking:
            yield ValueError(f"line {lacking[0]} has no column {layout.token} (from 0)")
        elif tokens := [cells[layout.token] for _, cells in rows if not layout.has_ids or cells[0].isdecimal()]:
            yield tokens


def rows_of(block: Block, layout: Layout) -> Block:
    """A block without the comments in front of its first row."""
    for index, (_, text) in enumerate(block):
        if not text.startswith(COMMENT) or layout.is_row(text):
            return block[index:]
    return []


def _said(layout: Layout, path: str) -> str:
    def column(index: int) -> str:
        return f"{index} ({layout.names[index]})" if index < len(layout.names) else str(index)

    assert layout.tag is not None
    return (
        f"{path}: of {layout.cells.width} columns (from 0) the tokens are taken from column {column(layout.token)}, "
        f"the tags from column {column(layout.tag)}; --token_column and --tag_column name others."
    )


def _say_doubtful(blocks: Sequence[Block], layout: Layout, path: str) -> None:
    """Say which lines are taken for comments although they have as many columns as the rows: where nothing but their
    being known tells tags from other words, these may be tokens with a tag of their own.
    """
    if layout.knows_tags or layout.cells.name == "tabs":
        return
    comments = [line for block in blocks for line in block[: len(block) - len(rows_of(block, layout))]]
    doubtful = [line for line in comments if len(layout.cells.cut(line.text)) == layout.cells.width]
    if doubtful:
        logger.warning(
            "%s: %d lines that begin with # and have %d columns are taken for comments; the first, line %d: %r.",
            *(path, len(doubtful), layout.cells.width, *doubtful[0]),
        )


def _check_blank_lines(sentences: list[Sentence], path: str) -> None:
    if len(sentences) == 1 and len(sentences[0].tokens) > LONGEST_ALONE:
        raise ValueError(
            f"The file {path!r} is one sentence of {len(sentences[0].tokens):,} tokens: it has no blank line. Put one "
            "after each sentence; or name the column that numbers the sentences of a table with `sentence_column`."
        )
    if len(sentences) >= MANY_SINGLE and all(len(sentence.tokens) == 1 for sentence in sentences):
        logger.warning(
            "%s: each of its %d sentences has one token. If a blank line stands after every row, leave it out but for "
            "the end of a sentence.",
            path,
            len(sentences),
        )
