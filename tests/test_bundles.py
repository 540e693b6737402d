"""Bundled checkpoints are found where they are installed, by one way of naming them, and their terms are told."""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from hf_rnn import bundles as module
from hf_rnn.bundles import (
    DISTRIBUTION,
    TERMS,
    bundled,
    bundled_folders,
    bundled_name,
    checkpoint_folder,
    find_named,
    list_bundled,
)
from hf_rnn.hub.card_options import read_card_options
from hf_rnn.runs.describe import non_default_arguments
from hf_rnn.tasks.arguments import ModelArguments, TokenizerArguments, WordArguments
from hf_rnn.tasks.distillation.arguments import DistillationArguments


QUORA = "siamese-bilstm-quora"
# No environment has a package of this name.
RESEARCH_PACKAGE = "research_weights_of_a_test"


def make_bundle(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of its own, with the bundles `a` and `b`, outside a checkout."""
    monkeypatch.setattr(module, "PRETRAINED", tmp_path / "pretrained")
    monkeypatch.setattr(module, "RESEARCH_WEIGHTS", tmp_path / "nowhere")
    monkeypatch.setattr(module, "_RESEARCH_PACKAGE", RESEARCH_PACKAGE)
    for name in ("b", "a"):
        make_bundle(tmp_path / "pretrained" / name)
    (tmp_path / "pretrained" / "no_checkpoint").mkdir()
    return tmp_path


def install_research_weights(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The second distribution, as an installer would leave it in `site`."""
    package = site / RESEARCH_PACKAGE
    make_bundle(package / QUORA)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(site))
    return package / QUORA


def test_bundles_are_listed_and_found(installed: Path) -> None:
    assert list_bundled() == ["a", "b"]
    assert bundled("b") == str(installed / "pretrained" / "b")
    for name in ("../b", "", "c"):
        with pytest.raises(ValueError, match=re.escape(f"`name` must be a bundled checkpoint (a, b); it is {name!r}")):
            bundled(name)
    shutil.rmtree(installed / "pretrained")
    with pytest.raises(ValueError, match=r"`name` must be a bundled checkpoint \(there are none\); it is 'b'"):
        bundled("b")


@pytest.mark.parametrize("name", TERMS)
def test_what_is_not_installed_is_told_with_its_terms(installed: Path, name: str) -> None:
    assert name not in list_bundled()
    said = f"is in the distribution {DISTRIBUTION}, which is not installed. The checkpoint is {TERMS[name]}"
    with pytest.raises(ValueError, match=re.escape(f"`name`={name!r} {said}")) as raised:
        bundled(name)
    assert str(raised.value).endswith(f"pip install {DISTRIBUTION}")
    with pytest.raises(ValueError, match=re.escape(f"`models`='bundled:{name}' {said}")):
        checkpoint_folder(f"bundled:{name}", "models")


def test_the_second_distribution_is_found_where_it_is_installed(
    installed: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = install_research_weights(installed / "site", monkeypatch)
    assert list_bundled() == ["a", "b", QUORA]
    module.logger.warning_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert bundled("a") and not caplog.records, "free for every use"
        assert bundled(QUORA) == bundled(QUORA) == str(folder)
    assert [record.getMessage() for record in caplog.records] == [f"The bundled checkpoint {QUORA} is {TERMS[QUORA]}."]


def test_a_checkout_has_its_own_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = install_research_weights(tmp_path, monkeypatch)
    assert bundled_folders()[QUORA] == module.RESEARCH_WEIGHTS / QUORA != other
    assert set(TERMS) == {path.parent.name for path in module.RESEARCH_WEIGHTS.glob("*/config.json")}
    assert {path.parent.name for path in module.PRETRAINED.glob("*/config.json")} == {*list_bundled()} - {*TERMS}


@pytest.mark.parametrize("name", list_bundled())
def test_the_terms_are_those_of_the_card(name: str) -> None:
    licence = read_card_options(bundled_folders()[name] / "card.json").license
    assert (licence == "apache-2.0") == (name not in TERMS)
    assert licence in ("apache-2.0", "other") or licence.upper() in TERMS[name]


def test_one_way_to_name_a_checkpoint(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkpoint_folder("bundled:a", "models") == str(installed / "pretrained" / "a")
    for other in ("google-bert/bert-base-uncased", "runs/mine", str(installed)):
        assert checkpoint_folder(other, "models") == other
    assert checkpoint_folder(Path("runs"), "models") == "runs"
    with pytest.raises(
        ValueError, match=r"`models` must be a bundled checkpoint \(bundled:a, bundled:b\); it is 'bundled:c'"
    ):
        checkpoint_folder("bundled:c", "models")
    for bare in ("a", QUORA):
        wanted = f"`models`={bare!r} is no folder; the bundled checkpoint of this name is 'bundled:{bare}'."
        with pytest.raises(ValueError, match=re.escape(wanted)):
            checkpoint_folder(bare, "models")
    monkeypatch.chdir(installed / "pretrained")
    assert checkpoint_folder("a", "models") == "a", "a folder of the working folder is meant"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (ModelArguments, "model_name_or_path"),
        (ModelArguments, "init_from_lm"),
        (TokenizerArguments, "tokenizer_name_or_path"),
        (WordArguments, "tokenizer_name_or_path"),
    ],
)
def test_the_training_scripts_take_it_and_record_it(kind: type, field: str) -> None:
    arguments = kind(**{field: "bundled:bilstm-imdb"})
    assert getattr(arguments, field) == bundled("bilstm-imdb")
    assert non_default_arguments(arguments) == {field: "bundled:bilstm-imdb"}
    with pytest.raises(ValueError, match=f"`{field}`='bilstm-imdb' is no folder"):
        kind(**{field: "bilstm-imdb"})


def test_a_teacher_keeps_the_name_it_was_given() -> None:
    named = {"teacher_name_or_path": "bundled:bilstm-imdb,runs/mine"}
    arguments = DistillationArguments(**named)
    assert arguments.teachers == ["bundled:bilstm-imdb", "runs/mine"]
    assert non_default_arguments(arguments) == named
    with pytest.raises(ValueError, match="`teacher_name_or_path`='bilstm-imdb' is no folder"):
        DistillationArguments(teacher_name_or_path="runs/mine,bilstm-imdb")


def test_fields_that_are_none_stay_so(installed: Path) -> None:
    @dataclass
    class Named:
        one: str | None = "bundled:a"
        other: str | None = None

    named = Named()
    find_named(named, "one", "other")
    assert named == Named(str(installed / "pretrained" / "a"), None)
    assert bundled_name(str(named.one)) == "bundled:a" and bundled_name("runs/a") is None
