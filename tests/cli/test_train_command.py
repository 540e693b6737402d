"""`hf-rnn train`: what its words mean, what it does with nothing but data, and where it writes."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import HfArgumentParser

from hf_rnn.cli.flags import title_of
from hf_rnn.cli.run_folder import UNNAMED, run_folder
from hf_rnn.cli.train import main
from hf_rnn.cli.train_help import FIRST_FLAGS, flags_text
from hf_rnn.cli.train_line import SPLIT_FLAGS, TARGET_FLAGS, TrainLine
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.recipes import published_recipes
from hf_rnn.tasks.registry import TASK_NAMES, find_task
from tests.tasks.small_language_runs import write_text
from tests.tasks.small_runs import SMALL, write_reviews
from tests.tasks.small_similarity_runs import write_questions
from tests.tasks.small_tagging_runs import write_news


DEFAULTS = {"output_dir": UNNAMED, "do_train": True, "do_eval": True, "hold_out_percentage": 10}
QUICK = "--num_train_epochs 1 --per_device_train_batch_size 8 --use_cpu --disable_tqdm true --seed 1".split()


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """`hf-rnn train` in the test's folder; what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["hf-rnn train", *words])
        main(list(words))
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("words", "flags", "more"),
    [
        (["a.csv"], ["--train_file", "a.csv"], {}),
        (["a.csv", "b.csv"], ["--train_file", "a.csv", "--validation_file", "b.csv"], {}),
        (
            ["a.csv", "b.csv", "c.jsonl", "--seed", "3"],
            ["--train_file", "a.csv", "--validation_file", "b.csv", "--test_file", "c.jsonl", "--seed", "3"],
            {"do_predict": True},
        ),
        (["stanfordnlp/imdb"], ["--dataset_name", "stanfordnlp/imdb"], {}),
        (["folder"], ["--dataset_name", "folder"], {}),
        (["part*.csv"], ["--train_file", "part*.csv"], {}),
        (["a.csv.gz", "b.tsv.zip"], ["--train_file", "a.csv.gz", "--validation_file", "b.tsv.zip"], {}),
        (
            ["--train_file", "a.csv", "--test_file", "b.csv"],
            ["--train_file", "a.csv", "--test_file", "b.csv"],
            {"do_predict": True},
        ),
    ],
)
def test_data_becomes_flags(words: list[str], flags: list[str], more: dict[str, Any]) -> None:
    line = TrainLine.of(["text-classification", *words])
    assert (line.task.name, line.words, line.defaults) == ("text-classification", flags, {**DEFAULTS, **more})


@pytest.mark.parametrize(
    ("names", "targets"),
    [
        (["a.en", "a.de"], ["a.de"]),
        (["a.en.gz", "a.de.gz"], ["a.de.gz"]),
        (["a.EN", "a.de", "dev.en", "dev.de.xz"], ["a.de", "dev.de.xz"]),
        (["a.csv", "b.csv"], []),
        # These are the tables of two splits.
        (["a.csv", "a.tsv"], []),
        (["a.jsonl.gz", "a.csv"], []),
    ],
)
def test_files_whose_names_differ_in_their_endings_go_together(names: list[str], targets: list[str]) -> None:
    line = TrainLine.of(["sequence-to-sequence", *names])
    sources = names[::2] if targets else names
    pairs = [*zip(SPLIT_FLAGS, sources, strict=False), *zip(TARGET_FLAGS, targets, strict=False)]
    assert line.words == [word for pair in pairs for word in pair]


