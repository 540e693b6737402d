"""Tagging from files to results, on a few generated sentences."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import seqeval.metrics
from safetensors.torch import load_file
from seqeval.scheme import IOB2
from transformers import AutoModelForTokenClassification, AutoTokenizer

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.token_classification import building as tagger
from tests.tasks.small_runs import Steps, refuse, watch
from tests.tasks.small_tagging_runs import (
    SMALL,
    generate_tagged,
    pipeline_tags,
    read_predictions,
    read_sentences,
    run,
    save_tiny_bert,
    write_news,
    write_sentences,
)


LIMIT = 16  # pieces that the BERT reads; many sentences have more
LABELS = ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
TYPES = ("LOC", "ORG", "PER")


@dataclass
class Run:
    """A run that has ended, and the flags that name its files."""

    kind: str
    folder: Path
    results: dict[str, Any]
    files: dict[str, str]

    def gold_sentences(self) -> tuple[list[list[str]], list[list[str]]]:
        """Tokens and true tags."""
        tokens, tags = zip(*read_sentences(self.files["test_file"]), strict=True)
        return list(tokens), list(tags)

    def predicted(self) -> list[list[str]]:
        return [tags for _, _, tags in read_predictions(self.folder)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_news(tmp_path_factory.mktemp("news"))


@pytest.fixture(scope="module")
def options(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The flags of each kind of model."""
    folder = tmp_path_factory.mktemp("models")
    sentences = read_sentences(files["train_file"])
    texts = [" ".join(tokens) for tokens, _ in sentences]
    train_tokenizer(texts, kind="word", lowercase=False, show_progress=False).save_pretrained(folder / "words")
    train_tokenizer(texts, kind="bpe", vocab_size=300, show_progress=False).save_pretrained(folder / "bpe")
    bert = save_tiny_bert(folder / "bert", sentences, limit=LIMIT)
    sizes = {"embedding_size": 8, "hidden_size": 6, "dropout": 0.0, "embedding_dropout": 0.0}
    return {
        "bilstm of words": {},
        "gru without crf": {"model_type": "gru", "config_overrides": {**SMALL, "crf": False}},
        "bilstm of tokens": {"tokenizer_name_or_path": str(folder / "words"), "config_overrides": sizes},
        "byte-level": {"tokenizer_name_or_path": str(folder / "bpe")},
        "bert": {"model_name_or_path": str(bert), "label_all_tokens": True},
    }


KINDS = ["bilstm of words", "gru without crf", "bilstm of tokens", "byte-level", "bert"]


@pytest.fixture(scope="module", params=KINDS)
def trained(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, str],
    options: dict[str, dict[str, Any]],
) -> Run:
    folder = tmp_path_factory.mktemp("runs") / request.param.replace(" ", "-")
    longer = {} if request.param == "bert" else {"num_train_epochs": 4, "learning_rate": 0.05}
    results = run(folder, do_eval=True, **files, **options[request.param], **longer)
    return Run(request.param, folder, results, files)


def test_models_are_what_was_asked_for(trained: Run) -> None:
    config = AutoModelForTokenClassification.from_pretrained(trained.folder).config
    assert [config.id2label[index] for index in range(len(LABELS))] == LABELS
    if trained.kind == "bert":
        assert config.model_type == "bert"
        return
    assert config.model_type == ("gru" if trained.kind.startswith("gru") else "bilstm")
    assert config.crf is (trained.kind != "gru without crf")
    assert config.label_scheme == ("BIOES" if config.crf else None)
    assert (config.word_vocab_size is None) is (trained.kind == "bilstm of tokens")
    assert config.char_encoder == (None if config.word_vocab_size is None else "cnn")


