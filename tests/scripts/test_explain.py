"""scripts/explain.py: a page for every bundled checkpoint, and one line for what it refuses."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from transformers import AutoModel

import hf_rnn
from hf_rnn.bundles import bundled
from hf_rnn.insight.loading import load_with_head
from tests.models.common import build, build_tagger


Run = Callable[..., CompletedProcess[str]]


def test_the_answer_of_a_bundled_classifier(run_script: Run, tmp_path: Path) -> None:
    done = run_script(
        "explain", "bundled:bilstm-imdb", "A wonderful film.", "--label", "negative", "--output", "out/page.html"
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    assert "bilstm-imdb explained" in page and "log-odds of negative" in page
    wrote, *left_out = done.stdout.splitlines()
    assert wrote.startswith("Wrote out/page.html (") and "Contributions of tokens" in wrote
    assert (
        "Not in it: Reading curve: `model` has `bidirectional`=True; to read token by token it must be False."
        in left_out
    )
    assert "Insights: 100%" in done.stderr


@pytest.fixture
def run_here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The script in this process, in the test's folder."""

    def run(*arguments: str) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["explain.py", *arguments])
        runpy.run_path(str(project / "scripts" / "explain.py"), run_name="__main__")

    return run


def test_a_pair_from_a_folder(run_here: Callable[..., None], tmp_path: Path) -> None:
    run_here(bundled("siamese-bilstm-quora"), "How old is the sun?", "What is the age of the sun?")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "siamese-bilstm-quora explained" in page and "cosine" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nothing-there", "a"],
            "`checkpoint`='nothing-there' is neither the folder of a checkpoint nor a repository",
        ),
        (["bilstm-imdb", "a"], "`checkpoint`='bilstm-imdb' is no folder; the bundled checkpoint of this name is"),
        (["bundled:imdb", "a"], "`checkpoint` must be a bundled checkpoint (bundled:bilstm-crf-conll2003, bundled:"),
        (["bundled:bilstm-imdb", ""], "`text`='' has no token but special ones; there is nothing to explain."),
        (["bundled:bilstm-imdb", "a", "--output", "."], "`--output`='.' is a folder; it must be the file to write."),
    ],
)
def test_refusals_are_one_line(
    run_here: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    with pytest.raises(SystemExit):
        run_here(*arguments)
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", hf_rnn.list_bundled())
def test_a_checkpoint_is_loaded_as_what_it_was_saved(name: str) -> None:
    model = load_with_head(bundled(name))
    assert type(model).__name__ == model.config.architectures[0]
    assert not model.training


def test_a_checkpoint_without_a_head_is_refused(tmp_path: Path) -> None:
    build("lstm", head=False).save_pretrained(tmp_path / "backbone")
    assert AutoModel.from_pretrained(tmp_path / "backbone")
    with pytest.raises(ValueError, match="is a LstmModel; it must be a classifier, tagger, language model or siamese"):
        load_with_head(tmp_path / "backbone")
    build_tagger("gru").save_pretrained(tmp_path / "tagger")
    assert type(load_with_head(tmp_path / "tagger")).__name__ == "GruForTokenClassification"
