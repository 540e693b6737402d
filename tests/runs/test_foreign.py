"""Files of the user's own in the place of an output are refused by name, and those of an earlier run are not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from transformers import BertConfig, TrainingArguments

from hf_rnn.cli.explain import main as explain
from hf_rnn.insight.figures import is_table
from hf_rnn.insight.report import is_page
from hf_rnn.runs.folder import RESULTS_FILE
from hf_rnn.runs.foreign import ForeignFileError, refuse_foreign_files, refuse_foreign_folder
from tests.tasks import small_runs


@pytest.mark.parametrize("name", ["README.md", "config.json", "predictions.csv", "model.safetensors"])
def test_a_run_is_refused_where_it_would_write_over_a_file_of_the_user(tmp_path: Path, name: str) -> None:
    reviews = small_runs.write_reviews(tmp_path / "reviews")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_text("mine")
    with pytest.raises(ForeignFileError, match=f"`output_dir`=.*mine' holds {name}.*Name another folder"):
        small_runs.run(folder, **reviews)
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "mine"


def test_the_model_of_another_library_is_refused(tmp_path: Path) -> None:
    BertConfig().save_pretrained(tmp_path)
    import torch

    torch.save(TrainingArguments(str(tmp_path)), tmp_path / "training_args.bin")
    with pytest.raises(ForeignFileError, match="config.json, training_args.bin"):
        refuse_foreign_folder(tmp_path)


def test_files_that_no_run_writes_are_no_hindrance(tmp_path: Path) -> None:
    for name in ("train.csv", "notes.md", "my_model.py", "photo.png", "requirements.txt"):
        (tmp_path / name).write_text("mine")
    refuse_foreign_folder(tmp_path)
    (tmp_path / "predictions.csv").write_text("mine")
    with pytest.raises(ForeignFileError, match=r" holds predictions\.csv, which"):
        refuse_foreign_folder(tmp_path)


def test_the_folder_of_a_run_is_its_own_wherever_the_run_was_interrupted(tmp_path: Path) -> None:
    reviews = small_runs.write_reviews(tmp_path / "reviews")
    saving = {"save_strategy": "steps", "save_steps": 4, "eval_strategy": "steps", "eval_steps": 4}
    folder = tmp_path / "run"
    small_runs.run(folder, **reviews, **saving)
    refuse_foreign_folder(folder)
    # It was killed before the results were written, and before or after its checkpoints were.
    (folder / RESULTS_FILE).unlink()
    refuse_foreign_folder(folder)
    arguments = (folder / "training_args.bin").read_bytes()
    (folder / "training_args.bin").unlink()
    refuse_foreign_folder(folder)
    for path in sorted(folder.glob("checkpoint-*"), reverse=True):
        path.rename(tmp_path / path.name)
    with pytest.raises(ForeignFileError):
        refuse_foreign_folder(folder)
    (folder / "training_args.bin").write_bytes(arguments)
    refuse_foreign_folder(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_what_a_run_writes_may_be_read_by_whom_the_umask_says(tmp_path: Path) -> None:
    reviews = small_runs.write_reviews(tmp_path / "reviews")
    before = os.umask(0o022)
    try:
        small_runs.run(tmp_path / "run", **reviews)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "run").iterdir() if path.is_file()}
    assert modes and set(modes.values()) == {0o644}, modes


def test_explain_refuses_a_page_or_a_table_that_it_did_not_write(tmp_path: Path) -> None:
    page, table = tmp_path / "report.html", tmp_path / "plane.csv"
    page.write_text("<html>mine</html>")
    with pytest.raises(ForeignFileError, match=r"`--output` would write over .*report\.html"):
        explain(["bundled:bilstm-imdb", "A film.", "--output", str(page)])
    for path in (table, table.with_suffix(".png")):
        path.write_text("mine")
        with pytest.raises(ForeignFileError, match=rf"`--plane` would write over .*{path.name}"):
            explain(["bundled:bilstm-imdb", "A film.", "--output", str(tmp_path / "new.html"), "--plane", str(table)])
        path.unlink()
    assert page.read_text() == "<html>mine</html>"
    assert not (tmp_path / "new.html").exists()


def test_what_explain_wrote_it_writes_again(tmp_path: Path) -> None:
    page, table = tmp_path / "report.html", tmp_path / "plane.csv"
    line = ["bundled:bilstm-imdb", "good bad fine", "--output", str(page), "--plane", str(table)]
    explain(line)
    assert is_page(page) and is_table(table) and is_table(table.with_suffix(".png"))
    explain(line)


def test_a_folder_in_the_place_of_a_file_is_never_ours(tmp_path: Path) -> None:
    with pytest.raises(ForeignFileError, match="`output` would write over"):
        refuse_foreign_files([tmp_path], "output", lambda path: True)
