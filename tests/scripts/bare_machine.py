"""Scripts on a machine that has the package and none of its extras: `python bare_machine.py CASES.json OUTPUT.json`.

One fresh interpreter, in which the distributions of the extras are neither found nor imported, runs every script of
the cases as people run it, and notes its exit status, what it said, and which files below the working folder it opened
or made.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import sys
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any


# Not jinja2 and pandas, which torch and datasets bring in any case.
MODULES = "sklearn scipy seqeval matplotlib PIL onnx onnxruntime captum optuna plotly keras tensorflow".split()
DISTRIBUTIONS = frozenset(
    "scikit-learn scipy seqeval matplotlib pillow onnx onnxruntime captum optuna plotly keras tensorflow-cpu".split()
)
# What Python reports of files; a lock of the output folder is a file, too.
EVENTS = frozenset(("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"))

_installed = metadata.version
touched: list[str] = []


def version(name: str) -> str:
    if name.lower() in DISTRIBUTIONS:
        raise metadata.PackageNotFoundError(name)
    return _installed(name)


def note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in EVENTS and isinstance(arguments[0], str | os.PathLike):
        path = os.path.abspath(os.fspath(arguments[0]))
        if path.startswith(os.getcwd() + os.sep):
            touched.append(os.path.relpath(path))


def outcome(script: Path, arguments: list[str]) -> dict[str, Any]:
    touched.clear()
    sys.argv = [str(script), *arguments]
    said, status = io.StringIO(), 0
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            # A message in place of a number is said, and the status is 1.
            status = end.code if isinstance(end.code, int) else 1
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except Exception:
            status = 1
            traceback.print_exc()
    return {"status": status, "said": said.getvalue(), "touched": list(touched)}


def main() -> None:
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    output = Path(sys.argv[2])
    scripts = Path(cases.pop("scripts"))
    # Not to be found, and an error to import.
    sys.modules.update(dict.fromkeys(MODULES))  # type: ignore[arg-type]
    metadata.version = version
    sys.addaudithook(note)
    found = {name: outcome(scripts / case["script"], case["arguments"]) for name, case in cases.items()}
    output.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
