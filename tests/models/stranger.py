"""Another process, in which hf_rnn cannot be imported: what a folder with its code does for a stranger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


BEFORE = """
import json, sys

sys.modules["hf_rnn"] = None  # an import of it fails, also where it is installed
try:
    import hf_rnn
except ImportError:
    pass
else:
    raise SystemExit("hf_rnn can be imported: this test would prove nothing")

given = json.loads(sys.argv[1])
found = {}
"""
AFTER = """
with open("answer.json", "w") as file:
    json.dump(found, file)
"""


def ask_a_stranger(code: str, cwd: Path, **given: Any) -> Any:
    """What `code` leaves in `found`; it has `given`, and runs in the folder `cwd`, which is made."""
    cwd.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    # -P: the current folder is not on the path.
    command = [sys.executable, "-P", "-c", BEFORE + code + AFTER, json.dumps(given, default=str)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((cwd / "answer.json").read_text())
