"""Language models from files to results, on a few generated lines."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, HfArgumentParser, pipeline

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.language_modeling.arguments import LanguageTokenizerArguments
from hf_rnn.tasks.language_modeling.task import GROUPS, run_language_modeling
from hf_rnn.tasks.recipes import read_recipe
from tests.tasks.small_language_runs import run, write_text
from tests.tasks.small_runs import flags, texts_and_labels, write_reviews


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run on one long text: its folder, its results, the text."""
    folder = tmp_path_factory.mktemp("book")
    path = write_text(folder)
    held = {"validation_split_percentage": 10, "test_split_percentage": 5, "random_windows": True}
    results = run(folder / "out", train_file=path, lowercase=False, **held)
    return {"folder": folder / "out", "results": results, "text": Path(path).read_text()}


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run on documents, by words."""
    folder = tmp_path_factory.mktemp("reviews")
    files = write_reviews(folder, test=0)
    results = run(folder / "out", tokenizer_kind="word", do_predict=False, block_size=10, **files)
    return {"folder": folder / "out", "results": results}


def nats_of(folder: Path, text: str) -> tuple[float, int]:
    """Sum the loss of `text`, read in one forward pass by the model as anybody loads it, and count its tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = model(ids).logits[0, :-1]
    found = logits.log_softmax(1).gather(1, ids[0, 1:, None])
    return -float(found.double().sum()), ids.shape[1] - 1


def test_the_figures_are_those_of_the_saved_model(book) -> None:
    text = book["text"]
    start, end = len(text) - round(len(text) * 0.05), len(text)
    nats, tokens = nats_of(book["folder"], text[start:end])
    found = book["results"]["metrics"]["test"]
    assert found["loss"] == pytest.approx(nats / tokens, abs=1e-4)
    assert found["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert found["bits_per_character"] == pytest.approx(nats / tokens / math.log(2), abs=1e-4)
    assert book["results"]["dataset"]["splits"]["test"] == tokens + 1
    assert list(book["results"]["metrics"]) == ["validation", "test"]


def test_the_best_epoch_is_that_of_the_least_loss(book) -> None:
    training = book["results"]["training"]
    assert training["selection"] == {"split": "validation", "metric": "loss"}
    history = json.loads((book["folder"] / f"checkpoint-{training['steps']}" / "trainer_state.json").read_text())
    evaluated = {row["step"]: row for row in history["log_history"] if "eval_loss" in row}
    assert training["best_step"] == min(evaluated, key=lambda step: evaluated[step]["eval_loss"])
    best = evaluated[training["best_step"]]
    assert book["results"]["metrics"]["validation"]["loss"] == pytest.approx(best["eval_loss"], abs=1e-6)
    minutes = [row["minutes"] for row in history["log_history"]]
    assert minutes == sorted(minutes) and minutes[-1] > 0
    assert training["minutes"] >= minutes[-1] - 0.01
    assert (book["folder"] / "learning_curves.png").stat().st_size > 0
    assert read_results(book["folder"] / "results.json") == book["results"]


def test_the_pipeline_goes_on_with_a_text(book) -> None:
    write = pipeline("text-generation", model=str(book["folder"]))
    (answer,) = write("The film", do_sample=False, max_new_tokens=12)
    assert answer["generated_text"].startswith("The film")
    assert len(answer["generated_text"]) == len("The film") + 12
    # One text has no beginning that a model could know.
    with pytest.raises(ValueError, match="no token to read|empty|no step"):
        write("", do_sample=False, max_new_tokens=3)


def test_documents_begin_and_end(reviews) -> None:
    folder = reviews["folder"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    end = tokenizer.eos_token_id
    assert tokenizer("the film")["input_ids"][0] == end
    assert tokenizer("")["input_ids"] == [end]
    model = AutoModelForCausalLM.from_pretrained(folder)
    generation = model.generation_config
    assert (generation.bos_token_id, generation.eos_token_id, generation.pad_token_id) == (end, end, 0)
    from_scratch = model.generate(do_sample=False, max_new_tokens=5)
    prompted = model.generate(torch.tensor([[end]]), do_sample=False, max_new_tokens=5)
    assert from_scratch.tolist() == prompted.tolist()


def test_documents_are_measured_between_ends_of_text(reviews, tmp_path) -> None:
    splits = reviews["results"]["dataset"]["splits"]
    texts = [text for text, _ in texts_and_labels(write_reviews(tmp_path, test=0)["validation_file"])]
    tokenizer = AutoTokenizer.from_pretrained(reviews["folder"])
    tokens = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert splits["validation"] == sum(map(len, tokens)) + len(texts) + 1


def test_a_model_that_reads_backwards(tmp_path) -> None:
    path = write_text(tmp_path)
    common = {"train_file": path, "validation_file": path, "do_predict": False, "num_train_epochs": 1}
    run(tmp_path / "out", reverse_text=True, **common)
    text = Path(path).read_text()
    forwards, tokens = nats_of(tmp_path / "out", text)
    backwards, _ = nats_of(tmp_path / "out", text[::-1])
    found = read_results(tmp_path / "out" / "results.json")["metrics"]["validation"]["loss"]
    assert found == pytest.approx(backwards / tokens, abs=1e-4)
    assert found != pytest.approx(forwards / tokens, abs=1e-3)


def test_training_goes_on_from_a_checkpoint_of_its_own(book, tmp_path) -> None:
    path = write_text(tmp_path, count=20)
    options = {"train_file": path, "validation_file": path, "do_predict": False, "config_overrides": None}
    results = run(tmp_path / "out", model_name_or_path=str(book["folder"]), num_train_epochs=1, **options)
    assert results["model"]["class"] == "LstmForCausalLM"
    assert results["metrics"]["validation"]["loss"] < book["results"]["metrics"]["test"]["loss"] + 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per_device_train_batch_size": 9000}, "The train split: The text has .* tokens; 9000 streams need at least"),
        ({"validation_file": None}, "There is no validation split"),
        ({"model_type": "bilstm"}, "bilstm|bidirectional|BiLstm"),
        ({"config_overrides": {"bidirectional": True}}, "`bidirectional` is True"),
        ({"init_from_lm": "lm"}, "`init_from_lm`='lm' starts classifiers"),
        ({"do_predict": True}, "`do_predict` needs a test split"),
    ],
)
def test_bad_input(tmp_path, options: dict[str, Any], message: str) -> None:
    path = write_text(tmp_path, count=30)
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "out", **{"train_file": path, "validation_file": path, "do_predict": False, **options})


