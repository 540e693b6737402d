"""A release: what is built holds everything, passes the index's check, and works in an environment of its own."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from datetime import date
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from hf_rnn import __version__, bundled, list_bundled


PROJECT = Path(__file__).resolve().parent.parent
# https://github.com/citation-file-format/citation-file-format/blob/1.2.0/schema-guide.md
CITATION_REQUIRED = {"cff-version", "message", "title", "authors"}
CITATION_OPTIONAL = {
    "abstract",
    "commit",
    "contact",
    "date-released",
    "doi",
    "identifiers",
    "keywords",
    "license",
    "license-url",
    "preferred-citation",
    "references",
    "repository",
    "repository-artifact",
    "repository-code",
    "type",
    "url",
    "version",
}
# What a reader of the cards does.
USE = """
import json
import hf_rnn
from transformers import pipeline
answers = {}
for name in hf_rnn.list_bundled():
    config = json.load(open(hf_rnn.bundled(name) + "/config.json"))
    if config["architectures"][0].endswith("ForSequenceClassification"):
        answers[name] = pipeline("text-classification", model=hf_rnn.bundled(name))("A fine film.")[0]["score"]
    elif config["architectures"][0].endswith("ForTokenClassification"):
        entities = pipeline("token-classification", model=hf_rnn.bundled(name))("Maria moved to Lisbon.")
        answers[name] = [float(entity["score"]) for entity in entities]
    else:
        pair = {"text": "How do I swim?", "text_pair": "I want to swim"}
        answers[name] = pipeline("sentence-similarity", model=hf_rnn.bundled(name))(pair)["score"]
print(json.dumps({"file": hf_rnn.__file__, "version": hf_rnn.__version__, "answers": answers}))
"""


def tracked(*paths: str) -> set[str]:
    """Files under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *paths], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout
    return {name for name in listed.split("\0") if name and (PROJECT / name).is_file()}


def releases() -> list[tuple[Version, date]]:
    """The dated sections of the changelog, as they stand."""
    found = re.findall(r"^## \[(\S+)\] - (\S+)$", (PROJECT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    return [(Version(version), date.fromisoformat(day)) for version, day in found]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Ending → the source distribution and the wheel made from it, of the files under version control."""
    folder = tmp_path_factory.mktemp("release")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((PROJECT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--no-isolation"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {".whl" if path.suffix == ".whl" else ".tar.gz": path for path in (folder / "dist").iterdir()}


@pytest.mark.slow
def test_both_are_of_this_version_and_pass_the_check_of_the_index(distributions: dict[str, Path]) -> None:
    names = {ending: path.name for ending, path in distributions.items()}
    assert names == {
        ".tar.gz": f"hf_rnn-{__version__}.tar.gz",
        ".whl": f"hf_rnn-{__version__}-py3-none-any.whl",
    }
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, distributions.values())]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


@pytest.mark.slow
def test_the_wheel_holds_everything_of_the_package_and_no_more(distributions: dict[str, Path]) -> None:
    held = set(zipfile.ZipFile(distributions[".whl"]).namelist())
    package = {name for name in held if ".dist-info/" not in name}
    assert package == tracked("hf_rnn")


@pytest.mark.slow
def test_the_source_distribution_holds_what_the_tests_need(distributions: dict[str, Path]) -> None:
    with tarfile.open(distributions[".tar.gz"]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    # What begins with a dot is of the repository alone.
    assert {name for name in tracked() if not name.startswith(".")} <= held


def use(python: Path, folder: Path) -> dict[str, object]:
    """What `USE` prints in `folder`, where `python` looks for packages before it looks elsewhere."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, "-c", USE], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_of_its_own(distributions: dict[str, Path], tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, str(distributions[".whl"])], check=True, capture_output=True)
    (packages,) = (environment / "lib").glob("python*/site-packages")
    # torch and the like are not installed again. Files that an editable install has put there are not read this way.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    found = use(python, tmp_path)
    assert found["version"] == __version__
    assert Path(str(found["file"])).is_relative_to(packages)
    answers = found["answers"]
    assert isinstance(answers, dict) and sorted(answers) == list_bundled()
    assert answers == use(Path(sys.executable), PROJECT)["answers"]
    for name in list_bundled():
        files = {path.name for path in (packages / "hf_rnn" / "pretrained" / name).iterdir()}
        assert files == {path.name for path in Path(bundled(name)).iterdir()}


def test_the_changelog_has_the_release_of_this_version_or_an_older_one() -> None:
    found = releases()
    assert found and found == sorted(found, reverse=True)
    assert Version(__version__) >= found[0][0]


def test_the_citation_is_valid_and_of_the_last_release() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation.keys() >= CITATION_REQUIRED
    assert citation.keys() <= CITATION_REQUIRED | CITATION_OPTIONAL
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert all(author.keys() & {"name", "family-names", "given-names", "alias"} for author in citation["authors"])
    assert (Version(citation["version"]), citation["date-released"]) == releases()[0]
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg")
    assert citation["license"] == config["metadata"]["license"]
    assert citation["keywords"] == config["metadata"]["keywords"].split(", ")
