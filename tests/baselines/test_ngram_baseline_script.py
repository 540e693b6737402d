"""scripts/baseline_ngram.py: whole runs on a few sentences, what is chosen and counted, and what it refuses."""

from __future__ import annotations

import math
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hf_rnn.baselines.ngram import KneserNey
from hf_rnn.baselines.ngram_text import NgramTextModel
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.runs.results import read_results


Run = Callable[..., dict[str, Any]]
NAMES = ("ana", "rui", "eva")


def some_text(seed: int, lines: int) -> str:
    """Who speaks decides the word two further on: only n-grams of three words tell."""
    names = np.random.default_rng(seed).choice(len(NAMES), lines)
    return "".join(f"{NAMES[name]} says {('oi', 'bom', 'tchau')[name]}\n" for name in names)


TEXTS = {"train": some_text(0, 60), "validation": some_text(1, 20), "test": some_text(2, 30)}


@pytest.fixture
def run(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for split, text in TEXTS.items():
        (tmp_path / f"{split}.txt").write_text(text)

    def run_script(*flags: str, splits: tuple[str, ...] = tuple(TEXTS)) -> dict[str, Any]:
        given = [part for split in splits for part in (f"--{split}_file", str(tmp_path / f"{split}.txt"))]
        given += ["--tokenizer_kind", "whitespace", "--output_dir", str(tmp_path / "run")]
        monkeypatch.setattr(sys, "argv", ["baseline_ngram.py", *given, *flags])
        runpy.run_path(str(project / "scripts" / "baseline_ngram.py"), run_name="__main__")
        return read_results(tmp_path / "run" / "results.json")

    return run_script


def expected(order: int, counted: str, measured: str) -> dict[str, float]:
    """The figures, from the model alone."""
    tokenizer = train_tokenizer([TEXTS["train"]], kind="whitespace", end_of_text=True, show_progress=False)
    model = KneserNey(order, len(tokenizer)).fit(tokenizer(counted)["input_ids"])
    nats = -model.log_probabilities(tokenizer(measured)["input_ids"])
    # Words and line ends; the first is not predicted.
    assert len(nats) == 4 * measured.count("\n")
    loss, characters = nats[1:].mean(), len(measured) / len(nats)
    return {"loss": loss, "perplexity": math.exp(loss), "bits_per_character": loss / math.log(2) / characters}


def test_the_model_can_be_asked_afterwards(run: Run, tmp_path: Path) -> None:
    run("--max_order", "3")
    model = NgramTextModel.load(tmp_path / "run")
    (word, probability), *_ = model.next_words("rui says")
    assert (word, probability > 0.9) == ("bom", True)
    assert model.likelier("eva says oi", "eva says tchau")[0] == "eva says tchau"


def test_the_order_is_chosen_on_validation(run: Run, capsys: pytest.CaptureFixture) -> None:
    results = run("--do_predict", "--dataset_title", "greetings")
    assert (results["task"], results["name"], results["dataset"]["name"]) == ("text-generation", "run", "greetings")
    assert results["dataset"]["splits"] == {"train": 240, "validation": 80, "test": 120}
    assert results["training"]["selection"] == {"split": "validation", "metric": "perplexity"}
    metrics = results["metrics"]
    losses = [metrics["validation"][f"order_{order}_loss"] for order in range(1, 6)]
    best = 1 + int(np.argmin(losses))
    assert best >= 3 and losses[1] > losses[2] + 0.1
    assert results["model"]["config"]["order"] == best
    assert metrics["validation"]["loss"] == losses[best - 1]
    for order in range(1, 6):
        of_order = {name: metrics["validation"][f"order_{order}_{name}"] for name in metrics["test"]}
        assert of_order == pytest.approx(expected(order, TEXTS["train"], TEXTS["validation"]))
    assert metrics["test"] == pytest.approx(expected(best, TEXTS["train"], TEXTS["test"]))
    assert f"Order {best}, " in capsys.readouterr().out


def test_shorter_orders_alone(run: Run) -> None:
    results = run("--max_order", "2")
    assert results["model"]["config"]["order"] == 2
    # Three figures of the order chosen, and of each of the two.
    assert len(results["metrics"]["validation"]) == 3 + 2 * 3


def test_the_test_split_is_measured_only_when_asked(run: Run) -> None:
    assert run()["metrics"].keys() == {"validation"}


def test_counting_again_takes_the_validation_text(run: Run) -> None:
    plain, again = run("--do_predict"), run("--do_predict", "--refit")
    assert plain["metrics"]["validation"] == again["metrics"]["validation"]
    order = again["model"]["config"]["order"]
    counted = TEXTS["train"] + TEXTS["validation"]
    assert again["metrics"]["test"] == pytest.approx(expected(order, counted, TEXTS["test"]))
    assert again["metrics"]["test"] != plain["metrics"]["test"]
    assert "Counted again on train and validation text" in again["dataset"]["notes"]


def test_characters(run: Run) -> None:
    results = run("--do_predict", "--tokenizer_kind", "character", "--max_order", "3")
    assert results["dataset"]["splits"]["test"] == len(TEXTS["test"])
    figures = results["metrics"]["test"]
    assert figures["bits_per_character"] == pytest.approx(figures["loss"] / math.log(2))


def test_the_recipes_are_read_and_recorded(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path))
    (tmp_path / "lm").mkdir()
    names = {"train": "ptb.train", "validation": "ptb.valid", "test": "ptb.test"}
    for name, text in {
        **{names[split]: text for split, text in TEXTS.items()},
        "tiny_shakespeare": TEXTS["train"],
    }.items():
        (tmp_path / "lm" / f"{name}.txt").write_text(text)
    recipes = sorted((project / "hf_rnn" / "recipes" / "baselines").glob("*_ngram*.json"))
    assert recipes
    for recipe in recipes:
        monkeypatch.setattr(
            sys, "argv", ["baseline_ngram.py", str(recipe), "--output_dir", str(tmp_path / recipe.stem)]
        )
        runpy.run_path(str(project / "scripts" / "baseline_ngram.py"), run_name="__main__")
        results = read_results(tmp_path / recipe.stem / "results.json")
        assert results["recipe"] == recipe.relative_to(project).as_posix()
        assert results["dataset"]["source"].startswith("${HF_RNN_CORPORA}/lm/")
        assert results["metrics"]["test"]["perplexity"] < 4


def test_a_missing_split_is_named(run: Run, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(splits=("train", "test"))
    assert "Give `validation_file` or `validation_split_percentage`" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        run("--do_predict", splits=("train", "validation"))
    assert "Give `test_file` or `test_split_percentage`" in capsys.readouterr().err


def test_an_order_out_of_range_is_named(run: Run, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("--max_order", "0")
    assert "`max_order`=0 must be at least 1" in capsys.readouterr().err
