"""Measures the wanted cells one after the other, each into a file of its own, and makes one document of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from ...data.readers.files import expand_path
from ...extras import require_extra
from ..document import write_document
from .additions import collect_additions, measure_additions
from .cells import ORDERS, Cell, chosen_cells
from .command import CommandError
from .measuring import measure_cell
from .reading import is_there, read_parts
from .report import best_cheap, collect_cells, verdict, write_cell
from .splitting import Parts


__all__ = ["DefaultsArguments", "run_defaults"]


@dataclass
class DefaultsArguments:
    """The corpora, the cells that are wanted, and where they go."""

    data: str | None = field(
        default=None,
        metadata={
            "help": "Folder of the corpora. A corpus that is not there is left out, and said. "
            "Default: none; it has to be given, unless `collect` is."
        },
    )
    output: str = field(
        default="runs/defaults",
        metadata={
            "help": "Folder of the cells, a JSON file each. A cell that is there is not measured again. "
            "Default: runs/defaults."
        },
    )
    only: str | None = field(
        default=None, metadata={"help": "Cells to measure, such as trec:200,conll:50, or whole corpora. Default: all."}
    )
    order: str = field(
        default=ORDERS[0], metadata={"help": f"Order of the cells: {', '.join(ORDERS)}. Default: {ORDERS[0]}."}
    )
    collect: str | None = field(
        default=None,
        metadata={
            "help": "File to write the cells of --output to, as one document; nothing is measured. Default: none."
        },
    )

    additions: bool = field(
        default=False,
        metadata={
            "help": "Measure what each part of the default adds, by the same command with one part changed at a time, "
            "in place of baselines and peers; give an --output of its own. Default: off."
        },
    )

    def __post_init__(self) -> None:
        if self.data is None and self.collect is None:
            raise ValueError(
                "`data` is not given: name the folder of the corpora to measure, or --collect FILE to make one "
                "document of the cells that are measured."
            )
        if self.data is not None and not expand_path(self.data).is_dir():
            raise ValueError(f"`data`={self.data!r} must be a folder, that of the corpora; there is none.")
        chosen_cells(self.only, self.order)


def run_defaults(arguments: DefaultsArguments) -> list[str]:
    """Measure the wanted cells that are not measured yet, and say each; or, with `collect`, write one document of all.

    Several processes may measure into one folder: none takes a cell that another is at.

    Returns:
        The cells whose default command failed, with the reason.

    Raises:
        MissingExtraError: the extra `train` is not installed.
    """
    output = Path(arguments.output)
    if arguments.collect is not None:
        collected = collect_additions(output) if arguments.additions else collect_cells(output)
        write_document(collected, Path(arguments.collect))
        return []
    assert arguments.data is not None
    require_extra("train", "A comparison of the defaults")
    folder = expand_path(arguments.data)
    output.mkdir(parents=True, exist_ok=True)
    cells = chosen_cells(arguments.only, arguments.order)
    parts = cache(lambda corpus: read_parts(corpus, folder))
    failed = []
    for number, cell in enumerate(cells, 1):
        place = f"[{number}/{len(cells)}] {cell.name}:"
        if not is_there(cell.corpus, folder):
            _say(f"{place} left out, {cell.corpus.file} is not in the folder.")
            continue
        try:
            with FileLock(output / f"{cell.file(output).name}.lock", blocking=False):
                measured = _additions if arguments.additions else _measured
                _say(f"{place} {measured(cell, output, parts(cell.corpus))}")
        except Timeout:
            _say(f"{place} left out, another process is at it.")
        except CommandError as error:
            failed.append(f"{cell.name}: {error}")
            _say(f"{place} failed. {error}")
    return failed


def _measured(cell: Cell, output: Path, parts: Parts) -> str:
    """Measure a cell unless it is there or has more rows than the corpus, and say what came out."""
    file = cell.file(output)
    if file.is_file():
        return f"is in {file} already."
    if cell.size is not None and cell.size >= parts.train.size:
        return f"left out, {cell.corpus.key}:all is of {parts.train.size:,}."
    document = measure_cell(cell, parts)
    write_cell(document, file)
    best, default = best_cheap(document), document["default"]
    beside = "" if best is None else f" {verdict(document)} beside {best[1]:.4f} of {best[0]};"
    return f"{default['figure']:.4f},{beside} {default['seconds']:.0f} s, the cell {document['minutes']:.1f} minutes."


def _additions(cell: Cell, output: Path, parts: Parts) -> str:
    """Measure the changes of a cell unless they are there, and say the figure of each."""
    file = cell.file(output)
    if file.is_file():
        return f"is in {file} already."
    if cell.corpus.is_text:
        return "left out, a long text has none of the parts."
    document = measure_additions(cell, parts)
    write_document(document, file)
    return ", ".join(f"{key} {each['figure']:.4f}" for key, each in document["changes"].items())


def _say(line: str) -> None:
    print(line, flush=True)
