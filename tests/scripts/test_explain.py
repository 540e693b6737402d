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
from tests.insight import test_alignment as alignment_models
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
    with pytest.raises(ValueError, match="is a LstmModel; it must be a classifier, tagger, language model, enc"):
        load_with_head(tmp_path / "backbone")
    build_tagger("gru").save_pretrained(tmp_path / "tagger")
    assert type(load_with_head(tmp_path / "tagger")).__name__ == "GruForTokenClassification"


def test_a_translator_of_transformers_is_loaded_with_its_attention(tmp_path: Path) -> None:
    alignment_models.marian("sdpa").save_pretrained(tmp_path / "marian")
    found = alignment_models.alignment_weights(
        load_with_head(tmp_path / "marian"),
        alignment_models.TOKENIZER,
        alignment_models.SOURCE,
        alignment_models.TARGET,
    )
    assert found.weights.shape == (3, 5)


@pytest.fixture
def translator(tmp_path: Path) -> Path:
    """The folder of an encoder-decoder."""
    network = alignment_models.model()
    network.generation_config.max_new_tokens = 3
    network.save_pretrained(tmp_path / "translator")
    alignment_models.TOKENIZER.save_pretrained(tmp_path / "translator")
    return tmp_path / "translator"


def test_the_alignment_of_an_encoder_decoder_in_files(
    translator: Path, run_here: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_here("translator", "a b c", "--alignment", "out/weights.csv")
    said = capsys.readouterr().out
    assert "Answer, Alignment with the source, " in said
    assert said.endswith("Wrote out/weights.csv and out/weights.png.\n")
    header, *rows = (tmp_path / "out" / "weights.csv").read_text(encoding="utf-8").splitlines()
    assert header == "written,a,b,c,[EOS]" and 1 <= len(rows) <= 3
    assert (tmp_path / "out" / "weights.png").is_file() and (tmp_path / "report.html").is_file()


def test_the_words_of_a_text_in_the_plane_in_files(
    run_here: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_here("bundled:bilstm-imdb", "superb great, awful poor", "--plane", "out/plane.csv")
    assert capsys.readouterr().out.endswith("Wrote out/plane.csv and out/plane.png.\n")
    header, *rows = (tmp_path / "out" / "plane.csv").read_text(encoding="utf-8").splitlines()
    assert header == "word,x,y"
    points = {word: float(x) for word, x, _ in (row.split(",") for row in rows)}
    assert list(points) == ["superb", "great", "awful", "poor"]
    # Praise on one side, blame on the other.
    assert max(points["superb"], points["great"]) * min(points["awful"], points["poor"]) < 0
    with pytest.raises(SystemExit):
        run_here("bundled:bilstm-imdb", "a", "--plane", "plane.json")
    assert "`--plane`='plane.json' must be the name of a .csv file." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("checkpoint", "file", "message"),
    [
        ("translator", "weights.json", "`--alignment`='weights.json' must be the name of a .csv file."),
        ("bundled:bilstm-imdb", "weights.csv", "is a BiLstmForSequenceClassification; it must be an encoder-decoder."),
    ],
)
def test_an_alignment_that_there_is_not_is_refused(
    translator: Path,
    run_here: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    checkpoint: str,
    file: str,
    message: str,
) -> None:
    with pytest.raises(SystemExit):
        run_here(checkpoint, "a b c", "--alignment", file)
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [translator]