def test_documents_need_a_token_that_ends_them(tmp_path) -> None:
    files = write_reviews(tmp_path, test=0)
    train_tokenizer(["a b"], min_frequency=1, show_progress=False).save_pretrained(tmp_path / "words")
    with pytest.raises(ValueError, match=r"`tokenizer_name_or_path`='.*words' has a tokenizer without an `eos_token`"):
        run(tmp_path / "run", do_eval=False, do_predict=False, tokenizer_name_or_path=str(tmp_path / "words"), **files)


def test_a_text_of_one_token(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    with pytest.raises(ValueError, match="The train split: The text has 1 tokens; 4 streams need at least 5"):
        run(tmp_path / "out", train_file=str(path), validation_file=str(path), do_predict=False)


def test_the_three_sentences(project: Path, tmp_path, monkeypatch) -> None:
    """The recipe for learners: a network of 12 units learns three Portuguese sentences by heart."""
    monkeypatch.setenv("HF_RNN_RECIPES", str(project / "hf_rnn" / "recipes"))
    recipe = read_recipe("frases_elman")
    assert recipe.pop("task") == "text-generation"
    results = run(tmp_path / "out", **{**recipe, "output_dir": str(tmp_path / "out"), "do_predict": False})
    assert results["training"]["minutes"] < 1
    assert results["model"]["config"]["hidden_size"] == 12
    write = pipeline("text-generation", model=str(tmp_path / "out"))
    for prompt, sentence in {
        "tenha": "tenha um bom dia",
        "oi": "oi como voce esta",
        "eu": "eu estou bem",
    }.items():
        (answer,) = write(prompt, do_sample=False, max_new_tokens=30)
        assert answer["generated_text"] == sentence


@pytest.mark.parametrize(("given", "kept"), [({}, True), ({"lowercase": True}, False)])
def test_capitals_are_kept_unless_they_are_not_wanted(tmp_path: Path, given: dict[str, bool], kept: bool) -> None:
    path = tmp_path / "book.txt"
    path.write_text("Ana and Bo.\n" * 60, encoding="utf-8")
    values = flags(tmp_path / "run", train_file=str(path), tokenizer_kind="character", **given)
    values |= {"max_steps": 1, "do_predict": False, "validation_split_percentage": 20, "block_size": 5}
    del values["per_device_train_batch_size"], values["num_train_epochs"]
    results = run_language_modeling(*HfArgumentParser(GROUPS).parse_dict(values))
    vocabulary = AutoTokenizer.from_pretrained(tmp_path / "run").get_vocab()
    assert ({"A", "B"} <= vocabulary.keys()) == kept
    assert "a" in vocabulary
    # 576 characters: four streams, not 32.
    assert results["training"]["arguments"]["per_device_train_batch_size"] == 4


def test_pieces_of_words_are_refused() -> None:
    with pytest.raises(ValueError, match="`tokenizer_kind`='pieces' is for classifiers of texts.*word, bpe"):
        LanguageTokenizerArguments(tokenizer_kind="pieces")
    assert LanguageTokenizerArguments().tokenizer_kind == "word"
