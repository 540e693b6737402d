"""`hf-rnn` itself: its help, its table of commands, and how errors end it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub.errors import StrictDataclassFieldValidationError

import hf_rnn_command
from hf_rnn.cli import commands
from hf_rnn.cli.commands import run_named, run_script, without_debug
from hf_rnn.cli.errors import is_the_users
from hf_rnn.extras import MissingExtraError
from hf_rnn.models.configuration_rnn import FAMILIES
from hf_rnn.version import __version__


def hf_rnn(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_help_fits_a_screen_and_imports_nothing_heavy(project: Path) -> None:
    code = (
        "import sys, hf_rnn_command; hf_rnn_command.main(['--help'])\n"
        "print(sorted({'torch', 'transformers', 'hf_rnn'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(project)}, capture_output=True, text=True
    )
    assert done.stderr.strip() == "[]"
    lines = done.stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert lines[0] == hf_rnn_command.USAGE


def test_every_command_has_its_line_and_its_module(capsys: pytest.CaptureFixture) -> None:
    hf_rnn_command.main([])
    shown = capsys.readouterr().out
    folder = Path(commands.__file__).parent
    there = [name for name in hf_rnn_command.COMMANDS if (folder / f"{name}.py").is_file()]
    assert len(there) >= 9
    for name in there:
        module = importlib.import_module(f"hf_rnn.cli.{name}")
        assert callable(module.main)
        assert f"  {name:<11}{module.SUMMARY}\n" in shown


@pytest.mark.parametrize("module", ["hf_rnn", "hf_rnn_command"])
def test_it_runs_as_a_module(project: Path, module: str) -> None:
    done = hf_rnn(project, module, "--version")
    assert (done.returncode, done.stdout.strip()) == (0, __version__), done.stderr


def test_an_unknown_command_lists_those_there_are(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_named(["trian"], hf_rnn_command.COMMANDS)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (f"hf-rnn: error: 'trian' must be one of {', '.join(hf_rnn_command.COMMANDS)}; see hf-rnn --help")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explain", "bilstm-imdb", "a film"], "hf-rnn explain: error: `checkpoint`='bilstm-imdb' is no folder; the"),
        (["export", "nowhere", "--output", "out"], "hf-rnn export: error: "),
        (
            ["push", "no_run", "--repo_id", "a/b", "--dry_run"],
            "hf-rnn push: error: Nothing was uploaded. `run_folder` is 'no_run'",
        ),
        (["tokenizer", "--train_file", "no.csv", "--output_dir", "o"], "hf-rnn tokenizer: error: The file 'no.csv' d"),
        (["search", "--task", "poetry"], "hf-rnn search: error: `task`='poetry' must be one of"),
        (["train", "poetry"], "hf-rnn train: error: 'poetry' must be a task (text-classification, "),
        (["train", "text-classification", "no.csv"], "hf-rnn train: error: The file 'no.csv' does not exist"),
        (["train", "text-classification", "no.csv", "--epochs", "3"], "hf-rnn train: error: There is no flag"),
        (
            ["train", "text-classification", "no.csv", "--seed", "x"],
            "hf-rnn train: error: argument --seed: invalid int",
        ),
        (["train", "text-classification"], "hf-rnn train: error: Give `dataset_name`"),
    ],
)
def test_an_error_of_the_user_takes_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    with pytest.raises(SystemExit, match="2"):
        run_named(words, hf_rnn_command.COMMANDS)
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("Compiling")]
    assert len(said) == 1 and said[0].startswith(message)
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "runs"])


def test_debug_shows_where_it_was_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest"])
    with pytest.raises(ValueError, match="`checkpoint`='bilstm-imdb' is no folder"):
        run_named(["explain", "bilstm-imdb", "a film", "--debug"], hf_rnn_command.COMMANDS)


@pytest.mark.parametrize(
    ("words", "kept", "debug"),
    [
        (["train", "x", "--debug"], ["train", "x"], True),
        (["--debug", "train", "x"], ["train", "x"], True),
        (["train", "--debug", "--seed", "1"], ["train", "--seed", "1"], True),
        # This one is a flag of transformers.
        (["train", "--debug", "underflow_overflow"], ["train", "--debug", "underflow_overflow"], False),
    ],
)
def test_debug_of_ours_and_of_transformers(words: list[str], kept: list[str], debug: bool) -> None:
    assert without_debug(words) == (kept, debug)


def raised(code: str, module: str) -> Exception:
    """What `code` raises in a module of this name."""
    try:
        exec(compile(code, module, "exec"), {"__name__": module})
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


def test_which_errors_are_the_users() -> None:
    assert is_the_users(raised("raise ValueError('`x`=1')", "hf_rnn.tasks.building"))
    assert is_the_users(raised("raise RuntimeError('in use')", "hf_rnn.runs.lock"))
    assert is_the_users(raised("open('nowhere')", "json"))
    assert is_the_users(MissingExtraError("sklearn"))
    with pytest.raises(StrictDataclassFieldValidationError) as wrong:
        FAMILIES["lstm"](hidden_size="many")
    assert is_the_users(wrong.value)
    # A mistake of ours shows where it is.
    assert not is_the_users(raised("raise ValueError('shapes')", "torch.nn"))
    assert not is_the_users(raised("{}['x']", "hf_rnn.tasks.building"))


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.setattr("hf_rnn.cli.bundled.bundled_folders", lambda: {"x": None})
    with pytest.raises(TypeError):
        run_named(["bundled"], hf_rnn_command.COMMANDS)


def test_scripts_run_the_same_commands(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/explain.py", "bilstm-imdb", "a film"])
    with pytest.raises(SystemExit, match="2"):
        run_script("explain")
    assert capsys.readouterr().err.startswith("explain.py: error: `checkpoint`='bilstm-imdb' is no folder")


def test_scripts_are_thin(project: Path) -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in (project / "scripts").glob("*.py")}
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}


def test_the_bundled_checkpoints_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest"])
    run_named(["bundled"], hf_rnn_command.COMMANDS)
    shown = capsys.readouterr().out
    assert (
        "bundled:bilstm-imdb\n    text-classification, 2,535,234 parameters, 5.1 MB\n    licence: apache-2.0\n"
        in shown
    )
    assert "bundled:siamese-bilstm-quora\n" in shown and "not for commercial use (CC-BY-NC-4.0)" in shown


def test_a_script_without_arguments_is_one_without_debug() -> None:
    assert without_debug([]) == ([], False)
    assert without_debug(["--debug"]) == ([], True)
