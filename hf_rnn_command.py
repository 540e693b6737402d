"""The console command `hf-rnn`.

It stands outside the package because `import hf_rnn` imports torch and transformers, and the help needs neither.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path


# Each command is the module of its name in `hf_rnn.cli`.
COMMANDS = (
    "train",
    "distill",
    "predict",
    "evaluate",
    "identify",
    "compare",
    "search",
    "explain",
    "summary",
    "export",
    "quantize",
    "push",
    "tokenizer",
    "bundled",
    "demo",
)
HELP = ("-h", "--help")
USAGE = "usage: hf-rnn COMMAND [arguments]"


def main(line: Sequence[str] | None = None) -> None:
    """Print the help, or run the command that `line` begins with.

    Args:
        line: The words after `hf-rnn`. Default: those of the process.
    """
    words = list(sys.argv[1:] if line is None else line)
    if not words or words[0] in HELP:
        print(help_text())
        return
    # The setting is read when torch is loaded; `hf_rnn/kernels/threads.py` says why it is this one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from hf_rnn.cli.commands import run_named

    run_named(words, COMMANDS)


def help_text() -> str:
    """The usage, and a line for each command, which is the `SUMMARY` in its module."""
    spec = importlib.util.find_spec("hf_rnn")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("The package `hf_rnn` is not installed beside the command `hf-rnn`.")
    folder = Path(spec.submodule_search_locations[0], "cli")
    modules = [folder / f"{name}.py" for name in COMMANDS]
    return "\n".join(
        [
            USAGE,
            "",
            "Recurrent neural networks for the Hugging Face ecosystem.",
            "",
            *(f"  {path.stem:<11}{_summary(path)}" for path in modules if path.is_file()),
            "",
            "  hf-rnn COMMAND --help   what a command takes",
            "  hf-rnn --version        the version of the package",
            "  --debug                 after any command: show the traceback of an error",
        ]
    )


def _summary(path: Path) -> str:
    """The text that the module at `path` assigns to `SUMMARY`, read without an import of the module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SUMMARY":
            return str(ast.literal_eval(node.value))
    raise ValueError(f"{str(path)!r} has no `SUMMARY`.")


if __name__ == "__main__":
    main()
