"""Pipelines of spaCy: where they lie, what of them runs, and how their types are read."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.comparison.libraries.base import TRAINING_FILE
from hf_rnn.benchmark.comparison.libraries.spacy_ner import MeasuredSpacy, retyped, type_map, unneeded
from hf_rnn.tasks.test_set import TestSet
from hf_rnn.tasks.token_classification.comparing import tag_figures


ONTONOTES = ["DATE", "FAC", "GPE", "LOC", "NORP", "ORG", "PERSON"]
CONLL = ["LOC", "MISC", "ORG", "PER"]


def pipeline(
    folder: Path, types: list[str], names: tuple[str, ...] = ("tok2vec", "tagger", "ner"), more: str = ""
) -> Path:
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"lang": "en", "pipeline": names, "labels": {"ner": types}}))
    sections = "".join(f'[components.{name}]\nfactory = "{name}"\n\n' for name in names)
    (folder / "config.cfg").write_text(sections + more)
    known = {"Ann": ["B", "PERSON"], "Lee": ["I", "PERSON"], "Oslo": ["B", "GPE"], "May": ["B", "DATE"]}
    (folder / "known.json").write_text(json.dumps(known))
    return folder


def test_set(types: list[str], kind: str = "tagging") -> TestSet:
    names = ["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")]
    return TestSet("token-classification", ["x"], [["x"]], [["O"]], names, kind, tag_figures)


test_set.__test__ = False  # type: ignore[attr-defined]


def test_types_are_read_by_the_table_and_all_others_are_no_entity() -> None:
    types = type_map(ONTONOTES, CONLL)
    assert types == {
        "DATE": None,
        "FAC": "LOC",
        "GPE": "LOC",
        "LOC": "LOC",
        "NORP": "MISC",
        "ORG": "ORG",
        "PERSON": "PER",
    }
    tags = ["B-PERSON", "I-PERSON", "O", "B-GPE", "B-FAC", "I-FAC", "B-DATE", "I-DATE"]
    assert retyped(tags, types) == ["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-LOC", "O", "O"]


def test_types_that_the_test_set_has_stay() -> None:
    assert type_map(["PER", "ORG"], CONLL) is None
    assert type_map(["PER", "PERSON", "MISC"], ["PER", "ORG"]) == {"MISC": None, "PER": "PER", "PERSON": "PER"}
    assert type_map(["NORP"], ["PER"]) == {"NORP": None}


def test_data_without_a_shared_type_are_refused(tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "p", ["DATE", "NORP"])
    assert MeasuredSpacy.read_types(folder, test_set(CONLL)) == {"DATE": None, "NORP": "MISC"}
    with pytest.raises(ValueError, match="finds DATE, NORP; none is read as one of the test set's types, LEI, PESSOA"):
        MeasuredSpacy.read_types(folder, test_set(["PESSOA", "LEI"]))
    with pytest.raises(ValueError, match="finds entities, and the tags of the test set are others"):
        MeasuredSpacy.read_types(folder, test_set(CONLL, "tags"))


@pytest.mark.parametrize(
    ("architecture", "left_out"),
    [("spacy.Tok2Vec.v2", ["tok2vec", "tagger"]), ("spacy.Tok2VecListener.v1", ["tagger"])],
)
def test_only_what_finds_entities_runs(tmp_path: Path, architecture: str, left_out: list[str]) -> None:
    more = f'[components.ner.model.tok2vec]\n@architectures = "{architecture}"\nupstream = "${{x.y}}"\n'
    assert unneeded(pipeline(tmp_path / "p", ONTONOTES, more=more)) == left_out


def test_pipelines_are_found_in_folders_and_packages(
    stand_ins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = pipeline(tmp_path / "xx_tiny" / "xx_tiny-1.0.0", ONTONOTES)
    (tmp_path / "xx_tiny" / "__init__.py").write_text("raise AssertionError('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert MeasuredSpacy.find("xx_tiny") == inside.resolve()
    assert MeasuredSpacy.find(str(inside)) == inside.resolve()
    tagger = pipeline(tmp_path / "tagger", [], names=("tagger",))
    for nothing in ("yy_none", str(tmp_path), str(tagger)):
        with pytest.raises(ValueError, match="which is not a folder with meta.json and a pipeline that has `ner`"):
            MeasuredSpacy.find(nothing)


def measured(folder: Path, texts: list[str]) -> MeasuredSpacy:
    path = folder.parent / "texts.json"
    path.write_text(json.dumps({"latency": texts, "throughput": texts}))
    model = MeasuredSpacy(str(folder), "token-classification", str(path))
    assert model.load()["seconds"] > 0
    return model


def test_every_token_of_the_corpus_gets_a_tag(stand_ins: None, tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "p", ONTONOTES)
    model = measured(folder, ["Ann saw Oslo", "May"])
    sentences = [["Ann", "Lee", "saw", "Oslo"], [], ["in", "May"]]
    assert model.predict(sentences)["predictions"] == [["B-PERSON", "I-PERSON", "O", "B-GPE"], [], ["O", "B-DATE"]]
    assert model.throughput()["tokens"] == 4
    assert len(model.latency(0, 5)["milliseconds"]) == 2
    described = model.describe()
    assert (described["parameters"], described["dtype"]) == (2 * 10 + 3, "float32")
    loaded: Any = model.model
    assert loaded.excluded == ["tok2vec", "tagger"]
    assert set(loaded.batches) == {32}


def test_the_size_is_that_of_all_files_but_the_record_of_the_training(tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "p", ONTONOTES)
    size = MeasuredSpacy.size_bytes(folder)
    assert size == sum(file.stat().st_size for file in folder.iterdir())
    (folder / TRAINING_FILE).write_text("{}")
    (folder / "vocab").mkdir()
    (folder / "vocab" / TRAINING_FILE).write_text("12345")
    assert MeasuredSpacy.size_bytes(folder) == size + 5


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("spacy") is None, reason="spacy is not installed")
def test_the_library_itself(tmp_path: Path) -> None:
    from hf_rnn.benchmark.defaults.peers.spacy_tagger import fit

    sentences = [["Ann", "Lee", "saw", "Oslo"], ["she", "left"]]
    tags = [["B-PERSON", "I-PERSON", "O", "B-GPE"], ["O", "O"]]
    nlp, updates = fit("en", sentences * 8, tags * 8, 30.0)
    assert updates > 0
    nlp.to_disk(tmp_path / "p")
    assert MeasuredSpacy.find(str(tmp_path / "p")) == (tmp_path / "p").resolve()
    assert MeasuredSpacy.read_types(tmp_path / "p", test_set(CONLL)) == {"GPE": "LOC", "PERSON": "PER"}
    model = measured(tmp_path / "p", ["Ann Lee saw Oslo."])
    assert model.predict([*sentences, []])["predictions"] == [*tags, []]
    assert model.throughput()["tokens"] == 5
    weights = {id(node): node for node in nlp.get_pipe("ner").model.walk()}.values()
    expected = sum(node.get_param(name).size for node in weights for name in node.param_names if node.has_param(name))
    assert model.describe()["parameters"] == expected