def test_results_are_complete(trained: Run) -> None:
    results = trained.results
    assert read_results(trained.folder / "results.json") == results
    assert (results["task"], results["name"]) == ("token-classification", trained.folder.name)
    assert results["dataset"]["splits"] == {"train": 60, "validation": 20, "test": 21}
    assert list(results["metrics"]) == ["train", "validation", "test"]
    names = {"loss", "precision", "recall", "f1", "accuracy"}
    of_types = {f"{figure}_{kind}" for figure in ("precision", "recall", "f1", "support") for kind in TYPES}
    for split, figures in results["metrics"].items():
        natural = {f"{figure}_detokenized" for figure in ("precision", "recall", "f1")} if split == "test" else set()
        assert set(figures) == names | of_types | natural
    training = results["training"]
    assert training["selection"] == {"split": "validation", "metric": "f1"}
    epochs = 2.0 if trained.kind == "bert" else 4.0
    assert (training["epochs"], training["seed"], training["data_seed"]) == (epochs, 1, 1)
    assert training["best_step"] is not None and training["best_step"] <= training["steps"]
    assert (trained.folder / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


def test_predictions_have_the_tokens_and_the_tags_of_the_file(trained: Run) -> None:
    """The predictions have the file's order, although batches are sorted by length."""
    predictions = read_predictions(trained.folder)
    tokens, tags = trained.gold_sentences()
    assert len({len(sentence) for sentence in tokens}) > 5
    assert [row[0] for row in predictions] == tokens
    assert [row[1] for row in predictions] == tags


def test_figures_are_those_of_seqeval_on_the_predictions(trained: Run) -> None:
    _, tags = trained.gold_sentences()
    predicted = trained.predicted()
    figures = trained.results["metrics"]["test"]
    assert 0.1 < figures["f1"] < 1, "a model that is always right, or never, would hide a mistake"
    strict = {"mode": "strict", "scheme": IOB2}
    for name in ("precision", "recall", "f1"):
        score = getattr(seqeval.metrics, f"{name}_score")
        assert figures[name] == pytest.approx(score(tags, predicted, **strict)), name
        by_type = score(tags, predicted, average=None, **strict)
        assert [figures[f"{name}_{kind}"] for kind in TYPES] == pytest.approx(by_type), name
    assert [figures[f"support_{kind}"] for kind in TYPES] == [
        sum(tag == f"B-{kind}" for tag in chain(*tags)) for kind in TYPES
    ]
    assert figures["accuracy"] == pytest.approx(seqeval.metrics.accuracy_score(tags, predicted))


def test_the_confusion_table_counts_the_tokens_of_the_predictions(trained: Run) -> None:
    table = json.loads((trained.folder / "confusion.json").read_text())
    _, tags = trained.gold_sentences()
    pairs = zip(chain(*tags), chain(*trained.predicted()), strict=True)
    counts = Counter((true.partition("-")[2] or "O", guess.partition("-")[2] or "O") for true, guess in pairs)
    names = ["O", *TYPES]
    assert table == {true: {guess: counts[true, guess] for guess in names} for true in names}
    assert sum(count for row in table.values() for count in row.values()) == sum(map(len, tags))


def test_the_stock_pipeline_gives_the_same_tags_to_raw_text(trained: Run) -> None:
    tokens, _ = trained.gold_sentences()
    tokenizer = AutoTokenizer.from_pretrained(trained.folder)
    lengths = [len(tokenizer(" ".join(sentence), verbose=False)["input_ids"]) for sentence in tokens]
    # The pipeline cuts nothing into windows: a BERT reads what it can.
    readable = [index for index, length in enumerate(lengths) if trained.kind != "bert" or length <= LIMIT]
    assert len(readable) >= 8
    predicted = trained.predicted()
    assert len({tag for index in readable for tag in predicted[index]}) >= 3
    found = pipeline_tags(trained.folder, [tokens[index] for index in readable])
    assert found == [predicted[index] for index in readable]
    if trained.kind == "bert":
        assert len(readable) < len(tokens), "no sentence had more than one window"


def test_evaluating_a_checkpoint_gives_its_figures(trained: Run, tmp_path: Path) -> None:
    again = run(
        tmp_path / "out", model_name_or_path=str(trained.folder), do_train=False, do_eval=True, **trained.files
    )
    for split, figures in trained.results["metrics"].items():
        assert again["metrics"][split] == pytest.approx(figures, rel=1e-5), split
    assert read_predictions(tmp_path / "out") == read_predictions(trained.folder)
    assert again["training"]["selection"] is None


TABLES = ("keys", "token_bytes", "token_lengths", "token_starts")


def test_training_goes_on_from_a_checkpoint_with_its_words(files: dict[str, str], tmp_path: Path) -> None:
    run(tmp_path / "first", num_train_epochs=1, **files)
    # Other sentences, with words that the first run has not seen, and with the tags of one type alone.
    others = [(["Ivanov", "praised", "Peru", "."], ["B-PER", "O", "O", "O"])] * 24
    train_file = write_sentences(tmp_path / "others.jsonl", others)
    results = run(
        tmp_path / "second",
        model_name_or_path=str(tmp_path / "first"),
        train_file=train_file,
        validation_split_percentage=25,
        num_train_epochs=1,
        do_predict=False,
    )
    assert results["dataset"]["splits"] == {"train": 18, "validation": 6}
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("first", "second"))
    assert first.keys() == second.keys()
    tables = [name for name in first if name.rpartition(".")[2] in TABLES]
    assert len(tables) == len(TABLES)
    for name in tables:
        assert first[name].equal(second[name]), name
        assert first[name].any(), name
    assert not first["head.classifier.output.weight"].equal(second["head.classifier.output.weight"])
    tokenizers = [AutoTokenizer.from_pretrained(tmp_path / name).get_vocab() for name in ("first", "second")]
    assert tokenizers[0] == tokenizers[1]
    config = AutoModelForTokenClassification.from_pretrained(tmp_path / "second").config
    assert [config.id2label[index] for index in range(len(LABELS))] == LABELS


