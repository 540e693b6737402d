"""A release: what is built holds everything, passes the index's check, and works in an environment of its own."""

from __future__ import annotations

import configparser
import json
import os
import re
import runpy
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from datetime import date
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from hf_rnn import __version__, list_bundled
from hf_rnn.bundles import DISTRIBUTION, TERMS


PROJECT = Path(__file__).resolve().parent.parent
RESEARCH = "hf_rnn/research_weights"
SOURCE, WHEEL = f"hf_rnn-{__version__}.tar.gz", f"hf_rnn-{__version__}-py3-none-any.whl"
RESEARCH_SOURCE, RESEARCH_WHEEL = (name.replace("hf_rnn-", "hf_rnn_research_weights-") for name in (SOURCE, WHEEL))
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
answers, missing = {}, {}
names = ["bilstm-imdb", "gru-dates", "lstm-shakespeare-char", "siamese-bilstm-quora", "siamese-bilstm-stsb"]
for name in ["bilstm-crf-conll2003", "bilstm-crf-lener-br", "bilstm-crf-pt", *names]:
    try:
        hf_rnn.bundled(name)
    except ValueError as error:
        missing[name] = str(error)
        continue
    config = json.load(open(hf_rnn.bundled(name) + "/config.json"))
    if config["architectures"][0].endswith("ForSequenceClassification"):
        answers[name] = pipeline("text-classification", model=hf_rnn.bundled(name))("A fine film.")[0]["score"]
    elif config["architectures"][0].endswith("ForTokenClassification"):
        entities = pipeline("token-classification", model=hf_rnn.bundled(name))("Maria moved to Lisbon.")
        answers[name] = [float(entity["score"]) for entity in entities]
    elif config["architectures"][0].endswith("ForCausalLM"):
        writer = pipeline("text-generation", model=hf_rnn.bundled(name))
        answers[name] = writer("ROMEO:", do_sample=False, max_new_tokens=8)[0]["generated_text"]
    elif config["architectures"][0].endswith("ForSeq2SeqLM"):
        answers[name] = pipeline("text2text-generation", model=hf_rnn.bundled(name))("May 3rd, 2021")
    else:
        pair = {"text": "How do I swim?", "text_pair": "I want to swim"}
        answers[name] = pipeline("sentence-similarity", model=hf_rnn.bundled(name))(pair)["score"]
from hf_rnn.benchmark.comparison.run import run_comparison
found = {"file": hf_rnn.__file__, "version": hf_rnn.__version__, "comparison": run_comparison.__name__}
print(json.dumps({**found, "answers": answers, "missing": missing}))
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
    """File → where it is: source distributions and the wheels made from them, of the files under version control."""
    folder = tmp_path_factory.mktemp("release")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((PROJECT / name).read_bytes())
    for project in (".", RESEARCH):
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", project]
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: path for path in (folder / "dist").iterdir()}


