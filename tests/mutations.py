"""How the guarded code was broken to see the tests marked `reliability` fail, and a program that does it again:

    python -m tests.mutations [PART OF A DESCRIPTION …]      # some minutes for all; the checkout itself is not touched

Each mutation of `mutation_table.py` is made in a copy of the checkout, where its tests have to fail. It ends with 1 if
any passes. The descriptions there are what the markers name; `test_mutations.py` holds the two together.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .mutation_table import MUTATIONS, Mutation


PROJECT = Path(__file__).resolve().parent.parent
# Of pytest: some test failed; anything else, such as none found, shows nothing.
FAILED = 1


def copy_of_checkout(folder: Path) -> Path:
    """The files that git knows, as they are now, and the build folder, which is the checkout's own."""
    copy = folder / "checkout"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in listed.split("\0")[:-1]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, copy / name)
    (copy / "build").mkdir()
    for path in (PROJECT / "build").iterdir():
        if path.name != "kernels":
            (copy / "build" / path.name).symlink_to(path)
    return copy


def is_seen(mutation: Mutation, checkout: Path) -> tuple[bool, str]:
    """Whether the tests fail with it, and how pytest ended."""
    path = checkout / mutation.file
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace(mutation.old, mutation.new), encoding="utf-8")
    command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider {mutation.tests}"
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    try:
        ran = subprocess.run(command, shell=True, cwd=checkout, env=environment, capture_output=True, text=True)
    finally:
        path.write_text(source, encoding="utf-8")
    return ran.returncode == FAILED, (ran.stdout.strip().splitlines() or [ran.stderr[-300:]])[-1]


def main(*parts: str) -> int:
    chosen = {
        what: mutation for what, mutation in MUTATIONS.items() if not parts or any(part in what for part in parts)
    }
    if not chosen:
        print(f"No mutation has any of {parts} in its description.")
        return 2
    passed = 0
    with tempfile.TemporaryDirectory(prefix="hf_rnn_mutations_") as folder:
        checkout = copy_of_checkout(Path(folder))
        for what, mutation in chosen.items():
            seen, said = is_seen(mutation, checkout)
            passed += not seen
            print(f"{'seen' if seen else 'NOT SEEN':8}  {what}: {said}", flush=True)
    print(f"{len(chosen) - passed} of {len(chosen)} seen")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
