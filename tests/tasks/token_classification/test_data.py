"""Tagging runs on data that are not as one would wish, and on tags that are no entities."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import accuracy_score, f1_score
from transformers import AutoModelForTokenClassification, AutoTokenizer

from hf_rnn.data.readers.conll import read_conll
from hf_rnn.data.readers.sentences import TokenDataArguments, load_token_classification
from hf_rnn.tasks.arguments import WordArguments
from hf_rnn.tasks.token_classification.task import tokenize_tagged_splits
from tests.tasks.small_tagging_runs import (
    SMALL,
    Sentence,
    generate_tagged,
    read_predictions,
    read_sentences,
    run,
    save_tiny_bert,
    write_news,
    write_sentences,
)


LIMIT = 16


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_news(tmp_path_factory.mktemp("news"), train=24, validation=8, test=9)


@pytest.fixture(scope="module")
def bert(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_bert(tmp_path_factory.mktemp("bert"), read_sentences(files["train_file"]), limit=LIMIT))


@pytest.fixture(params=["words", "bert"])
def model(request: pytest.FixtureRequest, bert: str) -> dict[str, Any]:
    return {"model_name_or_path": bert} if request.param == "bert" else {}


def changed(
    files: dict[str, str], folder: Path, change: Any, suffix: str = ".jsonl", **options: Any
) -> dict[str, str]:
    """The files anew, with the sentences of each split that `change` makes of theirs."""
    return {
        flag: write_sentences(folder / f"{flag}{suffix}", change(read_sentences(path)), **options)
        for flag, path in files.items()
    }


def test_columns_are_read_as_json_lines_are(files: dict[str, str], tmp_path: Path) -> None:
    columns = changed(files, tmp_path, list, suffix=".conll")
    results = [run(tmp_path / name, do_eval=True, **flags) for name, flags in (("a", files), ("b", columns))]
    assert results[0]["metrics"] == results[1]["metrics"]
    written = read_conll(str(tmp_path / "b" / "predictions.conll"), tag_column=1)
    assert list(zip(written["tokens"], written["ner_tags"], strict=True)) == read_sentences(files["test_file"])


def test_empty_sentences_change_nothing(files: dict[str, str], tmp_path: Path, model: dict[str, Any]) -> None:
    """A batch of them alone, as the last of nine sentences in batches of eight, would have a loss of NaN."""
    empty: Sentence = ([], [])
    with_empty = changed(files, tmp_path, lambda sentences: [empty, *sentences[:3], empty, *sentences[3:], empty])
    options = {"per_device_eval_batch_size": 1, "do_eval": True, **model}
    plain, others = (run(tmp_path / name, **options, **flags) for name, flags in (("a", files), ("b", with_empty)))
    assert others["dataset"]["splits"] == {"train": 27, "validation": 11, "test": 12}
    assert others["metrics"] == plain["metrics"]
    assert read_predictions(tmp_path / "b") == read_predictions(tmp_path / "a")


def test_a_split_without_a_token(files: dict[str, str], tmp_path: Path, model: dict[str, Any]) -> None:
    nothing = write_sentences(tmp_path / "nothing.jsonl", [([], []), ([], [])])
    with pytest.raises(ValueError, match="The test split has no token"):
        run(tmp_path / "out", **{**files, "test_file": nothing}, **model)


def test_a_test_split_of_one_sentence(files: dict[str, str], tmp_path: Path, model: dict[str, Any]) -> None:
    one = (["Maria", "."], ["B-PER", "O"])
    test_file = write_sentences(tmp_path / "one.jsonl", [one])
    results = run(tmp_path / "out", **{**files, "test_file": test_file}, **model)
    assert results["dataset"]["splits"]["test"] == 1
    ((tokens, tags, predicted),) = read_predictions(tmp_path / "out")
    assert (tokens, tags) == one
    assert results["metrics"]["test"]["accuracy"] == sum(map(str.__eq__, tags, predicted)) / 2


@pytest.mark.parametrize("token", ["x" * 3000, "ab-" * 500, "ç" * 300])
def test_a_very_long_token(files: dict[str, str], tmp_path: Path, model: dict[str, Any], token: str) -> None:
    test_file = write_sentences(tmp_path / "long.jsonl", [(["In", token, "Maria", "."], ["O", "O", "B-PER", "O"])])
    run(tmp_path / "out", **{**files, "test_file": test_file}, **model)
    ((tokens, _, predicted),) = read_predictions(tmp_path / "out")
    assert tokens == ["In", token, "Maria", "."]
    assert len(predicted) == 4


def test_white_space_in_tokens_is_kept_apart_from_the_columns(
    files: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sentence = (["Maria", "1 000\t5", "."], ["B-PER", "O", "O"])
    test_file = write_sentences(tmp_path / "spaces.jsonl", [sentence])
    with caplog.at_level(logging.WARNING, logger="hf_rnn"):
        run(tmp_path / "out", **{**files, "test_file": test_file})
    assert read_predictions(tmp_path / "out")[0][:2] == (["Maria", "1\u00a0000\u00a05", "."], sentence[1])
    assert "1 tokens or tags in" in caplog.text


def parts_of_speech(sentences: list[Sentence]) -> list[Sentence]:
    def tag(token: str) -> str:
        return "PUNCT" if not token[0].isalnum() else "PROPN" if token[0].isupper() else "OTHER"

    return [(tokens, [tag(token) for token in tokens]) for tokens, _ in sentences]


def test_parts_of_speech(files: dict[str, str], tmp_path: Path) -> None:
    """Tags that are no entities: measured a token, and without rules of what may follow what."""
    pos = changed(files, tmp_path, parts_of_speech, column="pos_tags")
    results = run(tmp_path / "out", task_name="pos", do_eval=True, num_train_epochs=6, **pos)
    assert results["training"]["selection"]["metric"] == "accuracy"
    true, predicted = (
        [tag for sentence in read_predictions(tmp_path / "out") for tag in sentence[column]] for column in (1, 2)
    )
    figures = results["metrics"]["test"]
    assert figures.keys() == {"loss", "accuracy", "f1_macro"}
    assert figures["accuracy"] == pytest.approx(accuracy_score(true, predicted))
    assert figures["f1_macro"] == pytest.approx(f1_score(true, predicted, average="macro"))
    assert 0.5 < figures["accuracy"]
    assert not (tmp_path / "out" / "confusion.json").exists()
    config = AutoModelForTokenClassification.from_pretrained(tmp_path / "out").config
    assert list(config.label2id) == ["OTHER", "PROPN", "PUNCT"]
    assert config.crf and config.label_scheme is None


def test_tags_that_training_does_not_know(files: dict[str, str], tmp_path: Path) -> None:
    """A trained model that knows none of them, and is to be measured on them alone, is the wrong one."""
    bad = write_sentences(tmp_path / "bad.jsonl", [(["Quiet", "!"], ["O", "B-MISC"])])
    run(tmp_path / "first", num_train_epochs=1, **files)
    with pytest.raises(ValueError, match="the tag is 'B-MISC'; it must be one of 'O', 'B-LOC'"):
        run(
            tmp_path / "out",
            model_name_or_path=str(tmp_path / "first"),
            do_train=False,
            **{**files, "test_file": bad},
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_file": None}, "`do_predict` needs a test split"),
        ({"label_all_tokens": True}, "`label_all_tokens` was given, but the model labels words"),
        ({"config_overrides": {**SMALL, "word_vocab_size": 9}}, "`config_overrides` give `word_vocab_size`=9"),
        ({"config_overrides": {**SMALL, "max_token_bytes": 9}}, "`config_overrides` give `max_token_bytes`=9"),
        ({"config_overrides": {"hiden_size": 20}}, "`hiden_size`.*did you mean `hidden_size`"),
        ({"piece_vocab_size": 100}, "`piece_vocab_size`=100 must be at least 258"),
        ({"word_vocab_size": 1}, "`word_vocab_size`=1 must be at least 2"),
        ({"max_seq_length": 1}, "`max_seq_length`=1 must be at least 2"),
        ({"label_column_name": "pos"}, "no column 'pos'"),
    ],
)
def test_arguments_that_do_not_fit(
    files: dict[str, str], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    values = {name: value for name, value in (files | changes).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "out", **values)
    assert not list(tmp_path.glob("out/checkpoint-*"))


# What is trained on and what is evaluated.


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("max_seq_length", [None, 10])
def test_windows(files: dict[str, str], bert: str, recurrent: bool, max_seq_length: int | None) -> None:
    """Sentences are cut at `max_seq_length`, or, for a model that cannot read on and on, at the tokenizer's limit."""
    data, tokenizer = load_token_classification(TokenDataArguments(**files)), AutoTokenizer.from_pretrained(bert)
    splits = tokenize_tagged_splits(data, tokenizer, WordArguments(max_seq_length=max_seq_length), recurrent)
    assert list(splits) == ["train", "validation", "test", "train_whole"]
    assert splits["train"] is splits["train_whole"]
    most = max_seq_length or (None if recurrent else LIMIT)
    for name in ("train", "validation", "test"):
        sentences = data.splits[name]["tokens"]
        whole = [len(tokenizer(" ".join(tokens), verbose=False)["input_ids"]) for tokens in sentences]
        assert max(whole) > LIMIT
        if most is None:
            assert splits[name]["length"] == whole
        else:
            assert max(splits[name]["length"]) == most
            assert len(splits[name]) > len(whole)
        labelled = sum(label != -100 for labels in splits[name]["labels"] for label in labels)
        assert labelled == sum(map(len, sentences))


