"""Models of other libraries are made of what the training reads, and compared with the checkpoints beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.comparison.arguments import CompareArguments
from hf_rnn.benchmark.comparison.checkpoints import (
    Candidate,
    check,
    fit_to_test,
    resolve,
    size_on_disk,
    training_facts,
)
from hf_rnn.benchmark.comparison.libraries.training import LibraryArguments, train_library
from hf_rnn.benchmark.comparison.report import read_comparison
from hf_rnn.benchmark.comparison.run import run_comparison
from hf_rnn.data.readers.sentences import TokenDataArguments
from hf_rnn.data.readers.texts import DataArguments
from hf_rnn.tasks.test_set import TestSet
from hf_rnn.tasks.text_classification.comparing import TextTestArguments
from hf_rnn.tasks.token_classification.comparing import tag_figures


ROWS = [("It is fine , so fine", "World news"), ("a dull one", "Sport"), ("FINE!", "World news")]


def write_texts(folder: Path) -> Path:
    lines = ["text,label", *(f'"{text}",{label}' for text, label in ROWS * 4)]
    (folder / "texts.csv").write_text("\n".join(lines) + "\n")
    return folder / "texts.csv"


def make_fast_text(folder: Path) -> dict[str, Any]:
    file = str(write_texts(folder))
    data = DataArguments(train_file=file, validation_file=file)
    return train_library(LibraryArguments(library="fasttext", output_dir=str(folder / "made")), data)


def test_fast_text_is_chosen_on_validation(stand_ins: None, tmp_path: Path) -> None:
    made = make_fast_text(tmp_path)
    # The stand-in learns from a rate of 0.5 on, however many passes it makes; the first such row of the grid wins.
    assert (made["options"]["lr"], made["options"]["epoch"], made["options"]["wordNgrams"]) == (0.5, 5, 2)
    assert made["validation"] == {"accuracy": 1.0, "quantised_accuracy": 1.0}
    assert made["labels"] == ["Sport", "World news"]
    written = json.loads((tmp_path / "made" / "training.json").read_text())
    assert written == made and "commit" in made
    whole, quantised = resolve([f"a=fasttext:{tmp_path}/made/model.bin", f"fasttext:{tmp_path}/made/model.ftz"], "a")
    assert [whole.name, quantised.name] == ["a", "model.ftz"]
    assert training_facts(whole) == {"minutes": made["minutes"], "epochs": 5.0, "seeds": 1}
    assert size_on_disk(whole) == (tmp_path / "made" / "model.bin").stat().st_size
    assert check([whole, quantised], "text-classification") == ["Sport", "World news"]
    with pytest.raises(ValueError, match="'a' is a model of fastText, which is compared in text-classification"):
        check([whole], "token-classification")
    with pytest.raises(ValueError, match="`output_dir`=.* has a model already"):
        make_fast_text(tmp_path)


def test_a_tagger_of_spacy_is_made(stand_ins: None, tmp_path: Path) -> None:
    rows = [{"tokens": ["Ann", "Lee", "saw", "Oslo"], "ner_tags": ["B-PERSON", "I-PERSON", "O", "B-GPE"]}] * 4
    (tmp_path / "train.json").write_text(json.dumps(rows))
    data = TokenDataArguments(train_file=str(tmp_path / "train.json"), validation_file=str(tmp_path / "train.json"))
    arguments = LibraryArguments(library="spacy", output_dir=str(tmp_path / "made"), language="en")
    made = train_library(arguments, data)
    assert made["validation"]["f1"] == 1.0
    assert made["options"]["updates"] == 30 and made["rows"] == {"train": 4, "validation": 4}
    (candidate,) = resolve([f"spacy:{tmp_path}/made"], None)
    assert check([candidate], "token-classification") is None
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    test = TestSet("token-classification", ["x"], [["x"]], [["O"]], names, "tagging", tag_figures)
    (fitted,) = fit_to_test([candidate], test)
    assert fitted.types == {"GPE": "LOC", "PERSON": "PER"}
    assert fit_to_test([Candidate("ours", tmp_path)], test) == [Candidate("ours", tmp_path)]


def test_model2vec_distils_an_encoder(stand_ins: None, tmp_path: Path) -> None:
    (tmp_path / "bert").mkdir()
    arguments = LibraryArguments(
        library="model2vec", output_dir=str(tmp_path / "made"), encoder=str(tmp_path / "bert")
    )
    made = train_library(arguments)
    assert made["options"] == {"encoder": "bert", "dim": 2}
    (candidate,) = resolve([f"model2vec:{tmp_path}/made"], None)
    assert check([candidate], "sentence-similarity") is None
    assert training_facts(candidate) == {"minutes": made["minutes"], "epochs": None, "seeds": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"library": "gensim"}, "`library`='gensim' must be one of fasttext, model2vec, spacy"),
        ({"task": "token-classification"}, "`task`='token-classification' must be text-classification"),
        ({"library": "spacy", "time_limit_minutes": 0.0}, "`time_limit_minutes`=0.0 must be more than 0"),
        ({"language": "en"}, "`language`='en' is for `library`='spacy' alone, not 'fasttext'"),
        ({"library": "model2vec"}, "`encoder`=None must be a folder or an id of the Hub"),
    ],
)
def test_arguments_that_do_not_fit_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LibraryArguments(**({"library": "fasttext", "output_dir": "x"} | changes))


@pytest.mark.slow
def test_a_whole_comparison_has_a_row_of_the_library(stand_ins: None, tmp_path: Path) -> None:
    make_fast_text(tmp_path)
    output = tmp_path / "out" / "texts.json"
    arguments = CompareArguments(
        task="text-classification",
        models=[f"fasttext:{tmp_path}/made/model.ftz"],
        output=str(output),
        threads=1,
        quick=True,
    )
    run_comparison(arguments, TextTestArguments(test_file=str(tmp_path / "texts.csv")))
    (row,) = read_comparison(output)["models"]
    assert row["quality"]["accuracy"] == 1.0
    assert row["library"] == {"name": "fastText", "version": None, "types": None}
    assert (row["dtype"], row["model_type"], row["training"]["epochs"]) == ("quantised", "fasttext", 5.0)
    assert "| `model.ftz` (fastText) | 1.0000 |" in output.with_suffix(".md").read_text()
    assert "fastText answers by `predict`" in output.with_suffix(".md").read_text()
