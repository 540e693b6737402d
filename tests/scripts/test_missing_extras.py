"""A script that lacks its extra ends with one line, which says what to install, before it reads or writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.small_language_runs import write_text
from tests.tasks.small_runs import write_reviews
from tests.tasks.small_sequence_runs import write_numbers
from tests.tasks.small_similarity_runs import write_questions
from tests.tasks.small_tagging_runs import write_news


RUN = "--output_dir out --use_cpu --do_train --do_eval"
TEXTS = "--train_file texts/train.csv --validation_file texts/validation.csv"
# Name of the script → its arguments; the line of pip that it has to name; what it is that lacks the packages.
CASES = {
    "run_text_classification": (f"{TEXTS} {RUN}", "train", "A training script"),
    "run_token_classification": (
        f"--train_file news/train.jsonl --validation_file news/validation.jsonl {RUN}",
        "train",
        "A training script",
    ),
    "run_similarity": (
        f"--train_file pairs/train.csv --validation_file pairs/validation.csv {RUN}",
        "train",
        "A training script",
    ),
    "run_language_modeling": (
        f"--train_file book/text.txt --validation_split_percentage 10 {RUN}",
        "train",
        "A training script",
    ),
    "run_sequence_to_sequence": (
        f"--train_file sentences/train.csv --validation_file sentences/validation.csv {RUN}",
        "train",
        "A training script",
    ),
    "run_time_series": (f"--train_file texts/train.csv --target_columns label {RUN}", "train", "A training script"),
    "measure_omniglot": ("--runs runs.zip --output out/o.json", "train", "Measuring the runs of Omniglot"),
    "run_one_shot": (RUN, "train", "A training script"),
    "run_hyperparameter_search": (f"--task text-classification {TEXTS} {RUN}", "search", "A search"),
    "baseline_tfidf": (f"{TEXTS} --output_dir out", "train", "The baseline"),
    "baseline_dates": ("dates --output_dir out", "train", "The baseline of dates"),
    "plot_history": ("run --output out/history.png", "train", "A plot of learning curves"),
    "plot_gradient_flow": ("--output_dir out", "train", "A comparison of gradient flow"),
    "bundle_checkpoint": ("run --name ours --output_folder out", "train", "Making a bundle"),
    "demo": ("--output_dir out", "demo", "The demo"),
    "compare": (
        "--task text-classification --models bundled:bilstm-imdb --test_file texts/test.csv --output out/c.json",
        "train",
        "A comparison",
    ),
    "train_libraries": (
        f"--library fasttext {TEXTS} --output_dir out",
        "train",
        "Training a model of another library",
    ),
    "compare_defaults": ("--data texts --output out", "train", "A comparison of the defaults"),
    "benchmark": ("--quick --output_dir out", "bench", "The benchmark"),
    "export_onnx": ("run --output out", "export", "ONNX export"),
    "export_onnx --eval_file": ("run --output out --eval_file texts/test.csv", "export", "ONNX export"),
    "push_to_hub": ("run --repo_id ana/film --dry_run", "export", "Checking the graph"),
    "explain": ("run text --output out/report.html", "insight", "Explaining a model"),
    "measure_contributions": (
        "--model run --test_file texts/test.csv --output out/c.json",
        "insight",
        "Measuring what tokens contribute",
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Name → exit status, words and files of each script in `CASES`, in one process that has no extra."""
    project = Path(__file__).resolve().parents[2]
    folder = tmp_path_factory.mktemp("bare")
    write_reviews(folder / "texts")
    write_news(folder / "news")
    write_questions(folder / "pairs")
    write_numbers(folder / "sentences")
    write_text(folder / "book")
    (folder / "run" / "onnx").mkdir(parents=True)
    for name in ("config.json", "results.json", "README.md"):
        (folder / "run" / name).write_text("{}")
    cases: dict[str, Any] = {
        name: {"script": f"{name.split()[0]}.py", "arguments": arguments.split()}
        for name, (arguments, _, _) in CASES.items()
    }
    elsewhere = tmp_path_factory.mktemp("notes")
    notes = (elsewhere / "cases.json", elsewhere / "found.json")
    notes[0].write_text(json.dumps({"scripts": str(project / "scripts"), **cases}))
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("bare_machine.py")), *map(str, notes)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project)},
        check=True,
        timeout=300,
    )
    found: dict[str, Any] = json.loads(notes[1].read_text())
    return found


@pytest.mark.parametrize("name", CASES)
def test_one_line_says_what_to_install(outcomes: dict[str, Any], name: str) -> None:
    found, (_, extra, wanted_by) = outcomes[name], CASES[name]
    assert found["status"] != 0
    (line,) = (line for line in found["said"].splitlines() if line)
    assert wanted_by in line and "(not installed)" in line
    assert line.endswith(f'pip install "hf_rnn[{extra}]"')


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_read_or_written_before(outcomes: dict[str, Any], name: str) -> None:
    assert outcomes[name]["touched"] == []


def test_every_script_that_wants_an_extra_is_among_them(project: Path) -> None:
    # That of the cards is jinja2, which torch brings in any case.
    without = {
        "render_docs",
        "ask_ngrams",
        "baseline_ngram",
        "benchmark_gpu",
        "benchmark_sequences",
        "collect_trials",
        "combine_seeds",
        "distil_encoder",
        "measure_generation",
        "measure_int8",
        "measure_one_text",
        "measure_gate_bias",
        "measure_truncation",
        "train_tokenizer",
    }
    scripts = {path.stem for path in (project / "scripts").glob("*.py")}
    assert {name.split()[0] for name in CASES} == scripts - without