def test_a_stopped_run_is_resumed_and_ends_like_one_that_was_not(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 5, "save_steps": 5}
    dropouts = {"dropout": 0.2, "embedding_dropout": 0.2, "word_dropout": 0.1}
    flags = {**files, **steps, "config_overrides": {**SMALL, **dropouts}, "weight_average_decay": 0.9}
    whole = run(tmp_path / "whole", **flags)

    watch(monkeypatch, Steps(last=13))
    with pytest.raises(RuntimeError, match="went down"):
        run(tmp_path / "cut", **flags)
    assert not (tmp_path / "cut" / "results.json").exists()

    again = Steps()
    watch(monkeypatch, again)
    monkeypatch.setattr(tagger, "train_word_pieces", refuse)
    resumed = run(tmp_path / "cut", **flags)
    assert again.seen == list(range(11, 17))
    assert resumed["metrics"] == whole["metrics"]
    assert resumed["training"]["best_step"] == whole["training"]["best_step"]
    assert read_predictions(tmp_path / "cut") == read_predictions(tmp_path / "whole")
    # The last weights, not only the best.
    for place in ("model.safetensors", "checkpoint-16/model.safetensors"):
        one, other = (load_file(tmp_path / name / place) for name in ("whole", "cut"))
        assert all(one[name].equal(other[name]) for name in one), place
    with pytest.raises(ValueError, match="`output_dir`=.*holds a run that has ended"):
        run(tmp_path / "cut", **flags)


def losses_and_weights(folder: Path, batch_size: int, steps: int, **flags: Any) -> tuple[list[float], Any]:
    """Train for three steps of eight sentences each, and give the losses and the weights."""
    run(
        folder,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=steps,
        num_train_epochs=3,
        optim="sgd",
        learning_rate=0.2,
        eval_strategy="no",
        load_best_model_at_end=False,
        do_predict=False,
        **flags,
    )
    state = json.loads((folder / "checkpoint-3" / "trainer_state.json").read_text())
    weights = load_file(folder / "model.safetensors")
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry], weights


def difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def accumulated(tmp_path: Path, sentences: list[Any], **flags: Any) -> tuple[float, float]:
    """How far the losses and weights of two accumulated micro-batches are from those of one batch."""
    train_file = write_sentences(tmp_path / "train.jsonl", sentences)
    (losses, weights), (others, other_weights) = (
        losses_and_weights(tmp_path / f"of_{size}", size, 8 // size, train_file=train_file, **flags) for size in (8, 4)
    )
    assert len(losses) == 3 and losses[0] > losses[-1]
    return max(abs(one - other) for one, other in zip(losses, others, strict=True)), difference(weights, other_weights)


@pytest.mark.parametrize("kind", ["crf", "softmax", "bert"])
def test_accumulated_steps_are_those_of_one_batch(tmp_path: Path, kind: str) -> None:
    """Exactly: the loss is that of the labels of the whole step, however many its micro-batches have."""
    sentences = generate_tagged(8, seed=3)
    assert len({len(tokens) for tokens, _ in sentences}) > 4
    flags: dict[str, Any] = {"config_overrides": {**SMALL, "crf": kind == "crf"}}
    if kind == "bert":
        dropouts = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "num_labels": len(LABELS)}
        bert = save_tiny_bert(tmp_path / "bert", sentences, limit=40, **dropouts)
        flags = {"model_name_or_path": str(bert), "class_names": ",".join(LABELS)}
    losses, weights = accumulated(tmp_path, sentences, **flags)
    assert losses < 2e-4  # as the Trainer rounds them
    assert weights < 1e-5