def test_every_piece_is_labelled_in_training_alone(files: dict[str, str], bert: str) -> None:
    data, tokenizer = load_token_classification(TokenDataArguments(**files)), AutoTokenizer.from_pretrained(bert)
    splits = tokenize_tagged_splits(data, tokenizer, WordArguments(label_all_tokens=True), False)
    counts = {
        name: sum(label != -100 for labels in rows["labels"] for label in labels) for name, rows in splits.items()
    }
    tokens = {name: sum(map(len, rows["tokens"])) for name, rows in data.splits.items()}
    assert counts["train"] > tokens["train"] == counts["train_whole"]
    assert (counts["validation"], counts["test"]) == (tokens["validation"], tokens["test"])


def test_a_tokenizer_that_pads_on_the_left(files: dict[str, str], bert: str, tmp_path: Path) -> None:
    left = AutoTokenizer.from_pretrained(bert, padding_side="left")
    left.save_pretrained(tmp_path / "left")
    assert AutoTokenizer.from_pretrained(tmp_path / "left").padding_side == "left"
    options = {"model_name_or_path": bert, **files}
    plain = run(tmp_path / "a", **options)
    again = run(tmp_path / "b", tokenizer_name_or_path=str(tmp_path / "left"), **options)
    assert again["metrics"] == plain["metrics"]
    assert read_predictions(tmp_path / "b") == read_predictions(tmp_path / "a")


def test_generated_sentences_are_entities_of_several_lengths() -> None:
    """The sentences have what the other tests rely on."""
    sentences = generate_tagged(60, seed=5)
    assert {len(tokens) == len(tags) for tokens, tags in sentences} == {True}
    assert {tag for _, tags in sentences for tag in tags} >= {"B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"}
    assert max(len(tokens) for tokens, _ in sentences) > LIMIT > min(len(tokens) for tokens, _ in sentences)
