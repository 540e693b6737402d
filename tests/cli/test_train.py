"""What the training scripts print and write when a run has ended."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from hf_rnn.cli.train import train_and_report
from hf_rnn.tasks.arguments import ModelArguments, ReportArguments
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.results_document import results_document


GROUPS = (ModelArguments, ReportArguments, RecurrentTrainingArguments)


def test_the_run_gets_its_arguments_and_its_figures_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    figures = {"f1": 0.61234, "f1_PER": 0.7, "precision_PER": 0.7, "recall_PER": 0.7, "support_PER": 3.0}
    results = results_document(task="token-classification", metrics={"validation": {"f1": 0.5}, "test": figures})
    given: list[Any] = []

    def run(*arguments: Any, recipe: str | None) -> dict[str, Any]:
        given.extend([*arguments, recipe])
        return results

    path = tmp_path / "recipe.json"
    values = {"model_type": "gru", "license": "mit", "language": "pt", "seed": 3, "dataset_license_note": "Ask."}
    path.write_text(json.dumps(values))
    line = [str(path), "--seed", "5", "--output_dir", str(tmp_path), "--use_cpu"]
    monkeypatch.setattr("sys.argv", ["script.py", *line])
    train_and_report(GROUPS, run)

    model, report, training, named = given
    assert (model.model_type, report.language, training.seed, named) == ("gru", "pt", 5, str(path))
    # The figures of each type are in results.json and in the card.
    assert capsys.readouterr().out.splitlines() == [
        "validation: f1 0.5000",
        "      test: f1 0.6123",
        f"Model, results.json and learning curves are in {tmp_path}; the card: {tmp_path / 'README.md'}",
        f'Use it: pipeline("token-classification", model="{tmp_path}", trust_remote_code=True)',
        f"On a file: hf-rnn predict {tmp_path} new.csv",
    ]
    card = ModelCard.load(tmp_path / "README.md")
    assert (card.data.license, card.data.language) == ("mit", "pt")
    assert "Ask." in card.text
    assert "| PER | 3 | 0.7000 |" in card.text


@pytest.mark.parametrize(
    ("model_type", "usage"),
    [
        ("gru-encoder-decoder", 'pipeline("text2text-generation", model="{}", trust_remote_code=True)'),
        ("marian", 'import hf_rnn; pipeline("text2text-generation", model="{}")'),
    ],
)
def test_what_is_said_of_a_pipeline_that_transformers_has_no_more(
    model_type: str, usage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    about = {"model__model_type": model_type, "model__class": "MarianMTModel"}
    results = results_document(task="sequence-to-sequence", metrics={"test": {"bleu": 31.5}}, **about)
    monkeypatch.setattr("sys.argv", ["script.py", "--output_dir", str(tmp_path), "--use_cpu"])
    train_and_report(GROUPS, lambda *arguments, recipe: results)
    assert capsys.readouterr().out.splitlines()[-2] == f"Use it: {usage.format(tmp_path)}"


SCRIPTS = ("text_classification", "token_classification", "similarity", "language_modeling", "one_shot")


@pytest.mark.parametrize("task", SCRIPTS)
def test_a_script_with_nothing_to_do_says_so_in_one_line(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, task: str
) -> None:
    monkeypatch.chdir(tmp_path)
    read = [] if task == "one_shot" else ["--train_file", "not_there.csv"]
    name = f"run_{task}.py"
    monkeypatch.setattr("sys.argv", [name, *read, "--output_dir", "out", "--use_cpu"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(project / "scripts" / name), run_name="__main__")
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{name}: error: None of `do_train`, `do_eval` and `do_predict` is given")
    assert all(f"--{flag} " in line for flag in ("do_train", "do_eval", "do_predict"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--learning_rate", "0"], "`learning_rate`=0.0 must be above 0"),
        (["nothing_there.json"], "There is no recipe 'nothing_there.json'"),
        (["--report_to", "tensorbord"], "`report_to`='tensorbord' must be one or several of none"),
    ],
)
def test_wrong_arguments_end_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, line: list[str], message: str
) -> None:
    monkeypatch.setattr("sys.argv", ["script.py", *line])
    with pytest.raises(SystemExit) as end:
        train_and_report(GROUPS, lambda *arguments, recipe: pytest.fail("it ran"))
    assert end.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"script.py: error: {message}")


def test_what_goes_wrong_in_a_run_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(*arguments: Any, recipe: str | None) -> dict[str, Any]:
        raise ValueError("in the middle of training")

    monkeypatch.setattr("sys.argv", ["script.py", "--output_dir", str(tmp_path), "--use_cpu"])
    with pytest.raises(ValueError, match="in the middle of training"):
        train_and_report(GROUPS, run)
