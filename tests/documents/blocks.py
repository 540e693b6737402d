"""The shell commands and the Python blocks of a page."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path


FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELLS = ("bash", "sh", "shell", "console")
# In the middle of a sentence: a whole command, without an ellipsis or a word in capitals that stands for another.
# Two words, such as `hf-rnn predict`, are the name of a command, and no whole one.
INLINE = re.compile(r"`((?:hf-rnn [^` …]+|python) [^`…]+)`")
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b(?!\.md)")
# A command that is indented is in no fence, and would not be found.
INDENTED = re.compile(r"^ {4}\$? ?(?:hf-rnn|python|pip|make|git|bash|torchrun|accelerate|ray|export) ", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command as the page has it, on one line, and what the page says that it prints ("" where it says nothing)."""

    line: str
    output: str = ""

    @property
    def words(self) -> list[str]:
        """Without comments and quotes."""
        return shlex.split(self.line, comments=True)


def python_blocks(page: str) -> list[str]:
    """The blocks in fences of Python."""
    return [content for language, content in FENCE.findall(page) if language == "python"]


def commands(page: str) -> list[Command]:
    """The commands in fences of a shell and, where they are whole, in sentences; in the order of the page."""
    found = [
        (match.start(), each) for match in FENCE.finditer(page) if match[1] in SHELLS for each in _lines(match[2])
    ]
    prose = FENCE.sub(lambda match: " " * len(match[0]), page)
    found += [
        (match.start(), Command(match[1])) for match in INLINE.finditer(prose) if not PLACEHOLDER.search(match[1])
    ]
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _lines(block: str) -> list[Command]:
    lines = [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    if not any(line.startswith("$ ") for line in lines):
        return [Command(line) for line in lines if not line.startswith("#")]
    # With prompts, what has none is what the command before it prints.
    found: list[Command] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ ")))
        else:
            found[-1] = Command(found[-1].line, f"{found[-1].output}{line}\n")
    return found


def read(path: Path) -> str:
    """A page's text."""
    return path.read_text(encoding="utf-8")
