"""The file of answers that nobody has named has a name that no other input has."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

from hf_rnn.inference.files import predict_file
from hf_rnn.inference.output import OutputExistsError
from hf_rnn.inference.pipelines import load_pipeline
from tests.inference.small_models import TEXTS, classifier, texts_file


def test_the_answers_to_two_files_are_never_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_pipeline(classifier(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    inputs = ["new.csv", "new.jsonl", "new.txt", "folder/new.csv", "n?w.csv", "folder"]
    texts_file(tmp_path).rename("now.csv")
    texts_file(tmp_path)
    texts_file(tmp_path / "folder")
    Path("new.jsonl").write_text('{"text": "good"}\n', encoding="utf-8")
    Path("new.txt").write_text("good\n", encoding="utf-8")
    found = [predict_file(model, name, progress=False).output for name in inputs]
    assert [Path(path).as_posix() for path in found] == [
        "new.csv.predictions.csv",
        "new.jsonl.predictions.csv",
        "new.txt.predictions.csv",
        "folder/new.csv.predictions.csv",
        "n_w.csv.predictions.csv",
        "folder.predictions.csv",
    ]
    with pytest.raises(OutputExistsError, match=r"`output`='new.csv.predictions.csv' exists already; name another"):
        predict_file(model, "new.csv", progress=False)


def test_the_split_of_a_dataset_is_in_the_name_of_its_answers(tmp_path: Path) -> None:
    model = load_pipeline(classifier(tmp_path))
    for split in ("train", "validation"):
        Dataset.from_dict({"text": TEXTS}).to_parquet(tmp_path / "data" / f"{split}.parquet")
        done = predict_file(model, tmp_path / "data", split=split, progress=False)
        assert done.output == str(tmp_path / f"data.{split}.predictions.csv")
