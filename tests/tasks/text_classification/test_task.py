"""Text classification from files to results, on a few synthetic reviews."""

from __future__ import annotations

import csv
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

from hf_rnn.data.readers.texts import DataArguments, load_text_classification
from hf_rnn.data.synthetic.reviews import generate_reviews
from hf_rnn.runs.results import read_results
from hf_rnn.tasks import building
from hf_rnn.tasks import run as run_module
from hf_rnn.tasks.arguments import TokenizerArguments
from hf_rnn.tasks.text_classification.task import tokenize_splits
from hf_rnn.training.trainer import RecurrentTrainer
from tests.tasks.small_runs import (
    SMALL,
    Steps,
    refuse,
    run,
    save_tiny_bert,
    texts_and_labels,
    watch,
    write_reviews,
    write_rows,
)


CUT = 8  # tokens; every review is longer


@dataclass
class Run:
    """A run that has ended, and the flags that name its files."""

    family: str
    folder: Path
    results: dict[str, Any]
    files: dict[str, str]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_reviews(tmp_path_factory.mktemp("reviews"))


@pytest.fixture(scope="module", params=["bilstm", "gru", "elman", "min_lstm", "dan"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> Run:
    folder = tmp_path_factory.mktemp("runs") / f"{request.param}-reviews"
    results = run(folder, model_type=request.param, max_seq_length=CUT, do_eval=True, **files)
    return Run(request.param, folder, results, files)


def predictions(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_predictions_are_the_pipeline_s(folder: Path, test_file: str, **options: Any) -> None:
    """Each row of predictions.csv has the true label, and what a stock pipeline answers to the raw text."""
    rows = texts_and_labels(test_file)
    answers = pipeline("text-classification", model=str(folder), **options)([text for text, _ in rows])
    predicted = predictions(folder)
    assert [row["row"] for row in predicted] == [str(index) for index in range(len(rows))]
    assert [row["label"] for row in predicted] == [label for _, label in rows]
    assert [row["prediction"] for row in predicted] == [answer["label"] for answer in answers]
    scores = [float(row["score"]) for row in predicted]
    assert scores == pytest.approx([answer["score"] for answer in answers], abs=2e-6)
    assert len(set(scores)) > len(scores) / 2  # a model that says the same of all would hide a wrong order


def test_results_are_complete(trained: Run) -> None:
    assert read_results(trained.folder / "results.json") == trained.results
    assert trained.results["name"] == f"{trained.family}-reviews"
    assert trained.results["model"]["model_type"] == trained.family
    assert trained.results["model"]["base_model"] is None
    assert trained.results["dataset"]["splits"] == {"train": 60, "validation": 20, "test": 20}
    assert trained.results["dataset"]["name"] == "train"
    metrics = trained.results["metrics"]
    assert list(metrics) == ["train", "validation", "test"]
    assert all({"loss", "accuracy", "f1"} <= figures.keys() for figures in metrics.values())
    training = trained.results["training"]
    assert training["selection"] == {"split": "validation", "metric": "accuracy"}
    assert (training["epochs"], training["steps"], training["seed"], training["data_seed"]) == (2.0, 16, 1, 1)
    assert training["best_step"] in (8, 16)
    assert training["arguments"]["max_seq_length"] == CUT
    assert training["arguments"]["learning_rate"] == 0.01
    assert (trained.folder / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


def test_predictions_are_those_of_a_stock_pipeline_on_whole_texts(trained: Run) -> None:
    tokenizer = AutoTokenizer.from_pretrained(trained.folder)
    assert all(len(tokenizer(text)["input_ids"]) > CUT for text, _ in texts_and_labels(trained.files["test_file"]))
    assert_predictions_are_the_pipeline_s(trained.folder, trained.files["test_file"])


def test_accuracy_is_that_of_the_predictions(trained: Run) -> None:
    right = [row["label"] == row["prediction"] for row in predictions(trained.folder)]
    assert trained.results["metrics"]["test"]["accuracy"] == pytest.approx(sum(right) / len(right))


def test_one_logit_for_two_labels(files: dict[str, str], tmp_path: Path) -> None:
    run(tmp_path / "out", config_overrides={**SMALL, "single_logit": True, "pooling": "max"}, **files)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert model.config.single_logit and model.classifier.output.out_features == 1
    assert_predictions_are_the_pipeline_s(tmp_path / "out", files["test_file"])


def write_json_lines(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_several_labels(tmp_path: Path) -> None:
    reviews = [review["text"] for review in generate_reviews(80, seed=2)]
    subjects = ("film", "meal", "book")
    rows = [{"text": text, "label": [name for name in subjects if name in text]} for text in reviews]
    files = {
        "train_file": write_json_lines(tmp_path / "train.jsonl", rows[:60]),
        "validation_file": write_json_lines(tmp_path / "validation.jsonl", rows[60:70]),
        "test_file": write_json_lines(tmp_path / "test.jsonl", rows[70:]),
    }
    results = run(tmp_path / "out", model_type="dan", num_train_epochs=6, learning_rate=0.05, **files)
    assert results["training"]["selection"]["metric"] == "f1_micro"
    assert results["metrics"]["test"]["f1_micro"] > 0.5
    names = sorted(subjects)
    threshold = AutoConfig.from_pretrained(tmp_path / "out").label_threshold
    answers = pipeline("text-classification", model=str(tmp_path / "out"), top_k=None)(
        [row["text"] for row in rows[70:]]
    )
    for row, predicted, answer in zip(rows[70:], predictions(tmp_path / "out"), answers, strict=True):
        probability = {item["label"]: item["score"] for item in answer}
        assert predicted["label"].split() == sorted(row["label"])
        assert predicted["prediction"].split() == [name for name in names if probability[name] >= threshold]
        scores = [float(score) for score in predicted["score"].split()]
        assert scores == pytest.approx([probability[name] for name in names], abs=2e-6)


def test_regression(tmp_path: Path) -> None:
    reviews = generate_reviews(60, seed=3)
    rows = [(review["text"], review["label"] + len(review["text"]) / 1000) for review in reviews]
    files = {
        "train_file": str(write_rows(tmp_path / "train.csv", rows[:40])),
        "validation_file": str(write_rows(tmp_path / "validation.csv", rows[40:50])),
        "test_file": str(write_rows(tmp_path / "test.csv", rows[50:])),
    }
    results = run(tmp_path / "out", model_type="gru", metric_for_best_model="mse", **files)
    state = json.loads((tmp_path / "out" / "checkpoint-10" / "trainer_state.json").read_text())
    errors = [entry["eval_mse"] for entry in state["log_history"] if "eval_mse" in entry]
    assert len(set(errors)) == 2
    assert results["metrics"]["validation"]["mse"] == pytest.approx(min(errors), rel=1e-5)
    assert results["metrics"]["test"]["mse"] == pytest.approx(results["metrics"]["test"]["loss"], rel=1e-4)
    numbers = pipeline("text-classification", model=str(tmp_path / "out"))([text for text, _ in rows[50:]])
    predicted = predictions(tmp_path / "out")
    assert [float(row["label"]) for row in predicted] == pytest.approx([label for _, label in rows[50:]])
    assert [float(row["score"]) for row in predicted] == pytest.approx([n["score"] for n in numbers], abs=1e-5)
    assert all(row["prediction"] == row["score"] for row in predicted)


def test_a_stock_bert_is_trained_by_the_same_code(files: dict[str, str], tmp_path: Path) -> None:
    texts = [text for text, _ in texts_and_labels(files["train_file"])]
    bert = save_tiny_bert(tmp_path / "bert", texts)
    results = run(tmp_path / "out", model_name_or_path=str(bert), report_name="tiny", base_model_id="a/b", **files)
    assert (results["name"], results["model"]["class"]) == ("tiny", "BertForSequenceClassification")
    assert results["model"]["base_model"] == "a/b"
    # A model with a limit is evaluated on what it can read.
    assert_predictions_are_the_pipeline_s(tmp_path / "out", files["test_file"], truncation=True, max_length=24)


def test_evaluating_our_own_checkpoint_gives_its_figures(trained: Run, tmp_path: Path) -> None:
    again = run(
        tmp_path / "out", model_name_or_path=str(trained.folder), do_train=False, do_eval=True, **trained.files
    )
    for split, figures in trained.results["metrics"].items():
        assert again["metrics"][split] == pytest.approx(figures, rel=1e-5), split
    assert again["training"]["selection"] is None
    assert again["training"]["minutes"] == 0
    # A folder of this machine means nothing on the Hub.
    assert again["model"]["base_model"] is None


def test_training_goes_on_from_our_own_checkpoint_with_its_labels(tmp_path: Path, files: dict[str, str]) -> None:
    run(tmp_path / "first", model_type="gru", num_train_epochs=1, **files)
    rows = [(review["text"], review["label"]) for review in generate_reviews(24, seed=8)]
    train_file = str(write_rows(tmp_path / "numbers.csv", rows))
    results = run(
        tmp_path / "second",
        model_name_or_path=str(tmp_path / "first"),
        train_file=train_file,
        validation_split_percentage=25,
        num_train_epochs=1,
        do_predict=False,
    )
    config = AutoModelForSequenceClassification.from_pretrained(tmp_path / "second").config
    assert config.id2label == {0: "negative", 1: "positive"}
    assert config.label2id == {"negative": 0, "positive": 1}
    assert config.hidden_size == SMALL["hidden_size"]
    assert results["dataset"]["splits"] == {"train": 18, "validation": 6}
    assert not (tmp_path / "second" / "predictions.csv").exists()
    tokenizers = [AutoTokenizer.from_pretrained(tmp_path / name).get_vocab() for name in ("first", "second")]
    assert tokenizers[0] == tokenizers[1]


def test_a_stopped_run_is_resumed_and_ends_like_one_that_was_not(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 5, "save_steps": 5}
    overrides = {**SMALL, "dropout": 0.2, "embedding_dropout": 0.2}
    flags = {**files, **steps, "config_overrides": overrides, "learning_rate": 0.03, "num_train_epochs": 3}
    whole = run(tmp_path / "whole", **flags)

    watch(monkeypatch, Steps(last=13))
    with pytest.raises(RuntimeError, match="went down"):
        run(tmp_path / "cut", **flags)
    left = tmp_path / "cut" / "checkpoint-10"
    assert not (tmp_path / "cut" / "results.json").exists()
    assert pipeline("text-classification", model=str(left))("A great film.")[0]["label"] in ("negative", "positive")

    steps_again = Steps()
    watch(monkeypatch, steps_again)
    monkeypatch.setattr(building, "train_tokenizer", refuse)
    resumed = run(tmp_path / "cut", **flags)
    assert steps_again.seen == list(range(11, 25))
    assert resumed["metrics"] == whole["metrics"]
    assert resumed["training"]["steps"] == whole["training"]["steps"] == 24
    assert resumed["training"]["best_step"] == whole["training"]["best_step"]
    assert predictions(tmp_path / "cut") == predictions(tmp_path / "whole")
    with pytest.raises(ValueError, match="`output_dir`=.*holds a run that has ended"):
        run(tmp_path / "cut", **flags)


def test_patience(files: dict[str, str], tmp_path: Path) -> None:
    results = run(
        tmp_path / "out", learning_rate=1e-12, num_train_epochs=6, early_stopping_patience=2, do_predict=False, **files
    )
    assert results["training"]["epochs"] == 3
    assert results["training"]["best_step"] == 8


VECTOR_WORDS = ("great", "awful", "boring", "film", "the", "zebra")


def test_pretrained_vectors(files: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vectors = {
        word: [float(f"{index + 1}.{feature}") for feature in range(8)] for index, word in enumerate(VECTOR_WORDS)
    }
    glove = tmp_path / "glove.txt"
    glove.write_text("".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in vectors.items()))
    kept = {}
    for freeze in (True, False):
        with caplog.at_level(logging.WARNING, logger="hf_rnn"):
            folder = tmp_path / f"frozen_{freeze}"
            run(folder, embedding_vectors=str(glove), freeze_embeddings=freeze, model_type="dan", **files)
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        ids = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids(["great", "film", "the"])
        expected = torch.tensor([vectors[word] for word in ("great", "film", "the")])
        kept[freeze] = torch.equal(model.get_input_embeddings().weight[ids], expected)
    assert kept == {True: True, False: False}
    # "zebra" is in no review.
    vocabulary = len(AutoTokenizer.from_pretrained(folder)) - 2
    assert f"Embeddings of 8 dimensions, as {glove} has them: 5 of {vocabulary:,} tokens" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"validation_file": None},
            "no validation split.*`validation_file`.*`validation_split_percentage`.*`eval_strategy`",
        ),
        ({"test_file": None}, "`do_predict` needs a test split: give `test_file`"),
        (
            {"config_overrides": {**SMALL, "vocab_size": 20}},
            "`config_overrides` give `vocab_size`=20, which follows from the tokenizer.*the argument `vocab_size`",
        ),
        ({"config_overrides": {"hiden_size": 20}}, "`hiden_size`.*did you mean `hidden_size`"),
        ({"truncation": "middle"}, "'middle'.*'head', 'tail', 'head_tail'"),
        ({"label_column_name": "stars"}, "no column 'stars'"),
    ],
)
def test_arguments_that_do_not_fit(files, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "out", **{name: value for name, value in (files | changes).items() if value is not None})
    assert not list(tmp_path.glob("out/checkpoint-*"))


def test_a_label_that_training_does_not_know(files: dict[str, str], tmp_path: Path) -> None:
    bad = str(write_rows(tmp_path / "bad.csv", [("Good.", "positive"), ("So so.", "neutral")]))
    with pytest.raises(
        ValueError, match="validation split has the value 'neutral' in bad.csv, line 3.*'negative', 'positive'"
    ):
        run(tmp_path / "out", **files | {"validation_file": bad})


# Training reads the part of a text that `truncation` keeps; evaluation reads what a pipeline would.


@pytest.fixture(scope="module")
def data(files: dict[str, str]) -> Any:
    return load_text_classification(DataArguments(**files))


@pytest.fixture(scope="module")
def bert_tokenizer(bert_folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(bert_folder)


@pytest.fixture(scope="module")
def bert_folder(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [text for text, _ in texts_and_labels(files["train_file"])]
    return save_tiny_bert(tmp_path_factory.mktemp("bert"), texts)


@pytest.mark.parametrize(
    ("arguments", "recurrent", "train", "evaluated"),
    [
        ({"max_seq_length": 12}, True, 12, None),
        ({"max_seq_length": 12}, False, 12, 12),
        ({"max_seq_length": 12, "max_eval_seq_length": 16}, True, 12, 16),
        ({"max_seq_length": 12, "max_eval_seq_length": 16}, False, 12, 16),
        # The tokenizer's own limit, which a pipeline does not apply, is 24.
        ({}, True, 24, None),
        ({}, False, 24, 24),
    ],
)
def test_lengths_of_the_splits(
    data, bert_tokenizer, arguments, recurrent: bool, train: int, evaluated: int | None
) -> None:
    splits = tokenize_splits(data, bert_tokenizer, TokenizerArguments(**arguments), recurrent)
    assert list(splits) == ["train", "train_whole", "validation", "test"]
    for name, most in {"train": train, "train_whole": evaluated, "validation": evaluated}.items():
        texts = data.splits[name.removesuffix("_whole")]["text"]
        whole = [len(bert_tokenizer(text, verbose=False)["input_ids"]) for text in texts]
        assert max(whole) > 30
        assert splits[name]["length"] == [min(length, most or length) for length in whole], name


@pytest.mark.parametrize("side", ["head", "tail"])
def test_side_that_training_keeps(data, bert_tokenizer, side: str) -> None:
    arguments = TokenizerArguments(max_seq_length=12, truncation=side)
    for text, ids in zip(
        data.splits["train"]["text"],
        tokenize_splits(data, bert_tokenizer, arguments, True)["train"]["input_ids"],
        strict=True,
    ):
        whole = bert_tokenizer(text, verbose=False)["input_ids"]
        inner = whole[1:-1][:10] if side == "head" else whole[1:-1][-10:]
        assert ids == [whole[0], *inner, whole[-1]]


def test_each_split_goes_where_it_belongs(files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}

    class Watched(RecurrentTrainer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            seen["training"] = max(self.train_dataset["length"])

        def evaluate(self, eval_dataset: Any = None, *args: Any, metric_key_prefix: str = "eval", **kw: Any) -> Any:
            seen[metric_key_prefix] = max((eval_dataset or self.eval_dataset)["length"])
            return super().evaluate(eval_dataset, *args, metric_key_prefix=metric_key_prefix, **kw)

    monkeypatch.setattr(run_module, "RecurrentTrainer", Watched)
    run(tmp_path / "out", model_type="dan", max_seq_length=CUT, num_train_epochs=1, **files)
    assert seen.pop("training") == CUT
    assert seen.keys() == {"eval", "train", "validation"}
    assert min(seen.values()) > 30


def test_all_rows_are_trained_on_for_a_fixed_number_of_epochs(tmp_path):
    files = write_reviews(tmp_path)
    options = {"validation_file": None, "eval_strategy": "no", "load_best_model_at_end": False}
    results = run(tmp_path / "run", **{**files, **options}, do_eval=True)
    assert results["training"]["selection"] is None
    assert results["training"]["epochs"] == 2.0
    assert set(results["metrics"]) == {"train", "test"}
    assert set(results["dataset"]["splits"]) == {"train", "test"}


def test_texts_that_take_long_are_spoken_of(
    files: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*((f"a fine film {i}", "positive") for i in range(6)), ("dull " * 2500, "negative"), ("bad", "negative")]
    train = str(write_rows(tmp_path / "long.csv", rows))
    run(tmp_path / "out", **files | {"train_file": train})
    # A number that occurs once is a piece of its own behind the mark of the word.
    assert "The longest training text has 2,500 tokens, the median 5: long texts take long." in caplog.text
    caplog.clear()
    run(tmp_path / "cut", **files | {"train_file": train, "max_seq_length": 100})
    assert "long texts" not in caplog.text
