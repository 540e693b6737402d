"""Tables of Markdown."""

from __future__ import annotations


def markdown_table(lines: list[list[str]]) -> str:
    """`lines` of cells, of which the second says how the columns are aligned."""
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
