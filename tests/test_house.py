"""The rules of the house: import directions, a self-contained `models/`, small files, a light import, one set-up."""

from __future__ import annotations

import ast
import configparser
import math
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages


PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "hf_rnn"

# Modules of the package itself that every room may import but `models`, which has siblings alone.
SHARED = {"bundles", "checksums", "version", "extras", "progress", "lazy", "moved"}
ALL_ABOVE = "every room above"
MAX_FILES = 25
MODELS_MAY_IMPORT = {"torch", "transformers", "huggingface_hub", "safetensors"} | set(sys.stdlib_module_names)
MAX_LINES = 400
# Neither is in the wheel; the second is a distribution of its own.
SPEED, RESEARCH = "hf_rnn.benchmark.speed", "hf_rnn.research_weights"


def law() -> dict[str, set[str]]:
    """Room → the rooms that it may import, as the table in CONTRIBUTING.md says."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \| .* \| ([^|]+) \|$", text.split("<!-- law -->")[1], flags=re.MULTILINE)
    rooms: dict[str, set[str]] = {}
    for room, allowed in rows:
        rooms[room] = set(rooms) if allowed == ALL_ABOVE else set(re.findall(r"`(\w+)`", allowed))
    return rooms


ROOMS = law()


def imported_modules(tree: ast.AST, package: str) -> list[str]:
    """Absolute dotted names of everything imported anywhere in `tree`, a module of `package`."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            anchor = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*anchor, *([node.module] if node.module else [])])
            # `from hf_rnn import models` and `from .. import models` import a room, too.
            names += [f"{source}.{alias.name}" for alias in node.names] if source == "hf_rnn" else [source]
    return names


def room_violations(source: str, package: str) -> list[str]:
    """What a module of `package` ("hf_rnn.<room>") imports of hf_rnn that its room may not."""
    room = package.split(".")[1]
    allowed = ROOMS[room] | {room} | (SHARED if room != "models" else set())
    return [
        name
        for name in imported_modules(ast.parse(source), package)
        if name.split(".")[0] == "hf_rnn" and (name.split(".") + [""])[1] not in allowed
    ]


def models_violations(source: str) -> list[str]:
    """What keeps a file of `models/` from working as remote code in a Hub repository."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            if node.level > 1 or not node.module or "." in node.module:
                found.append(f"line {node.lineno}: siblings only, as `from .name import y`")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"line {node.lineno}: imports {n}" for n in names if n.split(".")[0] not in MODELS_MAY_IMPORT]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # transformers finds imports by regular expression, in strings and docstrings as well.
            if re.search(r"^\s*(import\s+\S+|from\s+\S+\s+import\b)", node.value, flags=re.MULTILINE):
                found.append(f"line {node.lineno}: a string with a line that reads as an import")
    return found


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (PROJECT / folder).rglob("*.py"))


def package_of(path: Path) -> str:
    return ".".join(path.parent.relative_to(PROJECT).parts)


def module_imports() -> dict[str, set[str]]:
    """Module of the package → the modules of it that it imports anywhere, also inside of functions and for types."""
    files = {}
    for path in python_files("hf_rnn"):
        name = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        files[name] = path
    found: dict[str, set[str]] = {}
    for name, path in files.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for source in imported_modules(node, package_of(path)) if isinstance(node, ast.ImportFrom) else ():
                inside = {f"{source}.{alias.name}" for alias in node.names} & files.keys()
                found[name] |= inside or {source} & files.keys()
    return found


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Modules that import each other, in a row from one back to itself; empty: there are none."""
    done: set[str] = set()

    def walk(name: str, above: list[str]) -> list[str]:
        if name in above:
            return [*above[above.index(name) :], name]
        if name in done:
            return []
        for other in sorted(imports.get(name, ())):
            if found := walk(other, [*above, name]):
                return found
        done.add(name)
        return []

    return next(filter(None, (walk(name, []) for name in imports)), [])


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_what_the_law_allows(room: str) -> None:
    for path in python_files(f"hf_rnn/{room}"):
        assert not room_violations(path.read_text(), package_of(path)), path


def test_the_law_goes_one_way_and_speaks_of_every_room() -> None:
    rooms = list(ROOMS)
    for place, room in enumerate(rooms):
        assert ROOMS[room] <= set(rooms[:place]), room
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert folders == set(rooms)


def test_no_modules_import_each_other() -> None:
    assert circle(module_imports()) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_no_room_is_crowded() -> None:
    folders = {path.parent for path in python_files("hf_rnn")} - {PACKAGE / "models"}
    assert {folder: n for folder in folders if (n := len(list(folder.glob("*.py")))) > MAX_FILES} == {}


def test_models_are_flat_and_self_contained() -> None:
    files = python_files("hf_rnn/models")
    assert files
    for path in files:
        assert path.parent == PACKAGE / "models", f"{path}: a Hub repository holds no sub-folders of code"
        assert not models_violations(path.read_text()), path


