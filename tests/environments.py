"""Fresh environments made of a wheel of this checkout, and the tests of `tests/installed/` run in them.

    python -m tests.environments newest             whatever pip resolves today, torch as pinned
    python -m tests.environments floors             the lowest versions that setup.cfg claims, torch's among them
    python -m tests.environments pythons            whatever pip resolves today, for each Python that is found
    python -m tests.environments newest --record    writes the tables of CONTRIBUTING.md, too

An environment stays in `build/environments/` and is brought up to date by the next run.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / "build" / "environments"
STAGED = FOLDER / "staged"
RECORD = PROJECT / "tests" / "environments.json"
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = ("train", "export")
NOT_OF_THE_SOURCES = (".*", "build", "dist", "*.egg-info", "__pycache__")
# The tests need nothing else.
TOOLS = ("pytest", "pytest-xdist")
BEGIN, END = "<!-- versions -->", "<!-- /versions -->"


@dataclass(frozen=True)
class Outcome:
    """What one run found: the versions, pytest's closing line and the minutes."""

    name: str
    python: str
    versions: dict[str, str]
    closing: str
    minutes: float
    passed: bool


def run(command: Sequence[object], **options: object) -> str:
    """The output of a command; it ends this program, with what was printed, if the command fails."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def build_wheels() -> list[Path]:
    """The wheels of this checkout: that of the package, and that of the research weights."""
    target = FOLDER / "wheels"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        # A copy: in place, what an earlier build has left would go into the wheel.
        copy = Path(temporary) / "checkout"
        shutil.copytree(
            PROJECT, copy, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
        )
        for source in (copy, copy / "hf_rnn" / "research_weights"):
            run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, source])
    return sorted(target.glob("*.whl"))


def find_python(wanted: str) -> Path | None:
    """An interpreter of the version `wanted`, such as 3.12: on the path, or one of pyenv's; None: there is none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places = [shutil.which(f"python{wanted}"), *sorted(root.glob(f"versions/{wanted}.*/bin/python"))]
    probe = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    for place in filter(None, places):
        # A shim of pyenv is on the path also where its version is not chosen.
        done = subprocess.run([str(place), "-c", probe], text=True, capture_output=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == wanted:
            return Path(str(place))
    return None


def make_environment(name: str, interpreter: Path) -> Path:
    """The Python of the environment `name`, made if it is not there."""
    python = FOLDER / name / "bin" / "python"
    if not python.is_file():
        run([interpreter, "-m", "venv", FOLDER / name])
    return python


def pinned(package: str) -> str:
    """The line of constraints.txt for `package`."""
    # Names that differ in hyphens, underscores and dots are one package to pip.
    name = re.sub("[-_.]", "[-_.]", package)
    found = re.search(rf"^{name}==.*$", (PROJECT / "constraints.txt").read_text(encoding="utf-8"), flags=re.M | re.I)
    if found is None:
        sys.exit(f"constraints.txt has no line for {package}; pin it.")
    return found.group()


def claimed() -> list[str]:
    """The requirements of the package and of `EXTRAS`, as setup.cfg has them."""
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg")
    extras = config["options.extras_require"]
    blocks = [config["options"]["install_requires"], *(extras[extra] for extra in EXTRAS)]
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def package_names() -> list[str]:
    """The packages that setup.cfg names for the package and for `EXTRAS`."""
    return list(dict.fromkeys(re.split(r"[<>=!;\[ ]", line)[0] for line in claimed()))


def install_newest(python: Path, wheels: Sequence[Path]) -> None:
    """The wheel and its extras, without constraints; torch stays at the pinned version, which is there already."""
    torch = python.parent.parent / "torch.txt"
    torch.write_text(pinned("torch") + "\n", encoding="utf-8")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", torch]
    run([*pip, "torch"])
    named = [f"{wheel}[{','.join(EXTRAS)}]" if wheel.name.startswith("hf_rnn-") else wheel for wheel in wheels]
    run([*pip, "--upgrade", "--upgrade-strategy", "eager", *named, *TOOLS])
    reinstall(python, wheels)


def install_floors(python: Path, wheels: Sequence[Path]) -> None:
    """The lowest version of each package that setup.cfg names, and the newest of what these bring with them."""
    wanted = python.parent.parent / "claimed.txt"
    wanted.write_text("\n".join(claimed()) + "\n", encoding="utf-8")
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv", *TOOLS])
    uv = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    # What an earlier run has installed is no reason to stay above a floor.
    run([*uv, "--upgrade", "--resolution", "lowest-direct", "--requirement", wanted])
    reinstall(python, wheels)


def reinstall(python: Path, wheels: Sequence[Path]) -> None:
    """These wheels and no others of the same version."""
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", *wheels])


def run_tests(python: Path, place: Path, name: str, *arguments: str) -> tuple[str, bool]:
    """pytest's closing line for tests of `tests/installed/` that lie at `place`, and whether all passed."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"OMP_NUM_THREADS": "1", "HF_RNN_STAGED_HERE": str(STAGED / name)}
    environment |= {"HF_RNN_STAGED_BY_OTHERS": str(STAGED)} if any(STAGED.glob("*/*.json")) else {}
    # The pinned environment tests the checkout; every other one tests the wheel, and must not see the checkout.
    environment |= {"PYTHONPATH": str(PROJECT)} if name == "pinned" else {"HF_RNN_INSTALLED": "1"}
    command = [str(python), "-m", "pytest", "--rootdir", str(place), "-c", str(place / "pytest.ini"), *arguments]
    lines = [""]
    with subprocess.Popen(command, cwd=place, env=environment, text=True, stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.strip())
    return lines[-1].strip("= "), process.returncode == 0


def run_environment(name: str, python: Path, workers: int) -> Outcome:
    """The tests in one environment; what it has staged loads with the pinned versions, and the other way round."""
    place, staging = FOLDER / name / "work", "test_staging.py"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(PROJECT / "tests" / "installed", place)
    for folder in (name, "pinned"):
        shutil.rmtree(STAGED / folder, ignore_errors=True)
    began = time.monotonic()
    closing, passed = run_tests(python, place, name, "-n", str(workers))
    if passed:
        _, passed = run_tests(Path(sys.executable), place, "pinned", staging)
    if passed:
        _, passed = run_tests(python, place, name, staging, "-k", "other_versions")
    minutes = round((time.monotonic() - began) / 60, 1)
    probe = "import platform; print(platform.python_version())"
    return Outcome(name, run([python, "-c", probe]).strip(), versions_in(python), closing, minutes, passed)


def versions_in(python: Path) -> dict[str, str]:
    """Package → the version that is installed, of those that setup.cfg names."""
    code = "import json, sys; from importlib.metadata import version; print(json.dumps([*map(version, sys.argv[1:])]))"
    names = package_names()
    return dict(zip(names, json.loads(run([python, "-c", code, *names])), strict=True))


def record(outcomes: Sequence[Outcome]) -> None:
    """Add outcomes to tests/environments.json, and write the tables of CONTRIBUTING.md anew."""
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    today = datetime.now(UTC).date().isoformat()
    for outcome in outcomes:
        known[outcome.name] = {**asdict(outcome), "date": today}
    RECORD.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    document = PROJECT / "CONTRIBUTING.md"
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    document.write_text(f"{before}{BEGIN}\n{tables(known)}{END}{rest.partition(END)[2]}", encoding="utf-8")


def tables(known: dict[str, dict[str, Any]]) -> str:
    """The table of versions and the table of environments, in Markdown."""
    columns = [column for column in ("floors", "newest") if column in known]
    lines = ["| Package | " + " | ".join(["Pinned", *map(str.capitalize, columns)]) + " |"]
    lines.append("|---|" + "---|" * (len(columns) + 1))
    for name in package_names():
        found = [known[column]["versions"].get(name, "") for column in columns]
        lines.append(f"| {name} | " + " | ".join([pinned(name).partition("==")[2], *found]) + " |")
    lines += [
        "",
        "| Environment | Python | transformers | torch | Result | Minutes | Date |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, outcome in sorted(known.items()):
        versions = outcome["versions"]
        cells = [name, outcome["python"], versions["transformers"], versions["torch"], outcome["closing"]]
        lines.append("| " + " | ".join([*cells, f"{outcome['minutes']:.1f}", outcome["date"]]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "which", choices=("newest", "floors", "pythons"), help="the environment that is made and tested"
    )
    parser.add_argument("--record", action="store_true", help="write the versions and results into the documents")
    parser.add_argument("--workers", type=int, default=2, help="processes that run tests (default: %(default)s)")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    wheels = build_wheels()
    interpreters = {arguments.which: Path(sys.executable)}
    if arguments.which == "pythons":
        found = {wanted: find_python(wanted) for wanted in PYTHONS}
        print("Not found: " + (", ".join(wanted for wanted, place in found.items() if place is None) or "none"))
        interpreters = {f"newest-{wanted}": place for wanted, place in found.items() if place is not None}
    outcomes = []
    for name, interpreter in interpreters.items():
        python = make_environment(name, interpreter)
        (install_floors if name == "floors" else install_newest)(python, wheels)
        outcomes.append(run_environment(name, python, arguments.workers))
        print(f"{name}: {outcomes[-1].closing} (Python {outcomes[-1].python})")
    if arguments.record:
        record(outcomes)
    sys.exit(not all(outcome.passed for outcome in outcomes))


if __name__ == "__main__":
    main()
