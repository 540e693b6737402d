"""scripts/compare_defaults.py: tiny corpora of every task, trained by the real command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from hf_rnn.benchmark.defaults.report import read_cell, read_defaults, write_cell
from tests.benchmark.defaults_documents import cell


Run = Callable[..., subprocess.CompletedProcess[str]]
WORDS = {"dog": "ANIMAL", "cat": "ANIMAL", "rose": "PLANT", "oak": "PLANT"}


def corpora(folder: Path) -> Path:
    """The files of a corpus of each task, of the names that the real ones have."""
    words = [list(WORDS)[row % 4] for row in range(100)]
    texts = [f"Number {row} is a {word} of mine" for row, word in enumerate(words)]
    files = {
        "small/trec_train.csv": "text,label\n"
        + "".join(f"{text},{WORDS[word]}\n" for text, word in zip(texts, words, strict=True)),
        "small/snips_train.conll": "\n".join(
            "".join(f"{token} {'B-' + WORDS[token] if token in WORDS else 'O'}\n" for token in text.split())
            for text in texts
        ),
        "lm/mysterious_island.txt": "".join(f"{text}.\n" for text in texts) * 20,
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.fixture
def compare(run_script: Run, tmp_path: Path) -> Run:
    """The script, on the tiny corpora, into `cells`."""
    corpora(tmp_path / "corpora")

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        return run_script("compare_defaults", "--data", "corpora", "--output", "cells", *flags)

    return run


@pytest.mark.slow
def test_cells_are_measured_once_and_make_one_document(compare: Run, run_script: Run, tmp_path: Path) -> None:
    done = compare("--only", "trec:50,trec:200,trec:all,alexa:50")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("[1/4] trec:50: 0.") or said[0].startswith("[1/4] trec:50: 1.")
    assert said[1] == "[2/4] alexa:50: left out, small/alexa_ratings.csv is not in the folder."
    assert said[2] == "[3/4] trec:200: left out, trec:all is of 80."
    small, whole = read_cell(tmp_path / "cells" / "trec-50.json"), read_cell(tmp_path / "cells" / "trec-all.json")
    assert (small["train_size"], whole["train_size"], small["held_out_size"]) == (50, 80, 20)
    # A tenth is held out by the command itself.
    assert small["default"]["rows"] == {"train": 45, "validation": 5}
    assert small["default"]["command"] == "hf-rnn train text-classification train.csv --test_file held_out.csv"
    assert whole["default"]["seconds"] > 60 * whole["default"]["minutes"] - 1
    assert whole["default"]["size_bytes"] > 10_000 and whole["threads"] == 1
    assert whole["peers"]["counting"]["figure"] == whole["peers"]["nb-svm"]["figure"] == 1.0
    assert whole["baselines"][0]["figure"] == 1.0 and whole["default"]["figure"] > 0.9
    before = (tmp_path / "cells" / "trec-50.json").stat().st_mtime_ns
    again = compare("--only", "trec:50")
    assert again.stdout == "[1/1] trec:50: is in cells/trec-50.json already.\n"
    assert (tmp_path / "cells" / "trec-50.json").stat().st_mtime_ns == before
    collected = run_script("compare_defaults", "--output", "cells", "--collect", "model_cards/defaults.json")
    assert collected.stdout == "Wrote model_cards/defaults.json. `make docs` writes its tables.\n"
    document = read_defaults(tmp_path / "model_cards" / "defaults.json")
    assert [each["default"]["figure"] for each in document["cells"]] == [
        small["default"]["figure"],
        whole["default"]["figure"],
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "command", "baseline"),
    [
        ("snips:all", "hf-rnn train token-classification train.conll --test_file held_out.conll", "linear-chain CRF"),
        (
            "book-characters:all",
            "hf-rnn train language-modeling train.txt --test_file held_out.txt --tokenizer_kind character",
            "Kneser-Ney n-grams",
        ),
    ],
)
def test_taggers_and_language_models_are_measured(
    compare: Run, tmp_path: Path, name: str, command: str, baseline: str
) -> None:
    done = compare("--only", name)
    assert done.returncode == 0, done.stdout + done.stderr
    found = read_cell(tmp_path / "cells" / f"{name.replace(':', '-')}.json")
    assert found["default"]["command"] == command
    assert baseline in [each["name"] for each in found["baselines"]]
    # A word tells its tag; and of 26 letters a text of few words needs less than two bits.
    assert found["default"]["figure"] > 0.9 if name == "snips:all" else 0 < found["default"]["figure"] < 2
    assert (found["default"]["standard_error"] is None) == (name != "snips:all")


@pytest.mark.slow
def test_a_command_that_fails_is_named_and_no_cell_is_left(compare: Run, tmp_path: Path) -> None:
    rows = "".join(f"Text {row},same\n" for row in range(60))
    (tmp_path / "corpora" / "small" / "trec_train.csv").write_text(f"text,label\n{rows}")
    done = compare("--only", "trec:all")
    assert done.returncode == 1
    assert "[1/1] trec:all: failed. `hf-rnn train text-classification train.csv" in done.stdout
    assert "Failed: trec:all: " in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "cells").glob("*.json"))


def test_what_another_process_is_at_is_left_to_it(compare: Run, tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    with FileLock(tmp_path / "cells" / "trec-all.json.lock"):
        done = compare("--only", "trec:all")
    assert done.stdout == "[1/1] trec:all: left out, another process is at it.\n"


def test_wrong_flags_are_refused_in_one_line(run_script: Run, tmp_path: Path) -> None:
    done = run_script("compare_defaults", "--data", "nowhere")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        "`data`='nowhere' must be a folder, that of the corpora; there is none."
    )
    assert "Traceback" not in done.stderr and list(tmp_path.iterdir()) == []


def test_a_damaged_cell_is_named(run_script: Run, tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    write_cell(cell(), tmp_path / "cells" / "trec-200.json")
    damaged = json.loads((tmp_path / "cells" / "trec-200.json").read_text())
    del damaged["default"]
    (tmp_path / "cells" / "trec-200.json").write_text(json.dumps(damaged))
    done = run_script("compare_defaults", "--output", "cells", "--collect", "all.json")
    assert done.returncode == 2
    assert "trec-200.json: " in done.stderr and "default" in done.stderr and "Traceback" not in done.stderr