@pytest.mark.parametrize(
    ("source", "package", "violations"),
    [
        ("from ..training.results import x", "hf_rnn.data", ["hf_rnn.training.results"]),
        ("from hf_rnn.data import x", "hf_rnn.models", ["hf_rnn.data"]),
        ("def f():\n    import hf_rnn.hub.bundling", "hf_rnn.training", ["hf_rnn.hub.bundling"]),
        ("from .. import hub", "hf_rnn.training", ["hf_rnn.hub"]),
        ("from hf_rnn import BiLstmConfig", "hf_rnn.training", ["hf_rnn.BiLstmConfig"]),
        ("import hf_rnn", "hf_rnn.training", ["hf_rnn"]),
        ("from ..version import __version__\nfrom ..data.readers import x", "hf_rnn.training", []),
        ("from .metrics import x\nimport hf_rnn_other", "hf_rnn.training", []),
        ("from ..extras import x\nfrom ..progress import y", "hf_rnn.data", []),
        ("from ..extras import x", "hf_rnn.models", ["hf_rnn.extras"]),
    ],
)
def test_the_room_rule_finds_what_it_should(source: str, package: str, violations: list[str]) -> None:
    assert room_violations(source, package) == violations


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("from ..data import x", 1),
        ("from . import pooling", 1),
        ("from .sub.module import x", 1),
        ("def f():\n    import numpy", 1),
        ("import os, sklearn.metrics", 1),
        ("from hf_rnn.models.pooling import x", 1),
        ('"""Usage:\n\n    from .nope import x\n"""', 1),
        ('"""Ours, not\nimported from anywhere."""\nimport os\nimport torch.nn as nn\nfrom .pooling import pool', 0),
    ],
)
def test_the_models_rule_finds_what_it_should(source: str, count: int) -> None:
    assert len(models_violations(source)) == count


def test_files_are_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in python_files("hf_rnn", "scripts", "tests")}
    assert {path: n for path, n in lengths.items() if n > MAX_LINES} == {}


def test_pyproject_holds_only_the_build_system() -> None:
    assert list(tomllib.loads((PROJECT / "pyproject.toml").read_text())) == ["build-system"]


def test_constraints_lie_in_the_ranges_of_setup_cfg() -> None:
    from packaging.requirements import Requirement

    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg")
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().replace("-", "_").split("==") for line in lines if line and not line.startswith("#"))
    extras = config["options.extras_require"]
    wanted = [config["options"]["install_requires"], extras["train"], extras["bench"], extras["dev"]]
    for requirement in map(Requirement, "\n".join(wanted).split()):
        applies = requirement.marker is None or requirement.marker.evaluate({"sys_platform": "linux"})
        if requirement.name != "hf_rnn" and applies:
            name = requirement.name.lower().replace("-", "_")
            assert requirement.specifier.contains(pins[name]), f"{requirement}: pinned {pins[name]}"


def test_setup_cfg_packages_every_room() -> None:
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg")
    include, exclude = (config["options.packages.find"][key].split() for key in ("include", "exclude"))
    folders = {".".join(path.parent.relative_to(PROJECT).parts) for path in python_files("hf_rnn")}
    packaged = set(find_packages(str(PROJECT), include=include, exclude=exclude))
    assert packaged == {name for name in folders if not is_of(name, SPEED) and not is_of(name, RESEARCH)}


def is_of(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_nothing_in_the_wheel_imports_the_benchmark_that_is_not_in_it() -> None:
    for path in python_files("hf_rnn"):
        package = ".".join(path.parent.relative_to(PROJECT).parts)
        if not is_of(package, SPEED):
            names = imported_modules(ast.parse(path.read_text()), package)
            assert not [name for name in names if is_of(name, SPEED)], path


def run_python(code: str) -> str:
    """The output of `code` in a fresh interpreter that finds this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return done.stdout.strip()


def cpu_seconds(statement: str) -> float:
    # CPU time and not the clock: other processes on the machine must not decide the result.
    return float(run_python(f"import time; {statement}; print(time.process_time())"))


def test_import_is_light() -> None:
    # A busy machine adds to the seconds and never takes away, so the least of up to 15 measurements decides.
    ours = theirs = math.inf
    for _ in range(15):
        ours = min(ours, cpu_seconds("import hf_rnn"))
        theirs = min(theirs, cpu_seconds("from transformers import AutoModel"))
        if ours <= theirs * 1.1:
            break
    assert ours <= theirs * 1.1


def test_import_leaves_torch_settings_alone() -> None:
    probe = "(torch.get_num_threads(), torch.get_num_interop_threads(), float(torch.tensor(1e-38) * 1e-2) > 0)"
    code = (
        f"import torch; before = {probe}; import hf_rnn; assert hf_rnn.__file__; print(before == {probe}, before[2])"
    )
    assert run_python(code) == "True True"


def test_public_names_are_listed_right_after_the_imports() -> None:
    for path in python_files("hf_rnn"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for place, node in enumerate(body):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                before = [ast.unparse(other)[:40] for other in body[:place] if not is_head(other)]
                assert isinstance(node.value, ast.BinOp | ast.List) and not before or path.name == "__init__.py", path


def is_head(node: ast.stmt) -> bool:
    """Whether a statement may stand before `__all__`: a docstring, an import, or imports for types."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.Import | ast.ImportFrom) or isinstance(node, ast.Expr)