def held(wheel: Path) -> set[str]:
    """The files of a wheel that are not its metadata."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


@pytest.mark.slow
def test_all_are_of_this_version_and_pass_the_check_of_the_index(distributions: dict[str, Path]) -> None:
    assert distributions.keys() == {SOURCE, WHEEL, RESEARCH_SOURCE, RESEARCH_WHEEL}
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, distributions.values())]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 4


@pytest.mark.slow
def test_the_wheels_hold_everything_of_their_packages_and_no_more(distributions: dict[str, Path]) -> None:
    left_out = tracked(RESEARCH, "hf_rnn/benchmark/speed")
    assert len(left_out) > 40
    assert held(distributions[WHEEL]) == tracked("hf_rnn") - left_out
    weights = {name.removeprefix(f"{RESEARCH}/") for name in tracked(f"{RESEARCH}/hf_rnn_research_weights")}
    assert held(distributions[RESEARCH_WHEEL]) == weights


@pytest.mark.slow
def test_nothing_in_the_wheel_imports_keras_or_tensorflow(distributions: dict[str, Path]) -> None:
    with zipfile.ZipFile(distributions[WHEEL]) as archive:
        sources = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}
    assert len(sources) > 200
    importing = re.compile(r"^\s*(?:from|import) (?:keras|tensorflow)\b", flags=re.MULTILINE)
    assert not [name for name, source in sources.items() if importing.search(source)]


@pytest.mark.slow
def test_each_wheel_states_the_licences_of_what_it_holds(distributions: dict[str, Path]) -> None:
    for wheel, root in ((WHEEL, PROJECT), (RESEARCH_WHEEL, PROJECT / RESEARCH)):
        said = metadata(distributions[wheel])
        terms = set(re.split(r" AND ", said["License-Expression"]))
        files = said.get_all("License-File")
        assert len(files) == len(terms)
        with zipfile.ZipFile(distributions[wheel]) as archive:
            for file in files:
                (name,) = (name for name in archive.namelist() if name.endswith(f".dist-info/licenses/{file}"))
                assert archive.read(name) == (root / file).read_bytes()
            cards = [name for name in archive.namelist() if name.endswith("/card.json")]
            licences = {json.loads(archive.read(name))["license"] for name in cards}
        # Of what is not on SPDX's list the Hub has no identifier, either.
        assert licences == {"other" if term.startswith("LicenseRef-") else term.lower() for term in terms}


@pytest.mark.slow
def test_every_link_on_the_index_is_absolute(distributions: dict[str, Path]) -> None:
    said = metadata(distributions[WHEEL])
    description = said.get_payload()
    assert isinstance(description, str)
    address = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))["repository-code"]
    assert f"Repository, {address}" in said.get_all("Project-URL")
    assert all(url.partition(", ")[2].startswith(f"{address}/") for url in said.get_all("Project-URL")[1:])
    found = links(description)
    assert len(found) == len(links((PROJECT / "README.md").read_text(encoding="utf-8"))) > 50
    for picture, target in found:
        if target.startswith(address):
            kind, revision, path = target.removeprefix(f"{address}/").split("/", maxsplit=2)
            assert (kind, revision) == ("raw" if picture else "blob", f"v{__version__}")
            assert (PROJECT / path.partition("#")[0]).exists(), target
        else:
            assert target.startswith(("https://", "#")), target


def links(markdown: str) -> list[tuple[str, str]]:
    """`!` of a picture, and the target of each link outside blocks of code."""
    prose = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"(!?)\[[^\]\n]*\]\(([^)\s]+)\)", prose)


@pytest.mark.slow
def test_the_source_distribution_holds_what_the_tests_need(distributions: dict[str, Path]) -> None:
    with tarfile.open(distributions[SOURCE]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    # What begins with a dot is of the repository alone; the weights have a source distribution with their licences.
    assert {name for name in tracked() if not name.startswith(".")} - tracked(RESEARCH) <= names
    assert not [name for name in names if name.startswith(RESEARCH)]
    with tarfile.open(distributions[RESEARCH_SOURCE]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.removeprefix(f"{RESEARCH}/") for name in tracked(RESEARCH)} <= names


def use(python: Path, folder: Path) -> dict[str, object]:
    """What `USE` prints in `folder`, where `python` looks for packages before it looks elsewhere."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, "-c", USE], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_the_wheels_work_in_an_environment_of_their_own(distributions: dict[str, Path], tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, str(distributions[WHEEL])], check=True, capture_output=True)
    (packages,) = (environment / "lib").glob("python*/site-packages")
    # torch and the like are not installed again. Files that an editable install has put there are not read this way.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    alone = use(python, tmp_path)
    assert alone["version"] == __version__
    assert Path(str(alone["file"])).is_relative_to(packages)
    free, missing = alone["answers"], alone["missing"]
    assert isinstance(free, dict) and isinstance(missing, dict)
    assert sorted([*free, *missing]) == list_bundled()
    assert missing.keys() == TERMS.keys()
    assert all("pip install hf_rnn-research-weights" in reason for reason in missing.values())
    subprocess.run([*install, str(distributions[RESEARCH_WHEEL])], check=True, capture_output=True)
    both = use(python, tmp_path)
    assert both["missing"] == {}
    assert both["answers"] == use(Path(sys.executable), PROJECT)["answers"]
    assert both["comparison"] == "run_comparison"


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
    assert citation["license"] == config["metadata"]["license_expression"]
    assert config["metadata"]["author"] in {author["name"] for author in citation["authors"]}
    assert citation["keywords"] == config["metadata"]["keywords"].split(", ")


def test_the_second_distribution_is_of_the_same_version() -> None:
    config = configparser.ConfigParser()
    config.read(PROJECT / RESEARCH / "setup.cfg")
    assert (config["metadata"]["name"], config["metadata"]["version"]) == (DISTRIBUTION, __version__)
    assert config["options"]["install_requires"].split() == [f"hf_rnn=={__version__}"]


def test_links_are_made_absolute_but_in_code() -> None:
    absolute = runpy.run_path(str(PROJECT / "setup.py"))["absolute"]
    code = "\n```\n[c](d)\n```\n"
    text = f"[a](docs/a.md#b) ![p](p.png) [top](#top) [far](https://far.example/x){code}| [e](s/e.json) |"
    assert absolute(text, "https://us.example", "v1") == (
        "[a](https://us.example/blob/v1/docs/a.md#b) ![p](https://us.example/raw/v1/p.png) [top](#top) "
        f"[far](https://far.example/x){code}| [e](https://us.example/blob/v1/s/e.json) |"
    )