def test_a_recipe_says_itself_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    published = TrainLine.of(["imdb_bilstm", "--seed", "3"])
    assert published.task.name == "text-classification"
    assert Path(published.words[0]).name == "imdb_bilstm.json" and published.words[1:] == ["--seed", "3"]
    assert published.defaults == {"output_dir": UNNAMED}
    assert TrainLine.of(["scripts/recipes/quora_siamese.json"]).task.name == "sentence-similarity"
    Path("mine.json").write_text('{"train_file": "a.csv", "do_train": true}')
    assert TrainLine.of(["similarity", "mine.json"]).words == ["mine.json"]
    with pytest.raises(ValueError, match=r"'mine.json' names no `task`; give it first: TASK mine.json"):
        TrainLine.of(["mine.json"])
    # These are data: rows, not arguments.
    for name, rows in {"rows.json": '[{"text": "a"}]', "lines.json": '{"text": "a"}\n{"text": "b"}\n'}.items():
        Path(name).write_text(rows)
        assert TrainLine.of(["text-classification", name]).words == ["--train_file", name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["imdb_bilstn"], "'imdb_bilstn' must be a task .* or a recipe: .* imdb_bilstm, imdb_bilstm_exact"),
        (["text-classification", "a.csv", "b.csv", "c.csv", "d.csv"], "`DATA`='d.csv' is one name too many"),
        (["imdb_bilstm", "a.csv"], "`DATA`='a.csv' cannot follow the recipe 'imdb_bilstm'"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainLine.of(words)


def test_a_file_without_a_task_is_told_what_stands_before_it(tmp_path: Path) -> None:
    path = tmp_path / "comentarios.csv"
    path.write_text("texto;classe\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"comentarios.csv' is there to learn from, .*: text-classification .*csv, or"
    ):
        TrainLine.of([str(path)])


def test_every_published_recipe_is_understood() -> None:
    for name in published_recipes():
        assert TrainLine.of([name]).task.name in TASK_NAMES


DATA: dict[str, tuple[Callable[[Path], Any], str, list[str], str]] = {
    "text-classification": (
        lambda folder: write_reviews(folder),
        "train.csv",
        ["--config_overrides", json.dumps(SMALL)],
        "6 of 60 training rows (10 %) are held out, the same share of each label.",
    ),
    "token-classification": (
        lambda folder: write_news(folder),
        "train.jsonl",
        ["--config_overrides", json.dumps({**SMALL, "char_embedding_size": 4, "char_hidden_size": 4})],
        "training rows (10 %) are held out.",
    ),
    "sentence-similarity": (
        lambda folder: write_questions(folder),
        "train.csv",
        ["--config_overrides", json.dumps(SMALL)],
        "are held out, the same share of each label.",
    ),
    "text-generation": (
        lambda folder: write_text(folder),
        "text.txt",
        ["--config_overrides", json.dumps(SMALL), "--tokenizer_kind", "character", "--block_size", "10"],
        "the last 10 % of the text are held out.",
    ),
}


@pytest.mark.parametrize("task", DATA)
def test_data_alone_are_enough(
    task: str, train: Callable[..., str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write, file, flags, held_out = DATA[task]
    write(tmp_path)
    printed = train(task, file, *flags, *QUICK)
    folder = f"runs/{Path(file).stem}-{task}"
    results = read_results(tmp_path / folder / "results.json")
    assert results["task"] == task
    assert results["metrics"]["validation"] and results["training"]["steps"] > 0
    assert [record.message for record in caplog.records if held_out in record.message]
    lines = printed.splitlines()
    # Pairs are read together, for a label.
    pipeline = "text-classification" if task == "sentence-similarity" else task
    assert lines[-3:-1] == [
        f'Use it: pipeline("{pipeline}", model="{folder}", trust_remote_code=True)',
        f"On a file: hf-rnn predict {folder} new.csv",
    ]
    assert f"Model, results.json and learning curves are in {folder}" in lines[-4]
    assert lines[-1].startswith("validation ") and " · this model " in lines[-1]


def test_the_task_without_data_trains_too(train: Callable[..., str], tmp_path: Path) -> None:
    overrides = {
        "image_size": 16,
        "hidden_sizes": [8, 8],
        "kernel_sizes": [3, 3],
        "pool_sizes": [2, 2],
        "output_size": 8,
    }
    train(
        "one-shot",
        "--train_letters",
        "20",
        "--pairs_per_letter",
        "2",
        "--config_overrides",
        json.dumps(overrides),
        *QUICK,
    )
    assert read_results(tmp_path / "runs" / "image-feature-extraction" / "results.json")["metrics"]["validation"]


def test_a_refused_run_leaves_no_folder(train: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("words,label\na,1\n")
    with pytest.raises(ValueError, match="nothing to classify"):
        train("text-classification", "rows.csv", *QUICK)
    assert list((tmp_path / "runs").iterdir()) == []


def parsed(*words: str) -> tuple[Any, ...]:
    groups = find_task("text-classification").groups
    return HfArgumentParser(groups).parse_args_into_dataclasses(["--train_file", "my data.csv", *words])


def test_a_folder_is_the_job_s_until_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)

    def opened(*words: str, ends: bool = False) -> str:
        with run_folder("text-classification", parsed(*words)) as folder:
            (folder / ("results.json" if ends else "checkpoint")).touch()
        return folder.name

    first = "my-data-text-classification"
    assert opened() == first
    assert opened("--seed", "7") == f"{first}-2"
    assert not caplog.records
    # The flags of what is printed and where are no part of a job.
    assert opened("--logging_steps", "3") == first
    assert "runs/my-data-text-classification holds this very run, which did not end" in caplog.text
    assert opened("--seed", "7", ends=True) == f"{first}-2"
    assert opened("--seed", "7") == f"{first}-3"


def test_a_run_on_other_data_of_the_same_name_is_not_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my data.csv").write_text("text,label\ngood,1\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")

    def opened() -> str:
        with run_folder("text-classification", parsed("--model_name_or_path", "model")) as folder:
            (folder / "checkpoint").touch()
        return folder.name

    first = opened()
    assert opened() == first
    caplog.clear()
    # As long as it was.
    (tmp_path / "my data.csv").write_text("text,label\ngood,0\n")
    assert opened() == f"{first}-2"
    assert f"runs/{first} holds a run of this command that did not end, but `train_file` has changed" in caplog.text
    assert opened() == f"{first}-2"
    (tmp_path / "model" / "config.json").write_text('{"hidden_size": 8}')
    assert opened() == f"{first}-3"


def test_the_help_names_the_tasks_and_the_recipes(train: Callable[..., str]) -> None:
    shown = train("--help")
    assert shown == train()
    assert max(map(len, shown.splitlines())) <= 80
    assert all(f"\n  {name}" in shown for name in TASK_NAMES)
    assert all(name in shown.split() for name in published_recipes())


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_help_of_a_task_shows_the_first_flags_and_on_request_all(name: str) -> None:
    task = find_task(name)
    defaults = TrainLine.of([name, "--help"]).defaults
    # `__dataclass_fields__` would also have what is the class's own, and no flag.
    fields = {field.name for group in task.groups for field in dataclasses.fields(group)}
    short, long = (flags_text(task, defaults, all_of_them=every) for every in (False, True))

    def shown(text: str) -> set[str]:
        return set(re.findall(r"^  --(\w+)", text, flags=re.MULTILINE))

    # A flag of other tasks that this one refuses is not shown.
    refused = {name for group in task.groups for name in getattr(group, "REFUSED", ())}
    assert refused <= fields and bool(refused) == (name == "sequence-to-sequence")
    assert shown(short) == fields & set(FIRST_FLAGS) - refused
    assert fields - refused - shown(long) <= {"_n_gpu"} and not refused & shown(long)
    assert ("train.en train.de [dev.en dev.de]" in short) == ("train_target_file" in fields)
    assert all(f"\n{title_of(group)}:\n" in f"\n{long}" for group in task.groups)
    assert f"Default: {UNNAMED}" in " ".join(short.split())
